/* opens.c - Time the opening of models and tokenizers, and ask what memory it
 * takes. */
#include "tests/bench/bench.h"

#include <malloc.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "models/files/checkpoint.h"
#include "models/files/source.h"
#include "models/tokens/byte_level.h"
#include "models/tokens/tokenizer.h"
#include "sim/core/answer/command.h"
#include "sim/core/base/file.h"
#include "sim/core/config/model_config.h"

/* Room for a prompt of so many tokens is opened with a model. */
enum { PROMPT = 16, MOST_OPENED = 16 };

enum folder { WRITTEN, REPOSITORY, SHARED, FETCHED };

static enum status open_model(const char *path, enum weights weights,
                              struct error *err)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = PROMPT,
                                           .n_threads = 1 };
    struct source *source = malloc(sizeof *source);
    struct model *model = NULL;
    enum status status = source ? source_read(source, path, NULL, 0, err)
                                : error_set(err, STATUS_NO_MEMORY, "a model");

    if (status == STATUS_OK)
        status = source_keep(source, weights, err);
    if (status == STATUS_OK)
        status = model_open(&model, &source->spec, &options, err);
    if (status == STATUS_OK)
        status = source_fill(source, model, 1, err);
    model_close(model);
    free(source);
    return status;
}

static enum status widen(const char *path, struct error *err)
{
    return open_model(path, WEIGHTS_FLOAT32, err);
}

static enum status keep(const char *path, struct error *err)
{
    return open_model(path, WEIGHTS_STORED, err);
}

static enum status read_tokens(const char *path, struct error *err)
{
    struct tokenizer *tokenizer;
    enum status status = tokenizer_open(&tokenizer, path, 0, err);

    tokenizer_close(tokenizer);
    return status;
}

/* What is opened; a class of a few thousand weights has no work but its
 * header. */
static const struct opening {
    const char *subject;
    enum folder folder;
    const char *name;
    enum status (*open)(const char *path, struct error *err);
} openings[] = {
    { "gpt2 directory, 6 million weights", WRITTEN, "gpt2", widen },
    { "llama directory, 6 million weights", WRITTEN, "llama", widen },
    { "llama directory in five files, small", REPOSITORY, "llama3", widen },
    { "gemma3 directory, small", REPOSITORY, "gemma3_usual", widen },
    { "gpt2 GGUF, small", REPOSITORY, "gpt2.gguf", widen },
    { "qwen2 GGUF, small", REPOSITORY, "qwen2.gguf", widen },
    { "llama2.c", SHARED, "llama2c/stories260K.bin", widen },
    { "SmolLM2-135M GGUF, widened", FETCHED, "", widen },
    { "SmolLM2-135M GGUF, kept as stored", FETCHED, "", keep },
    { "tokenizer.json, 18 thousand tokens", WRITTEN, "tokenizer.json",
      read_tokens },
    { "tokenizer of GPT-2, GGUF", SHARED, "tokenizers/ggml-vocab-gpt-2.gguf",
      read_tokens },
    { "tokenizer of Llama 2, GGUF", SHARED,
      "tokenizers/ggml-vocab-llama-spm.gguf", read_tokens },
    { "tokenizer of llama2.c", SHARED, "llama2c/tok512.bin", read_tokens },
    { "tokenizer of SmolLM2, GGUF", FETCHED, "", read_tokens },
};
enum { OPENINGS = sizeof openings / sizeof *openings };

struct opened {
    const struct opening *opening;
    char         path[FILE_PATH_SIZE];
    enum status  status;             /* of the first that failed */
    struct error err;
};

/* ---- what is written ---- */

static enum status write_model(const char *directory, const char *family,
                               struct error *err)
{
    const struct model_options options = { .n_sequences = 1, .n_tokens = PROMPT,
                                           .n_threads = 1 };
    char setting[40], path[FILE_PATH_SIZE];
    struct model_spec spec;
    struct model *model = NULL;

