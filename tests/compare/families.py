#!/usr/bin/env python3
"""The logits of every class of transformers that is read, against transformers':
small models of random weights, with the settings that public configs use.

    pip install torch transformers==4.57.1
    make build/logits
    tests/compare/families.py [--gguf LLAMA_CPP] DIRECTORY [NAME...]

Writes the models, or those named, into DIRECTORY, and fails where a logit of 200 positions is off
by more than 0.001: all at once, or 100 at once and each other decoded over cached keys.  With
--gguf it also holds the GGUF file that llama.cpp's own converter makes of each against the same
logits; LLAMA_CPP as tests/data/classes/convert.py has it.  It also runs each with blocks that are
routed around, where the program does not say why not, and has its counts equal what is predicted.
"""
import argparse
import os
import subprocess
import sys

import torch
import transformers as t
from safetensors.torch import load_file

N, PROMPT = 200, 100
# Of three pairs or four, up to the original length and beyond.
LONG = {n: dict(type="longrope", short_factor=[1.0, 1.2, 1.5, 2.0][:n],
                long_factor=[1.5, 3.0, 8.0, 20.0][:n]) for n in (3, 4)}
SIZES = dict(vocab_size=256, hidden_size=48, intermediate_size=80,
             num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2,
             max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
             pad_token_id=0)
FALCON = {k: v for k, v in SIZES.items()
          if k not in ("num_key_value_heads", "intermediate_size")}
NEOX = {k: v for k, v in SIZES.items() if k != "num_key_value_heads"}
GPT2 = dict(vocab_size=256, n_positions=256, n_ctx=256, n_embd=48, n_layer=4,
            n_head=6)
OPT = dict(vocab_size=256, hidden_size=48, ffn_dim=80, num_hidden_layers=4,
           num_attention_heads=6, max_position_embeddings=256,
           word_embed_proj_dim=48, bos_token_id=1, eos_token_id=2,
           pad_token_id=0)
