"""The training step of mult-vae (batch/models/mult-vae-network.ts, profile `full`) in PyTorch, for comparison.

    python mult_vae.py [steps] [threads]

Prints JSON {examples, seconds, cpuSeconds} of that many warm steps. `examples` counts users.
"""

import json
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

USERS, ROWS, PER_USER, BATCH = 6_034, 3_534, 95, 250
HIDDEN, CODE, BLOCKS, DROPOUT, BETA = 400, 128, 2, 0.5, 0.0035


class MultVae(nn.Module):
    def __init__(self):
        super().__init__()
        # The gather-sum over a set's items; a product with the dense [batch, rows] took longer.
        self.history = nn.EmbeddingBag(ROWS, HIDDEN, mode="sum")
        nn.init.normal_(self.history.weight, std=1 / math.sqrt(HIDDEN))
        self.bias = nn.Parameter(torch.zeros(HIDDEN))
        self.input_norm = nn.LayerNorm(HIDDEN)
        self.layers = nn.ModuleList(nn.Linear(HIDDEN, HIDDEN) for _ in range(BLOCKS))
        self.norms = nn.ModuleList(nn.LayerNorm(HIDDEN) for _ in range(BLOCKS))
        self.code = nn.Linear(HIDDEN, 2 * CODE)
        self.skip = nn.Linear(HIDDEN, CODE, bias=False)
        self.items = nn.Linear(CODE, ROWS)

    def forward(self, items, offsets, values):
        pooled = self.history(items, offsets, per_sample_weights=values)
        h = self.input_norm(F.silu(pooled + self.bias))
        for layer, norm in zip(self.layers, self.norms):
            h = norm(h + F.silu(layer(h)))
        mean, log_variance = self.code(h).chunk(2, dim=1)
        mean = mean + self.skip(pooled)
        code = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        return self.items(code), mean, log_variance


def draw_users():
    generator = torch.Generator().manual_seed(1)
    users = []
    for _ in range(USERS):
        size = 20 + int(torch.rand(1, generator=generator) * 2 * (PER_USER - 20))
        own = torch.empty(0, dtype=torch.long)
        while len(own) < size:
            drawn = 1 + ((ROWS - 1) * torch.rand(2 * size, generator=generator) ** 2).long()
            own = torch.cat([own, drawn]).unique()
        users.append(own[torch.randperm(len(own), generator=generator)[:size]])
    return users


def batch_of(users):
    """All items of the batch's users laid end to end, and which of them the encoder sees."""
    sizes = torch.tensor([len(user) for user in users])
    items = torch.cat(users)
    rows = torch.repeat_interleave(torch.arange(len(users)), sizes)
    kept = torch.rand(len(items)) >= DROPOUT
    values = (sizes.float().rsqrt() / (1 - DROPOUT))[rows]
    counts = torch.bincount(rows[kept], minlength=len(users))
    return items, rows, sizes, (items[kept], counts.cumsum(0) - counts, values[kept])


def step(model, optimiser, users):
    items, rows, sizes, seen = batch_of(users)
    logits, mean, log_variance = model(*seen)
    chosen = F.log_softmax(logits, dim=1)[rows, items]
    divergence = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(dim=1)
    loss = (-chosen.sum() + BETA * (sizes * divergence).sum()) / sizes.sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    torch.manual_seed(1)
    users = draw_users()
    model = MultVae()
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def run(count):
        order = torch.randperm(len(users)).tolist()
        for number in range(count):
            start = number * BATCH % (len(users) - BATCH)
            step(model, optimiser, [users[u] for u in order[start : start + BATCH]])

    run(10)
    wall, cpu = time.perf_counter(), time.process_time()
    run(steps)
    result = {
        "examples": steps * BATCH,
        "seconds": time.perf_counter() - wall,
        "cpuSeconds": time.process_time() - cpu,
    }
    print(json.dumps(result))


main()
