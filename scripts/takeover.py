#!/usr/bin/env python3
"""How well a session notices that another voice took over, and how often it is wrong.

usage: scripts/takeover.py --vouch PROGRAM --speech DIR [--ocean DIR] [--model ID] CORPUS ...

Sessions: speech of one person, then 15 s of another, through one simulated telephone line (real calls as they are),
silence taken out, cut into windows of 3 s; the takeover falls anywhere in a window. What is done with the windows is
what src/usecase/sessions/own_voice.rs and src/session/call/watch.rs do; the rules compared stand in RULES, the one that
ships is the last. A false alarm is counted in the first person's speech; the session begins anew after it.

--speech: a folder with manifest.tsv (corpus, speaker, file, session). --ocean: the folder WAVE of speechocean762, for
the corpus name `ocean`. A corpus may also be a folder with one folder a voice, already telephone speech
(fixtures/voices). Needs numpy, scipy, soundfile, safetensors and pyroomacoustics, and the program for embeddings.
"""
import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile

import numpy as np
import soundfile
from safetensors.numpy import load_file
from scipy.signal import resample_poly

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "models", "mfcc-tdnn", "train"))
import augment  # noqa: E402

RATE = augment.RATE_HZ
WINDOW_S, HOP_S, OTHER_S = 3, 1.5, 15
REAL_CALLS = {"hyke"}
SHARED = 0.4  # of the variance of windows, by src/scoring/uncertainty.rs
KEPT = 20  # windows that later ones are held against
USUAL_LLR, USUAL_WINDOWS = 3.25, 2
FOLLOWS = "0, then 2.25 under usual alone"  # no floor once the usual is known
# name: floor, drop, agreement
RULES = {
    "floor -1": (-1.0, None, None),
    "floor 0.75": (0.75, None, None),
    "and 2.25 under usual": (0.75, 2.25, None),
    FOLLOWS: (0.0, 2.25, 1.0),
    "and the odd two alike": (0.75, 2.25, 1.0),
}


