#!/usr/bin/env python3
"""Small models of each class that is read, with the logits that transformers
gives: what test_classes.c compares with.

    python3 make.py [DIRECTORY [NAME...]]    needs torch, transformers and gguf
    LLAMA_CPP=SOURCES python3 make.py ...    and llama.cpp's converter: convert.py

Made with transformers 4.46.3, torch 1.13.1 and gguf 0.19.0; qwen3 alone, with
transformers 4.51.3, torch 2.1.2 and gguf 0.19.0; gemma2 and those behind it with
transformers 4.57.1 and torch 2.4.1; granite and those behind it with transformers
4.57.1, torch 2.9.1 and llama-cpp-python 0.3.36; dynamic, gemma, falcon, falcon_two,
neox_fast, stablelm_heads and opt with transformers 4.57.1 and torch 2.15.0;
falcon_usual, falcon_both, gemma_usual, qwen2_moe_usual and stablelm_heads.gguf with these and
llama-cpp-python 0.3.36.
Weights are random and large enough that every part of a model matters.  A
directory holds the model as save_pretrained() writes it; beside it NAME.gguf, laid
out as llama.cpp's converter does, or written by it; expected.safetensors has ids
[T] and logits [T,V].
"""
import math
import os
import subprocess
import sys

import gguf
import numpy
import torch
import transformers
from safetensors.torch import save_file

COMMON = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2,
              num_attention_heads=4, num_key_value_heads=2, vocab_size=37,
              max_position_embeddings=64, rms_norm_eps=1e-5)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=2.0,
              high_freq_factor=5.0, original_max_position_embeddings=32)
# name, class, config, dtype, bytes of a shard, architecture in GGUF
MODELS = [
    ("qwen2", transformers.Qwen2ForCausalLM, transformers.Qwen2Config(
        **COMMON, rope_theta=500.0, tie_word_embeddings=True),
     torch.float32, "1GB", "qwen2"),
    ("llama3", transformers.LlamaForCausalLM, transformers.LlamaConfig(
        **COMMON, head_dim=10, rope_theta=20.0, rope_scaling=LLAMA3),
     torch.float16, "6KB", "llama"),
    ("linear", transformers.LlamaForCausalLM, transformers.LlamaConfig(
        **COMMON, rope_theta=300.0, tie_word_embeddings=True,
        rope_scaling=dict(rope_type="linear", factor=2.5)),
     torch.float32, "1GB", "llama"),
    ("mistral", transformers.MistralForCausalLM, transformers.MistralConfig(
        **COMMON, rope_theta=1000.0, sliding_window=None),
     torch.bfloat16, "1GB", "mistral"),
    ("gpt2", transformers.GPT2LMHeadModel, transformers.GPT2Config(
        n_embd=24, n_layer=2, n_head=4, n_inner=40, n_positions=32,
        vocab_size=37),
     torch.float32, "1GB", "gpt2"),
    ("qwen3", transformers.Qwen3ForCausalLM, transformers.Qwen3Config(
        **COMMON, head_dim=10, rope_theta=500.0, tie_word_embeddings=True),
     torch.float32, "1GB", "qwen3"),
]
# Classes of other transformers than those above were made with: none of the
# versions of then has all.
SHAPE = {k: v for k, v in COMMON.items() if k != "rms_norm_eps"}
NEOX = {k: v for k, v in SHAPE.items() if k != "num_key_value_heads"}
FALCON = {k: v for k, v in NEOX.items() if k != "intermediate_size"}
OPT = dict({k: v for k, v in NEOX.items() if k != "intermediate_size"},
           ffn_dim=40, word_embed_proj_dim=24)
