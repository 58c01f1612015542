#!/usr/bin/env python3
"""Trains the telephone adapter of CAM++: scales and shifts of its batch norms, its 2-D filters and its last layer.

usage: adapter.py DIR OUT --weights WEIGHTS [--steps N] [--rate R] [--start CHECKPOINT]

Behind a telephone line (DIR/line-*.f16, made by lines.py) the network must say what the published one says of the
clean recording (DIR/embed-campplus-0.npz): the losses of models/mfcc-tdnn/train/train.py. WEIGHTS is the file of
`vouch model install campplus`. Writes OUT/checkpoint.pt every 100 steps and goes on from there, OUT/log.tsv with EER in percent of people
who were left out (clean, telephone, telephone against clean; the last with everybody against everybody, too), and
OUT/telephone.safetensors. --start begins with the network of another run.
"""
import argparse
import glob
import math
import os
import sys
import time
import types

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../mfcc-tdnn/train"))
import train
from network import CamPlusPlus
from voices import AS_IT_IS

BINS = 80
BATCH = 32
SHORTEST, LONGEST = 140, 300  # frames of a crop
FEWEST = 60  # frames of a recording
WARM_UP, FLOOR = 60, 0.02
PROXIES = 4_096
SAVE_EVERY = 100
# What is trained, and its share of the learning rate.
TRAINED = {"norms": 1.0, "head": 0.3, "last": 0.1}


class Lines:
    """The features of one pass on disk."""

    def __init__(self, path):
        frames = np.load(path.removesuffix(".f16") + ".frames.npy")
        self.ends = np.concatenate([[0], np.cumsum(frames)])
        self.data = np.memmap(path, np.float16, "r").reshape(-1, BINS)

    def crop(self, index, frames, rng):
        """Mean-free features, `frames` x 80; None where there are too few."""
        if index + 1 >= len(self.ends):
            return None
        first, last = self.ends[index], self.ends[index + 1]
        if last - first < FEWEST:
            return None
        if last - first > frames:
            first += rng.integers(last - first - frames + 1)
            last = first + frames
        own = np.asarray(self.data[first:last], np.float32)
        return np.tile(own - own.mean(0), (-(-frames // len(own)), 1))[:frames]


def found(folder):
    return [Lines(path) for path in sorted(glob.glob(os.path.join(folder, "line-*.f16")))]


class Student:
    """The network and how its embeddings are compared with the targets."""

    def __init__(self, weights, recordings):
        self.network = CamPlusPlus(weights)
        self.mean = torch.from_numpy(recordings.mean)
        self.transform = torch.from_numpy(recordings.transform.astype(np.float32))

    def groups(self):
        chosen = {name: [] for name in TRAINED}
        for name, value in self.network.free.items():
            kind = "norms" if value.dim() == 1 else "head" if name.startswith("head") else "last" if "/dense/" in name else None
            if kind:
                chosen[kind].append(value.requires_grad_(True))
        return [{"params": values, "share": TRAINED[kind]} for kind, values in chosen.items()]

    def __call__(self, crops):
        e = F.normalize(self.network(torch.from_numpy(np.stack(crops))).float())
        return F.normalize((e - self.mean) @ self.transform)


def validate(student, recordings, lines):
    targets = recordings.targets[AS_IT_IS]
    index = [i for i in np.flatnonzero(recordings.validation) if recordings.names[i] and not np.isnan(targets[i, 0])]
    crops = {i: lines.crop(i, LONGEST, np.random.default_rng(int(i))) for i in index}
    index = [i for i in index if crops[i] is not None]
    with torch.no_grad():
        heard = torch.cat([student([crops[i] for i in index[k : k + 64]]) for k in range(0, len(index), 64)]).numpy()
    names = np.array([recordings.names[i] for i in index])
    corpora = np.array([n.split("/")[0] for n in names])
    everybody = np.triu(np.ones((len(index), len(index)), bool), 1)
    within = everybody & (corpora[:, None] == corpora)
    same = names[:, None] == names
    eer = lambda a, b, pairs: train.eer((a @ b.T)[pairs], same[pairs])
    clean = targets[index]
    return len(index), *np.round([eer(clean, clean, within), eer(heard, heard, within), eer(heard, clean, within),
                                  eer(heard, clean, everybody)], 2)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--weights", required=True)
    parser.add_argument("--steps", type=int, default=1_200)
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--start", help="checkpoint of another run")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    os.makedirs(args.out, exist_ok=True)
    recordings = train.Recordings(args.folder)
    targets = recordings.targets[AS_IT_IS]
    lines = found(args.folder)
    student = Student(args.weights, recordings)
    groups = student.groups()
    judge = train.Judge(types.SimpleNamespace(people=recordings.people, speeds=[AS_IT_IS], usable=recordings.usable,
                                              speaker=recordings.speaker, targets=recordings.targets,
                                              person=lambda _, i: recordings.speaker[i]))
    groups.append({"params": list(judge.parameters()), "share": 1.0})
    optimizer = torch.optim.AdamW(groups, lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0)
    parts = {"network": student.network, "judge": judge, "optimizer": optimizer}
    checkpoint, step = os.path.join(args.out, "checkpoint.pt"), 0
    log = open(os.path.join(args.out, "log.tsv"), "a")
    if args.start:
        student.network.load_state_dict(torch.load(args.start)["network"])
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        step = saved["step"]
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    else:
        print("validation", 0, *validate(student, recordings, lines[0]), sep="\t", file=log, flush=True)
    usable = np.flatnonzero(recordings.usable)
    started, sums = time.time(), np.zeros(3)
    while step < args.steps:
        rng = np.random.default_rng([args.seed, step])
        frames = int(rng.integers(SHORTEST, LONGEST + 1))
        crops, rows = [], []
        while len(crops) < BATCH:
            row = int(rng.choice(usable))
            crop = lines[rng.integers(len(lines))].crop(row, frames, rng)
            if crop is not None:
                crops.append(crop)
                rows.append(row)
        proxies = torch.from_numpy(targets[rng.choice(usable, PROXIES)])
        share = min(1.0, (step + 1) / WARM_UP) * (FLOOR + (1 - FLOOR) * 0.5 * (1 + math.cos(math.pi * step / args.steps)))
        for group in optimizer.param_groups:
            group["lr"] = args.rate * group["share"] * share
        loss, figures = judge(student(crops), torch.from_numpy(targets[rows]), torch.tensor(recordings.speaker[rows]), proxies)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 5.0)
        optimizer.step()
        sums += figures
        step += 1
        if step % 20 == 0:
            print(step, *np.round(sums / 20, 4), round(time.time() - started, 1), sep="\t", file=log, flush=True)
            sums[:] = 0
            lines = found(args.folder)  # passes that appear later are taken in
        if step % SAVE_EVERY == 0 or step == args.steps:
            torch.save({"step": step, **{name: part.state_dict() for name, part in parts.items()}}, checkpoint + ".tmp")
            os.replace(checkpoint + ".tmp", checkpoint)
            print("validation", step, *validate(student, recordings, lines[0]), sep="\t", file=log, flush=True)
    changed = {name: value.half().contiguous() for name, value in sorted(student.network.changed().items())}
    save_file(changed, os.path.join(args.out, "telephone.safetensors"))


if __name__ == "__main__":
    main()
