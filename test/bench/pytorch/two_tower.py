"""The training step of two-tower (batch/models/two-tower-network.ts) in PyTorch, for comparison.

    python two_tower.py [steps] [threads]

Prints JSON {examples, seconds, cpuSeconds} of that many warm steps. Gradients are dense: the softmax over all items and
the attention's gates reach every row, so sparse ones would only add the cost of sorting indices.
"""

import json
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

USERS, ROWS, SHORTEST, LONGEST, BATCH = 6_040, 3_417, 20, 310, 128
WIDTH, HEADS, HISTORY, RATE, SCALE = 64, 2, 200, 2.5e-3, 0.1


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.items = nn.Parameter(torch.randn(ROWS, WIDTH))
        self.history = nn.Parameter(self.items.detach().clone())
        self.gate = nn.Parameter(torch.zeros(WIDTH, HEADS))
        self.position = nn.Parameter(-0.1 - torch.arange(HEADS, dtype=torch.float32))
        self.age = nn.Parameter(torch.zeros(HEADS))
        self.query = nn.Parameter(torch.eye(WIDTH).repeat(HEADS, 1) / HEADS)

    def forward(self, items, offsets, bags, ages, positions, weights):
        gates = (self.history @ self.gate)[items]
        logits = gates + positions.log1p()[:, None] * self.position + ages[:, None] * self.age
        attention = weights[:, None] * logits.exp()
        totals = torch.zeros(len(offsets), HEADS).index_add(0, bags, attention)
        # Without laying out the gathered rows, as their owner does it too.
        heads = [
            F.embedding_bag(items, self.history, offsets, mode="sum", per_sample_weights=a.contiguous())
            for a in attention.unbind(1)
        ]
        pooled = torch.stack(heads, 1) / (totals + 1e-12).sqrt()[:, :, None]
        return (pooled.flatten(1) @ self.query * SCALE) @ self.items.T


def draw_users():
    random = np.random.default_rng(1)
    sizes = random.integers(SHORTEST, LONGEST, USERS)
    return [1 + ((ROWS - 1) * random.random(size) ** 2).astype(np.int64) for size in sizes]


def batch_of(users, random):
    """Histories laid end to end, the next item of each, and what is left out of its softmax: padding, and what the history holds."""
    histories, targets = [], []
    while len(targets) < BATCH:
        own = users[random.integers(USERS)]
        cut = random.integers(1, len(own))
        if own[cut] not in own[:cut]:
            histories.append(own[:cut])
            targets.append(own[cut])
    excluded = np.zeros((BATCH, ROWS), dtype=bool)
    excluded[:, 0] = True
    for row, history in enumerate(histories):
        excluded[row, history] = True
    recent = [history[-HISTORY:] for history in histories]
    lengths = np.array([len(history) for history in recent])
    offsets = np.concatenate([[0], lengths.cumsum()[:-1]])
    positions = np.repeat(offsets + lengths - 1, lengths) - np.arange(lengths.sum())
    ages = np.log1p(positions / 24).astype(np.float32)
    bags = np.repeat(np.arange(BATCH), lengths)
    weights = np.ones(len(bags), dtype=np.float32)
    arrays = (np.concatenate(recent), offsets, bags, ages, positions.astype(np.float32), weights)
    return [torch.from_numpy(array) for array in arrays], torch.tensor(targets), torch.from_numpy(excluded)


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    torch.manual_seed(1)
    random = np.random.default_rng(2)
    users = draw_users()
    model = TwoTower()
    optimiser = torch.optim.AdamW(model.parameters(), lr=RATE, betas=(0.9, 0.99), weight_decay=0, fused=True)

    def run(count):
        for _ in range(count):
            inputs, targets, excluded = batch_of(users, random)
            loss = F.cross_entropy(model(*inputs).masked_fill(excluded, -1e9), targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            loss.item()

    run(20)
    wall, cpu = time.perf_counter(), time.process_time()
    run(steps)
    result = {
        "examples": steps * BATCH,
        "seconds": time.perf_counter() - wall,
        "cpuSeconds": time.process_time() - cpu,
    }
    print(json.dumps(result))


main()
