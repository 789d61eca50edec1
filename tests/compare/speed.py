#!/usr/bin/env python3
"""isobath and llama.cpp in turns on the same file: prefill and decode, batch 1.

    scripts/models smollm2
    pip install numpy gguf llama-cpp-python
    python3 tests/compare/speed.py build/models/SmolLM2-135M-Instruct.Q4_1.gguf

llama-cpp-python builds llama.cpp where it is installed, which takes cmake, a
compiler and some minutes: so it has the kernels of this CPU.  Tried: 0.3.36.

First both read the file widened to float32, which is written to --work once,
and multiply float32 with float32; llama.cpp's keys and values are float32 too.
Then both read the file as it is: llama.cpp rounds what meets the weights to 8 bits,
isobath does not, so that their speeds compare and their arithmetic does not.

A round runs isobath, then llama.cpp, each in processes of its own: a prompt of
64 tokens and 64 new ones, the likeliest each; and a prompt of 512.  Timed is the
pass, not the choice of the next token.  llama.cpp reads its file into memory,
which decodes faster than the mapped file that is its usual, and gets a pass
before the clock starts; isobath gets none.
Tokens per second are medians; a ratio is of one round, above 1 where isobath
is the faster, and stands with the least and the largest.
"""
import argparse
import csv
import ctypes
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version

TEXT = ("Once upon a time there was a little girl who lived in a house near the"
        " forest with her mother and her father, and every day she went out to"
        " play. ")
SHORT, LONG, NEW = 64, 512, 64


# ---- the file in float32 ----

