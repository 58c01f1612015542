"""Sounds that are not speech, noise to mix with, and the telephone line. All at 16 kHz.

Every function draws from the generator it is given, in a fixed order: the training set follows
from its seed.
"""

import numpy as np
from scipy.signal import butter, lfilter, resample_poly, sosfilt

from features import RATE_HZ as FS

# ITU-T Q.23.
DTMF_LOW_HZ = [697, 770, 852, 941]
DTMF_HIGH_HZ = [1209, 1336, 1477, 1633]
# Frequencies in Hz, seconds on, seconds off: ringing, busy, congestion and dial tones, the three
# special information tones, a beep, the answer tone of a modem (ITU-T E.180 and V.25).
CADENCES = [
    ((425,), 1, 4),
    ((440, 480), 2, 4),
    ((400, 450), 0.4, 0.2),
    ((425,), 0.5, 0.5),
    ((480, 620), 0.5, 0.5),
    ((350, 440), 99, 1),
    ((425,), 99, 1),
    ((425,), 0.25, 0.25),
    ((950,), 0.33, 0.01),
    ((1400,), 0.33, 0.01),
    ((1800,), 0.33, 1),
    ((1000,), 0.1, 10),
    ((2100,), 3, 1),
]
LONGEST_PAUSE_S = 2.5
SCALE = np.array([0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 19])  # semitones
CHORDS = ([0, 4, 7], [0, 3, 7], [0, 4, 7, 10])
PLUCKED, STEADY, VIBRATO = 0, 1, 2
CHORDS_ONLY, MELODY_ONLY, CHORDS_AND_MELODY = 0, 1, 2
LINE = butter(4, [300, 3400], "bandpass", fs=FS, output="sos")


def _tone(frequencies, n, amplitudes=None):
    t = np.arange(n) / FS
    amplitudes = [1] * len(frequencies) if amplitudes is None else amplitudes
    return sum(
        a * np.sin(2 * np.pi * f * t + i)
        for i, (f, a) in enumerate(zip(frequencies, amplitudes))
    )


