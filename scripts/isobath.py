"""Read what isobath leaves: directories of train, run, router, regret, profile
and sweep.

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
"""
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
