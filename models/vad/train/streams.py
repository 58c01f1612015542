"""The recordings, and the labeled streams that training makes of them."""

import csv
from pathlib import Path

import numpy as np
import soundfile as sf
from scipy.signal import resample_poly

import signals
from features import FRAME, HOP, RATE_HZ as FS, active_rms, clean_enough, reference

CORPORA = ("commonvoice", "libri_tc100", "speechocean762")
SHORTEST_CLIP_S = 2
LONGEST_CLIP_S = 8
RMS = 0.05  # of active speech before the random gain: -26 dB relative to full scale
# Speakers from here on, in shuffled order, are for tests only.
TRAINING_SPEAKERS = 1_500
TRAINING_CLIPS, TEST_CLIPS = 260, 60
# The order is part of the recipe: tracks are drawn by index.
TRAINING_TRACKS = (
    "macroform-robot_dity.wav",
    "macroform-cold_day.wav",
    "manolo_camp-morning_coffee.wav",
    "macroform-the_simplicity.wav",
)
TEST_TRACKS = ("reno_project-system.wav",)


def speech_files(folder, seed):
    """The first long enough clip of every speaker, speakers shuffled.

    `folder/manifest.tsv` has the columns corpus, speaker, file (relative) and seconds.
    """
    first = {}
    with open(folder / "manifest.tsv", newline="") as manifest:
        for row in csv.DictReader(manifest, delimiter="\t"):
            if row["corpus"] in CORPORA and float(row["seconds"]) > SHORTEST_CLIP_S:
                first.setdefault((row["corpus"], row["speaker"]), folder / row["file"])
    keys = sorted(first)
    np.random.default_rng(seed).shuffle(keys)
    return [first[tuple(key)] for key in keys]


def load_clips(files, wanted):
    """Up to `wanted` clips in which silence is far below speech, at equal level."""
    clips = []
    for file in files:
        try:
            x, rate = sf.read(file, dtype="float64")
        except sf.LibsndfileError:
            continue
        if rate != FS or x.ndim > 1:
            continue
        if clean_enough(x):
            clips.append(x / np.sqrt(np.mean(x**2) + 1e-12) * RMS)
        if len(clips) >= wanted:
            break
    return clips


def load_speech(folder, seed):
    """Clips to train with and clips of other speakers to test with."""
    files = speech_files(Path(folder), seed)
    train = load_clips(files[:TRAINING_SPEAKERS], TRAINING_CLIPS)
    return train, load_clips(files[TRAINING_SPEAKERS:], TEST_CLIPS)


def load_music(folder, names):
    """Tracks at 8 kHz, brought to 16 kHz."""
    tracks = []
    for name in names:
        x, rate = sf.read(Path(folder) / name)
        if rate * 2 != FS or x.ndim > 1:
            raise SystemExit(f"{name}: expected one channel at {FS // 2} Hz")
        tracks.append(resample_poly(x, 2, 1))
    return tracks


def _not_speech(seconds, rng, tracks):
    kind = rng.choice([0, 1, 2, 3, 4, 5, 6, 5, 6, 7])
    if kind == 0:
        return signals.dtmf(seconds, rng)
    if kind in (1, 2):
        return signals.cadence(seconds, rng)
    if kind in (3, 4):
        return signals.music(seconds, rng)
    if kind in (5, 6):
        track = tracks[rng.integers(len(tracks))]
        start = rng.integers(len(track) - int(seconds * FS))
        return track[start : start + int(seconds * FS)]
    return np.zeros(int(seconds * FS))


def stream(rng, clips, tracks):
    """Three to five segments with pauses: samples, and for each whether it is speech.

    A frame's label is that of its middle sample, see `frame_labels`.
    """
    samples, labels = [], []
    for _ in range(rng.integers(3, 6)):
        if rng.random() < 0.55:
            x = clips[rng.integers(len(clips))]
            flags = reference(x)
            x = x[: FS * LONGEST_CLIP_S]
            x = x / active_rms(x, flags) * RMS
            speech = np.zeros(len(x), bool)
            for i in np.flatnonzero(flags):
                speech[HOP * i + 120 : HOP * i + 280] = True
        else:
            x = _not_speech(rng.uniform(2, 7), rng, tracks)
            x = x / (np.std(x) + 1e-9) * RMS * 10 ** (rng.uniform(-12, 6) / 20)
            speech = np.zeros(len(x), bool)
        pause = int(FS * rng.uniform(0, 1.2))
        samples += [x, np.zeros(pause)]
        labels += [speech, np.zeros(pause, bool)]
    if rng.random() < 0.7:
        lead = int(rng.integers(0, FS))
        samples.insert(0, np.zeros(lead))
        labels.insert(0, np.zeros(lead, bool))
    return np.concatenate(samples), np.concatenate(labels)


def degrade(x, rng, clips):
    """3 of 4 streams under noise at 5 to 30 dB, random level, every other one over a telephone."""
    snr_db = rng.uniform(5, 30) if rng.random() < 0.75 else None
    if snr_db is not None:
        x = x + signals.noise(len(x), rng, clips) * RMS * 10 ** (-snr_db / 20)
    x = x * 10 ** (rng.uniform(-18, 9) / 20)
    line = rng.random() < 0.5
    return signals.to_16_bits(signals.telephone(x) if line else x)


def frame_labels(labels, frames):
    return labels[FRAME // 2 + HOP * np.arange(frames)]
