"""Record tests/data/trace from a small PyTorch model: python3 make.py, with
scripts/ in PYTHONPATH.  Layers 1 and 3 of 4 keep tokens above a gate."""
import isobath
import torch
from torch import nn


class Router(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(32, 1)

    def forward(self, x):
        return torch.sigmoid(self.score(x))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.router = Router()
        self.ffn = nn.Linear(32, 32)

    def forward(self, x):
        gate = self.router(x)
        return torch.where(gate > 0.5, x + gate * self.ffn(x), x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(64, 32)
        self.layers = nn.ModuleList([Layer() for _ in range(4)])

    def forward(self, ids, attention_mask=None):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


torch.manual_seed(3)
model = Model()
config = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama",
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 64,
    "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
    "hidden_act": "silu", "tie_word_embeddings": True}
with isobath.record(model, {"layers.1.router": "gate>0.5",
                            "layers.3.router": "gate>0.55"}, ".", config):
    for n in range(3):
        ids = torch.randint(0, 64, (4, 24))
        mask = torch.ones_like(ids)
        mask[3, 24 - 4 * n:] = 0
        model(ids, attention_mask=mask)