def load(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    common = np.gcd(rate, RATE)
    return resample_poly(samples[:, 0], RATE // common, rate // common).astype(np.float32)


def speech(samples):
    """Frames within 32 dB of the loud ones, and 70 ms around them."""
    count = len(samples) // 160
    if count == 0:
        return samples[:0]
    frames = samples[: count * 160].reshape(count, 160)
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-10)
    loud = level_db > np.percentile(level_db, 95) - 32
    return samples[: count * 160][np.repeat(np.convolve(loud, np.ones(15), "same") > 0, 160)]


def people(args, corpus):
    found = {}
    if corpus == "ocean":
        for name in sorted(os.listdir(args.ocean)):
            folder = os.path.join(args.ocean, name)
            found[name] = [os.path.join(folder, f) for f in sorted(os.listdir(folder))]
        return found
    if os.path.isdir(corpus):
        for name in sorted(os.listdir(corpus)):
            folder = os.path.join(corpus, name)
            if os.path.isdir(folder):
                paths = [os.path.join(folder, f) for f in sorted(os.listdir(folder)) if f.endswith(".wav")]
                found[name] = sorted(paths, key=lambda path: -os.path.getsize(path))[:12]
        return found
    with open(os.path.join(args.speech, "manifest.tsv"), newline="") as f:
        for row in csv.DictReader(f, delimiter="\t"):
            if row["corpus"] == corpus:
                who = f"{row['speaker']}#{row['session']}"
                found.setdefault(who, []).append(os.path.join(args.speech, row["file"]))
    return found


def speakers(corpus):
    """Folders of one person, where the corpus says so."""
    listed = os.path.join(corpus, "speakers.tsv")
    if not os.path.isfile(listed):
        return {}
    with open(listed, newline="") as f:
        return {row["folder"]: row["speaker"] for row in csv.DictReader(f, delimiter="\t")}


def sessions(args, corpus):
    """(person, samples, takeover in samples), a few for each person."""
    rng = np.random.default_rng(args.seed)
    hum = [augment.colored(5 * RATE, e, rng) for e in (0.0, 0.5, 1.0, 1.2, 2.0)]
    found = people(args, corpus)
    names = sorted(found)
    rng.shuffle(names)
    voices = {}
    for name in names:
        parts, total = [], 0
        for path in found[name][:60]:
            parts.append(speech(load(path)))
            total += len(parts[-1])
            if total > args.own * RATE:
                break
        whole = np.concatenate(parts)[: int(args.own * RATE)]
        if len(whole) >= 20 * RATE:
            voices[name] = whole
    names, same, real = list(voices), speakers(corpus), corpus in REAL_CALLS or os.path.isdir(corpus)
    for k, name in enumerate(names):
        for j in range(args.takers):
            taker = names[(k + 1 + j) % len(names)]
            other = voices[taker][-OTHER_S * RATE:]
            own = voices[name]
            own = own[: len(own) - int(rng.uniform(0, HOP_S) * RATE)]
            level = np.sqrt(np.mean(own**2)) / (np.sqrt(np.mean(other**2)) + 1e-9)
            call = np.concatenate([own, other * level * 10 ** (rng.normal(0, 3) / 20)]).astype(np.float32)
            if not real:
                call = augment.telephone(call, rng, hum)
            if same.get(name, name) != same.get(taker, taker):
                yield name, call, len(own)


def embedded(args, windows):
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for start in range(0, len(windows), 300):
            paths = []
            for i, window in enumerate(windows[start:start + 300]):
                paths.append(os.path.join(folder, f"{i}.wav"))
                # At the rate of a call: what interpolation leaves above 4 kHz may hide that it is one.
                line = resample_poly(window, 1, 2)
                soundfile.write(paths[-1], np.clip(line, -1, 1), augment.LINE_HZ, subtype="PCM_16")
            command = [args.vouch, "embed", "--model", args.model, "--adapter", "on", "--vad", "off", *paths]
            lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
            found += [json.loads(line)["embedding"] for line in lines]
    return np.array(found)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


class BackEnd:
    """The shipped back-end for telephone speech: centring, projection, two-covariance model, cohort, calibration."""

    def __init__(self, model):
        folder = os.path.join(HERE, "..", "models", model)
        tensors = {k: t.astype(float) for k, t in load_file(os.path.join(folder, "backend.safetensors")).items()}
        self.mean, self.projection = tensors["mean_narrow"], tensors["projection"]
        self.people, self.middle = tensors["people.projection"], tensors["people.mean"]
        self.between = tensors["people.between"]
        self.cohort = tensors["cohort"] * tensors["cohort_scale"][:, None]
        constant, per_second, telephone = tensors["uncertainty"]
        self.variance = math.sqrt(constant + per_second / WINDOW_S + telephone)
        with open(os.path.join(folder, "calibration.json")) as f:
            self.calibration = json.load(f)

    def values(self, embeddings):
        projected = unit((unit(embeddings) - self.mean) @ self.projection.T)
        return (projected - self.middle) @ self.people.T

    def side(self, windows):
        """Mean of windows, its variance, what strangers score against it, and its net speech."""
        mean, variance = windows.mean(axis=0), self.variance * (SHARED + (1 - SHARED) / len(windows))
        strangers = np.sort(self.score((mean, variance), (self.cohort, 1.0)))[-100:].mean()
        return mean, variance, strangers, WINDOW_S * len(windows)

    def score(self, a, b):
        (x, v), (y, w), c = a, b, self.between
        p, q = c + v, c + w
        determinant = p * q - c * c
        same = (q * x * x - 2 * c * x * y + p * y * y) / determinant
        return 0.5 * (np.log(p * q / determinant) + x * x / p + y * y / q - same).sum(axis=-1)

    def llr(self, a, b):
        raw = self.score(a[:2], b[:2]) - (a[2] + b[2]) / 2

        def place(span, ms):
            low, high = math.log(max(span["from_ms"], 1)), math.log(span["to_ms"])
            return min(max((math.log(ms) - low) / (high - low), 0), 1)

        low, high = (1_000 * s for s in sorted((a[3], b[3])))
        q = [1, place(self.calibration["shorter"], low), place(self.calibration["longer"], high), 0, 1]
        return np.dot(self.calibration["offset"], q) + raw * np.dot(self.calibration["slope"], q)


def watch(back_end, windows, ends_s, takeover_s, rule, follows=False):
    """False alarms in the first person's speech, and how long after the takeover it was noticed."""
    floor, drop, agreement = rule
    kept, usual, odd, alarms = [], [], None, 0
    sides = [back_end.side(windows[i : i + 1]) for i in range(len(windows))]
    for i, window in enumerate(sides):
        if not kept:
            kept.append(i)
            continue
        llr = back_end.llr(back_end.side(windows[kept[-KEPT:]]), window)
        mean = (USUAL_LLR + sum(usual)) / (1 + len(usual))
        dropped = drop is not None and len(usual) >= USUAL_WINDOWS and llr < mean - drop
        above = llr >= floor or (follows and len(usual) >= USUAL_WINDOWS)
        if above and not dropped:
            kept.append(i)
            usual.append(llr)
            odd = None
            continue
        alike = odd is not None and (
            agreement is None or back_end.llr(sides[i - 1], window) >= llr + agreement
        )
        if not alike:
            odd = i
        elif ends_s[i] > takeover_s:
            return alarms, ends_s[i] - takeover_s
        else:
            alarms += 1
            kept, usual, odd = [odd, i], [], None
    return alarms, None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--vouch", required=True)
    parser.add_argument("--speech", required=True)
    parser.add_argument("--ocean")
    parser.add_argument("--model", default="mfcc-tdnn")
    parser.add_argument("--own", type=float, default=40, help="seconds of the first person")
    parser.add_argument("--takers", type=int, default=1)
    parser.add_argument("--most", type=int, help="sessions of a corpus")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("corpora", nargs="+")
    args = parser.parse_args()
    back_end = BackEnd(args.model)
    for corpus in args.corpora:
        calls, cuts = list(sessions(args, corpus))[: args.most], []
        for _, call, _ in calls:
            cuts.append([call[s:s + WINDOW_S * RATE] for s in range(0, len(call) - WINDOW_S * RATE + 1, WINDOW_S * RATE)])
        values = back_end.values(embedded(args, [window for cut in cuts for window in cut]))
        hours = sum(takeover for _, _, takeover in calls) / RATE / 3_600
        for name, rule in RULES.items():
            alarms, late, start = 0, [], 0
            for (_, _, takeover), cut in zip(calls, cuts):
                windows = values[start:start + len(cut)]
                start += len(cut)
                ends_s = [WINDOW_S * (i + 1) for i in range(len(cut))]
                more, delay = watch(back_end, windows, ends_s, takeover / RATE, rule, name == FOLLOWS)
                alarms += more
                late.append(math.inf if delay is None else delay)
            share = [100 * np.mean(np.array(late) <= s) for s in (8, 12)]
            print(f"{args.model} {corpus} {len(calls)} sessions: {name}: noticed within 8 / 12 s "
                  f"{share[0]:.0f} / {share[1]:.0f} %, {alarms} false alarms in {hours:.2f} h", flush=True)


if __name__ == "__main__":
    main()