def widen(source, target):
    """Every key and tensor of a GGUF file, the tensors as float32."""
    import gguf
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(
        target, reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name.startswith("GGUF.") or name == "general.architecture":
            continue
        inner = field.types[1] if len(field.types) > 1 else None
        value = (int(gguf.LlamaFileType.ALL_F32)
                 if name == "general.file_type" else field.contents())
        writer.add_key_value(name, value, field.types[0], sub_type=inner)
    for t in reader.tensors:
        floats = gguf.quants.dequantize(t.data, t.tensor_type)
        writer.add_tensor(t.name, floats.astype("float32"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


# ---- one run of each ----

def isobath(args, model, stored, prompt, new):
    """Of one run: its summary, and the ids of its new tokens."""
    with tempfile.TemporaryDirectory() as out:
        command = [args.isobath, "run", model, "--prompt", prompt,
                   "-n", str(new), "--threads", str(args.threads), "-q",
                   "--weights", "stored" if stored else "float32", "-o", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with open(os.path.join(out, "summary.json")) as file:
            summary = json.load(file)["generation"]
        with open(os.path.join(out, "tokens.csv"), newline="") as file:
            return summary, [int(row["token"]) for row in csv.DictReader(file)]


def llama(args, model, stored):
    """What llama_child() prints, of a process of its own."""
    command = [sys.executable, os.path.abspath(__file__), model, "--child",
               "stored" if stored else "float32",
               "--threads", str(args.threads)]
    done = subprocess.run(command + ["--plain"] * args.plain, text=True,
                          capture_output=True)
    if done.returncode == -signal.SIGILL and not args.plain:
        args.plain = True
        return llama(args, model, stored)
    if done.returncode != 0:
        sys.exit(f"llama.cpp ended with {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


class Llama:
    """llama.cpp's C interface, one context."""

    def __init__(self, path, threads, float32, plain):
        import llama_cpp
        self.api = llama_cpp
        self.log = llama_cpp.llama_log_callback(lambda *ignored: None)
        llama_cpp.llama_log_set(self.log, None)
        llama_cpp.llama_backend_init()
        params = llama_cpp.llama_model_default_params()
        params.load_mode = llama_cpp.LLAMA_LOAD_MODE_NONE
        params.use_extra_bufts = not plain
        self.model = llama_cpp.llama_model_load_from_file(path.encode(), params)
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = LONG + NEW
        params.n_threads = params.n_threads_batch = threads
        if float32:
            params.type_k = params.type_v = llama_cpp.GGML_TYPE_F32
        self.context = llama_cpp.llama_init_from_model(self.model, params)
        self.vocab = llama_cpp.llama_model_get_vocab(self.model)
        self.n_vocab = llama_cpp.llama_vocab_n_tokens(self.vocab)

    def tokens(self, text):
        room = (self.api.llama_token * (2 * len(text) + 8))()
        raw = text.encode()
        n = self.api.llama_tokenize(self.vocab, raw, len(raw), room, len(room),
                                    True, False)
        return list(room[:n])

    def text(self, tokens):
        room = (ctypes.c_char * 64)()
        return b"".join(
            room[:self.api.llama_token_to_piece(self.vocab, t, room, len(room),
                                                0, False)]
            for t in tokens).decode()

    def clear(self):
        self.api.llama_memory_clear(
            self.api.llama_get_memory(self.context), True)

    def run(self, ids):
        """Seconds of a pass over more tokens, and the likeliest next."""
        import numpy
        array = (self.api.llama_token * len(ids))(*ids)
        batch = self.api.llama_batch_get_one(array, len(ids))
        started = time.perf_counter()
        if self.api.llama_decode(self.context, batch) != 0:
            sys.exit("llama_decode failed")
        self.api.llama_synchronize(self.context)
        seconds = time.perf_counter() - started
        logits = self.api.llama_get_logits_ith(self.context, -1)
        return seconds, int(numpy.ctypeslib.as_array(
            logits, (self.n_vocab,)).argmax())


def prompt_of(model, n):
    """A text that is n tokens."""
    ids = model.tokens(TEXT * n)[:n]
    text = model.text(ids)
    if model.tokens(text) != ids:
        sys.exit(f"no text of {n} tokens: choose another TEXT")
    return text


def llama_child(args):
    model = Llama(args.model, args.threads, args.child == "float32", args.plain)
    short, long = prompt_of(model, SHORT), prompt_of(model, LONG)

    model.run(model.tokens(long))
    model.clear()
    prefill, _ = model.run(model.tokens(long))
    model.clear()
    _, token = model.run(model.tokens(short))
    ids, seconds = [token], []
    while len(ids) < NEW:
        passed, token = model.run(ids[-1:])
        seconds.append(passed)
        ids.append(token)
    print(json.dumps({
        "short": short, "long": long, "ids": ids,
        "decode": 1 / statistics.median(seconds), "prefill": LONG / prefill,
        "info": model.api.llama_print_system_info().decode(),
    }))


# ---- in turns ----

def show(what, ours, theirs):
    ratios = [a / b for a, b in zip(ours, theirs)]
    print(f"{what:8} isobath {statistics.median(ours):8.4g}   llama.cpp "
          f"{statistics.median(theirs):8.4g} tokens/s   ratio "
          f"{statistics.median(ratios):.3f} [{min(ratios):.3f}, "
          f"{max(ratios):.3f}]")


def compare(args, model, stored):
    first = llama(args, model, stored)       # its prompts; the file into memory
    decode, prefill, opened = ([], []), ([], []), []

    for _ in range(args.rounds):
        ours, ids = isobath(args, model, stored, first["short"], NEW)
        long, _ = isobath(args, model, stored, first["long"], 1)
        theirs = llama(args, model, stored)
        found = (ours["prompt_tokens"], long["prompt_tokens"], len(ids))
        if found != (SHORT, LONG, NEW):
            sys.exit(f"isobath ran {found} tokens instead of "
                     f"{(SHORT, LONG, NEW)}")
        decode[0].append(ours["decode_tokens_per_second"])
        decode[1].append(theirs["decode"])
        prefill[0].append(long["prefill_tokens_per_second"])
        prefill[1].append(theirs["prefill"])
        opened.append(ours["open_seconds"])
    same = next((i for i, (a, b) in enumerate(zip(ids, theirs["ids"]))
                 if a != b), NEW)
    print(f"{os.path.basename(model)}, "
          f"{'as stored' if stored else 'float32'}, {args.threads} threads, "
          f"{args.rounds} rounds")
    show("decode", *decode)
    show("prefill", *prefill)
    print(f"opened   isobath {statistics.median(opened):.3g} s "
          f"[{min(opened):.3g}, {max(opened):.3g}]")
    print(f"the first {same} of {NEW} new tokens are the same")
    return first["info"]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", help="a GGUF file")
    parser.add_argument("--isobath", default="build/isobath")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--work", default="build",
                        help="where the float32 file goes")
    parser.add_argument("--plain", action="store_true",
                        help="llama.cpp without weights packed for AMX and the"
                        "\nlike; so, and said, where it dies of an illegal"
                        "\ninstruction")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        llama_child(args)
        return
    name = os.path.basename(args.model).removesuffix(".gguf")
    wide = os.path.join(args.work, name + ".float32.gguf")
    if not os.path.exists(wide):
        widen(args.model, wide + ".part")
        os.rename(wide + ".part", wide)
    compare(args, wide, False)
    info = compare(args, args.model, True)
    print(f"llama.cpp {version('llama-cpp-python')} (Python package), {info}"
          + "without weights packed for AMX and the like" * args.plain)


main()
