#!/usr/bin/env python3
"""Write what the `tokenizers` library makes of difficult texts, for
tests/test_splitter.c and tests/test_tokenizer.c.

    pip install tokenizers==0.23.3 gguf
    tests/compare/token_vectors.py GPT2.gguf >tests/data/tokens/vectors.json

GPT2.gguf has the vocabulary of GPT-2 (ggml-vocab-gpt-2.gguf of
github.com/ggml-org/llama.cpp).  Texts have no code point that was assigned
after Unicode 14: models/tokens/splitter.c says why.
"""
import json
import sys

import gguf
import tokenizers
from tokenizers import Regex, Tokenizer, normalizers
from tokenizers import pre_tokenizers as pre
from tokenizers.models import BPE

GPT2 = (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|"
        r"\s+(?!\S)|\s+")
LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
CL100K = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}|"
          r" ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+")
UPPER, LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
O200K = (r"[^\r\n\p{L}\p{N}]?[%s]*[%s]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[%s]+[%s]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
         % (UPPER, LOWER, UPPER, LOWER))
DEEPSEEK = [
    r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"
    r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    r"\s*[\r\n]+|\s+(?!\S)|\s+"]

# What PCRE2 by itself would read otherwise stands in the last lines.
PATTERNS = [
    [GPT2], [r"\p{N}", GPT2], [LLAMA3], [QWEN2], [CL100K], [O200K], DEEPSEEK,
    ["x*"], ["^.+$"], ["(?m)a.*b"], [r"\s+$"], [r"(?<=a)\S|\S(?=a)"],
    [r"\w+|[^\w\s]+"], [r"\W+"], [r"\b"], [r"a\B."], [r"\h+"], [r"\H+"],
    [r"[\h-]+"], [r"\v"], [r"\O\N"], [r"\p{Han}+"], [r"\P{Han}+"],
    [r"\p{^Latin}+"], [r"\d+|[^\d]\D"], [r"a{,2}b"], [r"[\u00e0-\u00ff]+"],
    [r"(?i:\x{e9}|ſ)+"], [r"\R|\G."],
]

TEXTS = [
    "", " ", "a", "I'll 'RE x1 ?!\n\n b ", "it's IT'S I’m 'ſ a'LL'd",
    "a  12 b 1234567 ½²³ ٣٤ Ⅷ x²y", "  \t\n \r\n\r\n  a\u00a0\u3000b\u2028c ",
    "a\u180eb \u180e\u200b\ufeff \x1c\x1a\x00\x85z", "e\u0301 é \u0301a Å\u030a",
    "漢字、かなカナー 한국 \u3005〆\u3007 ‿_\u203f", "aab abab ba\nab xx-xab-",
    "👍🏽👨\u200d👩\u200d👧 ☃ $€ <|endoftext|> [a]{2}", "Straße ΑΣ ΌΣΟΣ ǅ ﬀ K",
    "日本語text русский1текст ไทย ŉ ªº", "f00d CAFE-ba_be \x0b\x0c0x1F",
    "\U00010400\U0001d7d8\U000e0001\U0010ffff\ue000\ufffd", "'" * 5 + " " * 9,
]


def ends(pieces):
    out, at = [], 0
    for text, _ in pieces:
        at += len(text.encode())
        out.append(at)
    return out


def splits(patterns):
    steps = [pre.Split(Regex(p), "isolated") for p in patterns]
    cut = pre.Sequence(steps)
    return {"patterns": patterns,
            "ends": [ends(cut.pre_tokenize_str(t)) for t in TEXTS]}


def ids(tokenizer):
    return [tokenizer.encode(t, add_special_tokens=False).ids for t in TEXTS]


def gpt2(path):
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = fields["tokenizer.ggml.merges"].contents()
    tokenizer = Tokenizer(BPE({t: i for i, t in enumerate(tokens)},
                              [tuple(m.split(" ")) for m in merges]))
    tokenizer.pre_tokenizer = pre.ByteLevel(add_prefix_space=False)
    return ids(tokenizer)


def own():
    """A small vocabulary, cut by steps of its own, of composed text."""
    letters = sorted(pre.ByteLevel.alphabet())
    merges = [("a", "b"), ("'", "L"), ("'L", "L"), ("Ġ", "a"), ("1", "2"),
              ("Ġ", "Ġ"), ("Ċ", "Ċ"), ("Ã", "©"), ("Ġ", "x"), ("x", "x")]
    vocab = letters + [a + b for a, b in merges]
    tokenizer = Tokenizer(BPE({t: i for i, t in enumerate(vocab)}, merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre.Sequence([
        pre.Split(Regex(O200K), "isolated"), pre.Digits(individual_digits=True),
        pre.ByteLevel(add_prefix_space=False, use_regex=False)])
    return {"file": json.loads(tokenizer.to_str()), "ids": ids(tokenizer)}


json.dump({"tokenizers": tokenizers.__version__, "texts": TEXTS,
           "splits": [splits(p) for p in PATTERNS], "gpt2": gpt2(sys.argv[1]),
           "own": own()}, sys.stdout, separators=(",", ":"))
print()
