#!/usr/bin/env python3
"""Write what the `tokenizers` library makes of 2000 difficult texts with every
setting of a tokenizer.json that is read, for tests/test_tokenizer_kinds.c.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3
    tests/compare/tokenizer_kinds.py >tests/data/tokens/kinds.json

Text i is 1 to 8 of the pieces below, drawn by the generator in draw(), which the
test has too.  Of 20 texts each, the ids of all are one number: FNV-1a, 32 bits, of
each text's number of ids and the ids, as little-endian words.
"""
import base64
import io
import json
import sys
import tempfile

import sentencepiece
from tokenizers import AddedToken, Tokenizer, models, trainers
from tokenizers import normalizers as norm
from tokenizers import pre_tokenizers as pre
from tokenizers import Regex

N_TEXTS, BLOCK = 2000, 20

# No code point that was assigned after Unicode 14: models/tokens/pattern.c.
PIECES = [
    "the", " of and", "Hello", " world", "don't", "I\u2019m", "IT'S", " ", "  ",
    "\t", "\n", "\r\n", "\n\n\n", "   x", "a", "ab", "abab", "12", " 1234567",
    "3.14", "\u0663\u0664", "\u2167\u00bd\u00b2", "x\u00b2y", ".", "...", "?!",
    "-", "--", "a-b", "$5", "<|end|>", "<t>", "</s>", "<unk>", "<0x41>",
    "\u2581", "\u2581\u2581a", "e\u0301", "\u00e9", "\u0301", "A\u030a\u0323",
    "\ufb01", "\u2460\uff21\uff11", "\u3392", "\u0958\u093f", "\u0939\u093f"
    "\u0928\u094d\u0926\u0940", "\u05e9\u05c1\u05b8", "\u0627\u0644\u0639\u0631"
    "\u0628\u064a\u0629", "\ufefb", "\u6f22\u5b57", "\u304b\u306a\u3002",
    "\ud55c\uad6d", "\u1112\u1161\u11ab", "\U0001f44d\U0001f3fd",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2603\ufe0f", "\u00a0",
    "\u3000", "\u2028", "\u200b", "\ufeff", "\u0000", "\u001b", "\u0085",
    "\u180e", "\ue000", "\U0010ffff", "\u00df\u03a3\u03c2", "_", "foo_bar",
    "a" * 40, " " * 33, "\u0130", "\u24b6", "\u203f", "na\u00efve", "\\", "\"",
    "\u200c", "TOK", " TOK ", "xTOKx", "mask", "\u00c5\u212b", "\u0344",
    "\u0e01\u0e33", "\u1100\u1161", "\u0345\u03b1", "[MASK]", "123,456",
    # Of which the library knows an older Unicode.
    "h\u2e49x", "a\u166db", "\ua7f2\u0301", "\U0001f16c", "\U00011938",
]


def draw(state):
    """A step of Knuth's MMIX generator, and its upper half."""
    state = (state * 6364136223846793005 + 1442695040888963407) % 2 ** 64
    return state, state >> 33


def texts():
    state, out = 1, []
    for _ in range(N_TEXTS):
        state, n = draw(state)
        parts = []
        for _ in range(1 + n % 8):
            state, k = draw(state)
            parts.append(PIECES[k % len(PIECES)])
        out.append("".join(parts))
    return out


TEXTS = texts()
# To train on: a NUL in a vocabulary is read by few.
WITHOUT_NUL = [t.replace("\0", "") for t in TEXTS[::3]]


def fnv(h, word):
    for byte in word.to_bytes(4, "little"):
        h = (h ^ byte) * 16777619 % 2 ** 32
    return h


def sums(tokenizer):
    out = []
    for at in range(0, N_TEXTS, BLOCK):
        h = 2166136261
        for text in TEXTS[at:at + BLOCK]:
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            h = fnv(h, len(ids))
            for i in ids:
                h = fnv(h, i)
        out.append(h)
    return out


def train_bpe(splitter, size, **more):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = splitter
    tokenizer.train_from_iterator(
        WITHOUT_NUL, trainers.BpeTrainer(vocab_size=size, show_progress=False,
                                        **more))
    model = json.loads(tokenizer.to_str())["model"]
    del model["type"]
    return model


# Code points, and what takes their place: some begin one another.
RULES = """65 301\t65 65
65\t78
301\t
1100 1161\tAC00
2460\t31
FF21\t41
FF11\t31
FB01\t66 69
A0\t20
3000\t20
2028\t20
3392\t4D 48 7A
1F44D 1F3FD\t1F44D
928 94D\t928
200B\t
"""


