#!/usr/bin/env python3
"""Fits an age head on embeddings: a distribution over ages, from which years, an interval and classes follow.

usage: fit_age.py OUT DIR [DIR ...] --model ID [--journeys N ...] [--license open|research] [--version N]

Each DIR holds list.tsv with an `age` (exact, or a band such as 30-39) and embed-MODEL-N.npz (collect.py, embed.py).
The head is a perceptron with one hidden layer and a soft-max over age bins, fitted by maximum likelihood: an
exact age counts as its bin, a band as the sum of its bins (distributional regression). Settings are chosen, and
the temperature is fitted, by cross-validation over speakers; its figures are written to OUT/age-report.json, the
head to OUT/age.safetensors and OUT/age.toml (age-research.* for that licence).
"""
import argparse
import collections
import csv
import json
import os

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import nn
from torch.nn import functional as F

EDGES = [0, 8, 11, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 90]
SENIOR, ADULT = 65, 18
HIDDEN, DROPOUT, DECAY, EPOCHS, RATE = 64, 0.3, 0.02, 60, 3e-3
FOLDS = 5
MEMBERS = 5  # heads of different seeds, averaged in the hidden layer: one wide head
SHORTEST_S, LONGEST_S = 1.0, 30.0


def age_of(text):
    """Least and most age in years, or None."""
    try:
        if "-" in text:
            low, high = text.split("-")
            return float(low), float(high) + 1
        return float(text), float(text) + 1e-3
    except ValueError:
        return None


def bins_of(low, high):
    """Share of each bin that lies in [low, high)."""
    edges = np.array(EDGES, float)
    inside = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
    share = np.clip(inside / np.diff(edges), 0, 1)
    return np.where(share > 0, np.maximum(share, 1e-6) / share.max(), 0)