MODELS = {
    "gpt2": t.GPT2Config(**GPT2),
    "llama": t.LlamaConfig(**SIZES),
    "llama-biases": t.LlamaConfig(**SIZES, attention_bias=True, mlp_bias=True),
    "llama-tied": t.LlamaConfig(**SIZES, tie_word_embeddings=True,
                                rope_theta=5e5),
    "mistral": t.MistralConfig(**SIZES, sliding_window=None),
    "mistral-window": t.MistralConfig(**SIZES, sliding_window=37),
    "qwen2": t.Qwen2Config(**SIZES),
    "qwen2-yarn": t.Qwen2Config(**SIZES, rope_scaling={
        "rope_type": "yarn", "factor": 4.0,
        "original_max_position_embeddings": 256}),
    "llama-dynamic": t.LlamaConfig(**SIZES, rope_scaling={
        "rope_type": "dynamic", "factor": 2.0}),
    "llama-dynamic-longer": t.LlamaConfig(
        **dict(SIZES, max_position_embeddings=64),
        rope_scaling={"rope_type": "dynamic", "factor": 4.0}),
    "phi-dynamic-longer": t.PhiConfig(
        **dict(SIZES, max_position_embeddings=100), partial_rotary_factor=0.5,
        rope_scaling={"rope_type": "dynamic", "factor": 2.5}),
    "phi3": t.Phi3Config(**SIZES, sliding_window=None),
    "phi3-window": t.Phi3Config(**SIZES, sliding_window=33),
    "granite": t.GraniteConfig(**SIZES, embedding_multiplier=12.0,
                               attention_multiplier=0.0625,
                               residual_multiplier=0.22, logits_scaling=8.0),
    "granite-tied": t.GraniteConfig(**SIZES, embedding_multiplier=6.0,
                                    attention_multiplier=0.2,
                                    residual_multiplier=0.5, logits_scaling=3.0,
                                    tie_word_embeddings=True),
    "starcoder2": t.Starcoder2Config(**SIZES, sliding_window=None),
    "starcoder2-window": t.Starcoder2Config(**SIZES, sliding_window=50,
                                            tie_word_embeddings=False),
    "phi3-short": t.Phi3Config(**SIZES, original_max_position_embeddings=224,
                               rope_scaling=LONG[4]),
    "phi3-long": t.Phi3Config(**SIZES, original_max_position_embeddings=64,
                              rope_scaling=LONG[4]),
    "phi3-part": t.Phi3Config(**SIZES, original_max_position_embeddings=64,
                              rope_scaling=LONG[3],
                              partial_rotary_factor=0.75),
    "smollm3": t.SmolLM3Config(**SIZES),
    "smollm3-window": t.SmolLM3Config(
        **SIZES, no_rope_layers=[1, 0, 0, 1], use_sliding_window=True,
        sliding_window=41, layer_types=["sliding_attention", "full_attention",
                                        "sliding_attention",
                                        "full_attention"]),
    "gemma": t.GemmaConfig(**SIZES, head_dim=16),
    "gemma-one-key": t.GemmaConfig(**dict(SIZES, num_key_value_heads=1),
                                   head_dim=8, rope_theta=500.0,
                                   hidden_act="gelu_fast"),
    "gemma2": t.Gemma2Config(**SIZES, head_dim=16, sliding_window=37,
                             query_pre_attn_scalar=24),
    "gemma2-usual": t.Gemma2Config(**SIZES, head_dim=16, sliding_window=37,
                                   query_pre_attn_scalar=16),
    "gemma2-tight": t.Gemma2Config(**SIZES, head_dim=8, sliding_window=50,
                                   query_pre_attn_scalar=8,
                                   attn_logit_softcapping=1.5,
                                   final_logit_softcapping=2.0),
    "gemma2-free": t.Gemma2Config(**SIZES, head_dim=8,
                                  attn_logit_softcapping=None,
                                  final_logit_softcapping=None),
    "gemma3": t.Gemma3TextConfig(**dict(SIZES, num_hidden_layers=7),
                                 head_dim=16, sliding_window=29,
                                 query_pre_attn_scalar=20, rope_theta=1e6),
    "gemma3-usual": t.Gemma3TextConfig(**dict(SIZES, num_hidden_layers=7),
                                       head_dim=16, sliding_window=29,
                                       query_pre_attn_scalar=16, rope_theta=1e6),
    "gemma3-linear": t.Gemma3TextConfig(
        **dict(SIZES, num_hidden_layers=7), head_dim=16, sliding_window=300,
        query_pre_attn_scalar=16, rope_local_base_freq=500.0,
        rope_scaling=dict(rope_type="linear", factor=8.0)),
    "olmo2": t.Olmo2Config(**SIZES),
    "olmo2-tied": t.Olmo2Config(**SIZES, rope_theta=5e5,
                                tie_word_embeddings=True),
    "gpt-neox": t.GPTNeoXConfig(**NEOX),
    "gpt-neox-whole": t.GPTNeoXConfig(**dict(NEOX, rotary_pct=1.0,
                                             tie_word_embeddings=True)),
    "gpt-neox-fast": t.GPTNeoXConfig(**NEOX, hidden_act="gelu_fast"),
    "gpt-neox-in-turn": t.GPTNeoXConfig(**NEOX, hidden_act="gelu_new",
                                        use_parallel_residual=False),
    "falcon": t.FalconConfig(**FALCON),
    "falcon-usual": t.FalconConfig(**FALCON, num_kv_heads=1),
    "falcon-keys": t.FalconConfig(**FALCON, multi_query=False,
                                  activation="gelu_accurate"),
    "falcon-two-norms": t.FalconConfig(**FALCON, num_kv_heads=2,
                                       new_decoder_architecture=True,
                                       ffn_hidden_size=80,
                                       tie_word_embeddings=False),
    "falcon-one-norm": t.FalconConfig(**FALCON, num_kv_heads=3,
                                      new_decoder_architecture=True,
                                      num_ln_in_parallel_attn=1),
    "gpt2-exact": t.GPT2Config(**GPT2, activation_function="gelu"),
    "stablelm-parallel": t.StableLmConfig(**SIZES, partial_rotary_factor=0.25,
                                          use_parallel_residual=True),
    "stablelm": t.StableLmConfig(**SIZES, partial_rotary_factor=0.25),
    "stablelm-biases": t.StableLmConfig(**SIZES, partial_rotary_factor=0.5,
                                        use_qkv_bias=True),
    "stablelm-heads": t.StableLmConfig(**SIZES, partial_rotary_factor=0.25,
                                       qk_layernorm=True,
                                       use_parallel_residual=True),
    "stablelm-heads-in-turn": t.StableLmConfig(
        **SIZES, partial_rotary_factor=0.5, qk_layernorm=True,
        use_qkv_bias=True),
    "opt": t.OPTConfig(**OPT),
    "opt-gelu": t.OPTConfig(**OPT, activation_function="gelu",
                            tie_word_embeddings=False),
    "gpt2-relu": t.GPT2Config(**GPT2, activation_function="relu"),
    "phi": t.PhiConfig(**SIZES, partial_rotary_factor=0.5),
    "phi-usual": t.PhiConfig(**dict(SIZES, num_key_value_heads=6,
                                    intermediate_size=192),
                             partial_rotary_factor=0.5),
    "phi-third": t.PhiConfig(**dict(SIZES, hidden_size=60),
                             partial_rotary_factor=0.4),
    "mixtral": t.MixtralConfig(**SIZES, num_local_experts=8),
    "mixtral-window": t.MixtralConfig(**SIZES, num_local_experts=5,
                                      num_experts_per_tok=1,
                                      sliding_window=31),
    "qwen2-moe": t.Qwen2MoeConfig(**SIZES, num_experts=12,
                                  num_experts_per_tok=3,
                                  moe_intermediate_size=36,
                                  shared_expert_intermediate_size=52),
    "qwen2-moe-some": t.Qwen2MoeConfig(
        **SIZES, num_experts=7, num_experts_per_tok=2, norm_topk_prob=True,
        moe_intermediate_size=40, shared_expert_intermediate_size=20,
        mlp_only_layers=[1]),
    "qwen3-moe": t.Qwen3MoeConfig(**SIZES, head_dim=16, num_experts=20,
                                  num_experts_per_tok=4,
                                  moe_intermediate_size=24,
                                  norm_topk_prob=True),
    "qwen3-moe-some": t.Qwen3MoeConfig(**SIZES, head_dim=8, num_experts=6,
                                       num_experts_per_tok=2,
                                       moe_intermediate_size=24,
                                       decoder_sparse_step=2),
    "olmoe": t.OlmoeConfig(**SIZES, num_experts=16, num_experts_per_tok=4),
}