def train_spm(**more):
    """A SentencePiece model."""
    out = io.BytesIO()
    rules = tempfile.NamedTemporaryFile("w", suffix=".tsv")
    rules.write(RULES)
    rules.flush()
    lines = [t.replace("\n", " ") for t in WITHOUT_NUL]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([x for x in lines if x.strip()]),
        model_writer=out, character_coverage=0.98,
        normalization_rule_tsv=rules.name, minloglevel=2, num_threads=1,
        **more)
    return out.getvalue()


def pieces_of(blob):
    processor = sentencepiece.SentencePieceProcessor(model_proto=blob)
    from sentencepiece import sentencepiece_model_pb2 as pb
    proto = pb.ModelProto.FromString(blob)
    assert processor.get_piece_size() == len(proto.pieces)
    return ([[p.piece, p.score] for p in proto.pieces],
            base64.b64encode(proto.normalizer_spec.precompiled_charsmap)
            .decode())


def fallback(model):
    """With a token for each byte, and one for what has none."""
    vocab = {"<unk>": 0}
    for i in range(256):
        vocab["<0x%02X>" % i] = 1 + i
    for token in sorted(model["vocab"], key=model["vocab"].get):
        if token not in vocab:
            vocab[token] = len(vocab)
    return {"vocab": vocab, "merges": model["merges"]}


def sequence(kind, *steps):
    return {"type": "Sequence", kind: list(steps)}


def byte_level(space=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": space,
            "trim_offsets": True, "use_regex": regex}


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": "\u2581",
            "prepend_scheme": scheme, "split": split}


def split(pattern, behavior, invert=False, kind="Regex"):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior,
            "invert": invert}


def replace(old, new, kind="String"):
    return {"type": "Replace", "pattern": {kind: old}, "content": new}


PREPEND = {"type": "Prepend", "prepend": "\u2581"}
LLAMA = sequence("normalizers", PREPEND, replace(" ", "\u2581"))
BEHAVIOURS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext",
              "Contiguous"]


def added(*tokens):
    """[content, special, normalized, lstrip, rstrip, single_word] each."""
    return [AddedToken(c, special=s, normalized=n, lstrip=l, rstrip=r,
                       single_word=w) for c, s, n, l, r, w in tokens]


T, F = True, False
PLAIN = added(("<|end|>", T, F, F, F, F), ("<t>", F, F, F, F, F),
              ("<unk>", T, F, F, F, F), ("</s>", T, F, F, F, F))
FLAGS = added(("TOK", F, F, T, F, F), ("[MASK]", T, F, T, T, F),
              ("mask", F, T, F, F, T), ("\u00e9", F, T, F, T, F),
              ("ab", F, F, F, F, T), ("<t>", F, T, F, F, F),
              ("<|end|>", T, T, F, T, F))

MODEL = {
    "bytes": train_bpe(pre.ByteLevel(add_prefix_space=False), 400,
                       initial_alphabet=pre.ByteLevel.alphabet()),
    "characters": train_bpe(pre.Metaspace(), 330, limit_alphabet=110,
                            special_tokens=["<unk>"]),
    "words": train_bpe(pre.Whitespace(), 260, limit_alphabet=100,
                       special_tokens=["<unk>"]),
}
MODEL["fallback"] = fallback(MODEL["characters"])
SPM = [train_spm(vocab_size=250),
       train_spm(model_type="bpe", vocab_size=600, byte_fallback=True,
                 user_defined_symbols=["<t>", "TOK"],
                 remove_extra_whitespaces=False),
       train_spm(model_type="bpe", vocab_size=340, add_dummy_prefix=False)]
# Its charsmap and pieces make a tokenizer.json, too.
UNIGRAM, CHARSMAP = pieces_of(SPM[0])
MODEL["unigram"] = {"vocab": UNIGRAM}

UNK = {"unk_token": "<unk>", "fuse_unk": False}
FUSED = {"unk_token": "<unk>", "fuse_unk": True}
BYTES = {"byte_fallback": True, "unk_token": "<unk>", "fuse_unk": True}
UNI = {"type": "Unigram", "unk_id": 0, "byte_fallback": False}
PRECOMPILED = {"type": "Precompiled", "precompiled_charsmap": CHARSMAP}


