/* rival_load.c - Read another model, where it is the rival. */
#include "sim/commands/rival_load.h"

#include <stdlib.h>

#include "sim/commands/predict_model.h"
#include "sim/core/base/shipped.h"

static enum status load_other(struct predict_model *out, const char *name,
                              struct error *err)
{
    char path[FILE_PATH_SIZE];
    struct error why;
    enum status status = shipped_find(path, shipped_kinds("model"), name, &why);

    if (status != STATUS_OK) {
        error_set(err, status, "--against %.64s: allowed are dense,"
                  " equal-flops, equal-params, layers:N, exit:N and models: %s",
                  name, why.text);
        return status;
    }
    return predict_model_load(out, &(struct predict_source){
        .name = path, .weights = -1 }, err);
}

enum status rival_load(struct rival *out, const char *text,
                       const struct model_spec *spec, int32_t n_tokens,
                       struct error *err)
{
    struct predict_model *other = calloc(1, sizeof *other);
    struct rival_asked asked;

    if (!other)
        return error_set(err, STATUS_NO_MEMORY, "no memory for a rival");
    enum status status = rival_read(&asked, text, err);
    if (status == STATUS_OK && asked.kind == RIVAL_MODEL)
        status = load_other(other, asked.model, err);
    if (status == STATUS_OK)
        status = rival_make(out, &asked, spec,
                            asked.kind == RIVAL_MODEL ? &other->spec : NULL,
                            n_tokens, err);
    predict_model_close(other);
    free(other);
    return status;
}