    snprintf(setting, sizeof setting, "model.family=%s", family);
    enum status status = model_config_load(
        &spec, NULL, "configs/models/bench-256x8.yaml",
        &(struct config_setting){ .text = setting }, 1, err);
    if (status == STATUS_OK)
        status = file_join(path, directory, family, err);
    if (status == STATUS_OK)
        status = file_make_directory(path, err);
    if (status == STATUS_OK)
        status = model_open(&model, &spec, &options, err);
    if (status == STATUS_OK) {
        model_init(model, INIT_FAN_IN, 1);
        status = checkpoint_export(model, route_find("dense"), path, err);
    }
    model_close(model);
    return status;
}

enum { LETTERS = 26 };

/* Words of n letters, a to z, each joined of its beginning and its last. */
static void put_words(FILE *file, int n, int *id, bool merges)
{
    int words = 1;

    for (int i = 0; i < n; i++)
        words *= LETTERS;
    for (int w = 0; w < words; w++) {
        char word[4] = { 0 };
        for (int i = n - 1, rest = w; i >= 0; i--, rest /= LETTERS)
            word[i] = (char)('a' + rest % LETTERS);
        if (merges)
            fprintf(file, "%s\"%.*s %c\"", (*id)++ ? "," : "", n - 1, word,
                    word[n - 1]);
        else
            fprintf(file, ",\"%s\":%d", word, (*id)++);
    }
}

/* Byte-level BPE of all words of up to three letters. */
static enum status write_tokenizer(const char *directory, struct error *err)
{
    struct file_writer file;
    int id = 256, rank = 0;
    enum status status = file_create_in(&file, directory, "tokenizer.json", err);

    if (status != STATUS_OK)
        return status;
    fputs("{\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\","
          "\"add_prefix_space\":false},\"model\":{\"type\":\"BPE\",\"vocab\":{", file.stream);
    for (int byte = 0; byte < 256; byte++) {
        char spelled[2];
        const size_t n = byte_level_spell(spelled, &(char){ (char)byte }, 1);
        fprintf(file.stream, "%s\"%s%.*s\":%d", byte ? "," : "",
                *spelled == '"' || *spelled == '\\' ? "\\" : "", (int)n, spelled,
                byte);
    }
    put_words(file.stream, 2, &id, false);
    put_words(file.stream, 3, &id, false);
    fputs("},\"merges\":[", file.stream);
    put_words(file.stream, 2, &rank, true);
    put_words(file.stream, 3, &rank, true);
    fputs("]}}", file.stream);
    return file_commit(&file, err);
}

static enum status write_all(char directory[], struct error *err)
{
    if (!mkdtemp(directory))
        return error_set(err, STATUS_IO, "no directory in /tmp to write models"
                         " into");
    enum status status = write_model(directory, "gpt2", err);
    if (status == STATUS_OK)
        status = write_model(directory, "llama", err);
    return status == STATUS_OK ? write_tokenizer(directory, err) : status;
}

static void remove_all(const char *directory)
{
    static const char *const names[] = {
        "gpt2/config.json", "gpt2/model.safetensors", "gpt2",
        "llama/config.json", "llama/model.safetensors", "llama",
        "tokenizer.json", "",
    };
    char path[FILE_PATH_SIZE];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (file_join(path, directory, names[i], NULL) == STATUS_OK)
            (void)remove(path);
}

/* ---- what is opened ---- */

static enum status find_path(char out[FILE_PATH_SIZE], const struct opening *o,
                             const char *directory, struct error *err)
{
    const char *shared = getenv("ISOBATH_SHARED");
    const char *const folder[] = {
        [WRITTEN] = directory, [REPOSITORY] = "tests/data/classes",
        [SHARED] = shared ? shared : "../shared/data",
        [FETCHED] = "build/models/SmolLM2-135M-Instruct.Q4_1.gguf",
    };
    if (*o->name)
        return file_join(out, folder[o->folder], o->name, err);
    snprintf(out, FILE_PATH_SIZE, "%s", folder[o->folder]);
    return STATUS_OK;
}

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double run_opening(void *argument, int64_t times)
{
    struct opened *o = argument;
    const double from = cpu_seconds();

    for (int64_t i = 0; i < times && o->status == STATUS_OK; i++)
        o->status = o->opening->open(o->path, &o->err);
    return cpu_seconds() - from;
}

/* Bytes in memory at the most, mapped ones too, beyond those before: of a process
 * that opens it once.  Unknown: NAN. */
