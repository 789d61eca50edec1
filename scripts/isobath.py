"""Read what isobath leaves: directories of train, run, router, regret,
sensitivity, allocate, profile and sweep.

    import isobath
    run = isobath.load("build/run")
    run["curve"]                      # curve.csv, a data frame
    run["curve"].attrs["units"]       # {"flops": "flop", "seconds": "s", ...}
    run.totals()                      # a row a metric and witness: value, unit,
                                      # how it is known, why it is not
    isobath.load("build/sweep").runs  # {"000000": the run of that point, ...}

A table is a pandas.DataFrame where pandas is installed, else a list of dicts;
rows(table) and units(table) are for both.
Unknown is NaN (None without pandas), never 0.  What each file holds is said by
schema.json, which `python3 -m isobath schema` prints as a page;
`python3 -m isobath validate DIR...` checks directories against it.

    with isobath.record(model, {"layers.3.router": "topk"}, "build/mine"):
        model(ids)                    # a PyTorch model: who is routed where

writes trace.csv and config.json, for isobath predict build/mine --trace
build/mine.
"""
import contextlib
import csv
import fnmatch
import json
import os
import re
import sys

try:
    import pandas
except ImportError:
    pandas = None

HERE = os.path.dirname(os.path.realpath(__file__))
SCHEMA_PLACES = [os.path.join(HERE, *place) for place in (
    ("..", "reports", "schema.json"),                             # the tree
    ("..", "..", "..", "share", "isobath", "schema.json"))]       # installed
KEYS = ("model.", "routing.", "data.", "train.", "run.", "machine")


def schema():
    """What the files hold, as a dict; its `version` stands in summary.json."""
    for path in SCHEMA_PLACES:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                return json.load(file)
    raise FileNotFoundError("schema.json lies at none of: " +
                            ", ".join(SCHEMA_PLACES))


# ---- names and patterns ----

def _expanded(rows, metrics):
    """Rows of the schema, with one for each metric where it says {metric}."""
    for name, kind, unit, means in rows:
        if "{metric}" not in name:
            yield name, kind, unit, means
            continue
        for metric, of in metrics.items():
            yield (name.replace("{metric}", metric), kind,
                   unit.replace("{unit}", of), means)


def _fits(name, pattern):
    if pattern == "{key}":
        return name.startswith(KEYS)
    return fnmatch.fnmatchcase(name, pattern)


def _path_fits(path, pattern):
    """A path of a JSON file: * is one step, ** at the end any number."""
    text = re.escape(pattern).replace(r"\*\*", "\0").replace(r"\*", r"[^.]+")
    return re.fullmatch(text.replace("\0", ".*"), path) is not None


def _row_of(name, rows):
    return next((row for row in rows if _fits(name, row[0])), None)


def _columns_of(about, header, metrics):
    """The rows of the variant that fits the header best."""
    variants = [list(_expanded(rows, metrics))
                for rows in about.get("variants", [about["columns"]])]
    return max(variants, key=lambda rows: sum(
        _row_of(name, rows) is not None for name in header))


def _about(name, files):
    return files.get(name) or next(
        (about for pattern, about in files.items()
         if fnmatch.fnmatchcase(name, pattern)), None)


# ---- reading ----

def _value(text, kind):
    kind = kind.rstrip("?")
    if text == "" and kind != "text":
        return None
    if kind == "integer":
        return int(float(text)) if not text.lstrip("-").isdigit() else int(text)
    if kind == "number":
        return float(text)
    if kind == "0/1":
        return text in ("1", "yes")
    return text


def _read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    return rows[0], rows[1:]


def _table(path, files, metrics):
    header, rows = _read_csv(path)
    about = _about(os.path.basename(path), files)
    columns = _columns_of(about, header, metrics) if about else []
    kinds = [(_row_of(name, columns) or (name, "text", "", ""))
             for name in header]
    out = [{name: _value(text, kind[1])
            for name, text, kind in zip(header, row, kinds)} for row in rows]
    if pandas is None:
        out = Rows(_with_numbers(out, header, kinds))
        out.units = {name: kind[2] for name, kind in zip(header, kinds)}
        return out
    frame = pandas.DataFrame(out, columns=header)
    for name, kind in zip(header, kinds):
        if kind[1].rstrip("?") == "number" or _is_numeric(frame[name], kind[1]):
            frame[name] = pandas.to_numeric(frame[name])
    frame.attrs["units"] = {name: kind[2] for name, kind in zip(header, kinds)}
    frame.attrs["means"] = {name: kind[3] for name, kind in zip(header, kinds)}
    frame.attrs["file"] = path
    return frame


