/* test_hf_rope.c - Read rotary positions out of config.json as each version of
 * transformers writes them. */
#include <math.h>

#include "tests/hf_text.h"

Test(hf_rope, reads_rope_where_transformers_5_keeps_it)
{
    struct model_spec spec;

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_parameters\":"
        "{\"rope_type\":\"default\",\"rope_theta\":500000.0}}", NULL),
        STATUS_OK));
    cr_assert(spec.rope_theta == 500000.0f);
}

/* What save_pretrained() of transformers 5.24 writes for each class. */
Test(hf_rope, reads_what_transformers_5_writes)
{
    static const char *const same[] = {
        OF("gemma2") "\"use_bidirectional_attention\":null,"
            ROPE("\"rope_theta\":2e4") "}",
        OF("phi3") ROPE("\"rope_theta\":2e4,\"partial_rotary_factor\":0.5") "}",
        OF("stablelm") ROPE("\"partial_rotary_factor\":0.5,\"rope_theta\":2e4")
            "}",
        OF("phi") ROPE("\"rope_theta\":2e4,\"partial_rotary_factor\":0.5") "}",
        OF("gpt_neox") ROPE("\"rope_theta\":2e4,\"partial_rotary_factor\":0.5")
            "}",
        OF("smollm3") ROPE("\"rope_theta\":2e4") "}",
        OF("qwen3_moe") "\"num_local_experts\":7," ROPE("\"rope_theta\":2e4") "}",
        OF("gemma3_text") "\"rope_parameters\":{\"sliding_attention\":{"
            "\"rope_type\":\"default\",\"rope_theta\":700},\"full_attention\":{"
            "\"rope_type\":\"linear\",\"factor\":8,\"rope_theta\":2e4}}}",
    };
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        cr_assert(eq(int, parse(&spec, same[i], &err), STATUS_OK), "%s",
                  err.text);
        cr_expect(spec.rope_theta == 2e4f, "%s", same[i]);
        cr_expect(eq(i32, spec_rotary(&spec), i >= 1 && i <= 4 ? 4 : 8), "%s",
                  same[i]);
        cr_expect(eq(i32, spec.experts.n, i == 6 ? 7 : 0));
    }
    cr_expect(spec.local_theta == 700.0f);
    cr_expect(spec.rope_scaling.factor == 8.0f);
}

/* Llama 3.2's own words, and what older files call a linear one. */
Test(hf_rope, reads_stretched_frequencies_of_others)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":{"
        "\"factor\":32.0,\"high_freq_factor\":4.0,\"low_freq_factor\":1.0,"
        "\"original_max_position_embeddings\":8192,"
        "\"rope_type\":\"llama3\"},\"rope_theta\":500000.0}", &err),
        STATUS_OK), "%s", err.text);
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LLAMA3));
    cr_assert(spec.rope_scaling.factor == 32.0f);
    cr_assert(spec.rope_scaling.low_frequency == 1.0f);
    cr_assert(spec.rope_scaling.high_frequency == 4.0f);
    cr_assert(eq(i32, spec.rope_scaling.original_tokens, 8192));

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":"
        "{\"type\":\"linear\",\"factor\":2}}", NULL), STATUS_OK));
    cr_assert(eq(int, spec.rope_scaling.kind, ROPE_SCALING_LINEAR));
    cr_assert(spec.rope_scaling.factor == 2.0f);

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_parameters\":"
        "{\"rope_type\":\"linear\",\"factor\":4.0,\"rope_theta\":2e4}}",
        NULL), STATUS_OK));
    cr_assert(spec.rope_theta == 2e4f);
    cr_assert(spec.rope_scaling.factor == 4.0f);
}

/* As Qwen2.5's card has it; and scaling by the length, which is none within it. */
Test(hf_rope, yarn_has_its_usual_numbers)
{
    struct model_spec spec;
    struct error err = { STATUS_OK, "" };

    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":{\"factor\":4.0,"
        "\"original_max_position_embeddings\":512,\"type\":\"yarn\"}}", &err),
        STATUS_OK), "%s", err.text);
    cr_expect(spec.rope_scaling.kind == ROPE_SCALING_YARN &&
              spec.rope_scaling.original_tokens == 512 &&
              spec.rope_scaling.low_frequency == 1.0f &&
              spec.rope_scaling.high_frequency == 32.0f);
    /* 0.1 ln 4 + 1: Peng et al. 2023, equation 22. */
    cr_expect(fabsf(spec.rope_scaling.amplitude - 1.13862944f) < 1e-6f);
    cr_assert(eq(int, parse(&spec, "{" LLAMA ",\"rope_scaling\":{\"factor\":2.0,"
        "\"type\":\"dynamic\"},\"auto_map\":{\"AutoModel\":\"m.py\"}}", &err),
        STATUS_OK), "%s", err.text);
    cr_expect(eq(int, spec.rope_scaling.kind, ROPE_SCALING_DYNAMIC));
    cr_expect(eq(i32, spec.max_tokens,
                 2 * spec.rope_scaling.original_tokens));
    cr_expect(eq(i32, spec_most_decoded(&spec),
                 spec.rope_scaling.original_tokens));
}

static const struct refusal refusals[] = {
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"ntk\",\"factor\":2.0}}",
      "supported are the types default, dynamic, linear, llama3, yarn and"
      " longrope" },
    { "{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"yarn\"}}",
      "factor is missing" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"yarn\",\"factor\":4,"
      "\"original_max_position_embeddings\":64,\"mscale\":1}}",
      "mscale is not supported" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":3}}", "supported are the types" },
    { "{" LLAMA ",\"rope_scaling\":\"linear\"}", "must be an object" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\"}}",
      "factor is missing" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":0.5}}",
      "model.rope_factor 0.5: allowed is 1" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2,"
      "\"truncate\":true}}", "truncate is not supported" },
    { "{" LLAMA ",\"rope_scaling\":{\"type\":\"linear\",\"factor\":2},"
      "\"rope_parameters\":{\"rope_type\":\"default\"}}",
      "rope_scaling says it too" },
    { "{" LLAMA ",\"rope_parameters\":{\"rope_type\":\"default\","
      "\"partial_rotary_factor\":0.5}}",
      "partial_rotary_factor 0.5: supported is 1.0" },
    { "{" LLAMA ",\"rope_parameters\":{\"full_attention\":{}}}",
      "full_attention is not supported" },
    { OF("gemma3_text") "\"rope_parameters\":{\"full_attention\":{},"
      "\"sliding_attention\":{\"rope_type\":\"linear\"}}}",
      "sliding_attention of the type default" },
    { OF("gemma3_text") "\"rope_parameters\":{\"full_attention\":{},"
      "\"chunked_attention\":{}}}", "supported are full_attention" },
    { "{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
      "\"low_freq_factor\":1,\"high_freq_factor\":4}}",
      "original_max_position_embeddings is missing" },
    { "{" LLAMA ",\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8,"
      "\"low_freq_factor\":4,\"high_freq_factor\":1,"
      "\"original_max_position_embeddings\":64}}",
      "model.rope_high_frequency 1: allowed is above" },
};

Test(hf_rope, refuses_what_it_cannot_compute_by_name)
{
    expect_refused(refusals, sizeof refusals / sizeof *refusals);
}
