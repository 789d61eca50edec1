"""Record train.json by PyTorch's profiler: a training step of a small GPT-2 of
one layer, B 2, T 16, C 32, V 50.  python3 make.py; what nobody reads is left
out, so that the file stays small."""
import json
import os

import torch
import torch.nn.functional as F
from torch import nn
from torch.profiler import ProfilerActivity, profile

B, T, C, H, V = 2, 16, 32, 4, 50


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.project = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.up, self.down = nn.Linear(C, 4 * C), nn.Linear(4 * C, C)

    def forward(self, x):
        q, k, v = (self.qkv(self.norm1(x)).view(B, T, 3, H, C // H)
                   .permute(2, 0, 3, 1, 4))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.project(mixed.transpose(1, 2).reshape(B, T, C))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.position = nn.Embedding(V, C), nn.Embedding(T, C)
        self.block, self.norm = Block(), nn.LayerNorm(C)
        self.head = nn.Linear(C, V, bias=False)

    def forward(self, ids):
        x = self.embed(ids) + self.position(torch.arange(T))
        return self.head(self.norm(self.block(x)))


torch.manual_seed(0)
torch.set_num_threads(1)
model = Model()
optimizer = torch.optim.SGD(model.parameters(), 0.1)
ids = torch.randint(0, V, (B, T))


def step():
    loss = F.cross_entropy(model(ids).view(-1, V), ids.view(-1))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


for _ in range(5):
    step()
with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as p:
    step()
p.export_chrome_trace("train.json")
with open("train.json", encoding="utf-8") as file:
    events = json.load(file)["traceEvents"]
start = min(e["ts"] for e in events if e["ph"] == "X")
threads, kept = {}, []
for e in events:
    if e["ph"] != "X" or e["cat"] not in ("cpu_op", "user_annotation"):
        continue
    args = {key: e["args"][key] for key in (
        "Sequence number", "Input Dims", "Input type",
        "Concrete Inputs") if key in e["args"]}
    if not any(x == "True" for x in args.get("Concrete Inputs", [])):
        args.pop("Concrete Inputs", None)
    thread = threads.setdefault(e["tid"], len(threads) + 1)
    kept.append({"ph": "X", "cat": e["cat"], "name": e["name"], "pid": 1,
                 "tid": thread, "ts": round(e["ts"] - start, 3),
                 "dur": e["dur"], "args": args})
with open("train.json.part", "w", encoding="utf-8") as file:
    file.write('{"schemaVersion": 1, "record_shapes": 1, "traceEvents": [\n')
    file.write(",\n".join(json.dumps(e, separators=(",", ":")) for e in kept))
    file.write("\n]}\n")
os.replace("train.json.part", "train.json")