ROUTED = ("--set", "routing.policy=token_norm", "--set", "routing.capacity=0.5",
          "--set", "routing.blocks=1")
# Their keys turn otherwise in a longer text: a cache would hold another's.
REFUSED = {" decoded": ("llama-dynamic-longer", "phi-dynamic-longer"),
           ".gguf": ("llama-dynamic-longer",),
           ".gguf decoded": ("llama-dynamic-longer",)}
# What llama.cpp's converter leaves out, or the format has no place for.
NO_GGUF = dict.fromkeys(
    ("gpt2-exact", "gpt-neox-fast", "gpt-neox-in-turn", "falcon-keys",
     "gpt2-relu"), "no key says which activation it is")
NO_GGUF |= dict.fromkeys(
    ("mistral-window", "mixtral-window", "starcoder2-window", "smollm3-window"),
    "the converter leaves the window out")
NO_GGUF |= dict.fromkeys(
    ("gemma2", "gemma3"), "the converter leaves query_pre_attn_scalar out")
NO_GGUF |= dict.fromkeys(
    ("phi", "phi-third", "phi-dynamic-longer"),
    "the converter has as many heads of keys as of queries")
NO_GGUF |= {
    "gemma-one-key": "the converter leaves the base out",
    "gemma2-free": "the converter needs caps",
    "falcon": "the converter has heads of keys where there is one",
    "falcon-two-norms": "the converter has four times the channels",
    "qwen2-moe-some": "all layers have experts",
    "qwen3-moe-some": "all layers have experts",
    "opt": "llama.cpp has no OPT", "opt-gelu": "llama.cpp has no OPT",
}


