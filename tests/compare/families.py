#!/usr/bin/env python3
"""The logits of every class of transformers that is read, against transformers':
small models of random weights, with the settings that public configs use.

    pip install torch transformers==4.45.2
    make build/logits
    tests/compare/families.py DIRECTORY

Writes the models into DIRECTORY, and fails where a logit of 200 positions is off
by more than 0.001.
"""
import os
import subprocess
import sys

import torch
import transformers as t
from safetensors.torch import load_file

N = 200
SIZES = dict(vocab_size=256, hidden_size=48, intermediate_size=80,
             num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2,
             max_position_embeddings=256, bos_token_id=1, eos_token_id=2,
             pad_token_id=0)
MODELS = {
    "gpt2": t.GPT2Config(vocab_size=256, n_positions=256, n_embd=48, n_layer=4,
                         n_head=6),
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
}


def make(config, path):
    torch.manual_seed(1)
    model = t.AutoModelForCausalLM.from_config(
        config, attn_implementation="eager").eval()
    with torch.no_grad():
        # Weights of order one: every path through the model matters.
        for name, p in model.named_parameters():
            p.copy_(1 + 0.2 * torch.randn_like(p) if "norm" in name and
                    name.endswith("weight") or ".ln_" in name and
                    name.endswith("weight")
                    else 0.2 * torch.randn_like(p) if p.dim() == 1
                    else torch.randn_like(p) * p.shape[-1] ** -0.5)
    model.save_pretrained(path, safe_serialization=True)
    return model


def mask_of(config):
    """A window by its definition: this version's eager attention has one for
    Mistral alone.  None: the class's own mask."""
    window = getattr(config, "sliding_window", None)
    if not window or isinstance(config, t.Qwen2Config):
        return None
    i = torch.arange(N)
    seen = (i[None] <= i[:, None]) & (i[None] > i[:, None] - window)
    return torch.where(seen, 0.0, torch.finfo(torch.float32).min)[None, None]


def main():
    directory, worst = sys.argv[1], 0.0
    os.makedirs(directory, exist_ok=True)
    text, out = os.path.join(directory, "text"), os.path.join(directory, "out")
    with open(text, "wb") as file:
        file.write(bytes((i * 37 + i * i // 3) % 256 for i in range(N)))
    for name, config in MODELS.items():
        path = os.path.join(directory, name)
        model = make(config, path)
        subprocess.run(["build/logits", path, text, str(N), out], check=True)
        ours = load_file(out)
        with torch.no_grad():
            theirs = model(ours["ids"].long()[None],
                           attention_mask=mask_of(config)).logits[0]
        off = (ours["logits"] - theirs).abs().max().item()
        worst = max(worst, off)
        print(f"{name}: {len(theirs)} positions, up to "
              f"{theirs.abs().max().item():.3g}, off by {off:.2g}")
        assert len(theirs) >= N - 1
    sys.exit(worst > 1e-3)


main()