class Data:
    def __init__(self, folders, model, journeys):
        fields = collections.defaultdict(list)
        for folder in folders:
            with open(os.path.join(folder, "list.tsv"), newline="") as f:
                rows = list(csv.DictReader(f, delimiter="\t"))
            for journey in journeys:
                path = os.path.join(folder, f"embed-{model}-{journey}.npz")
                if not os.path.exists(path):
                    continue
                part = dict(np.load(path))
                for k, index in enumerate(part["index"]):
                    row, age = rows[index], age_of(rows[index]["age"])
                    if age is None or part["net_speech_s"][k] < SHORTEST_S:
                        continue
                    fields["speaker"].append(f"{row['corpus']}/{row['speaker'] or row['file']}")
                    fields["corpus"].append(row["corpus"])
                    fields["age"].append(age)
                    fields["gender"].append(row["gender"])
                    fields["embedding"].append(part["embedding"][k])
                    fields["narrow"].append(part["narrow"][k])
                    fields["seconds"].append(part["net_speech_s"][k])
                    fields["journey"].append(journey)
        self.speaker, self.corpus = np.array(fields["speaker"]), np.array(fields["corpus"])
        self.age, self.gender = np.array(fields["age"]), np.array(fields["gender"])
        raw = np.array(fields["embedding"], np.float32)
        self.unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        self.narrow = np.array(fields["narrow"], np.float32)
        self.log_s = np.log(np.clip(fields["seconds"], SHORTEST_S, LONGEST_S)).astype(np.float32)
        self.journey = np.array(fields["journey"])
        self.bins = np.array([bins_of(*a) for a in self.age], np.float32)
        people, inverse, count = np.unique(self.speaker, return_inverse=True, return_counts=True)
        self.fold = np.random.default_rng(1).permutation(len(people))[inverse] % FOLDS
        # Every person counts the same within a decade, and rare decades count more.
        decade = (self.age.mean(1) // 10).astype(int)
        per_decade = collections.Counter(decade[np.unique(inverse, return_index=True)[1]])
        weight = np.array([1 / np.sqrt(per_decade[d]) for d in decade]) / count[inverse]
        self.weight = (weight / weight.mean()).astype(np.float32)

    def means(self, chosen):
        return [self.unit[chosen & (self.narrow == n)].mean(0) for n in (0, 1)]

    def inputs(self, means):
        z = self.unit - np.where(self.narrow[:, None] > 0, means[1], means[0])
        z = z / np.linalg.norm(z, axis=1, keepdims=True) * np.sqrt(z.shape[1])
        return torch.from_numpy(np.concatenate([z, self.narrow[:, None], self.log_s[:, None]], 1).astype(np.float32))


class Head(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.hidden = nn.Linear(inputs, HIDDEN)
        self.output = nn.Linear(HIDDEN, len(EDGES) - 1)

    def forward(self, x):
        return self.output(F.dropout(F.relu(self.hidden(x)), DROPOUT, self.training))


def loss_of(logits, bins):
    return -torch.logsumexp(F.log_softmax(logits, 1) + torch.log(bins + 1e-12), 1)


def fit(x, bins, weight, seed):
    torch.manual_seed(seed)
    head = Head(x.shape[1])
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    batches = -(-len(x) // 256)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, EPOCHS * batches)
    for _ in range(EPOCHS):
        order = torch.randperm(len(x))
        for chosen in order.split(256):
            noisy = x[chosen].clone()
            noisy[:, :-2] += 0.1 * torch.randn_like(noisy[:, :-2])
            loss = (loss_of(head(noisy), bins[chosen]) * weight[chosen]).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return head.eval()


def ensemble(x, bins, weight, seed):
    """Several heads as one: hidden layers side by side, outputs averaged."""
    heads = [fit(x, bins, weight, seed + i) for i in range(MEMBERS)]
    with torch.no_grad():
        hidden = torch.cat([h.hidden.weight for h in heads]), torch.cat([h.hidden.bias for h in heads])
        output = (torch.cat([h.output.weight for h in heads], 1) / MEMBERS,
                  torch.stack([h.output.bias for h in heads]).mean(0))
    return hidden, output


def logits_of(head, x):
    (hw, hb), (ow, ob) = head
    with torch.no_grad():
        return F.relu(x @ hw.T + hb) @ ow.T + ob


def temperature_of(logits, bins, weight, log_s, narrow):
    known = torch.stack([torch.ones(len(log_s)), torch.from_numpy(log_s), torch.from_numpy(narrow)], 1)
    t = torch.zeros(3, requires_grad=True)
    optimizer = torch.optim.LBFGS([t], max_iter=100)

    def closure():
        optimizer.zero_grad()
        loss = (loss_of(logits / torch.exp(known @ t)[:, None], bins) * weight).mean()
        loss.backward()
        return loss

    optimizer.step(closure)
    return t.detach().numpy(), (logits / torch.exp(known @ t.detach())[:, None]).softmax(1).numpy()


def auc(score, positive):
    order = np.argsort(score)
    ranks = np.empty(len(score))
    ranks[order] = np.arange(1, len(score) + 1)
    p = positive.sum()
    return (ranks[positive].sum() - p * (p + 1) / 2) / (p * (len(score) - p))


def figures(data, p, chosen):
    edges = np.array(EDGES, float)
    years = p @ ((edges[1:] + edges[:-1]) / 2)
    senior = p[:, edges[:-1] >= SENIOR].sum(1)
    low, high = data.age.T
    exact = chosen & (high - low < 1)
    # A band that reaches across 65 says neither.
    is_senior, is_not = low >= SENIOR, high <= SENIOR
    judged = chosen & (is_senior | is_not)
    distance = np.maximum(0, np.maximum(low - years, years - high))
    found = {"recordings": int(chosen.sum()), "speakers": len(set(data.speaker[chosen])),
             "seniors": len(set(data.speaker[chosen & is_senior])),
             "mae_years": float(np.abs(years - low)[exact].mean()) if exact.any() else None,
             "band_distance_years": float(distance[chosen & ~exact].mean()) if (chosen & ~exact).any() else None,
             "auc_senior": float(auc(senior[judged], is_senior[judged])) if (judged & is_senior).any() else None}
    if (judged & is_senior).any():
        threshold = np.quantile(senior[judged & is_not], 0.85)
        found["recall_at_15_percent"] = float((senior[judged & is_senior] > threshold).mean())
    return found


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out")
    parser.add_argument("folders", nargs="+")
    parser.add_argument("--model", required=True)
    parser.add_argument("--model-version", type=int, default=1)
    parser.add_argument("--journeys", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--license", default="open")
    parser.add_argument("--version", type=int, default=1)
    args = parser.parse_args()
    data = Data(args.folders, args.model, args.journeys)
    bins, weight = torch.from_numpy(data.bins), torch.from_numpy(data.weight)
    held_out = torch.zeros(len(bins), len(EDGES) - 1)
    for fold in range(FOLDS):
        train = data.fold != fold
        x = data.inputs(data.means(train))
        head = ensemble(x[train], bins[train], weight[train], 100 * fold)
        held_out[~train] = logits_of(head, x)[~train]
    temperature, p = temperature_of(held_out, bins, weight, data.log_s, data.narrow)
    report = {}
    for name, chosen in [("all", data.journey >= 0), ("clean", data.journey == 0), ("degraded", data.journey > 0)]:
        report[name] = figures(data, p, chosen)
        for corpus in sorted(set(data.corpus)):
            if (chosen & (data.corpus == corpus)).any():
                report[f"{name} {corpus}"] = figures(data, p, chosen & (data.corpus == corpus))
    everybody = np.ones(len(bins), bool)
    means = data.means(everybody)
    (hw, hb), (ow, ob) = ensemble(data.inputs(means), bins, weight, 1_000)
    name = "age" if args.license == "open" else "age-research"
    tensors = {"mean_wide": means[0], "mean_narrow": means[1], "edges": np.array(EDGES, np.float32),
               "hidden.weight": hw.numpy(), "hidden.bias": hb.numpy(), "output.weight": ow.numpy(),
               "output.bias": ob.numpy(), "temperature": temperature}
    save_file({n: np.ascontiguousarray(t, np.float32) for n, t in tensors.items()},
              os.path.join(args.out, f"{name}.safetensors"))
    corpora = ", ".join(f'"{c}"' for c in sorted(set(data.corpus)))
    with open(os.path.join(args.out, f"{name}.toml"), "w") as f:
        f.write(f'id = "{args.model}-{name}"\nversion = {args.version}\nlicense = "{args.license}"\n'
                f'data = [{corpora}]\n\n[model]\nid = "{args.model}"\nversion = {args.model_version}\n')
    with open(os.path.join(args.out, f"{name}-report.json"), "w") as f:
        json.dump(report, f, indent=1)
    print(json.dumps({k: report[k] for k in ("all", "clean", "degraded")}, indent=1))


if __name__ == "__main__":
    main()