static double opening_bytes(struct opened *o)
{
    double bytes = (double)NAN;
    int ends[2];

    malloc_trim(0);              /* or memory that was freed is taken again */
    if (pipe(ends) != 0)
        return bytes;
    const pid_t pid = fork();    /* its peak begins at what it has */
    if (pid == 0) {
        const double before = (double)command_peak_bytes();
        const bool opened = o->opening->open(o->path, &o->err) == STATUS_OK;
        bytes = opened && before > 0 ? (double)command_peak_bytes() - before
                                     : (double)NAN;
        _exit(write(ends[1], &bytes, sizeof bytes) != sizeof bytes);
    }
    close(ends[1]);
    if (read(ends[0], &bytes, sizeof bytes) != sizeof bytes)
        bytes = (double)NAN;
    close(ends[0]);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    return bytes;
}

/* Those that are there; the others are noted. */
static enum status find_all(struct opened opened[MOST_OPENED], int *n,
                            const char *directory, struct results *out,
                            struct error *err)
{
    bool absent[] = { [FETCHED] = false };

    *n = 0;
    for (int i = 0; i < OPENINGS; i++) {
        struct opened *o = &opened[*n];
        o->opening = &openings[i];
        enum status status = find_path(o->path, o->opening, directory, err);
        if (status != STATUS_OK)
            return status;
        const bool there = access(o->path, R_OK) == 0;
        *n += there;
        absent[o->opening->folder] |= !there;
    }
    if (absent[REPOSITORY])
        results_note(out, "No tests/data/classes here. ");
    if (absent[SHARED])
        results_note(out, "No llama2.c model and no vocabularies: ISOBATH_SHARED"
                     " says where they are. ");
    if (absent[FETCHED])
        results_note(out, "No SmolLM2: isobath models smollm2 fetches it. ");
    return STATUS_OK;
}

enum { TIME, MEMORY };
static const struct results_column columns[] = {
    { "CPU time", "s", "ms", 1e3, 3, true, WISH_NONE },
    { "memory at its peak", "B", "MB", 1e-6, 2, false, WISH_NONE },
    { NULL, NULL, NULL, 0, 0, false, WISH_NONE },
};

static enum status time_all(struct bench *bench, struct results *out,
                            struct opened opened[], int n, struct error *err)
{
    const struct rounds_plan plan = bench_plan(bench, 1, 0.05, 20.0);
    struct candidate candidate[MOST_OPENED];
    double bytes[MOST_OPENED];
    struct rounds r;

    for (int i = 0; i < n; i++) {
        bytes[i] = opening_bytes(&opened[i]);
        candidate[i] = (struct candidate){ opened[i].opening->subject,
                                           run_opening, &opened[i] };
    }
    enum status status = rounds_take(&r, candidate, n, &plan, err);
    if (status != STATUS_OK)
        return status;
    for (int i = 0; i < n; i++) {
        struct results_line *line = results_add(out, "%s",
                                                opened[i].opening->subject);
        line->disturbed = r.disturbed;
        line->cell[TIME] = rounds_seconds(&r, i);
        line->cell[MEMORY] = samples_of(&bytes[i], !isnan(bytes[i]));
    }
    if (r.n == 0)
        results_note(out, "No CPU time: no round was quiet, or none was left of"
                     " the bench's minutes. ");
    rounds_close(&r);
    for (int i = 0; i < n; i++)
        if (opened[i].status != STATUS_OK)
            return error_set(err, opened[i].status, "%s", opened[i].err.text);
    return STATUS_OK;
}

enum status bench_open(struct bench *bench, struct results *out,
                       struct error *err)
{
    char directory[] = "/tmp/isobath-bench-XXXXXX";
    struct opened *opened = calloc(MOST_OPENED, sizeof *opened);
    int n = 0;

    out->title = "CPU time and memory of opening a model with its weights, or a"
                 " tokenizer";
    out->column = columns;
    if (!opened)
        return error_set(err, STATUS_NO_MEMORY, "no memory for paths");
    enum status status = write_all(directory, err);
    if (status == STATUS_OK)
        status = find_all(opened, &n, directory, out, err);
    if (status == STATUS_OK)
        status = time_all(bench, out, opened, n, err);
    remove_all(directory);
    free(opened);
    return status;
}
