/* claims.c - Read what a study claims, and fix it before the study runs. */
#include "sim/sweep/claims.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "sim/core/answer/json.h"

enum { CLAIM_NAME, CLAIM_CLAIM, CLAIM_A, CLAIM_B, CLAIM_IS, CLAIM_METRIC,
       CLAIM_MARGIN, CLAIM_TEST, CLAIM_PHASE, CLAIM_KEYS };

#define OF_CLAIM "claims[]."

const struct file_key claims_keys[CLAIM_KEYS + 1] = {
    [CLAIM_NAME] = { OF_CLAIM "name", "a text", NULL, "what it is called" },
    [CLAIM_CLAIM] = { OF_CLAIM "claim", "a text", "", "what is claimed, in"
        " words" },
    [CLAIM_A] = { OF_CLAIM "a", "the name of a row of settings, or a list of"
        " them", NULL, "whose loss is judged; of several the best in the other"
        " phases" },
    [CLAIM_B] = { OF_CLAIM "b", "the name of a row of settings, or a list of"
        " them", NULL, "the rival, likewise" },
    [CLAIM_IS] = { OF_CLAIM "is", "one of lower, higher, same", NULL,
        "what a's loss is, less b's" },
    [CLAIM_METRIC] = { OF_CLAIM "metric", "one of causal, topk", "causal",
        "the held-out loss under which rule" },
    [CLAIM_MARGIN] = { OF_CLAIM "margin", "a share of b's loss, above 0, below"
        " 1", "0.005", "a difference that is none" },
    [CLAIM_TEST] = { OF_CLAIM "test", "one of auto, paired, unpaired", "auto",
        "paired by seed, or not; auto: what the arms' correlation makes"
        " narrower" },
    [CLAIM_PHASE] = { OF_CLAIM "phase", "the name of a phase", "",
        "whose points judge; needed where the study has phases" },
    [CLAIM_KEYS] = { NULL, NULL, NULL, NULL },
};

static const char *word_of(int key)
{
    return claims_keys[key].name + strlen(OF_CLAIM);
}

/* The words that a key may have; the first is the default, "" none. */
static const char *const words[CLAIM_KEYS][4] = {
    [CLAIM_IS]     = { "", "lower", "higher", "same" },
    [CLAIM_METRIC] = { "causal", "topk" },
    [CLAIM_TEST]   = { "auto", "paired", "unpaired" },
};

static enum status find_keys(const struct study *s, const yaml_node_t *claim,
                             const yaml_node_t *out[CLAIM_KEYS],
                             struct error *err)
{
    if (claim->type != YAML_MAPPING_NODE)
        return study_refuse(s, claim, err, "claims: allowed is a list of mappings,"
                            " {name: P1, a: mod, b: dense, is: lower}");
    for (ptrdiff_t i = 0; i < document_size(claim); i++) {
        const yaml_node_t *key = document_key(s->document, claim, i);
        const char *text = document_text(key);
        int k = 0;
        while (k < CLAIM_KEYS && (!text || strcmp(text, word_of(k)) != 0))
            k++;
        if (k == CLAIM_KEYS)
            return study_refuse(s, key, err, "unknown key: allowed in a claim are name,"
                                " claim, a, b, is, metric, margin, test and phase");
        if (out[k])
            return study_refuse(s, key, err, "repeated key '%s'", text);
        out[k] = document_value(s->document, claim, i);
    }
    return STATUS_OK;
}

static const struct row *find_row(const struct study *s, const char *name)
{
    for (int32_t r = 0; name && r < s->n_rows; r++)
        if (s->row[r].name && strcmp(s->row[r].name, name) == 0)
            return &s->row[r];
    return NULL;
}

static bool in_phase(const struct row *row, const char *phase)
{
    bool found = !phase;
    for (size_t p = 0; p < row->n_phases; p++)
        found |= phase && strcmp(row->phase[p], phase) == 0;
    return found;
}

/* An arm: rows that the phase judges; of several each must have another phase to
 * be chosen in. */
static enum status read_arm(const struct study *s, json_t *out,
                            const yaml_node_t *claim, const yaml_node_t *node,
                            const char *phase, struct error *err)
{
    const bool list = node && node->type == YAML_SEQUENCE_NODE;
    const ptrdiff_t n = list ? document_size(node) : 1;

    if (!node || n == 0)
        return study_refuse(s, node ? node : claim, err, "a claim needs a: and b:, rows"
                            " of settings");
    for (ptrdiff_t i = 0; i < n; i++) {
        const yaml_node_t *item = list ? document_item(s->document, node, i)
                                       : node;
        const char *name = document_text(item);
        const struct row *row = find_row(s, name);
        if (!row)
            return study_refuse(s, item, err, "allowed is the name of a row of"
                                " settings");
        if (!in_phase(row, phase))
            return study_refuse(s, item, err, "'%.64s' has no phase '%.64s'", name,
                                phase);
        if (n > 1 && (!phase || row->n_phases < 2))
            return study_refuse(s, item, err, "'%.64s' is one of several: it needs"
                                " another phase, in which the best is chosen", name);
        json_array_append_new(out, json_text(name));
    }
    return STATUS_OK;
}

static enum status read_word(const struct study *s, json_t *out, int key,
                             const yaml_node_t *claim, const yaml_node_t *node,
                             struct error *err)
{
    const char *text = node ? document_text(node) : words[key][0];
    char allowed[64] = "";

