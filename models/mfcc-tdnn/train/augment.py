"""What happens to a voice on its way: rooms, noise, microphones, telephone lines, codecs.

Every function draws from the generator it is given, in a fixed order: a pass over the data follows from
its seed. Samples are float32 at 16 kHz, full scale 1, unless a name says otherwise.
"""
import io
import os

import numpy as np
import pyroomacoustics
import soundfile
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import butter, fftconvolve, resample_poly, sosfilt

RATE_HZ = 16_000
LINE_HZ = 8_000
# Line codecs and how often: G.711 both laws, GSM full rate, IMA ADPCM, Opus at about 8 kbit/s.
CODECS = {"ULAW": 0.42, "ALAW": 0.24, "GSM610": 0.14, "IMA_ADPCM": 0.08, "OPUS": 0.02, None: 0.10}
STEADY = 5  # the first noises are steady: pink, white, brown


def rooms(count, seed):
    """Impulse responses of shoe-box rooms by the image method, direct sound first and of energy 1."""
    rng = np.random.default_rng(seed)
    found = []
    while len(found) < count:
        size = rng.uniform([2.5, 2.5, 2.2], [9.0, 7.0, 3.5])
        t60_s = rng.uniform(0.15, 0.8)
        try:
            absorption, order = pyroomacoustics.inverse_sabine(t60_s, size)
        except ValueError:
            continue
        room = pyroomacoustics.ShoeBox(size, fs=RATE_HZ, max_order=min(order, 17),
                                       materials=pyroomacoustics.Material(absorption))
        source = rng.uniform(0.5, size - 0.5)
        away = rng.normal(size=3)
        away *= rng.uniform(0.15, 2.0) / np.linalg.norm(away)
        room.add_source(source)
        room.add_microphone(np.clip(source + away, 0.2, size - 0.2))
        room.compute_rir()
        response = room.rir[0][0].astype(np.float32)
        response = response[np.argmax(np.abs(response)):][: RATE_HZ // 2]
        found.append(response / np.sqrt(np.sum(response**2)))
    return found


def noises(folder, seed):
    """Recorded noise (every OGG or WAV file under `folder`), and pink, white and brown noise; 5 s each."""
    rng = np.random.default_rng(seed)
    found = [colored(5 * RATE_HZ, exponent, rng) for exponent in (0.0, 0.5, 1.0, 1.2, 2.0)]
    for root, _, names in sorted(os.walk(folder)) if folder else []:
        for name in sorted(names):
            if name.endswith((".ogg", ".wav")):
                samples, rate = soundfile.read(os.path.join(root, name), dtype="float32", always_2d=True)
                common = np.gcd(rate, RATE_HZ)
                samples = resample_poly(samples[:, 0], RATE_HZ // common, rate // common)
                level = np.sqrt(np.mean(samples**2))
                if level > 1e-4:
                    found.append((samples / level).astype(np.float32))
    return found


def colored(length, exponent, rng):
    """Gaussian noise of power 1 whose spectrum falls with frequency to the power of `exponent`."""
    spectrum = np.fft.rfft(rng.normal(size=length))
    spectrum[1:] /= np.arange(1, len(spectrum)) ** (exponent / 2)
    spectrum[0] = 0
    noise = np.fft.irfft(spectrum, length)
    return (noise / noise.std()).astype(np.float32)


def looped(noise, length, rng):
    start = rng.integers(len(noise))
    return np.resize(np.roll(noise, -start), length)


def mixed(speech, noise, snr_db):
    level = np.sqrt(np.mean(speech**2)) + 1e-6
    return speech + noise * np.float32(level * 10 ** (-snr_db / 20))


def equalized(speech, rng):
    """The tone of a microphone: a smooth random curve of up to about 10 dB."""
    knots_db = rng.normal(0, 4, 8)
    length = next_fast_len(len(speech), real=True)
    position = np.linspace(0, 1, length // 2 + 1) ** 0.5 * 7
    gain = 10 ** (np.interp(position, np.arange(8), knots_db) / 20)
    return irfft(rfft(speech, length) * gain.astype(np.float32), length)[: len(speech)]


def coded(samples, rate_hz, codec):
    """Through a codec and back; same length."""
    if codec is None:
        return samples
    sink = io.BytesIO()
    container = "OGG" if codec == "OPUS" else "WAV"
    extra = {"compression_level": 0.99} if codec == "OPUS" else {}
    soundfile.write(sink, np.clip(samples, -1, 1), rate_hz, format=container, subtype=codec, **extra)
    sink.seek(0)
    back, _ = soundfile.read(sink, dtype="float32")
    return np.resize(back, len(samples)) if len(back) < len(samples) else back[: len(samples)]


def telephone(speech, rng, hum):
    """A drawn line: level, band, noise of the line (one of `hum`), codec; back at 16 kHz."""
    low_hz, high_hz = rng.uniform(80, 320), rng.uniform(3_100, 3_850)
    order = int(rng.integers(2, 7))
    line = resample_poly(speech, 1, 2)
    line = sosfilt(butter(order, [low_hz, high_hz], "bandpass", fs=LINE_HZ, output="sos"), line)
    level = np.sqrt(np.mean(line**2)) + 1e-6
    line = (line / level * 10 ** (rng.uniform(-32, -14) / 20)).astype(np.float32)
    snr_db = rng.uniform(10, 45)
    line = mixed(line, looped(hum[rng.integers(len(hum))], len(line), rng), snr_db)
    codec = rng.choice(np.array(list(CODECS), dtype=object), p=list(CODECS.values()))
    line = coded(line, LINE_HZ, codec)
    return resample_poly(line, 2, 1)[: len(speech)].astype(np.float32)


def degraded(speech, rng, room_set, noise_set, others):
    """One drawn journey. `others` are a few recordings of other people, for babble."""
    if rng.random() < 0.4:
        speech = fftconvolve(speech, room_set[rng.integers(len(room_set))])[: len(speech)]
    if rng.random() < 0.55:
        kind = rng.random()
        if kind < 0.25 and others:
            noise = sum(looped(o / (o.std() + 1e-4), len(speech), rng) for o in others)
            noise = noise / (noise.std() + 1e-4)
        else:
            noise = looped(noise_set[rng.integers(len(noise_set))], len(speech), rng)
        speech = mixed(speech, noise, rng.uniform(3, 28))
    if rng.random() < 0.4:
        speech = equalized(speech, rng)
    if rng.random() < 0.75:
        speech = telephone(speech, rng, noise_set[:STEADY])
    elif rng.random() < 0.3:
        speech = speech * np.float32(10 ** (rng.uniform(0, 14) / 20))  # may clip
    return np.clip(speech, -1, 1)
