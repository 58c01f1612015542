#!/usr/bin/env python3
"""Makes passes over the training speech: MFCC of degraded audio, speech frames only.

usage: passes.py DIR PASS [PASS ...] [--noise DIR] [--voice V] [--first ROW]

DIR is what collect.py made. Pass 0 is the speech as it is, every other number is the seed of another
drawn journey for each recording. Writes DIR/pass-N.f16 (frames x 40) and DIR/pass-N.frames.npy (frames of each
recording). --voice makes another voice of each recording first (voices.py). A pass that is there goes on with the recordings
that came since; a new one begins with ROW.
"""
import argparse
import csv
import os
from multiprocessing import Pool

import numpy as np
from scipy.fft import rfft

import augment
import voices

CEPS = 40
LOW_HZ, HIGH_HZ = 60, 3_800
WINDOW, SHIFT, FFT = 400, 160, 512
MOST_S = 6.0  # of a recording in one pass; another piece in every pass
# A frame is speech if it is this near to the loudest frames and this far above the quietest.
SPEECH_RANGE_DB = 32.0
ABOVE_FLOOR_DB = 5.0
HANGOVER = 8  # frames on both sides


class LogMel:
    """Kaldi's log-mel energies, without dither; the same numbers as kaldi-native-fbank to 1e-3 (1e-2 at the floor)."""

    def __init__(self, bins, low_hz, high_hz):
        n = np.arange(WINDOW)
        self.window = ((0.5 - 0.5 * np.cos(2 * np.pi * n / (WINDOW - 1))) ** 0.85).astype(np.float32)
        mel = lambda hz: 1127 * np.log1p(np.asarray(hz) / 700)
        edges = np.linspace(mel(low_hz), mel(high_hz), bins + 2)
        at = mel(np.arange(FFT // 2) * augment.RATE_HZ / FFT)[:, None]
        rise, fall = (at - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - at) / np.diff(edges)[1:]
        self.bank = np.maximum(0, np.minimum(rise, fall)).astype(np.float32)

    def __call__(self, samples):
        """Frames x bins of float samples at 16 kHz, which are rounded to 16 bits first."""
        samples = np.round(samples * 32_767).astype(np.float32)
        if len(samples) < WINDOW:
            return np.zeros((0, self.bank.shape[1]), np.float32)
        frames = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::SHIFT]
        frames = frames - frames.mean(1, keepdims=True)
        shifted = np.concatenate([frames[:, :1], frames[:, :-1]], 1)
        frames = (frames - 0.97 * shifted) * self.window
        spectrum = rfft(frames, FFT, axis=1)[:, : FFT // 2]
        energies = (spectrum.real**2 + spectrum.imag**2) @ self.bank
        return np.log(np.maximum(energies, np.finfo(np.float32).eps))


class Mfcc:
    """Kaldi's MFCC with the settings of the model."""

    def __init__(self):
        self.log_mel = LogMel(CEPS, LOW_HZ, HIGH_HZ)
        k, n = np.arange(CEPS)[:, None], np.arange(CEPS)[None]
        dct = np.sqrt(2 / CEPS) * np.cos(np.pi / CEPS * (n + 0.5) * k)
        dct[0] = np.sqrt(1 / CEPS)
        self.dct = dct.T.astype(np.float32)

    def __call__(self, samples):
        return self.log_mel(samples) @ self.dct


def speech_frames(samples):
    """Which frames (25 ms every 10 ms) hold speech, by level. For clean recordings."""
    count = 1 + (len(samples) - WINDOW) // SHIFT
    if count < 1:
        return np.zeros(0, bool)
    sums = np.concatenate([[0], np.cumsum(samples.astype(np.float64) ** 2)])
    first = np.arange(count) * SHIFT
    level_db = 10 * np.log10((sums[first + WINDOW] - sums[first]) / WINDOW + 1e-9)
    loud, quiet = np.percentile(level_db, 95), np.percentile(level_db, 5)
    speech = (level_db > loud - SPEECH_RANGE_DB) & (level_db > min(quiet + ABOVE_FLOOR_DB, loud - 12))
    return np.convolve(speech, np.ones(2 * HANGOVER + 1), "same") > 0


class Work:
    def __init__(self, folder, noise, voice, seed=1):
        with open(os.path.join(folder, "list.tsv"), newline="") as f:
            self.rows = list(csv.DictReader(f, delimiter="\t"))
        self.audio = np.memmap(os.path.join(folder, "audio.i16"), np.int16, "r")
        self.voice = voice
        self.rooms = augment.rooms(200, seed)
        self.noises = augment.noises(noise, seed)
        self.mfcc = Mfcc()

    def samples(self, index):
        row = self.rows[index]
        first, count = int(row["first"]), int(row["samples"])
        return self.audio[first : first + count].astype(np.float32) / 32_768

    def features(self, number, index):
        # A number of its own for each recording and pass, whatever the order of the work.
        rng = np.random.default_rng([number, index])
        speech = self.samples(index)
        most = int(MOST_S * augment.RATE_HZ)
        if len(speech) > most:
            first = rng.integers(len(speech) - most)
            speech = speech[first : first + most]
        speech = voices.spoken(speech, self.voice, self.rows[index])
        keep = speech_frames(speech)
        if number:
            others = [self.samples(rng.integers(len(self.rows))) for _ in range(rng.integers(2, 6))]
            speech = augment.degraded(speech, rng, self.rooms, self.noises, others)
        return self.mfcc(speech)[keep].astype(np.float16)


def start(*args):
    global work
    work = Work(*args)


def features(job):
    return work.features(*job)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("folder")
    parser.add_argument("passes", type=int, nargs="+")
    parser.add_argument("--noise")
    parser.add_argument("--voice", default=voices.AS_IT_IS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    rows = sum(1 for _ in open(os.path.join(args.folder, "list.tsv"))) - 1
    suffix = voices.suffix(args.voice)
    with Pool(args.workers, start, (args.folder, args.noise, args.voice)) as pool:
        for number in args.passes:
            name = os.path.join(args.folder, f"pass-{number}{suffix}")
            lengths = list(np.load(name + ".frames.npy")) if os.path.exists(name + ".f16") else [0] * args.first
            with open(name + ".f16", "ab") as out:
                out.truncate(2 * CEPS * int(sum(lengths)))
                jobs = ((number, i) for i in range(len(lengths), rows))
                for block in pool.imap(features, jobs, chunksize=32):
                    lengths.append(len(block))
                    out.write(block.tobytes())
            np.save(name + ".frames.npy", np.array(lengths))
            print(f"{name}: {sum(lengths) / 360_000:.2f} h of speech", flush=True)


if __name__ == "__main__":
    main()