    for (int w = 0; w < 4 && words[key][w]; w++) {
        size_t used = strlen(allowed);
        if (*words[key][w] && text && strcmp(text, words[key][w]) == 0) {
            json_object_set_new(out, word_of(key), json_text(text));
            return STATUS_OK;
        }
        snprintf(allowed + used, sizeof allowed - used, "%s%s", used ? ", " : "",
                 words[key][w]);
    }
    return study_refuse(s, node ? node : claim, err, "%s: allowed is one of %s",
                        word_of(key), allowed);
}

static enum status read_margin(const struct study *s, json_t *out,
                               const yaml_node_t *node, struct error *err)
{
    /* A third of the 1.5 % that MoD is said to gain at equal training FLOPs
     * (Raposo et al. 2024, section 1). */
    double margin = 0.005;
    const char *text = node ? document_text(node) : "";
    char *end = (char *)"";

    if (node && text)
        margin = strtod(text, &end);
    if (!text || (node && end == text) || *end || !(margin > 0 && margin < 1))
        return study_refuse(s, node, err, "margin: allowed is a share of the loss"
                            " between 0 and 1, 0.005");
    json_object_set_new(out, word_of(CLAIM_MARGIN), json_real(margin));
    return STATUS_OK;
}

static enum status read_phase(const struct study *s, const char **phase,
                              const yaml_node_t *claim, const yaml_node_t *node,
                              struct error *err)
{
    *phase = node ? document_text(node) : NULL;
    if (s->n_phases > 0 ? !study_phase(s, *phase) : node != NULL)
        return study_refuse(s, node ? node : claim, err, s->n_phases > 0
                            ? "phase: the study has phases, and a claim names the one"
                        " that judges it"
                            : "phase: the study has no phases");
    return STATUS_OK;
}

static enum status read_claim(const struct study *s, json_t *out,
                              const yaml_node_t *claim, struct error *err)
{
    const yaml_node_t *node[CLAIM_KEYS] = { NULL };
    json_t *a = json_array(), *b = json_array();
    const char *phase = NULL;
    enum status status = find_keys(s, claim, node, err);

    json_object_set_new(out, word_of(CLAIM_A), a);
    json_object_set_new(out, word_of(CLAIM_B), b);
    if (status == STATUS_OK && !(node[CLAIM_NAME] &&
                                 document_text(node[CLAIM_NAME])))
        status = study_refuse(s, claim, err, "a claim needs a name");
    if (status == STATUS_OK)
        status = read_phase(s, &phase, claim, node[CLAIM_PHASE], err);
    if (status == STATUS_OK)
        status = read_arm(s, a, claim, node[CLAIM_A], phase, err);
    if (status == STATUS_OK)
        status = read_arm(s, b, claim, node[CLAIM_B], phase, err);
    for (int k = 0; k < CLAIM_KEYS && status == STATUS_OK; k++)
        if (words[k][0])
            status = read_word(s, out, k, claim, node[k], err);
    if (status == STATUS_OK)
        status = read_margin(s, out, node[CLAIM_MARGIN], err);
    if (status != STATUS_OK)
        return status;
    json_object_set_new(out, word_of(CLAIM_NAME),
                        json_text(document_text(node[CLAIM_NAME])));
    json_object_set_new(out, word_of(CLAIM_CLAIM), json_text(node[CLAIM_CLAIM]
        ? document_text(node[CLAIM_CLAIM]) : NULL));
    json_object_set_new(out, word_of(CLAIM_PHASE), json_text(phase));
    return STATUS_OK;
}

enum status claims_read(struct study *s, const yaml_node_t *node,
                        struct error *err)
{
    enum status status = STATUS_OK;

    if (node->type != YAML_SEQUENCE_NODE || !s->sweep.has_rows)
        return study_refuse(s, node, err, "claims: allowed is a list of mappings, in a"
                            " study with settings:");
    s->sweep.claims = json_array();
    for (ptrdiff_t i = 0; status == STATUS_OK && i < document_size(node); i++) {
        json_t *claim = json_object();
        status = read_claim(s, claim, document_item(s->document, node, i), err);
        if (json_array_append_new(s->sweep.claims, claim) != 0)
            status = error_set(err, STATUS_NO_MEMORY, "no memory for claims");
    }
    return status;
}

/* What stands there was fixed by an earlier start. */
static enum status check_fixed(const struct sweep *sweep, const char *path,
                               struct error *err)
{
    json_t *there = json_load_file(path, 0, NULL);
    const json_t *claims = json_object_get(there, "claims");
    bool same = sweep->claims && json_equal(claims, sweep->claims);

    json_decref(there);
    return same ? STATUS_OK
                : error_set(err, STATUS_BAD_VALUE, "%s: the claims were fixed"
                            " when the study began, and its file claims"
                            " otherwise now; take the claims back, or give"
                            " another directory", path);
}

enum status sweep_fix_claims(const struct sweep *sweep, const char *directory,
                             struct error *err)
{
    char path[FILE_PATH_SIZE], hash[17], at[32] = "";
    uint64_t bits = 0;
    time_t now = time(NULL);
    struct tm utc;
    enum status status = file_join(path, directory, "claims.json", err);

    if (status != STATUS_OK)
        return status;
    if (file_exists(path))
        return check_fixed(sweep, path, err);
    if (!sweep->claims)
        return STATUS_OK;
    if ((status = document_hash(&bits, sweep->path, err)) != STATUS_OK)
        return status;
    snprintf(hash, sizeof hash, "%016" PRIx64, bits);
    if (gmtime_r(&now, &utc))
        strftime(at, sizeof at, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_t *out = json_pack("{s:s, s:o, s:s, s:s, s:O}", "schema",
                            "isobath-claims-1", "study", json_text(sweep->path),
                            "study_hash", hash, "fixed", at, "claims",
                            sweep->claims);
    status = json_write(out, path, err);
    json_decref(out);
    return status;
}
