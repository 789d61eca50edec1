#!/usr/bin/env python3
"""A real model's logits against transformers', position by position.

    make build/logits
    build/logits MODEL TEXT 1000 out.safetensors
    python3 tests/compare/compare.py MODEL out.safetensors

MODEL is a GGUF file or a directory of Hugging Face.  Needs torch, transformers
and, for GGUF, gguf and accelerate: they read the file, widen what is quantised to float32 and
run the model by themselves.  (llama.cpp runs quantised products on quantised
activations, so that its logits differ by more than the arithmetic.)  Fails where
a logit is off by more than 0.01, or fewer than 99 % of the likeliest tokens are
the same.
"""
import os
import sys

os.environ["TQDM_DISABLE"] = "1"

import torch
import transformers
from safetensors.torch import load_file


def open_model(path):
    kind = transformers.AutoModelForCausalLM
    if not path.endswith(".gguf"):
        return kind.from_pretrained(path, torch_dtype=torch.float32)
    model = kind.from_pretrained(os.path.dirname(path) or ".",
                                 gguf_file=os.path.basename(path),
                                 torch_dtype=torch.float32)
    # Some versions draw a new head where the file has none of its own.
    import gguf
    if not any(t.name == "output.weight" for t in gguf.GGUFReader(path).tensors):
        model.lm_head.weight = model.get_input_embeddings().weight
    return model


def main():
    if len(sys.argv) != 3:
        sys.exit("compare.py MODEL out.safetensors")
    ours = load_file(sys.argv[2])
    ids, logits = ours["ids"].long(), ours["logits"]
    model = open_model(sys.argv[1]).eval()
    with torch.no_grad():
        theirs = model(ids[None]).logits[0]
    off = (logits - theirs).abs()
    same = (logits.argmax(-1) == theirs.argmax(-1)).float().mean().item()
    print(f"{len(ids)} positions of {logits.shape[1]} logits, up to "
          f"{theirs.abs().max().item():.3g} in size")
    print(f"largest difference {off.max().item():.3g}, mean "
          f"{off.mean().item():.3g}; likeliest token the same at "
          f"{100 * same:.2f} %")
    sys.exit(not (off.max().item() <= 1e-2 and same >= 0.99))


main()
