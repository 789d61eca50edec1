#!/usr/bin/env python3
"""A model of transformers as the GGUF file that llama.cpp's own converter makes of
it, without a tokenizer.

    python3 convert.py LLAMA_CPP DIRECTORY OUT.gguf [TYPE]

needs torch, transformers and the sources of llama.cpp, as those of llama-cpp-python
0.3.36 have them in vendor/.  TYPE is that of matrices: f32, f16, bf16.
"""
import pathlib
import sys

source, directory, out = sys.argv[1:4]
kind = sys.argv[4] if len(sys.argv) > 4 else "f32"
sys.path[:0] = [source, source + "/gguf-py"]
import conversion                                           # noqa: E402
import gguf                                                 # noqa: E402
from conversion.base import ModelBase, ModelType, TextModel  # noqa: E402


def nothing(*_):
    """These models have no tokenizer."""


def kept(self, data, name, bid):
    """Gemma 3's cuts the embedding to the tokenizer's size: there is none."""
    shift = self.norm_shift(name)
    return TextModel.modify_tensors(self, data + shift if shift else data, name,
                                    bid)


def returned(own):
    """StableLM's returns the norms of heads from a generator, whose callers take
    what it yields."""
    def modify_tensors(self, data, name, bid):
        yield from (yield from own(self, data, name, bid)) or ()
    return modify_tensors


path = pathlib.Path(directory)
hparams = ModelBase.load_hparams(path, False)
architecture = hparams["architectures"][0]
model_class = conversion.get_model_class(architecture)
model_class.set_vocab = nothing
if hasattr(model_class, "norm_shift"):
    model_class.modify_tensors = kept
if architecture == "StableLmForCausalLM":
    model_class.modify_tensors = returned(model_class.modify_tensors)
model = model_class(path, gguf.LlamaFileType[
    {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16"}[kind]],
    pathlib.Path(out), eager=True)
model.write()