LATER = [
    ("gemma2", "Gemma2", COMMON, dict(head_dim=10, sliding_window=9,
                                      query_pre_attn_scalar=14)),
    ("gemma3", "Gemma3Text", COMMON, dict(
        head_dim=10, sliding_window=7, query_pre_attn_scalar=12,
        layer_types=["sliding_attention", "full_attention"],
        rope_theta=1e5, rope_local_base_freq=50.0,
        rope_scaling=dict(rope_type="linear", factor=8.0))),
    ("olmo2", "Olmo2", COMMON, {}),
    ("gpt_neox", "GPTNeoX", NEOX, dict(rotary_pct=0.7)),
    ("stablelm", "StableLm", SHAPE, dict(partial_rotary_factor=0.7,
                                         use_qkv_bias=True)),
    ("stablelm_heads", "StableLm", SHAPE, dict(
        partial_rotary_factor=0.7, qk_layernorm=True,
        use_parallel_residual=True)),
    ("phi", "Phi", SHAPE, dict(partial_rotary_factor=0.7)),
    ("phi3", "Phi3", COMMON, dict(
        original_max_position_embeddings=16, pad_token_id=0,
        rope_scaling=dict(type="longrope", short_factor=[1.0, 1.1, 1.3],
                          long_factor=[1.2, 3.0, 9.0]))),
    ("smollm3", "SmolLM3", COMMON, dict(no_rope_layers=[1, 0],
                                        pad_token_id=0)),
    ("mixtral", "Mixtral", dict(COMMON, intermediate_size=20),
     dict(num_local_experts=4)),
    ("qwen2_moe", "Qwen2Moe", COMMON, dict(
        num_experts=5, num_experts_per_tok=2, moe_intermediate_size=20,
        shared_expert_intermediate_size=28, mlp_only_layers=[0])),
    ("qwen3_moe", "Qwen3Moe", COMMON, dict(
        head_dim=10, num_experts=6, num_experts_per_tok=3,
        moe_intermediate_size=12, norm_topk_prob=True)),
    ("olmoe", "Olmoe", dict(COMMON, intermediate_size=12),
     dict(num_experts=6, num_experts_per_tok=2)),
    ("granite", "Granite", COMMON, dict(
        attention_bias=True, mlp_bias=True, embedding_multiplier=3.0,
        attention_multiplier=0.3, residual_multiplier=0.6, logits_scaling=1.5,
        rope_theta=500.0)),
    ("starcoder2", "Starcoder2", SHAPE, dict(sliding_window=None,
                                             rope_theta=500.0)),
    ("dynamic", "Llama", dict(COMMON, max_position_embeddings=10), dict(
        rope_theta=300.0, rope_scaling=dict(rope_type="dynamic", factor=3.0))),
    ("gemma", "Gemma", dict(COMMON, num_key_value_heads=1), dict(
        head_dim=10, rope_theta=500.0)),
    ("falcon", "Falcon", FALCON, dict(rope_theta=500.0)),
    ("falcon_two", "Falcon", FALCON, dict(
        new_decoder_architecture=True, num_kv_heads=2, ffn_hidden_size=40,
        rope_theta=500.0)),
    ("neox_fast", "GPTNeoX", NEOX, dict(
        rotary_pct=0.7, hidden_act="gelu_fast", use_parallel_residual=False)),
    ("opt", "OPT", OPT, {}),
    # What a GGUF file does not say is as llama.cpp and its converter take it: the
    # scale of scores, which layers have windows, which have no positions, the base
    # of Gemma's and Falcon's, which layers have experts, and how wide Phi is.
    ("falcon_usual", "Falcon", dict(FALCON, max_position_embeddings=2048), dict(
        num_kv_heads=1)),
    ("falcon_both", "Falcon", dict(FALCON, max_position_embeddings=2048), dict(
        new_decoder_architecture=True, num_kv_heads=2)),
    ("gemma_usual", "Gemma", dict(COMMON, num_key_value_heads=1), dict(
        head_dim=10)),
    ("qwen2_moe_usual", "Qwen2Moe", COMMON, dict(
        num_experts=5, num_experts_per_tok=2, moe_intermediate_size=20,
        shared_expert_intermediate_size=28)),
    ("gemma2_usual", "Gemma2", COMMON, dict(
        head_dim=10, sliding_window=9, query_pre_attn_scalar=10,
        attn_logit_softcapping=2.0, final_logit_softcapping=3.0)),
    ("gemma3_usual", "Gemma3Text", dict(
        COMMON, intermediate_size=24, num_hidden_layers=7), dict(
        head_dim=6, sliding_window=7, query_pre_attn_scalar=6, rope_theta=1e5,
        rope_local_base_freq=1e4,
        rope_scaling=dict(rope_type="linear", factor=8.0))),
    ("phi_usual", "Phi", dict(NEOX, intermediate_size=96), dict(
        partial_rotary_factor=0.7)),
    ("smollm3_usual", "SmolLM3", dict(COMMON, num_hidden_layers=4), dict(
        rope_theta=500.0, attention_bias=True, pad_token_id=0)),
]
for name, stem, sizes, more in LATER:
    config = getattr(transformers, stem + "Config", None)
    kind = getattr(transformers, stem.removesuffix("Text") + "ForCausalLM", None)
    if config and kind:
        MODELS.append((name, kind, config(**sizes, **more), torch.float32,
                       "1GB", None))


def fill(model):
    """Products keep the size of their input; scales are near 1."""
    for name, p in model.named_parameters():
        gemma = model.config.model_type.startswith("gemma")
        if p.dim() == 2:
            p.data.normal_(0.0, 1.0 / math.sqrt(24))
        elif name.endswith("bias"):
            p.data.normal_(0.0, 0.5)
        else:
            p.data.normal_(0.0 if gemma else 1.0, 0.2)


def permuted(w, heads):
    """Halves of a head to neighbours, as the converter does for llama."""
    return (w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:])
            .swapaxes(1, 2).reshape(w.shape))