def _with_numbers(rows, header, kinds):
    for name, kind in zip(header, kinds):
        if _is_numeric([row[name] for row in rows], kind[1]):
            for row in rows:
                row[name] = float(row[name]) if row[name] else None
    return rows


def _is_numeric(column, kind):
    """Keys of a study are texts, unless all of them are numbers."""
    if kind.rstrip("?") != "text":
        return False
    number = re.compile(r"[-+]?[0-9.]+(e[-+]?[0-9]+)?")
    texts = [text for text in column if text]
    return bool(texts) and all(number.fullmatch(text) for text in texts)


def rows(table):
    """A table as a list of dicts, with pandas and without."""
    return table if isinstance(table, list) else table.to_dict("records")


def units(table):
    """The unit of each column, "" where it has none."""
    return table.units if isinstance(table, Rows) else table.attrs["units"]


class Rows(list):
    """A table where there is no pandas: a list of dicts that knows its units."""


class Run:
    """A directory: `summary`, `command`, `provenance`, `tables`, `runs`."""

    def __init__(self, path):
        self.path = os.fspath(path)
        self._schema = schema()
        with open(os.path.join(path, "summary.json"), encoding="utf-8") as file:
            self.summary = json.load(file)
        self.command = self.summary["command"]
        self.provenance = self.summary["provenance"]

    @property
    def tables(self):
        """Names of the tables that are there: "curve", "ledger", ..."""
        return sorted(name[:-4] for name in os.listdir(self.path)
                      if name.endswith(".csv"))

    def __getitem__(self, name):
        return _table(os.path.join(self.path, name + ".csv"),
                      self._schema["files"], self._schema["metrics"])

    @property
    def runs(self):
        """The runs of a sweep's finished points, by their numbers."""
        points = os.path.join(self.path, "points")
        names = sorted(os.listdir(points)) if os.path.isdir(points) else []
        return {name: Run(os.path.join(points, name)) for name in names
                if os.path.exists(os.path.join(points, name, "summary.json"))}

    def totals(self):
        """A row a metric and witness: value, unit, source, reason."""
        rows = []
        for witness, of in self.summary["totals"].items():
            for metric, unit in self._schema["metrics"].items():
                rows.append({
                    "witness": witness, "metric": metric,
                    "value": of.get(metric), "unit": unit,
                    "source": of.get("sources", {}).get(metric),
                    "reason": of.get("reasons", {}).get(metric)})
        return rows if pandas is None else pandas.DataFrame(rows)

    def __repr__(self):
        return "<isobath %s %s: %s>" % (self.command, self.path,
                                        ", ".join(self.tables))


def load(path):
    """Open a directory of isobath; its tables are read when asked for."""
    return Run(path)


# ---- validating ----

_TYPES = {
    "integer": lambda x: isinstance(x, int) and not isinstance(x, bool),
    "number": lambda x: isinstance(x, (int, float)) and not isinstance(x, bool),
    "text": lambda x: isinstance(x, str),
    "0/1": lambda x: isinstance(x, bool),
    "any": lambda x: True,
}


def _leaves(value, path=""):
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, path + ("." if path else "") + key)
    elif isinstance(value, list) and value:
        for inner in value:
            yield from _leaves(inner, path + "[]")
    else:
        yield path, value


def _check_summary(summary, of, metrics):
    required = list(_expanded(of["required"], metrics))
    known = required + list(_expanded(of["optional"], metrics))
    leaves = list(_leaves(summary))
    for pattern, _, _, _ in required:
        if ".reasons." in pattern or ".sources." in pattern:
            continue
        if not any(_path_fits(path, pattern) for path, _ in leaves):
            yield "summary.json: %s is missing" % pattern
    for path, value in leaves:
        row = next((row for row in known if _path_fits(path, row[0])), None)
        if row is None:
            yield "summary.json: %s is not in the schema" % path
        elif not (value is None and row[1].endswith("?")) and \
                not _TYPES[row[1].rstrip("?")](value):
            yield "summary.json: %s is %r, not %s" % (path, value, row[1])


