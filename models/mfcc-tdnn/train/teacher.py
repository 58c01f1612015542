#!/usr/bin/env python3
"""What the teacher (CAM++) says of each clean recording, by the product's own `vouch embed`.

usage: teacher.py DIR --vouch PATH [--speed FACTOR]

DIR is what collect.py made; the model campplus must be installed. Writes DIR/teacher.npy (recordings x 192, raw
embeddings; NaN where there is none), with --speed DIR/teacher-90.npy or the like. What is done is kept in
DIR/teacher*.part, so that it can be interrupted.
"""
import argparse
import csv
import json
import os
import subprocess
import tempfile

import numpy as np
import soundfile
from scipy.signal import resample_poly

RATE_HZ = 16_000
AT_ONCE = 400


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("--vouch", required=True)
    parser.add_argument("--speed", type=float, default=1.0)
    args = parser.parse_args()
    suffix = "" if args.speed == 1.0 else f"-{round(100 * args.speed)}"
    target = os.path.join(args.folder, f"teacher{suffix}.npy")
    part = os.path.join(args.folder, f"teacher{suffix}.part")
    with open(os.path.join(args.folder, "list.tsv"), newline="") as f:
        rows = list(csv.DictReader(f, delimiter="\t"))
    audio = np.memmap(os.path.join(args.folder, "audio.i16"), np.int16, "r")
    done = np.fromfile(part, np.float32).reshape(-1, 192) if os.path.exists(part) else np.zeros((0, 192))
    with open(part, "ab") as out:
        for start in range(len(done), len(rows), AT_ONCE):
            block = rows[start : start + AT_ONCE]
            with tempfile.TemporaryDirectory() as folder:
                paths = []
                for i, row in enumerate(block):
                    first = int(row["first"])
                    samples = audio[first : first + int(row["samples"])]
                    if args.speed != 1.0:
                        faster = resample_poly(samples.astype(np.float32), 100, round(100 * args.speed))
                        samples = np.clip(np.round(faster), -32768, 32767).astype(np.int16)
                    paths.append(os.path.join(folder, f"{i}.wav"))
                    soundfile.write(paths[-1], samples, RATE_HZ)
                # Exit code 3: some have no speech; they have no line.
                run = subprocess.run([args.vouch, "embed", "--model", "campplus", *paths],
                                     stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                if run.returncode not in (0, 3):
                    raise SystemExit(f"vouch embed failed with {run.returncode}")
            found = np.full((len(block), 192), np.nan, np.float32)
            for line in run.stdout.splitlines():
                said = json.loads(line)
                if said.get("embedding"):
                    found[int(os.path.basename(said["path"]).split(".")[0])] = said["embedding"]
            out.write(found.tobytes())
            out.flush()
            print(f"{start + len(block)} of {len(rows)}", flush=True)
    np.save(target, np.fromfile(part, np.float32).reshape(-1, 192))


if __name__ == "__main__":
    main()
