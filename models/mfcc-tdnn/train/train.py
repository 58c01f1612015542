#!/usr/bin/env python3
"""Trains `mfcc-tdnn` by channel-robust distillation.

usage: train.py DIR OUT [--steps N] [--seed S] [--threads N] [--start WEIGHTS [--rate R]]

The student hears degraded speech (DIR/pass-*.f16, made by passes.py; passes that appear later are taken in) and
must say what the teacher (DIR/embed-campplus-0*.npz, made by embed.py; those that appear later too) says of the clean recording: the direction of the teacher's
embedding after centring and within-speaker whitening (cosine loss), its similarities to all other recordings
(Kullback-Leibler divergence; Park et al., Relational Knowledge Distillation, CVPR 2019), and who speaks
(additive angular margin; Deng et al., CVPR 2019), where that is known. Writes OUT/checkpoint.pt every
few hundred steps and goes on from there, OUT/log.tsv, and OUT/student.pt (averaged weights) at the end. --start begins
with exported weights instead of drawn ones.
"""
import argparse
import csv
import glob
import math
import os
import re
import time

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from model import COEFFICIENTS, EMBEDDING, Tdnn
from voices import AS_IT_IS

BATCH = 128
SHORTEST, LONGEST = 120, 320  # frames of a crop
FEWEST = 30  # frames of a recording
PEAK_RATE, WARM_UP, DECAY = 2e-3, 400, 0.02
CLEAN_SHARE = 0.2  # of the crops
TEMPERATURE = 0.1
PROXIES = 4_096  # recordings a step that similarities are compared with
MASKED, WIDEST_MASK = 0.5, 6  # share of the crops without a band of mel bins (Park et al., SpecAugment, Interspeech 2019)
MARGIN, SCALE = 0.2, 24.0
SHRINKAGE = 0.3  # of the within-speaker covariance
SAME_PERSON = 0.7  # cosine of the teacher between two ids of speechocean762
AVERAGE = 0.998
SAVE_EVERY = 250
VALIDATION = 17  # one speaker in so many is left out and measured on


class Recordings:
    """What is known of each recording: the speaker, the teacher's target in each voice, whether it is for validation."""

    def __init__(self, folder):
        self.folder = folder
        self.targets = {}
        with open(os.path.join(folder, "list.tsv"), newline="") as f:
            rows = list(csv.DictReader(f, delimiter="\t"))
        self.rows = rows
        unit = self.taught(os.path.join(folder, "embed-campplus-0.npz"))
        names = [f"{r['corpus']}/{r['speaker']}" if r["speaker"] else "" for r in rows]
        names = merged(names, unit)
        held = {n for n in set(names) if n and hash_of(n) % VALIDATION == 1}
        self.validation = np.array([n in held for n in names])
        known = sorted({n for n in names if n} - held)
        number = {n: i for i, n in enumerate(known)}
        self.names = names
        self.people = len(known)
        self.speaker = np.array([number.get(n, -1) for n in names])
        sound = ~np.isnan(unit[:, 0])
        self.usable = sound & ~self.validation
        self.mean, self.transform = whitening(unit[self.usable], self.speaker[self.usable])
        self.refresh()
        self.speeds = sorted(v for v in self.targets if v.isdigit())

    def taught(self, path):
        """Unit embeddings of the teacher by row, NaN where it has none."""
        part = np.load(path)
        every = np.full((len(self.rows), EMBEDDING), np.nan, np.float32)
        every[part["index"]] = part["embedding"]
        return every / np.linalg.norm(every, axis=1, keepdims=True)

    def refresh(self):
        for path in sorted(glob.glob(os.path.join(self.folder, "embed-campplus-0*.npz"))):
            voice = re.search(r"embed-campplus-0(?:-(\w+))?\.npz", path)[1] or AS_IT_IS
            if voice not in self.targets:
                t = (self.taught(path) - self.mean) @ self.transform
                self.targets[voice] = (t / np.linalg.norm(t, axis=1, keepdims=True)).astype(np.float32)

    def proxies(self, rng):
        """Targets of drawn recordings, in drawn voices."""
        voices = sorted(self.targets)
        rows = np.flatnonzero(self.usable)
        drawn = zip(rng.integers(len(voices), size=PROXIES), rng.choice(rows, PROXIES))
        targets = np.stack([self.targets[voices[v]][i] for v, i in drawn])
        return torch.from_numpy(targets[~np.isnan(targets[:, 0])])

    def person(self, voice, index):
        """The class of a recording: at another speed somebody is another person; drawn voices and unknown speakers have none."""
        if voice not in self.speeds or self.speaker[index] < 0:
            return -1
        return self.speeds.index(voice) * self.people + self.speaker[index]


