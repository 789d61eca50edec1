/* run_flags.c - Name the keys of a scoring run as flags; refuse combinations
 * that make no sense. */
#include "models/commands/run_flags.h"

#include "models/executor/model.h"

#define TEXT "--text"
#define PROMPT "--prompt"
#define GENERATE(name, argument, TYPE, member, ...)                            \
    FLAG(name, argument, PROMPT, TYPE, struct run_flags, member, __VA_ARGS__)

const struct flag run_flags[] = {
    FLAG_OPERAND("MODEL", "", "a directory of isobath train or of Hugging Face,"
        " a GGUF file, a llama2.c .bin file, or a model YAML, whose weights are"
        " drawn at random; or CONFIG, a YAML file with a section run: (its keys"
        " are below) and sections model: and routing: for the model.  Flags and"
        " --set override it"),
    FLAG_KEY(TEXT, "FILE", NULL, "run.text"),
    FLAG(PROMPT, "TEXT", NULL, TEXT, struct run_flags, prompt, 0, 0, "", NULL,
        NULL, "continue TEXT as it stands, its special tokens parsed; -: read it"
        " from standard input.  The new text goes to standard output, its cost"
        " to standard error"),
    FLAG_KEY("--tokenizer", "FILE", NULL, "run.tokenizer"),
    FLAG_KEY("--special", "HOW", NULL, "run.special"),
    FLAG_KEY("--policy", "NAME", NULL, "run.policy"),
    FLAG_KEY("--weights", "HOW", NULL, "run.weights"),
    FLAG_KEY("--against", "RIVAL", NULL, "run.against"),
    FLAG_KEY("--machine", "FILE", NULL, "run.machine"),
    FLAG_KEY("--seed", "N", NULL, "run.seed"),
    FLAG_REPLACED("DIR", "", "the directory for summary.json, ledger.csv and"
        " tokens.csv; with --against also losses.csv and windows.csv"),
    FLAG_SET,
    FLAG_FORMAT(NULL, format_names),
    FLAG_QUIET,
    FLAG_THREADS,
    FLAG_KEY("--window", "T", TEXT, "run.window"),
    FLAG_KEY("--stride", "S", TEXT, "run.stride"),
    FLAG_KEY("--split", "PART", TEXT, "run.split"),
    FLAG_KEY("--limit", "N", TEXT, "run.limit"),
    FLAG_KEY("--tokens", NULL, TEXT, "run.tokens"),
    GENERATE("--chat", NULL, BOOL, chat, 0, 0, "", NULL, NULL,
        "ask the TEXT as the one question of a user, by the model's own chat"
        " template; where that asks more than is known, in the form that it"
        " has: ChatML, Llama-2, Llama-3, Gemma, Phi-3 or Zephyr, without a"
        " system message; which one is said, and why"),
    GENERATE("--new", "N", INT, n_new, 1, 1 << 20, "", NULL, NULL,
        "generate at most N tokens, fewer if the text ends; not given: 128, or"
        " as many as the model's positions leave room for"),
    GENERATE("--temperature", "X", REAL, temperature, 0, 1e6, "0", NULL, NULL,
        "draw a token from the logits divided by X; 0: take the likeliest"),
    GENERATE("--top-k", "K", INT, top_k, 0, 1 << 20, "0", NULL, NULL,
        "draw from the K likeliest tokens; 0: from all"),
    GENERATE("--top-p", "P", REAL, top_p, 0, 1, "", NULL, NULL,
        "draw from the fewest tokens that together have probability P; not"
        " given: from all"),
    GENERATE("--draft-layers", "N", INT, draft_layers, 1, SPEC_MAX_LAYERS, "",
        NULL, NULL, "draft new tokens by the first N layers, an exit, and verify"
        " them by the others, several at once: the text is that of the whole"
        " model (Elhoushi et al. 2024, LayerSkip, section 4.3); without"
        " --temperature"),
    GENERATE("--drafts", "K", INT, drafts, 1, SPECULATION_MAX - 1, "4", NULL,
        NULL, "with --draft-layers, drafts in a round, at most"),
    FLAG_END
};

static enum status check_prompt(const struct run_flags *a, struct error *err)
{
    if (flags_sets(&a->common, "run.text"))
        return error_set(err, STATUS_BAD_VALUE, "--text scores a text, --prompt"
                         " continues one: give one of them");
    if (a->temperature <= 0 && (a->top_k > 0 || a->top_p > 0))
        return error_set(err, STATUS_BAD_VALUE, "--top-k and --top-p limit the"
                         " tokens to draw from: give --temperature X too");
    if (a->draft_layers > 0 && a->temperature > 0)
        return error_set(err, STATUS_BAD_VALUE, "--draft-layers: drafts are"
                         " verified greedily; leave --temperature out");
    return flags_refuse(&a->common, TEXT, err);
}

static enum status check(const struct run_flags *a, const char *model,
                         bool is_config, struct error *err)
{
    if (!model && !flags_sets(&a->common, "run.model"))
        return error_set(err, STATUS_BAD_VALUE, "which MODEL? a directory of"
                         " isobath train, a model file, a model YAML, or a"
                         " CONFIG with a section run:");
    if (a->prompt)
        return check_prompt(a, err);
    if (!is_config && !flags_sets(&a->common, "run.text"))
        return error_set(err, STATUS_BAD_VALUE, "which text? give --text FILE"
                         " to score one, or --prompt TEXT to continue one");
    return flags_refuse(&a->common, PROMPT, err);
}

enum status run_flags_config(struct run_flags *a, struct run_config *out,
                             struct error *err)
{
    const char *model = a->common.operand[0];
    const bool is_config = model && run_config_is(model);
    enum status status = check(a, model, is_config, err);

    if (status == STATUS_OK && model && !is_config)
        status = flags_set_key(&a->common, "run.model", model, "MODEL", err);
    if (status != STATUS_OK)
        return status;
    return run_config_read(out, is_config ? model : NULL, a->common.setting,
                           a->common.n_settings, err);
}

enum status run_flags_model(struct command_options *o, struct run_config *out,
                            const char *why, struct error *err)
{
    enum status status = flags_set_key(o, "run.model", o->operand[0], "MODEL",
                                       err);

    if (status == STATUS_OK)
        status = run_config_read(out, NULL, o->setting, o->n_settings, err);
    return status == STATUS_OK ? run_config_need_text(out, why, err) : status;
}
