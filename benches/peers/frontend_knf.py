#!/usr/bin/env python3
"""Time kaldi-native-fbank on one WAV file, one thread; run by benches/frontend.rs.

usage: frontend_knf.py FILE [REPEATS]      needs: pip install kaldi-native-fbank numpy soundfile
Prints one line a kind: `kind best_us_per_frame frames version`. Handing the samples over to C++ costs
time too, so the same call with a single frame is measured beside it and subtracted.
"""
import sys
import time
from importlib.metadata import version

import kaldi_native_fbank as knf
import numpy as np
import soundfile


def make(kind, rate, shift_ms):
    if kind == "fbank":
        opts = knf.FbankOptions()
        opts.mel_opts.num_bins = 80
        cls = knf.OnlineFbank
    else:
        opts = knf.MfccOptions()
        cls = knf.OnlineMfcc
    opts.frame_opts.samp_freq = rate
    opts.frame_opts.dither = 0
    opts.frame_opts.frame_shift_ms = shift_ms
    return cls(opts)


def best_s(kind, samples, rate, shift_ms, repeats):
    best, frames = float("inf"), 0
    for _ in range(repeats):
        front_end = make(kind, rate, shift_ms)
        start = time.perf_counter()
        front_end.accept_waveform(rate, samples)
        best = min(best, time.perf_counter() - start)
        frames = front_end.num_frames_ready
    return best, frames


def main(path, repeats):
    samples, rate = soundfile.read(path, dtype="int16")
    whole_ms = 2000.0 * len(samples) / rate
    samples = np.ascontiguousarray(samples, dtype=np.float32).tolist()
    for kind in ("fbank", "mfcc"):
        full, frames = best_s(kind, samples, rate, 10.0, repeats)
        hand_over, _ = best_s(kind, samples, rate, whole_ms, repeats)
        print(kind, f"{(full - hand_over) / frames * 1e6:.3f}", frames, version("kaldi-native-fbank"))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100)