def hash_of(name):
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value


def merged(names, unit):
    """Two ids of speechocean762 that sound alike are one person (the set has about 15 such pairs)."""
    people = sorted({n for n in names if n.startswith("speechocean762/")})
    where = {p: [] for p in people}
    for i, n in enumerate(names):
        if n in where and not np.isnan(unit[i, 0]):
            where[n].append(i)
    people = [p for p in people if where[p]]
    means = np.stack([unit[where[p]].mean(0) for p in people])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    alias = {}
    for i, j in zip(*np.where(np.triu(means @ means.T, 1) > SAME_PERSON)):
        alias[people[j]] = alias.get(people[i], people[i])
    return [alias.get(n, n) for n in names]


def whitening(unit, speaker):
    """Mean of all, and the transform that makes the within-speaker covariance round."""
    deviations = []
    for s in np.unique(speaker[speaker >= 0]):
        own = unit[speaker == s]
        if len(own) > 1:
            deviations.append((own - own.mean(0)) * math.sqrt(len(own) / (len(own) - 1)) / math.sqrt(len(own)))
    deviations = np.concatenate(deviations)
    within = deviations.T @ deviations
    within /= np.trace(within) / len(within)
    values, vectors = np.linalg.eigh((1 - SHRINKAGE) * within + SHRINKAGE * np.eye(len(within)))
    return unit.mean(0), (vectors / np.sqrt(values)) @ vectors.T


class Passes:
    """The features on disk."""

    def __init__(self, folder):
        self.folder, self.found = folder, {}

    def refresh(self):
        for path in sorted(glob.glob(os.path.join(self.folder, "pass-*.f16"))):
            counts = path.removesuffix(".f16") + ".frames.npy"  # written last
            if path not in self.found and os.path.exists(counts):
                number, voice = re.search(r"pass-(\d+)(?:-(\w+))?\.f16", path).groups()
                frames = np.load(counts)
                data = np.memmap(path, np.float16, "r", shape=(int(frames.sum()), COEFFICIENTS))
                self.found[path] = (int(number), voice or AS_IT_IS, np.concatenate([[0], np.cumsum(frames)]), data)

    def ready(self, voices):
        """Those whose voice has a teacher: the clean ones and the degraded ones."""
        usable = [p for p in self.found.values() if p[1] in voices]
        return [p for p in usable if p[0] == 0], [p for p in usable if p[0] != 0]


def holds(taken, index):
    """Whether a pass has enough of a recording; it may have been made before the recording was there."""
    ends = taken[2]
    return index + 1 < len(ends) and ends[index + 1] - ends[index] >= FEWEST


