#!/usr/bin/env python3
"""Embeddings of the training speech by the product's own `vouch embed`: as it is, or after drawn journeys.

usage: embed.py DIR --vouch PATH --model ID [--journeys N ...] [--noise DIR] [--longest S] [--several N] [--aged] [--voice V] [--adapted]

DIR is what collect.py made. Journey 0 is the speech as it is (the teacher's targets are those of campplus), every
other number is the seed of a degraded version of each recording (augment.py). --several takes only people
with two recordings or more, --aged recordings of people whose age is known, --voice makes another voice of each (voices.py). --adapted
takes the model with its telephone adapter, and MODEL-adapted stands for MODEL in names. Writes DIR/embed-MODEL-N.npz: index (rows of list.tsv), embedding (raw), net_speech_s,
narrow (telephone band was measured), snr_db. Blocks done are kept in DIR/parts, so that it can be interrupted.
"""
import argparse
import collections
import csv
import json
import os
import subprocess
import tempfile

import numpy as np
import soundfile

import augment
import voices

AT_ONCE = 400
DRAWN = 1_000  # keeps these seeds apart from those of the training passes


class Journeys:
    """Recordings by row, degraded or not."""

    def __init__(self, folder, noise, longest_s, voice):
        with open(os.path.join(folder, "list.tsv"), newline="") as f:
            self.rows = list(csv.DictReader(f, delimiter="\t"))
        self.audio = np.memmap(os.path.join(folder, "audio.i16"), np.int16, "r")
        self.most = int(longest_s * augment.RATE_HZ)
        self.noise, self.voice = noise, voice
        self.sounds = None

    def whole(self, index):
        row = self.rows[index]
        first, count = int(row["first"]), int(row["samples"])
        return self.audio[first : first + count].astype(np.float32) / 32_768

    def speech(self, journey, index):
        rng = np.random.default_rng([DRAWN + journey, index])
        speech = self.whole(index)
        if len(speech) > self.most:
            first = rng.integers(len(speech) - self.most) if journey else 0
            speech = speech[first : first + self.most]
        speech = voices.spoken(speech, self.voice, self.rows[index])
        if journey:
            if self.sounds is None:
                self.sounds = augment.rooms(200, 2), augment.noises(self.noise, 2)
            others = [self.whole(rng.integers(len(self.rows))) for _ in range(rng.integers(2, 6))]
            speech = augment.degraded(speech, rng, *self.sounds, others)
        return speech

    def chosen(self, most, aged):
        if aged:
            return [index for index, row in enumerate(self.rows) if row["age"]]
        if not most:
            return list(range(len(self.rows)))
        people = collections.defaultdict(list)
        for index, row in enumerate(self.rows):
            if row["speaker"]:
                people[row["corpus"], row["speaker"]].append(index)
        several = [own for own in people.values() if len(own) > 1]
        return sorted(own[k * len(own) // min(most, len(own))] for own in several for k in range(min(most, len(own))))


def embed(vouch, options, journeys, journey, block):
    """Fields of one block of rows, NaN where there is no speech."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, f"{index}.wav") for index in block]
        for index, path in zip(block, paths):
            soundfile.write(path, journeys.speech(journey, index), augment.RATE_HZ, subtype="PCM_16")
        # Exit code 3: some have no speech; they have no line.
        run = subprocess.run([vouch, "embed", *options, *paths], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True)
        if run.returncode not in (0, 3):
            raise SystemExit(f"vouch embed failed with {run.returncode}")
        said = [json.loads(line) for line in run.stdout.splitlines()]
    said = [s for s in said if s.get("embedding")]
    return {"index": np.array([int(os.path.basename(s["path"]).split(".")[0]) for s in said], int),
            "embedding": np.array([s["embedding"] for s in said], np.float32),
            "net_speech_s": np.array([s["net_speech_s"] for s in said], np.float32),
            "narrow": np.array([s["quality"]["bandwidth"] == "narrow" for s in said]),
            "snr_db": np.array([s["quality"].get("snr_db") or np.nan for s in said], np.float32)}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--vouch", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--journeys", type=int, nargs="+", default=[0])
    parser.add_argument("--noise")
    parser.add_argument("--longest", type=float, default=20.0)
    parser.add_argument("--several", type=int, default=0)
    parser.add_argument("--aged", action="store_true")
    parser.add_argument("--adapted", action="store_true")
    parser.add_argument("--voice", default=voices.AS_IT_IS)
    args = parser.parse_args()
    journeys = Journeys(args.folder, args.noise, args.longest, args.voice)
    suffix = voices.suffix(args.voice)
    name, options = args.model, ["--model", args.model]
    if args.adapted:
        name, options = name + "-adapted", options + ["--adapter", "on"]
    parts = os.path.join(args.folder, "parts")
    os.makedirs(parts, exist_ok=True)
    rows = journeys.chosen(args.several, args.aged)
    for journey in args.journeys:
        done = []
        for start in range(0, len(rows), AT_ONCE):
            part = os.path.join(parts, f"{name}-{journey}{suffix}-{start}.npz")
            if not os.path.exists(part):
                fields = embed(args.vouch, options, journeys, journey, rows[start : start + AT_ONCE])
                np.savez(part + ".tmp.npz", **fields)
                os.rename(part + ".tmp.npz", part)
            done.append(np.load(part))
        whole = {field: np.concatenate([d[field] for d in done if len(d["index"])]) for field in done[0].files}
        np.savez(os.path.join(args.folder, f"embed-{name}-{journey}{suffix}.npz"), **whole)
        print(f"journey {journey}: {len(whole['index'])} of {len(rows)}", flush=True)


if __name__ == "__main__":
    main()
