#!/usr/bin/env python3
"""Filterbank features of the training speech behind drawn telephone lines, speech frames only.

usage: lines.py DIR PASS [PASS ...] --noise DIR [--first ROW] [--workers N]

DIR is what collect.py of models/mfcc-tdnn/train made; PASS is the seed of another drawn line for each recording. Writes
DIR/line-PASS.f16 (frames x 80) and DIR/line-PASS.frames.npy (frames of each recording; none before ROW).
"""
import argparse
import os
import sys
from multiprocessing import Pool

import numpy as np
from scipy.signal import fftconvolve

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../mfcc-tdnn/train"))
import augment
import passes
from voices import AS_IT_IS

BINS = 80
LOW_HZ, HIGH_HZ = 20, 8_000
MOST_S = 4.5  # of a recording in one pass


def fbank():
    """What `vouch features --kind fbank` gives."""
    return passes.LogMel(BINS, LOW_HZ, HIGH_HZ)


def called(speech, rng, rooms, noises, others):
    """A drawn place, and always a telephone line behind it."""
    if rng.random() < 0.35:
        speech = fftconvolve(speech, rooms[rng.integers(len(rooms))])[: len(speech)]
    if rng.random() < 0.5:
        if rng.random() < 0.25:
            noise = sum(augment.looped(o / (o.std() + 1e-4), len(speech), rng) for o in others)
            noise = noise / (noise.std() + 1e-4)
        else:
            noise = augment.looped(noises[rng.integers(len(noises))], len(speech), rng)
        speech = augment.mixed(speech, noise, rng.uniform(5, 30))
    if rng.random() < 0.4:
        speech = augment.equalized(speech, rng)
    return np.clip(augment.telephone(speech, rng, noises[: augment.STEADY]), -1, 1)


class Work(passes.Work):
    def __init__(self, folder, noise):
        super().__init__(folder, noise, AS_IT_IS, seed=3)
        self.fbank = fbank()

    def features(self, number, index):
        rng = np.random.default_rng([number, index])
        speech = self.samples(index)
        most = int(MOST_S * augment.RATE_HZ)
        if len(speech) > most:
            first = rng.integers(len(speech) - most)
            speech = speech[first : first + most]
        keep = passes.speech_frames(speech)
        others = [self.samples(rng.integers(len(self.rows))) for _ in range(3)]
        return self.fbank(called(speech, rng, self.rooms, self.noises, others))[keep].astype(np.float16)


def start(*args):
    global work
    work = Work(*args)


def features(job):
    return work.features(*job)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("passes", type=int, nargs="+")
    parser.add_argument("--noise", required=True)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    rows = sum(1 for _ in open(os.path.join(args.folder, "list.tsv"))) - 1
    with Pool(args.workers, start, (args.folder, args.noise)) as pool:
        for number in args.passes:
            name = os.path.join(args.folder, f"line-{number}")
            lengths = [0] * args.first
            with open(name + ".f16.tmp", "wb") as out:
                for block in pool.imap(features, ((number, i) for i in range(args.first, rows)), chunksize=32):
                    lengths.append(len(block))
                    out.write(block.tobytes())
            np.save(name + ".frames.npy", np.array(lengths))
            os.rename(name + ".f16.tmp", name + ".f16")
            print(f"{name}: {sum(lengths) / 360_000:.2f} h of speech", flush=True)


if __name__ == "__main__":
    main()
