/* run_flags.c - the command line of isobath run, and the config it makes. */
#include "models/commands/run_flags.h"

#include <stdlib.h>
#include <string.h>

/* A flag is a key by another name. */
enum { KEY_FIRST = 256 };
static const struct { const char *flag, *key; } flags[] = {
    { "--text", "run.text" }, { "--tokenizer", "run.tokenizer" },
    { "--window", "run.window" }, { "--stride", "run.stride" },
    { "--policy", "run.policy" }, { "--split", "run.split" },
    { "--limit", "run.limit" }, { "--machine", "run.machine" },
    { "--seed", "run.seed" }, { "--tokens", "run.tokens" },
    { "--twin", "run.twin" }, { "--weights", "run.weights" },
};
enum { N_FLAGS = sizeof flags / sizeof *flags };

static const struct argp_option options[] = {
    { "text", KEY_FIRST, "FILE", 0, "The text to score", 0 },
    { "tokenizer", KEY_FIRST + 1, "FILE", 0, "tokenizer.json, GGUF or llama2.c"
      " tokenizer; default: the one that lies with MODEL, else bytes", 0 },
    { "window", KEY_FIRST + 2, "T", 0, "Tokens the model sees at a time;"
      " default: as isobath train had it, else all its positions, but at most"
      " 1024", 0 },
    { "stride", KEY_FIRST + 3, "S", 0, "Tokens from window to window; only the"
      " last S of a window are scored, those before are context; default: T",
      0 },
    { "policy", KEY_FIRST + 4, "NAME", 0, "The rule by which a routed block"
      " keeps tokens, as run.policy below; default: the causal rule that goes"
      " with the training", 0 },
    { "split", KEY_FIRST + 5, "all|validation|test", 0, "All of the text"
      " (default), or what training on it leaves out", 0 },
    { "limit", KEY_FIRST + 6, "N", 0, "No more than the first so many tokens;"
      " of a split, whole windows, at least one", 0 },
    { "machine", KEY_FIRST + 7, "FILE", 0, "Machine profile: predicted seconds"
      " and joules", 0 },
    { "seed", KEY_FIRST + 8, "N", 0, "Of the weights where MODEL has none, of"
      " tokens that are drawn, and of policies that draw; default 1", 0 },
    { "tokens", KEY_FIRST + 9, NULL, 0, "Write tokens.csv, a row for each"
      " scored token; without it, up to a million rows, and none with --twin",
      0 },
    { "twin", KEY_FIRST + 10, NULL, 0, "Also run the dense twin on the same"
      " windows, in turns: paired losses and seconds", 0 },
    { "weights", KEY_FIRST + 11, "float32|stored", 0, "Widen matrices when they"
      " are read (default), or keep them as the file stores them", 0 },
    { 0 },
};

static void give(struct run_flags *a, struct run_setting setting,
                 struct argp_state *state)
{
    if (a->n_given == RUN_MAX_SETTINGS)
        argp_error(state, "more than %d settings", RUN_MAX_SETTINGS);
    else
        a->given[a->n_given++] = setting;
}

/* The key that a flag stands for, with its value; no value: true. */
static void give_flag(struct run_flags *a, int i, const char *value,
                      struct argp_state *state)
{
    char *text = NULL;
    if (a->n_made == RUN_MAX_SETTINGS ||
        asprintf(&text, "%s=%s", flags[i].key, value ? value : "true") < 0)
        argp_failure(state, 1, 0, "no memory for %s", flags[i].flag);
    a->made[a->n_made++] = text;
    give(a, (struct run_setting){ text, flags[i].flag }, state);
}

static bool is_given(const struct run_flags *a, const char *key)
{
    for (size_t i = 0; i < a->n_given; i++)
        if (strncmp(a->given[i].text, key, strlen(key)) == 0)
            return true;
    return false;
}

/* What only goes with a text does not go with a prompt. */
static void end_prompt(const struct run_flags *a, struct argp_state *state)
{
    static const char *const scoring[] = { "run.window=", "run.stride=",
        "run.split=", "run.limit=", "run.tokens=", "run.twin=" };

    if (is_given(a, "run.text="))
        argp_error(state, "--text scores a text, --prompt goes on from one:"
                   " give one of them");
    for (size_t i = 0; i < sizeof scoring / sizeof *scoring; i++)
        if (is_given(a, scoring[i]))
            argp_error(state, "--%.*s: goes with --text",
                       (int)strlen(scoring[i]) - 5, scoring[i] + 4);
}

