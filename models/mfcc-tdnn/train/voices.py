"""Other voices made of recordings: more people than there are.

A voice has a name: "100" is the recording as it is, another number plays it at so many hundredths of its speed, and
"w" with a number draws for every person a speed and a shift of the formants, so that pitch and vocal tract change
apart from each other. The teacher hears the same voice and says what it makes of it.
"""
import hashlib

import numpy as np
from scipy.fft import irfft, rfft
from scipy.signal import istft, resample_poly, stft

RATE_HZ = 16_000
AS_IT_IS = "100"
FASTEST, FARTHEST = 1.2, 1.15  # of a drawn voice: speed, and formants beside it
WINDOW, HOP = 512, 128
ENVELOPE = 30  # cepstral coefficients that describe the vocal tract and not the pitch: 1.9 ms
MOST_GAIN = 10.0


def suffix(voice):
    """What stands in the names of files of this voice."""
    return "" if voice == AS_IT_IS else f"-{voice}"


def factors(voice, person):
    """Speed and formant shift of a person in this voice."""
    if not voice.startswith("w"):
        return int(voice) / 100, 1.0
    seed = hashlib.sha256(f"{voice}/{person}".encode()).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "little"))
    return FASTEST ** rng.uniform(-1, 1), FARTHEST ** rng.uniform(-1, 1)


def spoken(speech, voice, row):
    """The recording of `row` (of list.tsv) in this voice; float32 at 16 kHz."""
    person = f"{row['corpus']}/{row['speaker'] or row['file']}"
    speed, formants = factors(voice, person)
    if formants != 1.0:
        speech = shifted(speech, formants)
    if speed != 1.0:
        speech = resample_poly(speech, 100, round(100 * speed)).astype(np.float32)
    return speech


def shifted(speech, factor):
    """Moves the spectral envelope up by `factor` and leaves pitch and tempo; the envelope is the smoothed cepstrum."""
    if len(speech) < WINDOW:
        return speech
    _, _, frames = stft(speech, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    magnitude = np.log(np.abs(frames) + 1e-6).T
    cepstrum = irfft(magnitude, axis=1)
    cepstrum[:, ENVELOPE + 1 : -ENVELOPE] = 0
    envelope = rfft(cepstrum, axis=1).real
    bins = np.arange(envelope.shape[1])
    source = np.minimum(bins / factor, bins[-1])
    below = np.minimum(source.astype(int), bins[-1] - 1)
    part = source - below
    moved = envelope[:, below] * (1 - part) + envelope[:, below + 1] * part
    gain = np.exp(np.clip(moved - envelope, -np.log(MOST_GAIN), np.log(MOST_GAIN))).T
    _, out = istft(frames * gain, RATE_HZ, nperseg=WINDOW, noverlap=WINDOW - HOP)
    return np.resize(out, len(speech)).astype(np.float32)
