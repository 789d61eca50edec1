#!/usr/bin/env python3
"""Parameters and cached keys of public sizes, as transformers counts them.

    pip install torch transformers==4.57.1
    make build/isobath
    tests/compare/sizes.py DIRECTORY

Writes their configs into DIRECTORY, and fails where `isobath predict` has another number of
parameters than a model that transformers makes of the config, without memory for it; or other bytes
of keys and values than its cache has for as many tokens as the config has positions, where layers
with a window keep no more than that.
"""
import csv
import io
import os
import subprocess
import sys

import torch
import transformers as t
from transformers.cache_utils import StaticCache

BATCH, BYTES = 2, 2


def size(vocab, width, ffn, layers, heads, keys=None, tokens=4096, **more):
    out = dict(vocab_size=vocab, hidden_size=width, intermediate_size=ffn,
               num_hidden_layers=layers, num_attention_heads=heads,
               max_position_embeddings=tokens, **more)
    return dict(out, num_key_value_heads=keys) if keys else out


def gpt2(width, layers, heads):
    return t.GPT2Config(n_embd=width, n_layer=layers, n_head=heads)


def opt(width, layers, heads):
    return t.OPTConfig(vocab_size=50272, hidden_size=width, ffn_dim=4 * width,
                       num_hidden_layers=layers, num_attention_heads=heads,
                       word_embed_proj_dim=width)


def pythia(width, layers, heads, vocab=50304):
    return t.GPTNeoXConfig(**size(vocab, width, 4 * width, layers, heads,
                                  tokens=2048))


def tied(**sizes):
    return dict(sizes, tie_word_embeddings=True)


MODELS = {
    "gpt2": gpt2(768, 12, 12), "gpt2-medium": gpt2(1024, 24, 16),
    "gpt2-large": gpt2(1280, 36, 20), "gpt2-xl": gpt2(1600, 48, 25),
    "llama-2-7b": t.LlamaConfig(**size(32000, 4096, 11008, 32, 32)),
    "llama-2-70b": t.LlamaConfig(**size(32000, 8192, 28672, 80, 64, 8)),
    "llama-3-8b": t.LlamaConfig(**size(128256, 4096, 14336, 32, 32, 8, 8192)),
    "llama-3.1-405b": t.LlamaConfig(**size(128256, 16384, 53248, 126, 128, 8)),
    "llama-3.2-1b": t.LlamaConfig(**tied(**size(128256, 2048, 8192, 16, 32, 8)),
                                  head_dim=64),
    "llama-3.2-3b": t.LlamaConfig(**tied(**size(128256, 3072, 8192, 28, 24, 8)),
                                  head_dim=128),
    "smollm2-135m": t.LlamaConfig(**tied(**size(49152, 576, 1536, 30, 9, 3,
                                                8192))),
    "tinyllama-1.1b": t.LlamaConfig(**size(32000, 2048, 5632, 22, 32, 4, 2048)),
    "mistral-7b-v0.1": t.MistralConfig(**size(32000, 4096, 14336, 32, 32, 8,
                                              32768), sliding_window=4096),
    "mistral-7b-v0.3": t.MistralConfig(**size(32768, 4096, 14336, 32, 32, 8,
                                              32768), sliding_window=None),
    "qwen2.5-0.5b": t.Qwen2Config(**tied(**size(151936, 896, 4864, 24, 14, 2,
                                                32768))),
    "qwen2.5-7b": t.Qwen2Config(**size(152064, 3584, 18944, 28, 28, 4, 32768)),
    "qwen3-0.6b": t.Qwen3Config(**tied(**size(151936, 1024, 3072, 28, 16, 8,
                                              40960)), head_dim=128),
    "qwen3-8b": t.Qwen3Config(**size(151936, 4096, 12288, 36, 32, 8, 40960),
                              head_dim=128),
    "phi-3-mini-4k": t.Phi3Config(**size(32064, 3072, 8192, 32, 32, 32),
                                  sliding_window=2047),
    "granite-3.1-2b": t.GraniteConfig(
        **tied(**size(49155, 2048, 8192, 40, 32, 8)), embedding_multiplier=12.0,
        attention_multiplier=0.015625, residual_multiplier=0.22,
        logits_scaling=8.0),
    "smollm3-3b": t.SmolLM3Config(**tied(**size(128256, 2048, 11008, 36, 16, 4,
                                                65536))),
    "starcoder2-3b": t.Starcoder2Config(**size(49152, 3072, 12288, 30, 24, 2,
                                               16384), sliding_window=4096),
    "gemma-2b": t.GemmaConfig(**size(256000, 2048, 16384, 18, 8, 1, 8192),
                              head_dim=256),
    "gemma-7b": t.GemmaConfig(**size(256000, 3072, 24576, 28, 16, 16, 8192),
                              head_dim=256),
    "gemma-2-2b": t.Gemma2Config(**size(256000, 2304, 9216, 26, 8, 4, 8192),
                                 head_dim=256),
    "gemma-2-27b": t.Gemma2Config(**size(256000, 4608, 36864, 46, 32, 16, 8192),
                                  head_dim=128, query_pre_attn_scalar=144),
    "gemma-3-270m": t.Gemma3TextConfig(**size(262144, 640, 2048, 18, 4, 1,
                                              32768), head_dim=256,
                                       sliding_window=512),
    "gemma-3-1b": t.Gemma3TextConfig(**size(262144, 1152, 6912, 26, 4, 1,
                                            32768), head_dim=256,
                                     sliding_window=512),
    "olmo-2-1b": t.Olmo2Config(**size(100352, 2048, 8192, 16, 16)),
    "olmo-2-13b": t.Olmo2Config(**size(100352, 5120, 13824, 40, 40)),
    "pythia-70m": pythia(512, 6, 8), "pythia-1.4b": pythia(2048, 24, 16),
    "pythia-12b": pythia(5120, 36, 40, 50688),
    "gpt-neox-20b": pythia(6144, 44, 64, 50432),
    "falcon-7b": t.FalconConfig(hidden_size=4544, num_hidden_layers=32,
                                num_attention_heads=71),
    "falcon-40b": t.FalconConfig(hidden_size=8192, num_hidden_layers=60,
                                 num_attention_heads=128, num_kv_heads=8,
                                 new_decoder_architecture=True),
    "stablelm-3b-4e1t": t.StableLmConfig(**size(50304, 2560, 6912, 32, 32, 32)),
    "stablelm-2-1.6b": t.StableLmConfig(**size(100352, 2048, 5632, 24, 32, 32),
                                        use_qkv_bias=True),
    "stablelm-2-12b": t.StableLmConfig(**size(100352, 5120, 13824, 40, 32, 8),
                                       qk_layernorm=True,
                                       use_parallel_residual=True),
    "phi-1.5": t.PhiConfig(**size(51200, 2048, 8192, 24, 32, tokens=2048)),
    "phi-2": t.PhiConfig(**size(51200, 2560, 10240, 32, 32, tokens=2048),
                         partial_rotary_factor=0.4),
    "opt-125m": opt(768, 12, 12), "opt-1.3b": opt(2048, 24, 32),
    "opt-6.7b": opt(4096, 32, 32), "opt-66b": opt(9216, 64, 72),
    "mixtral-8x7b": t.MixtralConfig(**size(32000, 4096, 14336, 32, 32, 8, 32768),
                                    sliding_window=None),
    "qwen1.5-moe-a2.7b": t.Qwen2MoeConfig(
        **size(151936, 2048, 5632, 24, 16, 16, 8192), num_experts=60,
        num_experts_per_tok=4, moe_intermediate_size=1408,
        shared_expert_intermediate_size=5632),
    "qwen3-30b-a3b": t.Qwen3MoeConfig(
        **size(151936, 2048, 6144, 48, 32, 4, 40960), head_dim=128,
        num_experts=128, num_experts_per_tok=8, moe_intermediate_size=768,
        norm_topk_prob=True),
    "olmoe-1b-7b": t.OlmoeConfig(**size(50304, 2048, 1024, 16, 16, 16),
                                 num_experts=64, num_experts_per_tok=8),
}