def llama_tensors(state, config, turned):
    names = {"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k",
             "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
             "self_attn.q_norm": "attn_q_norm",
             "self_attn.k_norm": "attn_k_norm",
             "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
             "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
             "post_attention_layernorm": "ffn_norm"}
    yield "token_embd.weight", state["model.embed_tokens.weight"]
    yield "output_norm.weight", state["model.norm.weight"]
    if not config.tie_word_embeddings:
        yield "output.weight", state["lm_head.weight"]
    for key, w in state.items():
        if not key.startswith("model.layers."):
            continue
        layer, rest = key[len("model.layers."):].split(".", 1)
        part, kind = rest.rsplit(".", 1)
        if turned and names[part] == "attn_q":
            w = permuted(w, config.num_attention_heads)
        if turned and names[part] == "attn_k":
            w = permuted(w, config.num_key_value_heads)
        yield f"blk.{layer}.{names[part]}.{kind}", w


def gpt2_tensors(state):
    names = {"attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
             "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
             "ln_1": "attn_norm", "ln_2": "ffn_norm"}
    yield "token_embd.weight", state["transformer.wte.weight"]
    yield "position_embd.weight", state["transformer.wpe.weight"]
    yield "output_norm.weight", state["transformer.ln_f.weight"]
    yield "output_norm.bias", state["transformer.ln_f.bias"]
    for key, w in state.items():
        if key.startswith("transformer.h."):
            layer, rest = key[len("transformer.h."):].split(".", 1)
            part, kind = rest.rsplit(".", 1)
            yield f"blk.{layer}.{names[part]}.{kind}", w.T if w.ndim == 2 else w


def rope_freqs(config):
    """The converter's factors of a llama3 scaling."""
    s, d = config.rope_scaling, config.head_dim
    freqs = 1.0 / config.rope_theta ** (numpy.arange(0, d, 2) / d)
    low = s["original_max_position_embeddings"] / s["low_freq_factor"]
    high = s["original_max_position_embeddings"] / s["high_freq_factor"]
    factors = []
    for f in freqs:
        wave = 2 * math.pi / f
        if wave < high:
            factors.append(1.0)
        elif wave > low:
            factors.append(s["factor"])
        else:
            smooth = ((s["original_max_position_embeddings"] / wave
                       - s["low_freq_factor"]) /
                      (s["high_freq_factor"] - s["low_freq_factor"]))
            factors.append(1 / ((1 - smooth) / s["factor"] + smooth))
    return numpy.array(factors, dtype=numpy.float32)


def write_gguf(path, model, architecture):
    config = model.config
    state = {k: v.float().numpy() for k, v in model.state_dict().items()}
    w = gguf.GGUFWriter(path, architecture)
    gpt2 = architecture == "gpt2"
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_feed_forward_length(config.n_inner if gpt2
                              else config.intermediate_size)
    w.add_head_count(config.num_attention_heads)
    if gpt2:
        w.add_layer_norm_eps(config.layer_norm_epsilon)
        tensors = gpt2_tensors(state)
    else:
        w.add_head_count_kv(config.num_key_value_heads)
        w.add_layer_norm_rms_eps(config.rms_norm_eps)
        w.add_rope_freq_base(config.rope_theta)
        tensors = llama_tensors(state, config,
                                not architecture.startswith("qwen"))
    if architecture in ("llama", "qwen3"):
        w.add_key_length(config.head_dim)
        w.add_value_length(config.head_dim)
    if architecture == "llama":
        w.add_rope_dimension_count(config.head_dim)
        if config.rope_scaling["rope_type"] == "llama3":
            w.add_tensor("rope_freqs.weight", rope_freqs(config))
        else:
            w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
            w.add_rope_scaling_factor(config.rope_scaling["factor"])
    for name, x in tensors:
        w.add_tensor(name, numpy.ascontiguousarray(x, dtype=numpy.float32))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(
        os.path.abspath(__file__))
    torch.manual_seed(5)
    for name, kind, config, dtype, shard, architecture in MODELS:
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        out = os.path.join(root, name)
        # All is drawn below; StableLM's own draw fails at norms without a shift.
        with transformers.modeling_utils.no_init_weights():
            model = kind(config).eval()
        model.tie_weights()
        fill(model)
        model.to(dtype).save_pretrained(out, max_shard_size=shard)
        # Read anew: to(dtype) has rounded the rotary frequencies as well.
        # Eager attention alone caps scores.
        model = kind.from_pretrained(out, torch_dtype=torch.float32,
                                     attn_implementation="eager").eval()
        os.remove(os.path.join(out, "generation_config.json"))
        ids = torch.randint(0, 37, (1, 28))
        with torch.no_grad():
            logits = model(ids).logits[0]
        save_file({"ids": ids[0].float(), "logits": logits.contiguous()},
                  os.path.join(out, "expected.safetensors"))
        if architecture:
            write_gguf(os.path.join(root, name + ".gguf"), model, architecture)
        elif "LLAMA_CPP" in os.environ:
            subprocess.run([sys.executable, os.path.join(os.path.dirname(
                os.path.abspath(__file__)), "convert.py"),
                os.environ["LLAMA_CPP"], out, out + ".gguf"], check=True)


main()
