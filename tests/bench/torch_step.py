"""Train a dense GPT-2 of random bytes, a step at a time, as tests/bench asks.

    torch_step.py WIDTH LAYERS HEADS VOCAB TOKENS SEQUENCES THREADS

Says what it is in 160 bytes, then for each int64 on standard input takes so many
steps (forward, backward, clip, AdamW) and writes the seconds they took, a double.
"""
import os
import struct
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

width, layers, heads, vocab, tokens, sequences, threads = map(int, sys.argv[1:])
torch.set_num_threads(threads)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.project = nn.Linear(width, width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)
        self.register_buffer("hidden", torch.ones(
            tokens, tokens, dtype=torch.bool).triu(1))

    def attend(self, q, k, v):
        if hasattr(F, "scaled_dot_product_attention"):     # since torch 2.0
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)
        scores = q @ k.transpose(-1, -2) * (width // heads) ** -0.5
        return scores.masked_fill(self.hidden, -torch.inf).softmax(-1) @ v

    def forward(self, x):
        qkv = self.qkv(self.first(x)).view(sequences, tokens, 3, heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        seen = self.attend(q, k, v).transpose(1, 2)
        x = x + self.project(seen.reshape(sequences, tokens, width))
        up = F.gelu(self.up(self.second(x)), approximate="tanh")
        return x + self.down(up)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(vocab, width)
        self.places = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
        self.last = nn.LayerNorm(width)

    def forward(self, ids, targets):
        x = self.last(self.blocks(self.words(ids) + self.places))
        logits = x @ self.words.weight.T
        return F.cross_entropy(logits.view(-1, vocab), targets.view(-1))


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95),
                              weight_decay=0.1)
ids, targets = torch.randint(vocab, (2, sequences, tokens))


def step():
    optimizer.zero_grad(set_to_none=True)
    model(ids, targets).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


step()
os.write(1, f"PyTorch {torch.__version__}".encode().ljust(160, b"\0")[:160])
while asked := sys.stdin.buffer.read(8):
    begun = time.perf_counter()
    for _ in range(struct.unpack("=q", asked)[0]):
        step()
    os.write(1, struct.pack("=d", time.perf_counter() - begun))
