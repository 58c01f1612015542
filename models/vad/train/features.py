"""What the network reads of a frame, and the reference it is trained towards.

Signals are float64 at 16 kHz in [-1, 1]. Frame i is samples [160 i, 160 i + 400).
`src/audio/frame.rs` and `src/audio/vad.rs` compute the same measures in 32 bits, as they stream.
"""

import numpy as np
from scipy.signal import lfilter

RATE_HZ = 16_000
FRAME, HOP, FFT = 400, 160, 512
BANDS = 12
MEASURES = 2 * BANDS + 11
# Frames the network sees, relative to the one decided.
OFFSETS = [-40, -30, -22, -16, -11, -7, -4, -2, 0, 2, 4, 7, 10, 14]

LOWEST_HZ, HIGHEST_HZ = 100, 3_800
BIN_HZ = RATE_HZ / FFT
SILENCE_POWER = 1e-9  # added to every band power: -90 dB relative to full scale
DRIFT_DB = 0.03  # noise floor up, tracked peak down, in dB a frame: 3 dB a second
FLOOR_START_DB = 10  # a stream may begin within speech
LOWEST_PEAK_DB = -60.0


def _mel(hz):
    return 2595 * np.log10(1 + hz / 700)


def _hz(mel):
    return 700 * (10 ** (mel / 2595) - 1)


EDGES = np.round(
    _hz(np.linspace(_mel(LOWEST_HZ), _mel(HIGHEST_HZ), BANDS + 1)) / BIN_HZ
).astype(int)
LOW, HIGH = EDGES[0], EDGES[-1]
WINDOW = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)
WINDOW_POWER = 0.375  # mean square of the Hann window


def frames(x):
    """Overlapping frames of a contiguous float64 signal, as a view: frames x 400."""
    n = max(0, (len(x) - FRAME) // HOP + 1)
    return np.lib.stride_tricks.as_strided(x, (n, FRAME), (x.strides[0] * HOP, x.strides[0]))


def _spectrum(x):
    x = np.ascontiguousarray(x, dtype=np.float64)
    spectrum = np.fft.rfft(frames(x) * WINDOW, FFT, axis=1)
    return spectrum.real**2 + spectrum.imag**2


def _running_mean(x, weight):
    """First-order mean that starts at zero."""
    return lfilter([weight], [1, -(1 - weight)], x, axis=0)


def _delayed(x, by):
    """x, `by` frames late; the first frame stands in before the start."""
    return np.concatenate([x[:1].repeat(min(by, len(x)), 0), x[:-by]])[: len(x)]


def _above_floor(levels):
    """Height over a floor that follows falls at once and rises slowly, over 20 dB."""
    smooth = np.copy(levels)
    for k in (1, 2, 3):
        smooth[k:] += levels[:-k]
        smooth[:k] += levels[:1]
    smooth /= 4
    smooth[0] -= FLOOR_START_DB
    drift = DRIFT_DB * np.arange(len(levels))[:, None]
    floor = drift + np.minimum.accumulate(smooth - drift, axis=0)
    return np.clip(levels - floor, 0, 40) / 20


def _voicing(power):
    """Highest autocorrelation of the band at 80 to 400 Hz, relative to lag zero."""
    band = np.zeros((len(power), FFT // 2 + 1))
    band[:, LOW:HIGH] = power
    correlation = np.fft.irfft(band, FFT, axis=1) * FFT
    return correlation[:, 40:200].max(1) / (correlation[:, 0] + 1e-12)


def measures(x):
    """The network's inputs: frames x 35, float32, each about unit size."""
    power = _spectrum(x) * (2 / (FFT * FRAME * WINDOW_POWER))
    bands = np.stack([power[:, EDGES[b] : EDGES[b + 1]].sum(1) for b in range(BANDS)], 1)
    levels = 10 * np.log10(bands + SILENCE_POWER)
    level = 10 * np.log10(bands.sum(1) + SILENCE_POWER)
    n = len(levels)

    band = power[:, LOW:HIGH]
    total = band.sum(1) + 1e-12
    peak = np.log10(band.max(1) / total + 1e-6) + 1
    flatness = np.log10(band + 1e-13).mean(1) - np.log10(band.mean(1) + 1e-13)

    change = np.abs(np.diff(levels, axis=0, prepend=levels[:1])).mean(1) / 5
    mean_level = _running_mean(level - level[:1].repeat(n), 0.02) + level[0]
    modulation = _running_mean(np.abs(level - mean_level), 0.02) / 10
    slow_change = np.abs(levels - _delayed(levels, 5)).mean(1) / 10
    fall = DRIFT_DB * np.arange(n)
    loudest = np.maximum.accumulate(np.maximum(level, LOWEST_PEAK_DB) + fall) - fall

    scalars = [
        level / 40 + 1,
        peak,
        flatness,
        _voicing(band),
        change,
        _running_mean(change, 0.02),
        modulation,
        slow_change,
        _running_mean(slow_change, 0.03),
        _running_mean(peak, 0.02),
        np.clip(level - loudest, -40, 0) / 20 + 1,
    ]
    shape = levels - level[:, None]
    columns = [_above_floor(levels), (shape + 12) / 12, np.stack(scalars, 1)]
    return np.concatenate(columns, 1).astype(np.float32)


def band_level(x):
    """Level of the telephone band of every frame, in dB."""
    power = _spectrum(x)[:, LOW:HIGH].sum(1) / (FRAME * WINDOW_POWER) / 200
    return 10 * np.log10(power + 1e-10)


def _fill_runs(flags, longest, value):
    """Sets runs of `not value` up to `longest` frames, between two `value`, to `value`."""
    flags = flags.copy()
    n, i = len(flags), 0
    while i < n:
        if flags[i] == value:
            i += 1
            continue
        end = i
        while end < n and flags[end] != value:
            end += 1
        if end - i <= longest and i > 0 and end < n:
            flags[i:end] = value
        i = end
    return flags


def reference(clean):
    """Speech or not of every frame of a clean clip, by its level alone: within 30 dB of the 95th
    percentile; bursts up to 40 ms dropped, then gaps up to 150 ms closed."""
    level = band_level(clean)
    top = np.percentile(level, 95)
    flags = level > max(top - 30, -75)
    return _fill_runs(_fill_runs(flags, 4, False), 15, True)


def clean_enough(x):
    """Whether the level alone can tell speech from silence in a clip."""
    level = band_level(x)
    return len(level) > 100 and np.percentile(level, 95) - np.percentile(level, 8) > 38


def active_rms(x, flags):
    """Root mean square of the frames flagged as speech; of all where none is."""
    power = (frames(np.ascontiguousarray(x)) ** 2).mean(1)
    if not flags.any():
        return np.sqrt(power.mean() + 1e-12)
    return np.sqrt(power[flags[: len(power)]].mean())
