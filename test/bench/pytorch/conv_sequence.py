"""The training step of conv-sequence (batch/models/conv-sequence-network.ts) in PyTorch, for comparison.

    python conv_sequence.py [steps] [threads] [fast | full]

Prints JSON {examples, seconds, cpuSeconds} of that many warm steps. `examples` counts predicted events.
"""

import json
import math
import sys
import time

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

USERS, ROWS, PER_STEP = 6_040, 3_417, 3_200
SHORTEST, MEAN = 18, 163
PROFILES = {
    "fast": dict(width=64, channels=128, blocks=1, length=50, dropout=0.1, negatives=256, rate=5e-3),
    "full": dict(width=128, channels=128, blocks=2, length=200, dropout=0.2, negatives=None, rate=3e-3),
}


class Block(nn.Module):
    def __init__(self, width, channels, length, dropout):
        super().__init__()
        self.norm = nn.RMSNorm(width, eps=1e-5)
        self.mix_in = nn.Linear(3 * width, 2 * channels, bias=False)
        spans = torch.logspace(0, math.log10(2 * length), channels)
        taps = torch.exp(-torch.arange(length)[:, None] / spans)
        self.filters = nn.Parameter((taps / taps.norm(dim=0)).T.contiguous())
        self.norm_out = nn.RMSNorm(channels, eps=1e-5)
        self.dropout = nn.Dropout(dropout)
        self.mix_out = nn.Linear(channels, width, bias=False)

    def forward(self, h):
        n = self.norm(h)
        near = torch.cat([n, F.pad(n, (0, 0, 1, 0))[:, :-1], F.pad(n, (0, 0, 2, 0))[:, :-2]], dim=2)
        gates, values = F.silu(self.mix_in(near)).chunk(2, dim=2)
        # By FFT: conv1d with a group a channel takes as long at 50 events and 2.7 times as long at 200.
        length = h.shape[1]
        size = 2 * length
        x = torch.fft.rfft(values, n=size, dim=1)
        f = torch.fft.rfft(self.filters[:, :length].T, n=size, dim=0)
        y = torch.fft.irfft(x * f, n=size, dim=1)[:, :length]
        return h + self.mix_out(self.dropout(self.norm_out(y) * gates))


class ConvSequence(nn.Module):
    def __init__(self, width, channels, blocks, length, dropout, negatives, rate):
        super().__init__()
        self.items = nn.Embedding(ROWS, width, padding_idx=0)
        nn.init.normal_(self.items.weight, std=0.02)
        self.bias = nn.Parameter(torch.zeros(ROWS))
        self.blocks = nn.ModuleList(Block(width, channels, length, dropout) for _ in range(blocks))
        self.norm = nn.RMSNorm(width, eps=1e-5)

    def forward(self, items, predicted, candidates):
        h = self.items(items) * math.sqrt(self.items.embedding_dim)
        for block in self.blocks:
            h = block(h)
        queries = self.norm(h[predicted])
        if candidates is None:
            return F.linear(queries, self.items.weight, self.bias)
        return F.linear(queries, self.items.weight[candidates], self.bias[candidates])


def draw_users():
    random = np.random.default_rng(1)
    users = []
    for _ in range(USERS):
        size = SHORTEST + min(1_500, int(random.exponential(MEAN - SHORTEST)))
        drawn = 1 + ((ROWS - 1) * random.random(4 * size + 200) ** 2).astype(np.int64)
        _, first = np.unique(drawn, return_index=True)
        users.append(drawn[np.sort(first)][:size])
    return users


def draw_steps(users, length):
    """Windows of an epoch in steps of about as many events each, those of a step about equally long."""
    windows = [(u, max(0, end - length), end) for u, own in enumerate(users) for end in range(len(own) - 1, 0, -length)]
    events = sum(end - start for _, start, end in windows)
    per_step = max(1, round(len(windows) * PER_STEP / events))
    order = np.random.default_rng(2).permutation(len(windows))
    steps = []
    for group in np.array_split(order, max(1, len(windows) // (8 * per_step))):
        group = sorted(group, key=lambda w: windows[w][1] - windows[w][2])
        ends = np.cumsum([windows[w][2] - windows[w][1] for w in group])
        cuts = np.searchsorted(ends, ends[-1] * np.arange(1, 8) / 8)
        steps += [[windows[w] for w in part] for part in np.split(np.array(group), cuts) if len(part)]
    return [steps[i] for i in np.random.default_rng(3).permutation(len(steps))]


def batch_of(users, windows, negatives):
    """Items, which places predict, their targets' columns, and what each of them must leave out: what the user has already."""
    length = max(end - start for _, start, end in windows)
    items = np.zeros((len(windows), length), dtype=np.int64)
    targets = np.zeros_like(items)
    known_from = np.full((len(windows), ROWS), length, dtype=np.int64)
    for row, (user, start, end) in enumerate(windows):
        own = users[user]
        items[row, : end - start] = own[start:end]
        targets[row, : end - start] = own[start + 1 : end + 1]
        known_from[row, own[start:end]] = np.arange(end - start)
        known_from[row, own[:start]] = 0
    known_from[:, 0] = 0
    items, targets, known_from = map(torch.from_numpy, (items, targets, known_from))
    predicted = targets > 0
    columns, candidates = targets[predicted], None
    if negatives is not None:
        drawn = torch.randint(1, ROWS, (negatives,))
        candidates = torch.cat([columns, drawn]).unique()
        columns = torch.searchsorted(candidates, columns)
        known_from = known_from[:, candidates]
    rows, places = predicted.nonzero(as_tuple=True)
    return items, predicted, candidates, columns, known_from[rows] <= places[:, None]


def main():
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    torch.set_num_threads(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    options = PROFILES[sys.argv[3] if len(sys.argv) > 3 else "fast"]
    torch.manual_seed(1)
    users = draw_users()
    planned = draw_steps(users, options["length"])
    model = ConvSequence(**options)
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=options["rate"], betas=(0.9, 0.98), weight_decay=0.05, fused=True
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 8 * len(planned))

    def run(count):
        examples = 0
        for number in range(count):
            batch = batch_of(users, planned[number % len(planned)], options["negatives"])
            items, predicted, candidates, columns, known = batch
            logits = model(items, predicted, candidates).masked_fill(known, -1e9)
            loss = F.cross_entropy(logits, columns)
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            loss.item()
            examples += len(columns)
        return examples

    run(5)
    wall, cpu = time.perf_counter(), time.process_time()
    examples = run(steps)
    result = {
        "examples": examples,
        "seconds": time.perf_counter() - wall,
        "cpuSeconds": time.process_time() - cpu,
    }
    print(json.dumps(result))


main()
