#!/usr/bin/env python3
"""Twenty steps of training under each policy and variant, again in PyTorch.

    make build/replay
    python3 tests/compare/replay.py build/replay README.md [POLICY...]

build/replay trains a small llama that routes three of its four layers, or has
experts in all, and writes its first and last weights, its texts and who was kept at each step; this
script takes the same steps in float64 by autograd and by AdamW's equations.  It
fails where a loss, the norm of the gradients or a weight is off by more than
1e-4.  Elements whose gradient came near AdamW's epsilon have steps that rounding
decides: they are left out, and counted.  Choices that go by scores must be those
of the scores worked out here, but for near ties.  Needs torch and numpy.
"""
import json
import math
import os
import struct
import subprocess
import sys
import tempfile

import numpy
import torch
import torch.nn.functional as F

B, T, L = 2, 48, 4
RATE, BETA1, BETA2, EPSILON, DECAY, CLIP = 3e-3, 0.9, 0.98, 1e-8, 0.1, 1.0
NEAR, TIE = 1e-4, 1e-4
TINY = 1e-6           # a gradient this small is rounding, divided by epsilon
MATRICES = ("WTE", "QKV", "PROJECT", "UP", "DOWN", "PREDICT_UP", "PREDICT_DOWN",
            "EXPERT_ROUTER", "EXPERT_UP", "EXPERT_DOWN", "SHARED_UP",
            "SHARED_DOWN")
PARTS = ("block", "attention", "ffn", "apart")
KEYS = ("absent", "computed", "carried")
TOP_K = ("attention", "computed", "carried",
         "expert_choice", "losses", "bypass", "scaled_tanh", "gate_one",
         "apart_routers", "experts_staged", "recursion_routed", "nested",
         "nested_span", "lent_nested", "exits_routed", "exits_nested",
         "nested_output", "nested_experts")
BY_TOKEN = ("token_choice", "depths", "depths_span", "lent_depths",
            "depths_output", "depths_span_output")
MEAN_CUT = ("threshold", "bypass_losses", "ffn", "apart_bypass",
            "nested_threshold")
DTYPES = {"F32": numpy.float32, "F64": numpy.float64, "I32": numpy.int32,
          "U8": numpy.uint8}


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    out = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        begin, end = (8 + size + at for at in entry["data_offsets"])
        out[name] = numpy.frombuffer(data[begin:end], DTYPES[entry["dtype"]]
                                     ).reshape(entry["shape"])
    return out


def plain_norm(x):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + 1e-5)


def rotate(x, positions):                       # [n,heads,D]
    half = x.shape[-1] // 2
    angle = positions[:, None] * 10000.0 ** (-torch.arange(half) / half)
    cos, sin = angle.cos()[:, None], angle.sin()[:, None]
    a, b = x[..., :half], x[..., half:]
    return torch.cat((a * cos - b * sin, b * cos + a * sin), -1)