def cases():
    def case(model, normalizer, splitter, tokens=PLAIN, **more):
        return model, normalizer, splitter, tokens, more
    yield case("bytes", None, byte_level())
    yield case("bytes", None, byte_level(True))
    yield case("bytes", None, byte_level(True, False), FLAGS)
    yield case("bytes", {"type": "NFC"}, byte_level(), FLAGS)
    yield case("bytes", {"type": "NFKC"}, byte_level(), FLAGS)
    yield case("bytes", {"type": "NFD"}, byte_level(True), FLAGS)
    yield case("bytes", {"type": "NFKD"}, byte_level())
    yield case("bytes", None, byte_level(), ignore_merges=True)
    yield case("bytes", {"type": "Strip", "strip_left": True,
                         "strip_right": False}, byte_level())
    yield case("bytes", None, sequence(
        "pretokenizers", {"type": "Digits", "individual_digits": True},
        byte_level(True)))
    yield case("bytes", None, sequence(
        "pretokenizers", {"type": "Punctuation", "behavior": "Contiguous"},
        byte_level(), {"type": "Digits", "individual_digits": False},
        split("[0-9][0-9][0-9]", "Isolated")))
    yield case("bytes", replace(r"\s+", " ", "Regex"), sequence(
        "pretokenizers", split(" ", "MergedWithNext", kind="String"),
        byte_level(False, False)))
    for behavior in BEHAVIOURS:
        for invert in (False, True):
            yield case("bytes", None, sequence(
                "pretokenizers", split(r"\s|[aeiou]", behavior, invert),
                byte_level(False, False)))
        yield case("words", None, split("a", behavior, kind="String"), **UNK)
        yield case("words", None, {"type": "Punctuation", "behavior": behavior},
                   **FUSED)
    for scheme in ("always", "first", "never"):
        for whole in (False, True):
            yield case("characters", None, metaspace(scheme, whole), **UNK)
            yield case("fallback", None, metaspace(scheme, whole), FLAGS,
                       **BYTES)
    yield case("characters", None, metaspace(), FLAGS, **FUSED)
    yield case("fallback", LLAMA, None, **BYTES)
    yield case("fallback", LLAMA, None, FLAGS, **BYTES)
    yield case("fallback", replace(" ", "\u2581"),
               split(" ", "MergedWithPrevious", kind="String"), **BYTES)
    yield case("fallback", {"type": "NFC"}, metaspace("first", False),
               ignore_merges=True, **BYTES)
    yield case("words", None, {"type": "Whitespace"}, FLAGS, **UNK)
    yield case("words", None, {"type": "WhitespaceSplit"}, **FUSED)
    yield case("words", None, {"type": "CharDelimiterSplit",
                               "delimiter": "."}, **UNK)
    yield case("words", None, sequence("pretokenizers", {"type": "Whitespace"},
               {"type": "Digits", "individual_digits": True}), **FUSED)
    yield case("words", None, None, **FUSED)
    yield case("unigram", None, metaspace(), **UNI)
    yield case("unigram", sequence(
        "normalizers", PRECOMPILED, replace(" {2,}", "\u2581", "Regex")),
        metaspace(), FLAGS, **UNI)
    yield case("unigram", sequence(
        "normalizers", {"type": "NFKC"}, {"type": "Strip", "strip_left": True,
                                          "strip_right": True}),
        sequence("pretokenizers", {"type": "WhitespaceSplit"},
                 metaspace("always")), **UNI)


def build(model, normalizer, splitter, tokens, more):
    tokenizer = Tokenizer.from_str(json.dumps({
        "version": "1.0", "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": splitter, "post_processor": None, "decoder": None,
        "model": {"type": "BPE", **MODEL[model], **more}}))
    for token in tokens:
        (tokenizer.add_special_tokens if token.special
         else tokenizer.add_tokens)([token])
    return tokenizer


def spm_sums(model):
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    out = []
    for at in range(0, N_TEXTS, BLOCK):
        h = 2166136261
        for text in TEXTS[at:at + BLOCK]:
            # The library ends a text at NUL in places.
            ids = processor.encode(text.replace("\0", ""))
            h = fnv(h, len(ids))
            for i in ids:
                h = fnv(h, i)
        out.append(h)
    return out


def main():
    made = []
    for model, normalizer, splitter, tokens, more in cases():
        tokenizer = build(model, normalizer, splitter, tokens, more)
        file = json.loads(tokenizer.to_str())
        made.append({"model": model, "more": more,
                     "added_tokens": file["added_tokens"],
                     "normalizer": file["normalizer"],
                     "pre_tokenizer": file["pre_tokenizer"],
                     "sums": sums(tokenizer)})
        if len(sys.argv) > 1:      # tokenizer_kinds.py DIRECTORY, to look into
            tokenizer.save(f"{sys.argv[1]}/{len(made) - 1}.json")
    json.dump({"pieces": PIECES, "models": MODEL, "cases": made,
               "spm": [{"model": base64.b64encode(m).decode(),
                        "sums": spm_sums(m)} for m in SPM]},
              sys.stdout, separators=(",", ":"))
    print()


main()
