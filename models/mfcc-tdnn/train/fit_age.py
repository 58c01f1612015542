#!/usr/bin/env python3
"""Fits an age head on embeddings: a distribution over ages, from which years, an interval and classes follow.

usage: fit_age.py OUT DIR [DIR ...] --model ID [--journeys N ...] [--license open|research] [--version N]
       [--model-version N] [--embeddings NAME]

Each DIR holds list.tsv with an `age` (exact, or a band such as 30-39) and embed-MODEL-N.npz (collect.py, embed.py).
Two steps. Years are regressed on the embedding by a kernel ridge regression over landmarks (Nystroem's method; Williams
and Seeger, NIPS 2000): Gaussian kernel, landmarks are cluster centers, so that no recording is kept. Years regressed for speakers left
out then give a distribution over age bins by maximum likelihood: an exact age counts as its bin, a band as the
sum of its bins, and the distribution sharpens with net speech. Both together are one network with a hidden
layer of exponentials and a soft-max. Ids that sound alike are one person (a set may hold somebody twice). The
figures of cross-validation over people are written to OUT/age-report.json, the head to OUT/age.safetensors and
OUT/age.toml (age-research.* for that licence).
"""
import argparse
import collections
import csv
import json
import os

import numpy as np
import torch
from safetensors.numpy import save_file
from scipy.cluster.vq import kmeans2
from torch.nn import functional as F