_CELLS = {
    "integer": re.compile(r"-?[0-9]+"),
    "number": re.compile(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?"),
    "0/1": re.compile(r"[01]"),
    "text": re.compile(r".*", re.S),
}


def _check_table(path, about, metrics):
    name = os.path.basename(path)
    header, rows = _read_csv(path)
    columns = _columns_of(about, header, metrics)
    kinds = [_row_of(column, columns) for column in header]
    for column, kind in zip(header, kinds):
        if kind is None:
            yield "%s: column %s is not in the schema" % (name, column)
    for pattern, kind, _, _ in columns:
        if "*" not in pattern and "{" not in pattern and \
                not kind.endswith("?") and pattern not in header:
            yield "%s: column %s is missing" % (name, pattern)
    for line, row in enumerate(rows, 2):
        if len(row) != len(header):
            yield "%s:%d: %d fields, not %d" % (name, line, len(row),
                                                len(header))
        for column, text, kind in zip(header, row, kinds):
            if kind is None or (text == "" and kind[1].endswith("?")):
                continue
            if not _CELLS[kind[1].rstrip("?")].fullmatch(text):
                yield "%s:%d: %s is %r, not %s" % (name, line, column, text,
                                                   kind[1])


def validate(path):
    """What in a directory is not as the schema says: a list of texts."""
    run = Run(path)
    rules, metrics = run._schema, run._schema["metrics"]
    faults = []
    if run.summary.get("schema") != "isobath-run-" + rules["version"]:
        faults.append("summary.json: schema %s, not isobath-run-%s" % (
            run.summary.get("schema"), rules["version"]))
    faults += _check_summary(run.summary, rules["summary"], metrics)
    for table in run.tables:
        about = _about(table + ".csv", rules["files"])
        if about is None:
            faults.append("%s.csv is not in the schema" % table)
        else:
            faults += _check_table(os.path.join(path, table + ".csv"), about,
                                   metrics)
    return faults


# ---- recording who is routed where ----

_RULE = re.compile(r"(mask|topk|gate)(?:\[(\d+)\])?"
                   r"(?:(>=|<=|>|<)([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?))?")
_COMPARE = {">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
            "<": lambda a, b: a < b, "<=": lambda a, b: a <= b}
_PARTS = ("block", "attention", "ffn")
_LONGEST = 1 << 20                    # tokens of a window that trace.csv holds


class _Watched:
    """A module that says who is kept, and how what it returns is read."""

    def __init__(self, name, rule):
        given = (rule,) if isinstance(rule, str) else tuple(rule)
        numbers = [int(step) for step in name.split(".") if step.isdigit()]
        match = _RULE.fullmatch(given[0])
        if not match or (match[1] == "gate") != (match[3] is not None):
            raise ValueError("%s: rule %r; allowed are mask, topk, and gate"
                             " with a threshold, as gate>0.5; each with [i]"
                             " where the module returns several" %
                             (name, given[0]))
        if len(given) < 2 and not numbers:
            raise ValueError("%s: no number in the name says the layer; give"
                             " (%r, LAYER)" % (name, given[0]))
        self.name, self.kind = name, match[1]
        self.index = None if match[2] is None else int(match[2])
        self.keeps = match[3] and _COMPARE[match[3]]
        self.threshold = match[3] and float(match[4])
        self.layer = given[1] if len(given) > 1 else numbers[0]
        self.part = given[2] if len(given) > 2 else "block"
        if self.part not in _PARTS:
            raise ValueError("%s: part %r; allowed are %s" % (
                name, self.part, ", ".join(_PARTS)))
        self.given = None             # what it returned in this pass

    def take(self, _module, _inputs, output):
        if isinstance(output, (tuple, list)):
            if self.index is None or self.index >= len(output):
                raise ValueError("%s returns %d values: say which one, as"
                                 " %s[0]" % (self.name, len(output), self.kind))
            output = output[self.index]
        if self.given is not None:
            raise ValueError("%s was called twice in one pass of the model: a"
                             " trace holds one choice a layer and pass" %
                             self.name)
        self.given = output.detach()

    def _shaped(self, shape, what):
        """What was returned, as two sides of lists; or a refusal."""
        values, is_ = self.given, list(self.given.shape)
        flat = is_[:2] if is_[2:] == [1] else is_
        if self.kind != "topk" and is_ in (
                [shape[0] * shape[1]], [shape[0] * shape[1], 1]):
            flat = shape              # rows of all sequences, one after another
        if len(flat) != 2 or flat[0] != shape[0] or \
                shape[1] not in (None, flat[1]):
            raise ValueError("%s: %s gives %s; expected is %s" % (
                self.name, self.kind, is_, what))
        return values.reshape(flat).tolist()

    def kept(self, n_sequences, n_tokens):
        """The kept positions of each sequence, ascending."""
        if self.given is None:
            raise ValueError("%s was not called in a pass of the model: a trace"
                             " holds a choice of every layer for every pass" %
                             self.name)
        of = "[B, T] = [%d, %d]" % (n_sequences, n_tokens)
        if self.kind == "topk":
            rows = self._shaped([n_sequences, None], "integers [B, K], B = %d"
                                % n_sequences)
            for row in rows:
                wrong = [t for t in row if t != int(t) or
                         not 0 <= t < n_tokens]
                if wrong or len(set(row)) < len(row):
                    raise ValueError("%s: topk gives position %s; expected are"
                                     " different ones of 0 to %d" % (
                                         self.name, (wrong or row)[0],
                                         n_tokens - 1))
            return [sorted(map(int, row)) for row in rows]
        rows = self._shaped([n_sequences, n_tokens], "%s %s" % (
            "bool" if self.kind == "mask" else "numbers", of))
        if self.kind == "gate":
            return [[t for t, x in enumerate(row)
                     if self.keeps(x, self.threshold)] for row in rows]
        wrong = [x for row in rows for x in row if x not in (0, 1)]
        if wrong:
            raise ValueError("%s: mask gives %s; expected is bool %s" % (
                self.name, wrong[0], of))
        return [[t for t, x in enumerate(row) if x] for row in rows]


def _stretches(kept):
    """0, 1, 2, 5 as "0-2 5"."""
    out = []
    for t in kept:
        if out and out[-1][1] == t - 1:
            out[-1][1] = t
        else:
            out.append([t, t])
    return " ".join("%d-%d" % (a, b) if b > a else "%d" % a for a, b in out)


def _lengths(mask, n_sequences, n_tokens):
    """Tokens of each sequence, by an attention_mask [B, T] padded right."""
    if mask is None or len(mask.shape) != 2:
        return [n_tokens] * n_sequences
    rows = [[bool(x) for x in row] for row in mask.tolist()]
    for row in rows:
        if row != sorted(row, reverse=True) or not any(row):
            raise ValueError("attention_mask: a trace holds sequences that"
                             " begin at position 0; expected is padding on the"
                             " right")
    return [sum(row) for row in rows]


def _config_text(model, config):
    """config.json, of a path, of a dict, or of the model's own config."""
    if config is None:
        config = getattr(model, "config", None)
    if config is None:
        raise ValueError("the model has no config: give config=, a dict or the"
                         " path of a config.json")
    if isinstance(config, (str, os.PathLike)):
        with open(config, encoding="utf-8") as file:
            config = json.load(file)
    elif hasattr(config, "to_dict"):
        config = config.to_dict()
    elif not isinstance(config, dict):
        config = vars(config)
    return json.dumps(config, indent=2, default=str) + "\n"


def _write_whole(path, text):
    with open(path + ".part", "w", newline="", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".part", path)


def _sized(args, kwargs):
    """[B, T] of what a model is called with: its first tensor of two or more
    sides, token ids or rows."""
    for value in list(args) + list(kwargs.values()):
        if len(getattr(value, "shape", ())) >= 2:
            return [int(n) for n in value.shape[:2]]
    raise ValueError("the model was called without a tensor [B, T, ...]: its"
                     " sequences and tokens are not known")


@contextlib.contextmanager
def record(model, where, out, config=None):
    """Record which tokens the routed layers of a PyTorch model keep.

    where: the name of a module (model.named_modules()) -> a rule that says
    what it returns:
      "mask"      true where a token is kept: bool [B, T], [B, T, 1] or [B*T]
      "topk"      positions that are kept: integers [B, K]
      "gate>0.5"  numbers shaped as a mask, kept above a threshold (or >=, <,
                  <=)
    each with [i] where it returns several: "topk[1]".  The first number in the
    name is the layer, and the whole block is routed; (rule, layer) and (rule,
    layer, part), part block, attention or ffn, say otherwise.

    Every pass of the model in the block adds a window for each of its
    sequences, whose tokens are those of the first tensor that it is called
    with, [B, T, ...], less padding on the right that attention_mask tells.
    Passes over whole sequences, that is: not steps with cached keys.  At the
    end trace.csv and config.json stand in the directory `out`; after an
    exception neither is written.  config: a dict or a path, where the model has
    no config of its own that isobath opens.
    """
    text = _config_text(model, config)
    watched = sorted((_Watched(name, rule) for name, rule in where.items()),
                     key=lambda w: (w.layer, _PARTS.index(w.part)))
    modules = dict(model.named_modules())
    for w in watched:
        if w.name not in modules:
            near = [name for name in modules if name.endswith(
                w.name.rsplit(".", 1)[-1])] or list(modules)
            raise ValueError("%s: the model has no such module; it has %s" % (
                w.name, ", ".join(filter(None, near[:8]))))
    if len({(w.layer, w.part) for w in watched}) < len(watched) or not watched:
        raise ValueError("a trace holds one choice or more, and one a layer and"
                         " part: %s" % ", ".join(
                             "%s is %s of layer %d" % (w.name, w.part, w.layer)
                             for w in watched))
    lines, n_windows = ["window,layer,part,tokens,kept"], [0]

    forward, own = model.forward, vars(model).get("forward")

    # Hooks see keyword arguments from PyTorch 2.0 on alone.
    def recorded(*args, **kwargs):
        for w in watched:
            w.given = None
        output = forward(*args, **kwargs)
        take(args, kwargs)
        return output

    def take(args, kwargs):
        n_sequences, n_tokens = _sized(args, kwargs)
        lengths = _lengths(kwargs.get("attention_mask"), n_sequences, n_tokens)
        if n_tokens > _LONGEST:
            raise ValueError("%d tokens a sequence; a trace holds up to %d" % (
                n_tokens, _LONGEST))
        kept = [w.kept(n_sequences, n_tokens) for w in watched]
        for b, length in enumerate(lengths):
            for w, rows in zip(watched, kept):
                lines.append("%d,%d,%s,%d,%s" % (
                    n_windows[0] + b, w.layer, w.part, length,
                    _stretches(t for t in rows[b] if t < length)))
        n_windows[0] += n_sequences

    hooks = [modules[w.name].register_forward_hook(w.take) for w in watched]
    model.forward = recorded
    try:
        yield
    finally:
        del model.forward
        if own is not None:
            model.forward = own
        for hook in hooks:
            hook.remove()
    if n_windows[0] == 0:
        raise ValueError("the model was not called: there is nothing to record")
    os.makedirs(out, exist_ok=True)
    _write_whole(os.path.join(out, "config.json"), text)
    _write_whole(os.path.join(out, "trace.csv"), "\r\n".join(lines + [""]))


# ---- the page ----

def _page_rows(rows):
    lines = ["| name | type | unit | what |", "|---|---|---|---|"]
    for row in rows:
        lines.append("| `%s` | %s | %s | %s |" % tuple(row))
    return lines + [""]


def page():
    """The schema as Markdown."""
    rules = schema()
    lines = ["# What stands in a run directory, version " + rules["version"],
             "", "Written by `python3 scripts/isobath.py schema` from"
             " `schema.json`; a test holds both to the files of every command."
             " Numbers are in base units; a type that ends in ? may be empty in"
             " CSV and null in JSON, which means unknown, never 0. `{metric}` is"
             " each of " + ", ".join("%s (%s)" % (m, u) if u else m for m, u in
                                     rules["metrics"].items()) + "; `*` stands"
             " for any part of a name, `{key}` for a key of the config.", ""]
    for name, about in rules["files"].items():
        lines += ["## %s" % name, "", "Of `%s`. %s" % (
            "`, `".join(about["of"].split(", ")), about["about"]), ""]
        for rows in about.get("variants", [about["columns"]]):
            lines += _page_rows(rows)
    lines += ["## summary.json", "", "In every directory:", ""]
    lines += _page_rows(rules["summary"]["required"])
    lines += ["Where the command has it:", ""]
    lines += _page_rows(rules["summary"]["optional"])
    return "\n".join(lines).rstrip("\n") + "\n"


def main(arguments):
    if arguments == ["schema"]:
        sys.stdout.write(page())
        return 0
    if len(arguments) > 1 and arguments[0] == "validate":
        faults = [(path, fault) for path in arguments[1:]
                  for fault in validate(path)]
        for path, fault in faults:
            print("%s: %s" % (path, fault))
        return 1 if faults else 0
    print("Usage: python3 -m isobath schema | validate DIR...",
          file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
