#!/usr/bin/env python3
"""Fits the linear part of a back-end on embeddings of degraded speech: channel means and a discriminant projection.

usage: fit_transform.py OUT.safetensors DIR --model ID [--journeys N ...] [--choose]

DIR holds list.tsv and embed-MODEL-N.npz (collect.py, embed.py). Unit-length embeddings, minus the mean of their
measured channel; then linear discriminant analysis whose within-speaker covariance has every journey in it and
is shrunk towards a round one. `vouch model fit-backend MODEL --transform OUT.safetensors` takes it from there.
With --choose nothing is written: methods and settings are compared by two-fold, speaker-disjoint trials within
each corpus, as equal error rates in percent, macro mean over corpora and pooled.
"""
import argparse
import csv
import os

import numpy as np
from safetensors.numpy import save_file

DIMENSIONS, SHRINKAGE = 130, 0.2
SHORTEST_S = 1.0
PER_PERSON = 4  # recordings in trials
NON_TARGETS = 60_000  # of a corpus and condition
COHORT, TOP = 600, 100


class Data:
    def __init__(self, folder, model, journeys):
        with open(os.path.join(folder, "list.tsv"), newline="") as f:
            rows = list(csv.DictReader(f, delimiter="\t"))
        parts = [np.load(os.path.join(folder, f"embed-{model}-{j}.npz")) for j in journeys]
        self.index = np.concatenate([p["index"] for p in parts])
        raw = np.concatenate([p["embedding"] for p in parts])
        self.unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
        self.narrow = np.concatenate([p["narrow"] for p in parts])
        self.net_speech_s = np.concatenate([p["net_speech_s"] for p in parts])
        self.journey = np.concatenate([np.full(len(p["index"]), j) for j, p in zip(journeys, parts)])
        self.corpus = np.array([rows[i]["corpus"] for i in self.index])
        names = np.array([f"{rows[i]['corpus']}/{rows[i]['speaker']}" for i in self.index])
        people, self.person = np.unique(names, return_inverse=True)
        self.fold = (np.random.default_rng(1).permutation(len(people)) % 2)[self.person]

    def means(self, chosen):
        return [self.unit[chosen & (self.narrow == n)].mean(0) for n in (False, True)]

    def centred(self, means):
        return self.unit - np.where(self.narrow[:, None], means[1], means[0])


def unit(x):
    return x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9)


def covariances(x, person):
    """Within and between people."""
    people, inverse, count = np.unique(person, return_inverse=True, return_counts=True)
    means = np.zeros((len(people), x.shape[1]))
    np.add.at(means, inverse, x)
    means /= count[:, None]
    deviations = x - means[inverse]
    return deviations.T @ deviations / max(1, len(x) - len(people)), np.cov(means.T)


def discriminants(x, person, dimensions=DIMENSIONS, shrinkage=SHRINKAGE):
    """Dimensions x values: the directions that tell people apart best, of within-speaker variance 1."""
    within, between = covariances(x, person)
    round_one = np.trace(within) / len(within) * np.eye(len(within))
    values, vectors = np.linalg.eigh((1 - shrinkage) * within + shrinkage * round_one)
    whiten = vectors / np.sqrt(values)
    _, best = np.linalg.eigh(whiten.T @ between @ whiten)
    return (whiten @ best[:, ::-1][:, :dimensions]).T


def evened(x, person, shrinkage):
    """Within-class covariance normalization, for comparison."""
    within, _ = covariances(x, person)
    within /= np.trace(within) / len(within)
    return np.linalg.inv(np.linalg.cholesky((1 - shrinkage) * within + shrinkage * np.eye(len(within))))


def eer(scores, same):
    same = same[np.argsort(scores, kind="stable")]
    misses, alarms = np.cumsum(same) / same.sum(), 1 - np.cumsum(~same) / (~same).sum()
    at = np.argmin(np.abs(misses - alarms))
    return 50 * (misses[at] + alarms[at])