def parameters(config):
    with torch.device("meta"), t.modeling_utils.no_init_weights():
        model = t.AutoModelForCausalLM.from_config(config)
        model.tie_weights()
    return sum(p.numel() for p in {id(p): p for p in model.parameters()}.values())


def cached_bytes(config, tokens):
    heads = (getattr(config, "num_kv_heads", None)
             or getattr(config, "num_key_value_heads", None)
             or config.num_attention_heads)
    if getattr(config, "multi_query", False) and not config.new_decoder_architecture:
        heads = 1
    width = (getattr(config, "head_dim", None)
             or config.hidden_size // config.num_attention_heads)
    cache = StaticCache(config=config, max_cache_len=tokens)
    cache.early_initialization(BATCH, heads, width, torch.float16,
                               torch.device("meta"))
    return sum(x.numel() * BYTES for layer in cache.layers
               for x in (layer.keys, layer.values))


def predicted(path):
    text = subprocess.run(
        ["build/isobath", "predict", path, "--phase", "decode", "--by", "memory",
         "--weights", "float32", "--kv", "fp16", "-B", str(BATCH), "--format", "csv"],
        check=True, capture_output=True, text=True).stdout
    rows = {row["memory"]: int(row["bytes"])
            for row in csv.DictReader(io.StringIO(text))}
    return rows["weights"] // 4, rows["kv"]


def main():
    failed = []
    for name, config in MODELS.items():
        path = os.path.join(sys.argv[1], name)
        config.save_pretrained(path)
        tokens = config.max_position_embeddings
        ours = predicted(path)
        theirs = parameters(config), cached_bytes(config, tokens)
        print(f"{name}: {ours[0]} parameters, {ours[1]} bytes of {BATCH} x "
              f"{tokens} tokens" + ("" if ours == theirs else
                                    f"; transformers {theirs}"), flush=True)
        if ours != theirs:
            failed.append(name)
    print("failed:", ", ".join(failed) or "none")
    sys.exit(bool(failed))


main()
