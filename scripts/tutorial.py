#!/usr/bin/env python3
# %% [markdown]
# From nothing to two answers, in about two minutes:
#
# 1. Is a model that skips tokens better than a dense one, for equal training?
# 2. How much of the FLOPs it saves comes back as time?
#
# Run it whole, `python3 tutorial.py [DIR]`, or cell by cell in an editor.  It needs
# `isobath` on the PATH, and `isobath.py` where Python finds it.

# %% Where things go, and a text to train on
import os
import shutil
import subprocess
import sys

import isobath

if not shutil.which("isobath"):
    sys.exit("tutorial: no isobath on the PATH: make install, or PATH=build:$PATH")
if len(sys.argv) > 1:
    os.makedirs(sys.argv[1], exist_ok=True)
    os.chdir(sys.argv[1])


def run(*arguments):
    print("$ isobath", *arguments, flush=True)
    done = subprocess.run(["isobath", *arguments], check=True, text=True,
                          stdout=subprocess.PIPE)
    return done.stdout


text = run("corpus", "kjv").split()[0]

# %% A study: two models of one shape, three seeds, equal training FLOPs
# One is dense; in the other every second block keeps an eighth of the tokens.
with open("study.yaml", "w", encoding="utf-8") as file:
    file.write("base: base.yaml\n"
               "axes:\n"
               "  routing.capacity: [0.125, 1.0]\n"
               "  train.seed: [1, 2, 3]\n")
with open("base.yaml", "w", encoding="utf-8") as file:
    file.write("model: {family: llama, layers: 6, channels: 32, heads: 2}\n"
               "data: {path: %s, tokens: 256}\n"
               "train: {budget_flops: %s, judge_windows: 200}\n"
               % (text, os.environ.get("TUTORIAL_FLOPS", "3e11")))
run("sweep", "study.yaml", "-o", "sweep", "--quiet")
sweep = isobath.load("sweep")
points = isobath.rows(sweep["points"])

# %% First answer: losses, paired by seed
loss = {(p["routing.capacity"], p["train.seed"]): p["loss.heldout_causal"]
        for p in points}
differences = [loss[0.125, seed] - loss[1.0, seed] for seed in (1, 2, 3)]
mean = sum(differences) / len(differences)
print("\n1. MoD less dense, nats per byte: %+.4f (%s)"
      % (mean, ", ".join("%+.4f" % d for d in differences)))
print("   Three seeds tell no small difference: isobath report sweep -o page"
      " says what they tell.")

# %% Second answer: the trained MoD model against its dense twin, in turns
trained = next(name for name, point in sweep.runs.items()
               if point.summary["config"]["routing"]["capacity"] == [0.125])
run("profile", os.path.join("sweep", "points", trained), "-o", "profile",
    "--quiet", "--phases", "prefill,decode")
for phase in isobath.load("profile").summary["phases"]:
    ratio, seconds = phase["ratio"], phase["ratio"]["seconds"]
    if seconds["busy"] or seconds["low"] is None or not ratio["flops"] < 1:
        print("\n2. %s: %.0f %% of the FLOPs; time is unknown: others ran"
              " here, or too few repeats stood"
              % (phase["name"], 100 * ratio["flops"]))
        continue
    print("\n2. %s: %.0f %% of the FLOPs, %.0f %% of the time [%.0f, %.0f]:"
          " %.0f %% of the saving comes back"
          % (phase["name"], 100 * ratio["flops"], 100 * seconds["median"],
             100 * seconds["low"], 100 * seconds["high"],
             100 * (1 - seconds["median"]) / (1 - ratio["flops"])))

# %% And the page that shows all of it
print("\n" + run("report", "sweep", "profile", "-o", "page"))