def make(config, path):
    torch.manual_seed(1)
    # All is drawn below; StableLM's own draw fails at norms without a shift.
    with t.modeling_utils.no_init_weights():
        model = t.AutoModelForCausalLM.from_config(
            config, attn_implementation="eager").eval()
    model.tie_weights()
    with torch.no_grad():
        # Weights of order one: every path through the model matters.
        near = 0 if config.model_type.startswith("gemma") else 1
        for name, p in model.named_parameters():
            p.copy_(near + 0.2 * torch.randn_like(p) if "norm" in name and
                    name.endswith("weight") or ".ln_" in name and
                    name.endswith("weight")
                    else 0.2 * torch.randn_like(p) if p.dim() == 1
                    else torch.randn_like(p) * p.shape[-1] ** -0.5)
    model.save_pretrained(path, safe_serialization=True)
    return model


class Held:
    """A model's files, held against transformers' logits of a text of N bytes."""

    def __init__(self, directory, name):
        self.directory, self.name, self.failed = directory, name, []
        self.path = os.path.join(directory, name)
        self.model = make(MODELS[name], self.path)
        self.theirs = None

    def file(self, name):
        return os.path.join(self.directory, name)

    def say(self, what, text, right):
        print(f"{self.name}{what}: {text}", flush=True)
        if not right:
            self.failed.append(self.name + what)

    def hold(self, what, path, *prompt):
        """All positions at once, or those behind a prompt decoded."""
        done = subprocess.run(["build/logits", path, self.file("text"), str(N),
                               self.file("out"), *prompt], capture_output=True,
                              text=True)
        if done.returncode:
            return self.say(what, done.stderr.strip(), done.returncode == 2
                            and self.name in REFUSED.get(what, ()))
        ours = load_file(self.file("out"))
        if self.theirs is None:
            with torch.no_grad():
                self.theirs = self.model(ours["ids"].long()[None]).logits[0]
        off = (ours["logits"] - self.theirs).abs().max().item()
        self.say(what, f"{len(self.theirs)} positions, up to "
                 f"{self.theirs.abs().max().item():.3g}, off by {off:.2g}",
                 off <= 1e-3 and len(self.theirs) >= N - 1)

    def hold_gguf(self, llama_cpp):
        why = NO_GGUF.get(self.name)
        gguf = self.path + ".gguf"
        script = os.path.join(os.path.dirname(__file__), "..", "data",
                              "classes", "convert.py")
        if not why:
            done = subprocess.run([sys.executable, script, llama_cpp, self.path,
                                   gguf], capture_output=True, text=True)
            if done.returncode:
                why = done.stderr.strip().split("\n")[-1]
        if why:
            return self.say(".gguf", "none: " + why, self.name in NO_GGUF)
        self.hold(".gguf", gguf)
        self.hold(".gguf decoded", gguf, str(PROMPT))

    def count(self, what, *flags):
        """Counts are as predicted, or it is said what cannot be run."""
        done = subprocess.run(["build/isobath", "run", self.path, "--text",
                               self.file("text"), "--window", str(N), *flags],
                              capture_output=True, text=True)
        said = (done.stdout + done.stderr).strip().split("\n")
        same = [line for line in said if line.startswith("counted == ")]
        self.say(what, (same or said[-1:])[0], done.returncode == 0 and same or
                 done.returncode == 2 and flags and "allowed " in said[-1])


def main():
    ask = argparse.ArgumentParser()
    ask.add_argument("--gguf", metavar="LLAMA_CPP")
    ask.add_argument("directory")
    ask.add_argument("names", nargs="*")
    args, failed = ask.parse_args(), []
    os.makedirs(args.directory, exist_ok=True)
    with open(os.path.join(args.directory, "text"), "wb") as file:
        file.write(bytes((i * 37 + i * i // 3) % 256 for i in range(N)))
    for name in args.names or MODELS:
        held = Held(args.directory, name)
        held.hold("", held.path)
        held.hold(" decoded", held.path, str(PROMPT))
        held.count(" counted")
        for part in ("block", "ffn"):
            held.count(" routed around " + part, *ROUTED, "--set",
                       "routing.part=" + part)
        if args.gguf:
            held.hold_gguf(args.gguf)
        failed += held.failed
    print("failed:", ", ".join(failed) or "none")
    sys.exit(bool(failed))


main()