EDGES = [0, 8, 11, 14, 16, 18, 20, 25, 30, 35, 40, 45, 50, 55, 60, 65, 70, 75, 80, 90]
SENIOR, ADULT = 65, 18
LANDMARKS, GAMMA, RIDGE = 1024, 0.1, 0.1
CHANNEL = 0.2  # how far apart two channels are, where unit embeddings are 1 long
SAME_PERSON = 0.65  # cosine of centred mean embeddings
ROUGH = 1e-3  # penalty on offsets and slopes of the bins
FOLDS = 5
CENTER, SCALE = 45.0, 20.0  # of years, for a fit whose numbers are near 1
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
        people, inverse, count = np.unique(self.people(), return_inverse=True, return_counts=True)
        self.fold = np.random.default_rng(1).permutation(len(people))[inverse] % FOLDS
        # Every person counts the same within a decade, and rare decades count more.
        decade = (self.age.mean(1) // 10).astype(int)
        per_decade = collections.Counter(decade[np.unique(inverse, return_index=True)[1]])
        weight = np.array([1 / np.sqrt(per_decade[d]) for d in decade]) / count[inverse]
        self.weight = (weight / weight.mean()).astype(np.float32)

    def people(self):
        """A number for each recording: ids of one corpus that sound alike are one person."""
        ids, inverse = np.unique(self.speaker, return_inverse=True)
        corpus = np.array([name.split("/")[0] for name in ids])
        means = np.zeros((len(ids), self.unit.shape[1]))
        np.add.at(means, inverse, self.unit - self.unit.mean(0))
        means /= np.linalg.norm(means, axis=1, keepdims=True) + 1e-9
        person = np.arange(len(ids))
        for i, j in zip(*np.where(np.triu((means @ means.T > SAME_PERSON) & (corpus[:, None] == corpus[None]), 1))):
            person[person == person[j]] = person[i]
        return person[inverse]

    def means(self, chosen):
        return [self.unit[chosen & (self.narrow == n)].mean(0) for n in (0, 1)]

    def inputs(self, means):
        """Unit embeddings after centring, and beside them the channel."""
        z = self.unit - np.where(self.narrow[:, None] > 0, means[1], means[0])
        z = z / np.linalg.norm(z, axis=1, keepdims=True)
        return np.concatenate([z, CHANNEL * self.narrow[:, None]], 1).astype(np.float64)


class Years:
    """Years by kernel ridge regression over landmarks."""

    def __init__(self, x, years, weight, seed):
        self.centers, _ = kmeans2(x, LANDMARKS, iter=15, minit="points", seed=seed)
        directions = self.centers[:, :-1]
        directions /= np.maximum(np.linalg.norm(directions, axis=1, keepdims=True), 1e-6)
        self.middle = np.average(years, weights=weight)
        hidden, among = self.hidden(x), self.hidden(self.centers)
        system = hidden.T @ (hidden * weight[:, None]) + RIDGE * among + 1e-6 * np.eye(LANDMARKS)
        self.shares = np.linalg.solve(system, hidden.T @ (weight * (years - self.middle)))

    def hidden(self, x):
        apart = (x * x).sum(1)[:, None] + (self.centers**2).sum(1) - 2 * x @ self.centers.T
        return np.exp(-GAMMA * np.maximum(apart, 0))

    def __call__(self, x):
        return self.hidden(x) @ self.shares + self.middle

    def layer(self):
        """Weights over (unit embedding times the root of its length, narrow, ln of net speech), and biases: the
        exponential of their sum is `hidden`."""
        directions, channel = self.centers[:, :-1], self.centers[:, -1]
        weights = [2 * GAMMA * directions / np.sqrt(directions.shape[1]),
                   GAMMA * (2 * CHANNEL * channel - CHANNEL**2)[:, None], np.zeros((LANDMARKS, 1))]
        length = (directions**2).sum(1)
        return np.concatenate(weights, 1), -GAMMA * (1 + length + channel**2)


def loss_of(logits, bins):
    return -torch.logsumexp(F.log_softmax(logits, 1) + torch.log(bins + 1e-12), 1)


class Distribution:
    """Over the bins, given regressed years: logits are offset + slope x years, over a temperature (the stereotype model;
    Anderson, JRSS B 1984). Slopes are drawn to the middles of the bins, where a normal error would have them."""

    def __init__(self, years, bins, weight, log_s, narrow):
        middle = torch.tensor((np.array(EDGES[1:]) + EDGES[:-1]) / 2 / SCALE - CENTER / SCALE, dtype=torch.float64)
        slope = middle.clone().requires_grad_()
        known = torch.stack([torch.ones(len(log_s)), torch.from_numpy(log_s), torch.from_numpy(narrow)], 1).double()
        years, bins, weight = torch.from_numpy(years), bins.double(), weight.double()
        offset = torch.zeros(len(middle), dtype=torch.float64, requires_grad=True)
        t = torch.zeros(3, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.LBFGS([offset, slope, t], max_iter=300, line_search_fn="strong_wolfe")

        def logits():
            return (offset + slope * ((years - CENTER) / SCALE)[:, None]) / torch.exp(known @ t)[:, None]

        def closure():
            optimizer.zero_grad()
            loss = (loss_of(logits(), bins) * weight).mean() + ROUGH * ((offset**2).sum() + ((slope - middle) ** 2).sum())
            loss.backward()
            return loss

        optimizer.step(closure)
        self.slope, self.offset = slope.detach().numpy(), offset.detach().numpy()
        self.temperature = t.detach().numpy()
        with torch.no_grad():
            self.shares = logits().softmax(1).numpy()


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
    parser.add_argument("--embeddings", help="what stands for MODEL in the names of the files of embeddings")
    parser.add_argument("--journeys", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--license", default="open")
    parser.add_argument("--version", type=int, default=1)
    args = parser.parse_args()
    data = Data(args.folders, args.embeddings or args.model, args.journeys)
    bins, weight = torch.from_numpy(data.bins), torch.from_numpy(data.weight)
    middle, weights = data.age.mean(1), data.weight.astype(np.float64)
    held_out = np.zeros(len(middle))
    for fold in range(FOLDS):
        train = data.fold != fold
        x = data.inputs(data.means(train))
        held_out[~train] = Years(x[train], middle[train], weights[train], fold)(x[~train])
    distribution = Distribution(held_out, bins, weight, data.log_s, data.narrow)
    p = distribution.shares
    report = {}
    for name, chosen in [("all", data.journey >= 0), ("clean", data.journey == 0), ("degraded", data.journey > 0)]:
        report[name] = figures(data, p, chosen)
        for corpus in sorted(set(data.corpus)):
            if (chosen & (data.corpus == corpus)).any():
                report[f"{name} {corpus}"] = figures(data, p, chosen & (data.corpus == corpus))
    everybody = np.ones(len(bins), bool)
    means = data.means(everybody)
    years = Years(data.inputs(means), middle, weights, FOLDS)
    hidden, bias = years.layer()
    slope, offset = distribution.slope, distribution.offset
    name = "age" if args.license == "open" else "age-research"
    tensors = {"mean_wide": means[0], "mean_narrow": means[1], "edges": np.array(EDGES, np.float32),
               "hidden.weight": hidden, "hidden.bias": bias,
               "output.weight": slope[:, None] * years.shares[None] / SCALE,
               "output.bias": offset + slope * (years.middle - CENTER) / SCALE, "temperature": distribution.temperature}
    save_file({n: np.ascontiguousarray(t, np.float32) for n, t in tensors.items()},
              os.path.join(args.out, f"{name}.safetensors"))
    corpora = ", ".join(f'"{c}"' for c in sorted(set(data.corpus)))
    with open(os.path.join(args.out, f"{name}.toml"), "w") as f:
        f.write(f'id = "{args.model}-{name}"\nversion = {args.version}\nlicense = "{args.license}"\n'
                f'data = [{corpora}]\nactivation = "exponential"\n\n[model]\nid = "{args.model}"\nversion = {args.model_version}\n')
    with open(os.path.join(args.out, f"{name}-report.json"), "w") as f:
        json.dump(report, f, indent=1)
    print(json.dumps({k: report[k] for k in ("all", "clean", "degraded")}, indent=1))


if __name__ == "__main__":
    main()
