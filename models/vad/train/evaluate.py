"""Scores a trained network, before quantization and without hangover, on held-out sounds.

The card's figures are of the shipped implementation; these are for choosing what to ship.
"""

import argparse

import numpy as np
import torch

import signals
from features import RATE_HZ as FS, active_rms, measures, reference
from streams import RMS, TEST_TRACKS, TRAINING_TRACKS, load_music, load_speech
from train import Network, context

PAD = FS // 2
SNR_DB = 10


class Detector:
    def __init__(self, file):
        # The file holds arrays of numpy too: open only what train.py wrote.
        state, self.means, self.deviations, _ = torch.load(file, weights_only=False)
        self.net = Network()
        self.net.load_state_dict(state)

    @torch.no_grad()
    def flags(self, x):
        """Speech or not of every frame."""
        frames = measures(x)
        normal = ((frames - self.means) / self.deviations).astype(np.float32)
        logits = self.net(torch.from_numpy(normal), torch.from_numpy(context(len(frames))))
        return logits.numpy() > 0


def noise(kind, n, rng, clips):
    if kind == "white":
        return rng.standard_normal(n)
    if kind == "pink":
        return signals.pink(n, rng)
    # Voices of the training clips.
    return sum(
        np.resize(np.roll(clips[rng.integers(len(clips))], int(rng.integers(9_999))), n)
        for _ in range(8)
    )


def frame_errors(detector, clips, tests, kind, line, seed):
    """Shares of wrong, false and missed frames over the test clips."""
    rng = np.random.default_rng(seed)
    false = missed = speech = silence = 0
    for x in tests:
        truth = reference(x)
        x = np.pad(x / active_rms(x, truth) * RMS, PAD)
        truth = np.concatenate([np.zeros(50, bool), truth, np.zeros(60, bool)])
        if kind is not None:
            z = noise(kind, len(x), rng, clips)
            x = x + z / np.std(z) * RMS * 10 ** (-SNR_DB / 20)
        heard = detector.flags(signals.to_16_bits(signals.telephone(x) if line else x))
        n = min(len(heard), len(truth))
        heard, truth = heard[:n], truth[:n]
        false += (heard & ~truth).sum()
        missed += (~heard & truth).sum()
        speech += truth.sum()
        silence += (~truth).sum()
    return (false + missed) / (speech + silence), false / silence, missed / speech


def false_speech(detector, make, times=12):
    """Mean share called speech in telephone sounds that hold none."""
    shares = []
    for _ in range(times):
        x = make()
        x = x / (np.std(x) + 1e-9) * RMS
        shares.append(detector.flags(signals.to_16_bits(signals.telephone(x))).mean())
    return np.mean(shares)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", required=True, help="folder with manifest.tsv and its WAVs")
    parser.add_argument("--music", required=True, help="folder with the hold music tracks")
    parser.add_argument("--network", required=True, help="file that train.py wrote")
    parser.add_argument("--speech-seed", type=int, default=5, help="as in training")
    parser.add_argument("--noise-seed", type=int, default=3)
    parser.add_argument("--sound-seed", type=int, default=77)
    args = parser.parse_args()

    torch.set_num_threads(1)
    detector = Detector(args.network)
    clips, tests = load_speech(args.speech, args.speech_seed)
    for kind in (None, "white", "pink", "babble"):
        for line in (False, True):
            shares = frame_errors(detector, clips, tests, kind, line, args.noise_seed)
            wrong, false, missed = (100 * share for share in shares)
            name = ("telephone, " if line else "") + (f"{kind} {SNR_DB} dB" if kind else "clean")
            print(f"{name}: {wrong:.1f} % wrong, {false:.1f} % false, {missed:.1f} % missed")

    rng = np.random.default_rng(args.sound_seed)
    sounds = [("DTMF", lambda: signals.dtmf(6, rng), 12)]
    for i, tone in enumerate(signals.CADENCES):
        sounds.append((f"cadence {tone}", lambda i=i: signals.cadence(8, rng, i), 1))
    for mode, name in enumerate(("chords", "melody", "chords and melody")):
        sounds.append((name, lambda mode=mode: signals.music(10, rng, mode), 12))
    sounds.append(("white noise", lambda: rng.standard_normal(8 * FS), 12))
    sounds.append(("pink noise", lambda: signals.pink(8 * FS, rng), 12))
    for name, make, times in sounds:
        print(f"{name}: {100 * false_speech(detector, make, times):.1f} % called speech")
    names = TEST_TRACKS + TRAINING_TRACKS
    for name, x in zip(names, load_music(args.music, names)):
        heard = detector.flags(signals.to_16_bits(x[: 60 * FS] / np.std(x) * RMS))
        print(f"{name}: {100 * heard.mean():.1f} % called speech")


if __name__ == "__main__":
    main()
