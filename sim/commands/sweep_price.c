/* sweep_price.c - Price the points of a study in this process. */
#include "sim/commands/sweep_price.h"

#include "sim/commands/sweep_priced.h"
#include "sim/core/answer/command.h"
#include "sim/sweep/sweep_run.h"

/* A study while it is priced. */
struct pricing_all {
    const struct sweep_price *price;
    FILE *layers;
    int32_t done;
};

static enum status price_point(json_t **out, void *context, int32_t point,
                               struct error *err)
{
    struct pricing_all *all = context;
    const struct sweep *sweep = all->price->sweep;
    struct sweep_given given;
    struct priced *priced = NULL;
    struct error why = { STATUS_OK, "" };

    if (command_interrupted)
        return error_set(err, STATUS_INTERRUPTED, "interrupted; nothing is"
                         " written");
    enum status status = sweep_given_open(&given, sweep, &sweep->point[point],
                                          &why);
    if (status == STATUS_OK)
        status = priced_open(&priced, sweep->base, &given, &why);
    if (status == STATUS_OK) {
        priced_layers(all->layers, priced, point);
        *out = priced_json(priced);
        if (!*out)
            status = error_set(&why, STATUS_NO_MEMORY, "no memory for an answer");
    }
    priced_close(priced);
    sweep_given_close(&given);
    progress_at(all->price->progress, ++all->done, NULL);
    return status == STATUS_OK
               ? STATUS_OK
               : error_set(err, status, "point %d (%.80s): %s", point,
                           sweep->point[point].name, why.text);
}

enum status sweep_price(const struct sweep_price *price,
                        const enum point_state *state, struct error *err)
{
    struct file_writer layers;
    struct pricing_all all = { .price = price };
    enum status status = file_create_in(&layers, price->directory, "layers.csv",
                                        err);

    if (status != STATUS_OK)
        return status;
    all.layers = layers.stream;
    priced_layers_head(layers.stream);
    status = sweep_table_of(price->sweep, price->directory, state, price_point,
                            &all, err);
    return file_end(&layers, status, err);
}