class Experts:
    """A mixture of experts in the place of a feed-forward part."""

    def __init__(self, spec):
        (self.n, self.idle, self.active, self.normalised, self.by_expert,
         self.capacity, self.shared, self.balance, self.z) = spec
        self.n, self.idle = int(self.n), int(self.idle)
        self.active, self.scores = int(self.active), self.n + self.idle
        self.noted = {}          # of a layer: rows' chances, choices, scores
        self.wrong = 0

    def begin(self, chosen):
        """A step in which these [L,B,T,scores] were chosen."""
        self.chosen, self.wrong = torch.tensor(chosen)[..., :self.scores] > 0, 0

    def choose(self, chance, chosen):
        """Who is chosen and enters [n,scores] of a sequence's rows.  Those that
        were chosen are, if near ties apart the chances have them so."""
        n = len(chance)
        factor = self.capacity or (1 if self.by_expert else 0)
        room = n if factor == 0 else max(1, min(n, math.ceil(
            factor * n * self.active / self.scores - 1e-6)))
        along, many = (0, room) if self.by_expert else (1, self.active)
        least = chance.masked_fill(~chosen, math.inf).amin(along)
        most = chance.masked_fill(chosen, -math.inf).amax(along)
        self.wrong += int((chosen.sum(along) != many).sum() +
                          (least < most - TIE).sum())
        if self.by_expert:
            return chosen, chosen
        entered = chosen & (chosen.cumsum(0) <= room)
        entered[:, self.n:] = False
        return chosen, entered

    def run(self, x, rows, sequence, layer, weight):
        """Of normalised rows x of one sequence."""
        score = x @ weight("EXPERT_ROUTER", layer)
        chance = score.softmax(-1)
        chosen, entered = self.choose(chance.detach(),
                                      self.chosen[layer, sequence][rows])
        by = chance * entered
        if self.normalised:
            by = by / (chance * chosen).sum(-1, keepdim=True)
        up = weight("EXPERT_UP", layer).reshape(self.n, x.shape[1], -1)
        down = weight("EXPERT_DOWN", layer).reshape(self.n, -1, x.shape[1])
        out = sum(by[:, e:e + 1] * (swiglu(x @ up[e]) @ down[e])
                  for e in range(self.n))
        if self.shared:
            part = swiglu(x @ weight("SHARED_UP", layer)) @ \
                weight("SHARED_DOWN", layer)
            out = out + part * (x @ weight("SHARED_GATE", layer).reshape(-1)
                                ).sigmoid()[:, None]
        self.noted.setdefault(layer, []).append((chance, chosen, score))
        return out

    def losses(self):
        """What balance_loss and z_loss weigh: means over layers."""
        balance = square = 0.0
        for noted in self.noted.values():
            chance, chosen, score = (torch.cat(of) for of in zip(*noted))
            balance = balance + self.scores * (
                chosen.double().mean(0) * chance.mean(0)).sum()
            square = square + (score.logsumexp(-1) ** 2).mean()
        layers, self.noted = len(self.noted), {}
        return balance / layers, square / layers


def swiglu(up):
    half = up.shape[-1] // 2
    return F.silu(up[:, :half]) * up[:, half:]