def _envelope(n, attack=80, release=80):
    envelope = np.ones(n)
    attack, release = min(attack, n // 2), min(release, n // 2)
    envelope[:attack] = np.linspace(0, 1, attack)
    envelope[n - release :] = np.linspace(1, 0, release)
    return envelope


def dtmf(seconds, rng):
    """Random digits of 60 to 300 ms."""
    out = []
    while sum(map(len, out)) < seconds * FS:
        n = int(FS * rng.uniform(0.06, 0.3))
        pair = [rng.choice(DTMF_LOW_HZ), rng.choice(DTMF_HIGH_HZ)]
        out.append(_tone(pair, n, [1, rng.uniform(0.7, 1.4)]) * _envelope(n))
        out.append(np.zeros(int(FS * rng.uniform(0.05, 0.3))))
    return np.concatenate(out)[: int(seconds * FS)]


def cadence(seconds, rng, which=None):
    """One of CADENCES, at random unless named."""
    frequencies, on, off = CADENCES[rng.integers(len(CADENCES)) if which is None else which]
    out = []
    while sum(map(len, out)) < seconds * FS:
        n = int(FS * min(on, seconds))
        out.append(_tone(frequencies, n) * _envelope(n))
        out.append(np.zeros(int(FS * min(off, LONGEST_PAUSE_S))))
    return np.concatenate(out)[: int(seconds * FS)]


def _note(f0, n, kind, rng):
    harmonics = np.arange(1, rng.integers(2, 12))
    amplitudes = harmonics ** -rng.uniform(0.5, 2.0)
    t = np.arange(n) / FS
    depth = rng.uniform(0, 0.006) * (kind == VIBRATO)
    vibrato = depth * np.sin(2 * np.pi * rng.uniform(4, 7) * t) * FS / (2 * np.pi * 5) / FS
    y = sum(
        a * np.sin(2 * np.pi * f0 * k * (t + vibrato) + rng.uniform(0, 6))
        for k, a in zip(harmonics, amplitudes)
        if f0 * k < 7500
    )
    if kind == PLUCKED:
        y *= np.exp(-t * rng.uniform(1, 6))
    attack = 0.005 if kind == PLUCKED else 0.04
    return y * _envelope(n, int(FS * attack), int(FS * 0.03))


def _add(y, at, v, gain):
    y[at : at + len(v)] += v[: max(0, len(y) - at)] * gain


def music(seconds, rng, mode=None):
    """Synthesized chords, melody or both, half the time with a beat of noise bursts."""
    n = int(seconds * FS)
    y = np.zeros(n)
    mode = rng.integers(3) if mode is None else mode
    beat, root = rng.uniform(0.15, 0.7), rng.uniform(90, 300)
    kind = rng.integers(3)
    t = 0.0
    while t < seconds:
        if mode != MELODY_ONLY:
            length = beat * rng.integers(1, 5)
            base = root * 2 ** (SCALE[rng.integers(5)] / 12)
            for step in CHORDS[rng.integers(3)]:
                note = _note(base * 2 ** (step / 12), int(length * FS), kind, rng)
                _add(y, int(t * FS), note, 0.5)
        else:
            length = beat * rng.choice([0.5, 1, 1, 2])
        if mode != CHORDS_ONLY:
            q = 0.0
            while q < length:
                part = beat * rng.choice([0.5, 1])
                if rng.random() < 0.9:
                    f0 = root * 2 ** (1 + SCALE[rng.integers(len(SCALE))] / 12)
                    note = _note(f0, int(part * FS), (kind + 1) % 3, rng)
                    _add(y, int((t + q) * FS), note, 0.7)
                q += part
        t += length
    if rng.random() < 0.5:
        for k in range(int(seconds / beat)):
            m = int(0.08 * FS)
            hit = rng.standard_normal(m) * np.exp(-np.arange(m) / (0.02 * FS))
            _add(y, int(k * beat * FS), hit * rng.uniform(0.1, 1.2), 1)
    return y / (np.std(y) + 1e-9)


def pink(n, rng):
    """Noise of 3 dB less an octave, unit variance."""
    spectrum = np.fft.rfft(rng.standard_normal(n))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 10))
    y = np.fft.irfft(spectrum, n)
    return y / np.std(y)


def babble(n, rng, pool):
    """Eight voices of the pool from random places, unit variance."""
    y = np.zeros(n)
    for _ in range(8):
        x = pool[rng.integers(len(pool))]
        y += np.resize(np.roll(x, int(rng.integers(len(x)))), n)
    return y / np.std(y)


def _rumble(n, rng):
    y = lfilter([1], [1, -0.97], rng.standard_normal(n))
    y = y * (1 + 0.5 * np.sin(2 * np.pi * rng.uniform(0.1, 2) * np.arange(n) / FS))
    return y / np.std(y)


def noise(n, rng, pool):
    """White, pink, babble (half the time) or rumbling noise of unit variance."""
    kind = rng.choice([0, 1, 2, 2, 2, 3])
    if kind == 0:
        return rng.standard_normal(n)
    if kind == 1:
        return pink(n, rng)
    return babble(n, rng, pool) if kind == 2 else _rumble(n, rng)


def _mu_law(x):
    x = np.clip(x, -1, 1)
    y = np.sign(x) * np.log1p(255 * np.abs(x)) / np.log(256)
    y = np.round(y * 127) / 127
    return np.sign(y) * (256 ** np.abs(y) - 1) / 255


def telephone(x):
    """300 to 3400 Hz, 8 kHz, mu-law, and back to 16 kHz."""
    y = resample_poly(sosfilt(LINE, x), 1, 2)
    y = np.round(np.clip(_mu_law(y), -1, 1) * 32768) / 32768
    return resample_poly(y, 2, 1)[: len(x)]


def to_16_bits(x):
    return np.clip(np.round(x * 32768), -32768, 32767) / 32768