/* What was typed, in the order in which it holds: flags, then --set. */
static void end_arguments(struct run_flags *a, struct argp_state *state)
{
    for (size_t i = 0; i < a->common.n_settings; i++)
        give(a, (struct run_setting){ a->common.setting[i].text, NULL },
             state);
    if (!a->model && !is_given(a, "run.model="))
        argp_error(state, "which MODEL? a directory of isobath train, a model"
                   " file, a model YAML, or a CONFIG with a section run:");
    else if (a->prompt.prompt)
        end_prompt(a, state);
    else if (a->prompt.first)
        argp_error(state, "%s: goes with --prompt", a->prompt.first);
    else if (!(a->model && run_config_is(a->model)) &&
             !is_given(a, "run.text="))
        argp_error(state, "which text? give --text FILE to score one, or"
                   " --prompt TEXT to go on from");
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct run_flags *a = state->input;

    if (key >= KEY_FIRST && key < KEY_FIRST + N_FLAGS) {
        give_flag(a, key - KEY_FIRST, text, state);
        return 0;
    }
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &a->common;
        state->child_inputs[1] = &a->prompt;
        return 0;
    case ARGP_KEY_ARG:
        if (a->model)
            argp_error(state, "'%s': one MODEL at a time", text);
        a->model = text;
        return 0;
    case ARGP_KEY_END:
        end_arguments(a, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

/* MODEL may be the config, or one thing that a config says. */
enum status run_flags_config(struct run_flags *a, struct run_config *out,
                             struct error *err)
{
    const char *path = a->model && run_config_is(a->model) ? a->model : NULL;
    char *text = NULL;

    if (a->model && !path) {
        if (a->n_given == RUN_MAX_SETTINGS ||
            asprintf(&text, "run.model=%s", a->model) < 0)
            return error_set(err, STATUS_NO_MEMORY, "no memory for settings");
        a->made[a->n_made++] = text;
        memmove(a->given + 1, a->given, a->n_given * sizeof *a->given);
        a->given[0] = (struct run_setting){ text, "MODEL" };
        a->n_given++;
    }
    return run_config_read(out, path, a->given, a->n_given, err);
}

/* The keys of a config, behind the options. */
static char *help_keys(int key, const char *text, void *input)
{
    char *keys = NULL;
    size_t size = 0;
    FILE *stream;

    (void)input;
    if (key != ARGP_KEY_HELP_POST_DOC)
        return (char *)(uintptr_t)text;
    if (!(stream = open_memstream(&keys, &size)))
        return (char *)(uintptr_t)text;
    fprintf(stream, "%s\n\nKeys of CONFIG:\n", text);
    config_help(&run_config_schema, stream);
    fclose(stream);
    return keys;
}

static const struct argp_child children[] = {
    { &command_argp, 0, NULL, 0 },
    { &run_prompt_argp, 0, "Going on from a prompt:", 1 }, { 0 }
};
static const struct argp run_argp = {
    options, parse, "MODEL --text FILE\nMODEL --prompt TEXT\nCONFIG",
    "Score a text: how well the model predicts every token from those"
    " before; or go on from a prompt.  And what that cost, predicted and"
    " counted."
    "\vMODEL is a directory of isobath train or of Hugging Face, a GGUF"
    " file, a llama2.c .bin file, or a model YAML: its weights are drawn"
    " then.  CONFIG is a YAML file with a section run:, whose keys are"
    " below, and sections model: and routing: for the model; flags and"
    " --set outweigh it.  With -o DIR: summary.json, ledger.csv,"
    " tokens.csv; with --twin losses.csv and windows.csv.\n\n"
    "A prompt is taken as it stands: no chat template is put around it.",
    children, help_keys, NULL,
};

void run_flags_read(struct run_flags *out, int argc, char **argv)
{
    argp_parse(&run_argp, argc, argv, 0, NULL, out);
}

void run_flags_close(struct run_flags *a)
{
    for (size_t i = 0; i < a->n_made; i++)
        free(a->made[i]);
}