def crop(taken, index, frames, rng):
    if not holds(taken, index):
        return None
    _, _, ends, data = taken
    first, last = ends[index], ends[index + 1]
    if last - first > frames:
        first += rng.integers(last - first - frames + 1)
        return np.asarray(data[first : first + frames], np.float32)
    own = np.asarray(data[first:last], np.float32)
    return np.tile(own, (-(-frames // len(own)), 1))[:frames]


def batch_of(recordings, passes, rng):
    """Features, the teacher's targets and the person (-1 if there is none) of drawn crops of one length."""
    clean, degraded = passes.ready(recordings.targets)
    candidates = np.flatnonzero(recordings.usable)
    frames = int(rng.integers(SHORTEST, LONGEST + 1))
    x, targets, people = [], [], []
    while len(x) < BATCH:
        i = int(candidates[rng.integers(len(candidates))])
        source = clean if rng.random() < CLEAN_SHARE or not degraded else degraded
        source = [taken for taken in source if holds(taken, i)]
        if not source:
            continue
        taken = source[rng.integers(len(source))]
        piece = crop(taken, i, frames, rng)
        target = recordings.targets[taken[1]][i]
        if piece is not None and not np.isnan(target[0]):
            x.append(piece)
            targets.append(target)
            people.append(recordings.person(taken[1], i))
    return masked(np.stack(x), rng), torch.from_numpy(np.stack(targets)), torch.tensor(people)


def cosines():
    """The orthonormal transform from log mel energies (columns) to cepstrum (rows)."""
    k, n = np.arange(COEFFICIENTS)[:, None], np.arange(COEFFICIENTS)[None]
    dct = np.sqrt(2 / COEFFICIENTS) * np.cos(np.pi / COEFFICIENTS * (n + 0.5) * k)
    dct[0] = np.sqrt(1 / COEFFICIENTS)
    return dct.astype(np.float32)


DCT = cosines()


def masked(x, rng):
    """Some crops lose a band: there every frame gets the mean of the crop."""
    chosen = np.flatnonzero(rng.random(len(x)) < MASKED)
    mel = x[chosen] @ DCT
    for own in mel:
        width = int(rng.integers(2, WIDEST_MASK + 1))
        first = int(rng.integers(COEFFICIENTS - width + 1))
        own[:, first : first + width] = own[:, first : first + width].mean(0)
    x[chosen] = mel @ DCT.T
    return torch.from_numpy(x)


class Judge(nn.Module):
    """The three losses."""

    def __init__(self, recordings):
        super().__init__()
        centers = np.random.default_rng(0).normal(size=(recordings.people * len(recordings.speeds), EMBEDDING)).astype(np.float32) * 0.05
        for voice in recordings.speeds:
            for i in np.flatnonzero(recordings.usable & (recordings.speaker >= 0)):
                if not np.isnan(recordings.targets[voice][i, 0]):
                    centers[recordings.person(voice, i)] += recordings.targets[voice][i]
        self.centers = nn.Parameter(F.normalize(torch.from_numpy(centers)))

    def forward(self, student, target, person, proxies):
        student = F.normalize(student)
        cosine = 1 - (student * target).sum(1).mean()
        said = F.log_softmax(target @ proxies.T / TEMPERATURE, 1)
        heard = F.log_softmax(student @ proxies.T / TEMPERATURE, 1)
        relation = F.kl_div(heard, said, log_target=True, reduction="batchmean")
        known = person >= 0
        margin = torch.zeros(())
        if known.any():
            cosines = (student[known] @ F.normalize(self.centers).T).clamp(-0.999, 0.999)
            own = F.one_hot(person[known], cosines.shape[1]).bool()
            logits = SCALE * torch.where(own, torch.cos(torch.acos(cosines) + MARGIN), cosines)
            margin = F.cross_entropy(logits, person[known])
        return 3 * cosine + relation + 0.15 * margin, (cosine.item(), relation.item(), margin.item())


def eer(scores, same):
    order = np.argsort(scores)
    same = same[order]
    misses = np.cumsum(same) / same.sum()
    alarms = 1 - np.cumsum(~same) / (~same).sum()
    at = np.argmin(np.abs(misses - alarms))
    return 50 * (misses[at] + alarms[at])


def validate(network, recordings, passes):
    """EER in percent on the speakers left out: clean, and a clean against a degraded recording."""
    network.eval()
    clean, degraded = passes.ready([AS_IT_IS])
    index = np.flatnonzero(recordings.validation & (np.array(recordings.names) != ""))
    sides = []
    with torch.no_grad():
        for taken in (clean[0], (degraded or clean)[0]):
            rows = [crop(taken, i, 300, np.random.default_rng(int(i))) for i in index]
            rows = [np.zeros((300, COEFFICIENTS), np.float32) if r is None else r for r in rows]
            out = [F.normalize(network(torch.from_numpy(np.stack(rows[k : k + 64])))) for k in range(0, len(rows), 64)]
            side = torch.cat(out).numpy()
            sides.append(side - side.mean(0))
    names = np.array([recordings.names[i] for i in index])
    corpora = np.array([n.split("/")[0] for n in names])
    upper = np.triu(np.ones((len(index), len(index)), bool), 1) & (corpora[:, None] == corpora)
    same = (names[:, None] == names)[upper]
    network.train()
    unit = [s / np.linalg.norm(s, axis=1, keepdims=True) for s in sides]
    return [eer((unit[a] @ unit[b].T)[upper], same) for a, b in ((0, 0), (1, 1), (0, 1))]


def rate(step, steps, peak):
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - WARM_UP) / max(1, steps - WARM_UP))))


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--steps", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--start", help="weights of export.py to begin with")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="peak learning rate")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    recordings, passes = Recordings(args.folder), Passes(args.folder)
    passes.refresh()
    network, judge = Tdnn(), Judge(recordings)
    clean = next(p for p in passes.found.values() if p[0] == 0)[3]
    sample = np.asarray(clean[:: max(1, len(clean) // 200_000)], np.float32)
    network.mu.copy_(torch.from_numpy(sample.mean(0)))
    network.scale.copy_(torch.from_numpy(1 / sample.std(0)))
    if args.start:
        x, _, _ = batch_of(recordings, passes, np.random.default_rng([args.seed, 2**32]))
        network.unfold(load_file(args.start), x)
    average = torch.optim.swa_utils.AveragedModel(network, avg_fn=lambda a, b, _: AVERAGE * a + (1 - AVERAGE) * b, use_buffers=False)
    groups = [{"params": [p for p in network.parameters() if p.dim() > 1], "weight_decay": DECAY},
              {"params": [p for p in network.parameters() if p.dim() < 2], "weight_decay": 0.0},
              {"params": judge.parameters(), "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98))
    checkpoint, step = os.path.join(args.out, "checkpoint.pt"), 0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        step = saved["step"]
        for part, name in ((network, "network"), (average, "average"), (judge, "judge"), (optimizer, "optimizer")):
            part.load_state_dict(saved[name])
    print(f"{recordings.usable.sum()} recordings, {recordings.people} people, voices {sorted(recordings.targets)}, step {step}", flush=True)
    log = open(os.path.join(args.out, "log.tsv"), "a")
    started, sums = time.time(), np.zeros(3)
    while step < args.steps:
        rng = np.random.default_rng([args.seed, step])
        x, target, person = batch_of(recordings, passes, rng)
        proxies = recordings.proxies(rng)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, args.steps, args.rate)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            student = network(x)
        loss, parts = judge(student.float(), target, person, proxies)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        average.update_parameters(network)
        sums += parts
        step += 1
        if step % 50 == 0:
            done = [step, *np.round(sums / 50, 4), round(time.time() - started, 1)]
            print(*done, sep="\t", file=log, flush=True)
            sums[:] = 0
            passes.refresh()
            recordings.refresh()
        if step % SAVE_EVERY == 0 or step == args.steps:
            for mine, theirs in zip(average.module.buffers(), network.buffers()):
                mine.copy_(theirs)
            state = {"step": step, "network": network.state_dict(), "average": average.state_dict(),
                     "judge": judge.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save(state, checkpoint + ".tmp")
            os.replace(checkpoint + ".tmp", checkpoint)
            if step % (2 * SAVE_EVERY) == 0 or step == args.steps:
                figures = validate(average.module, recordings, passes)
                print("validation", step, *np.round(figures, 2), sep="\t", file=log, flush=True)
    torch.save(average.module.state_dict(), os.path.join(args.out, "student.pt"))


if __name__ == "__main__":
    main()