def trials(data, fold, rng):
    """Condition -> corpus -> (a, b, same): rows of both sides and whether they are one person."""
    degraded = sorted(set(data.journey) - {0})
    sides = {"clean": (0, 0), "phone": (degraded[0], degraded[-1]), "cross": (0, degraded[0])}
    found = {condition: {} for condition in sides}
    for corpus in sorted(set(data.corpus)):
        own = np.flatnonzero((data.fold == fold) & (data.corpus == corpus) & (data.net_speech_s >= SHORTEST_S))
        keep = set()
        for person in np.unique(data.person[own]):
            keep.update(rng.permutation(np.unique(data.index[own[data.person[own] == person]]))[:PER_PERSON])
        own = own[np.isin(data.index[own], list(keep))]
        for condition, (left, right) in sides.items():
            a, b = own[data.journey[own] == left], own[data.journey[own] == right]
            i, j = (x.ravel() for x in np.meshgrid(a, b, indexing="ij"))
            ordered = data.index[i] < data.index[j] if left == right else data.index[i] != data.index[j]
            i, j = i[ordered], j[ordered]
            same = data.person[i] == data.person[j]
            if same.sum() < 20:
                continue
            chosen = np.concatenate([np.flatnonzero(same), rng.permutation(np.flatnonzero(~same))[:NON_TARGETS]])
            found[condition][corpus] = i[chosen], j[chosen], same[chosen]
    return found


def normalized(x, data, train, rng):
    """Adaptive symmetric score normalization; a function of two lists of rows."""
    cohort = []
    for k, person in enumerate(rng.permutation(np.unique(data.person[train]))[:COHORT]):
        own = train & (data.person == person) & ((data.journey == 0) == bool(k % 2))
        if own.any():
            cohort.append(x[own].mean(0))
    scores = x @ unit(np.array(cohort)).T
    top = -np.partition(-scores, min(TOP, scores.shape[1] - 1), axis=1)[:, :TOP]
    mean, spread = top.mean(1), top.std(1)

    def score(a, b):
        cosine = np.einsum("ij,ij->i", x[a], x[b])
        return 0.5 * ((cosine - mean[a]) / spread[a] + (cosine - mean[b]) / spread[b])

    return score


def choose(data):
    def plain(train):
        return data.unit

    def centring(train):
        return unit(data.centred(data.means(train)))

    def wccn(shrinkage):
        def method(train):
            x = data.centred(data.means(train))
            return unit(x @ evened(x[train], data.person[train], shrinkage).T)
        return method

    def lda(dimensions, shrinkage):
        def method(train):
            x = data.centred(data.means(train))
            return unit(x @ discriminants(x[train], data.person[train], dimensions, shrinkage).T)
        return method

    methods = {"plain": plain, "centring": centring, "WCCN 0.2": wccn(0.2), "WCCN 0.4": wccn(0.4)}
    methods |= {f"LDA {d}, {s}": lda(d, s) for d in (100, 130, 160) for s in (0.1, 0.2, 0.4)}
    print(f"{'':24s}" + "".join(f"{c:>14s}" for c in ("clean", "phone", "cross")) + "   macro/pooled EER in percent")
    for name, method in methods.items():
        for norm in (False, True):
            if norm and name in ("plain", "centring"):
                continue
            macro, pooled = {}, {}
            for fold in (0, 1):
                rng = np.random.default_rng(fold)
                train = data.fold != fold
                x = method(train)
                score = normalized(x, data, train, rng) if norm else lambda a, b: np.einsum("ij,ij->i", x[a], x[b])
                for condition, corpora in trials(data, fold, np.random.default_rng(10 + fold)).items():
                    scored = [(score(a, b), same) for a, b, same in corpora.values()]
                    macro.setdefault(condition, []).extend(eer(*s) for s in scored)
                    pooled.setdefault(condition, []).append(eer(*(np.concatenate(s) for s in zip(*scored))))
            cells = (f"{np.mean(macro[c]):7.2f}/{np.mean(pooled[c]):5.2f}" for c in macro)
            print(f"{name + (' + AS-norm' if norm else ''):24s}" + " ".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out")
    parser.add_argument("folder")
    parser.add_argument("--model", required=True)
    parser.add_argument("--journeys", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--choose", action="store_true")
    args = parser.parse_args()
    data = Data(args.folder, args.model, args.journeys)
    if args.choose:
        return choose(data)
    everybody = np.ones(len(data.unit), bool)
    means = data.means(everybody)
    projection = discriminants(data.centred(means), data.person)
    save_file({"mean_wide": means[0].astype(np.float32), "mean_narrow": means[1].astype(np.float32),
               "projection": np.ascontiguousarray(projection, np.float32)}, args.out)
    print(f"{len(set(data.person))} people, {len(data.unit)} embeddings, {projection.shape[0]} dimensions")


if __name__ == "__main__":
    main()