class Decoder:
    def __init__(self, record):
        spec = record["spec"]
        (self.channels, self.heads, self.groups, self.size,
         self.ffn) = (int(v) for v in spec[:5])
        self.routes = bool(spec[5])
        self.aux, self.z, self.balance = spec[6:9]
        self.predicts = spec[9] > 0
        self.gate, self.scale, self.bypass = int(spec[10]), spec[11], spec[12]
        self.part, self.keys = PARTS[int(spec[13])], KEYS[int(spec[14])]
        self.scores, self.first = spec[15] > 0, int(spec[16])
        self.exits = spec[17:17 + L]
        self.experts = Experts(spec[17 + L:26 + L]) if spec[17 + L] > 0 \
            else None
        self.recursion = [int(v) for v in spec[26 + L:29 + L]]
        self.nested = spec[29 + L] > 0
        self.routed = [v > 0 for v in spec[30 + L:30 + 2 * L]]
        self.capacity = spec[30 + 2 * L:30 + 3 * L]
        self.depths, self.lends, self.output = spec[30 + 3 * L:] > 0
        self.lent = {}           # of a place in the first recursion: keys, values
        self.weights = {
            name[6:]: torch.tensor(value.astype(numpy.float64),
                                   requires_grad=True)
            for name, value in record.items() if name.startswith("start.")}

    def span(self, layer):
        """Layers of a span, and the layer's place in it."""
        first, last, times = self.recursion
        if times < 2 or not first <= layer <= last:
            return 1, 0
        size = (last + 1 - first) // times
        return size, (layer - first) % size

    def weight(self, name, layer):
        first, last, times = self.recursion
        if times > 1 and first <= layer <= last and \
                not name.startswith(("ROUTER", "PREDICT")):
            layer = first + self.span(layer)[1]
        return self.weights[f"{name}.{layer}"]

    def follows(self, layer):
        """It is routed with the layer before."""
        return self.nested and self.routed[layer] and self.span(layer)[1] > 0

    def gates(self, score):
        return self.scale * (score, score.sigmoid(), 2 * score.sigmoid(),
                             score.tanh(), torch.ones_like(score)
                             )[self.gate][:, None]

    def keys_of(self, x, positions, layer):
        q, e = self.heads * self.size, self.groups * self.size
        qkv = (plain_norm(x) * self.weight("NORM1_GAMMA", layer)) @ \
            self.weight("QKV", layer)
        n = x.shape[0]
        return (rotate(qkv[:, :q].reshape(n, self.heads, -1), positions),
                rotate(qkv[:, q:q + e].reshape(n, self.groups, -1), positions),
                qkv[:, q + e:].reshape(n, self.groups, -1))

    def attention(self, x, rows, layer, before):
        """Of rows of the stream x [T,C]; keys and values [T,..] that it leaves,
        or where skipped tokens have none, None."""
        everyone = torch.arange(T)
        query, key, value = self.keys_of(x[rows], rows, layer)
        if self.keys == "computed":
            _, key, value = self.keys_of(x, everyone, layer)
        elif self.keys == "carried":
            if before is None:
                before = (torch.zeros(T, *key.shape[1:]),
                          torch.zeros(T, *value.shape[1:]))
            key = before[0].index_copy(0, rows, key)
            value = before[1].index_copy(0, rows, value)
        at = rows if self.keys == "absent" else everyone
        first, last, _ = self.recursion
        size, place = self.span(layer)
        if self.lends and first + size <= layer <= last:
            (key, value), at = self.lent[place], everyone
        elif self.lends and first <= layer <= last:
            self.lent[place] = key, value
        share = self.heads // self.groups
        score = torch.einsum("ihd,jhd->hij", query, key.repeat_interleave(
            share, 1)) / math.sqrt(self.size)
        score = score.masked_fill(at[None, :] > rows[:, None], -math.inf)
        mixed = torch.einsum("hij,jhd->ihd", score.softmax(-1),
                             value.repeat_interleave(share, 1))
        return x[rows] + mixed.reshape(len(rows), -1) @ \
            self.weight("PROJECT", layer), (key, value)

    def feed_forward(self, x, rows, layer):
        read = plain_norm(x) * self.weight("NORM2_GAMMA", layer)
        if self.experts:
            return x + self.experts.run(read, rows, self.sequence, layer,
                                        self.weight)
        return x + swiglu(read @ self.weight("UP", layer)) @ \
            self.weight("DOWN", layer)

    def route(self, x, kept, score, run):
        """x' = x + g (run(x) - x) of the kept, or x + g run(x), or of depths that
        one gate ends run(x); run takes the stream and rows."""
        rows = torch.tensor(numpy.flatnonzero(kept))
        new = x
        if self.bypass:
            others = torch.tensor(numpy.flatnonzero(kept == 0))
            new = new.index_copy(0, others, x[others] *
                                 self.gates(score[others]))
        if len(rows) == 0:
            return new
        gate = self.gates(score[rows]) if self.scores else 1.0
        given = run(x, rows)
        if self.output:
            return new.index_copy(0, rows, given if self.depths
                                  else x[rows] + gate * given)
        return new.index_copy(0, rows, x[rows] + gate * (given - x[rows]))

    def layer(self, x, layer, judge, kept, before):
        """kept: the choices' of the layer, attention's first; judge(x, i): the
        scores that its i-th choice has of the stream."""
        table = [before]
        everyone = torch.arange(T)

        def attend(stream, rows):
            out, table[0] = self.attention(stream, rows, layer, before)
            return out

        def feed(stream, rows):
            return self.feed_forward(stream[rows], rows, layer)

        score = judge(x, 0) if kept is not None else None
        if kept is None or self.part == "ffn":
            x = attend(x, everyone)
        if kept is None:
            x = feed(x, everyone)
        elif self.part == "block":
            def run(stream, rows):
                out = self.feed_forward(attend(stream, rows), rows, layer)
                for after in range(layer + 1, L):
                    if not self.follows(after):
                        break
                    stream = stream.index_copy(0, rows, out)
                    out = self.feed_forward(
                        self.attention(stream, rows, after, None)[0], rows,
                        after)
                return out
            x = self.route(x, kept[0], score, run)
        elif self.part == "attention":
            x = feed(self.route(x, kept[0], score, attend), everyone)
        elif self.part == "ffn":
            x = self.route(x, kept[0], score, feed)
        else:
            x = self.route(x, kept[0], score, attend)
            x = self.route(x, kept[1], judge(x, 1), feed)
        return x, table[0]

    def predict(self, x, layer):
        hidden = plain_norm(x.detach()) @ self.weight("PREDICT_UP", layer) + \
            self.weight("PREDICT_UP_BIAS", layer)
        return (hidden.relu() @ self.weight("PREDICT_DOWN", layer) +
                self.weight("PREDICT_DOWN_BIAS", layer))[:, 0]

    def forward(self, ids, targets, kept):
        """Mean loss, losses of routers and exits and of predictors; scores of
        choices [choices,B,T]."""
        main, routers, entropy, foreseen = 0.0, 0.0, 0.0, 0.0
        each = 2 if self.part == "apart" else 1
        scores = torch.full((each * L, B, T), math.nan)
        made = each * sum(self.routed[l] and not self.follows(l)
                          for l in range(L))

        def give_depths(x, b):
            """The softmax of one router's scores of depths; margins and what holds
            shares to capacities."""
            nonlocal routers
            first, last, times = self.recursion
            of = range(first, last + 1, (last + 1 - first) // times)
            score = torch.stack([plain_norm(x) @ self.weight("ROUTER", l)[0]
                                 for l in of])
            self.chance = dict(zip(of, score.softmax(0)))
            deeper = torch.ones(T)
            for i, l in enumerate(of):
                scores[l, b] = (score[i:].max(0)[0] - score[:i].max(0)[0]
                                ).detach() if i else 1.0
                over = kept[l].mean() - self.capacity[l]
                routers = routers + 2 * self.balance * over * \
                    deeper.mean() / B / made
                deeper = deeper - self.chance[l]

        def judge(x, layer, i, b):
            nonlocal routers, entropy, foreseen
            choice = each * layer + i
            if self.depths:
                if layer == self.recursion[0]:
                    give_depths(x, b)
                return self.chance[layer]
            target = torch.tensor(kept[choice, b], dtype=torch.float64)
            if self.predicts:
                foreseen = foreseen + F.binary_cross_entropy_with_logits(
                    self.predict(x, layer), target) / B / made
            if not self.scores:
                return None
            score = plain_norm(x) @ self.weight(
                "ROUTER_FFN" if i == 1 else "ROUTER", layer)[0]
            scores[choice, b] = score.detach()
            bce = F.binary_cross_entropy_with_logits(score, target)
            entropy += bce.item() / B / made
            over = kept[choice].mean() - self.capacity[layer]
            routers = routers + (
                self.aux * bce + self.z * (score * score).mean() +
                2 * self.balance * over * score.sigmoid().mean()) / B / made
            return score

        def read_out(x, b):
            logits = (plain_norm(x) * self.weights["FINAL_GAMMA"]) @ \
                self.weights["WTE"].T
            return F.cross_entropy(logits, targets[b]) / B

        for b in range(B):
            x, table, self.sequence = self.weights["WTE"][ids[b]], None, b
            for layer in range(L):
                if self.follows(layer):
                    continue                 # run with the layer before
                if layer == self.recursion[0]:
                    before, chance = x, torch.zeros(T)
                own = kept[each * layer:each * (layer + 1), b] \
                    if self.routed[layer] else None
                x, table = self.layer(
                    x, layer, lambda x, i: judge(x, layer, i, b), own, table)
                last = layer
                while last + 1 < L and self.follows(last + 1):
                    last += 1
                if self.depths and self.routed[layer]:
                    chance = torch.where(torch.tensor(own[0] > 0),
                                         self.chance[layer], chance)
                if self.depths and self.output and last == self.recursion[1]:
                    x = before + self.gates(chance) * x
                if self.exits[last] > 0:
                    routers = routers + self.exits[last] * read_out(x, b)
            main = main + read_out(x, b)
        return main, routers, entropy, foreseen, scores


def wrong_choices(policy, scores, kept, threshold, first, nested):
    """Choices by scores that are not those of the scores, near ties apart, and
    but for the first tokens, which are kept in any case; nested ones among those
    that the choice before keeps."""
    wrong = 0
    each = len(scores) // L
    for choice in range(each, each * L):
        for b in range(B):
            cut = threshold[choice]
            active = kept[choice - 1, b][first:] > 0 if nested else slice(None)
            score = scores[choice, b].numpy()[first:][active]
            keep = kept[choice, b][first:][active] > 0
            wrong += int(kept[choice, b].sum()) - int(keep.sum()) - first
            if numpy.isnan(score).any():     # nobody chose
                continue
            if policy in BY_TOKEN:
                cut = 0.0
            elif policy in TOP_K or (
                    policy in MEAN_CUT and math.isnan(threshold[choice])):
                cut = (score[keep].min() + score[~keep].max()) / 2
            elif policy not in MEAN_CUT:
                return 0
            wrong += int(((score > cut + TIE) & ~keep).sum() +
                         ((score < cut - TIE) & keep).sum())
    return wrong


def replay(tool, text, policy):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "record")
        subprocess.run([tool, policy, text, path], check=True)
        record = load(path)
    decoder = Decoder(record)
    steps = len(record["loss"])
    ids = torch.tensor(record["ids"].reshape(steps, B, T)).long()
    targets = torch.tensor(record["targets"].reshape(steps, B, T)).long()
    kept = record["kept"].reshape(steps, 2 * L, B, T).astype(numpy.float64)
    threshold = record["threshold"].reshape(steps, 2 * L)
    chosen = record["chosen"].reshape(steps, L, B, T, -1)
    weights = decoder.weights
    first = {n: torch.zeros_like(w) for n, w in weights.items()}
    second = {n: torch.zeros_like(w) for n, w in weights.items()}
    near = {n: torch.zeros_like(w).bool() for n, w in weights.items()}
    off_loss, off_norm, wrong = 0.0, 0.0, 0
    for step in range(steps):
        if decoder.experts:
            decoder.experts.begin(chosen[step])
        loss, routers, entropy, foreseen, scores = decoder.forward(
            ids[step], targets[step], kept[step])
        total = loss + routers + foreseen
        if decoder.experts:
            balance, square = decoder.experts.losses()
            wrong += decoder.experts.wrong
            total = total + decoder.experts.balance * balance + \
                decoder.experts.z * square
            for weight, value, name in ((decoder.experts.balance, balance,
                                         "balance"),
                                        (decoder.experts.z, square, "square")):
                if weight > 0:
                    off_loss = max(off_loss, abs(value.item() -
                                                 record[name][step]))
        gradient = dict(zip(weights, torch.autograd.grad(
            total, list(weights.values()), allow_unused=True)))
        norm = math.sqrt(sum(float((g * g).sum()) for n, g in gradient.items()
                             if g is not None and
                             not n.startswith("PREDICT")))
        off_loss = max(off_loss, abs(loss.item() - record["loss"][step]))
        if decoder.aux > 0:
            off_loss = max(off_loss, abs(entropy - record["router"][step]))
        if decoder.predicts:
            off_loss = max(off_loss, abs(foreseen.item() -
                                         record["predictor"][step]))
        off_norm = max(off_norm, abs(norm - record["norm"][step]) / norm)
        wrong += wrong_choices(policy, scores, kept[step], threshold[step],
                               decoder.first, decoder.nested)
        with torch.no_grad():
            for name, weight in weights.items():
                g = gradient[name]
                g = torch.zeros_like(weight) if g is None else g
                if not name.startswith("PREDICT"):
                    g = g * min(1.0, CLIP / norm)
                first[name] = BETA1 * first[name] + (1 - BETA1) * g
                second[name] = BETA2 * second[name] + (1 - BETA2) * g * g
                m = first[name] / (1 - BETA1 ** (step + 1))
                v = second[name] / (1 - BETA2 ** (step + 1))
                near[name] |= v.sqrt() < TINY
                decay = DECAY if name.split(".")[0] in MATRICES else 0.0
                weight -= RATE * (m / (v.sqrt() + EPSILON) + decay * weight)
    off, apart, worst = 0.0, 0, ""
    for name, weight in weights.items():
        distance = (weight.detach() - torch.tensor(
            record["end." + name].astype(numpy.float64))).abs()
        apart += int(near[name].sum())
        distance[near[name]] = 0.0
        if distance.max().item() >= off:
            off, worst = distance.max().item(), name
    elements = sum(w.numel() for w in weights.values())
    good = max(off_loss, off_norm, off) <= NEAR and wrong == 0
    print(f"{policy:22} loss {off_loss:.1e}, norm {off_norm:.1e}, weights "
          f"{off:.1e} ({worst}); {apart} of {elements} elements apart, "
          f"{wrong} choices wrong{'' if good else '  FAILED'}", flush=True)
    return good


def main():
    if len(sys.argv) < 3:
        sys.exit("replay.py build/replay TEXT [POLICY...]")
    tool, text, policies = sys.argv[1], sys.argv[2], sys.argv[3:]
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    if not policies:
        policies = subprocess.run([tool, "--list"], check=True, text=True,
                                  capture_output=True).stdout.split()
    sys.exit(not all([replay(tool, text, policy) for policy in policies]))


main()
