#!/usr/bin/env python3
"""Compare `vouch features` with kaldi-native-fbank and the float64 oracle on real speech.

usage: frontend_agreement.py VOUCH WAV...      needs: pip install kaldi-native-fbank numpy soundfile
Prints, for each kind: the share of coefficients within 1e-3 of the peer, how many of the rest are
further from the oracle than the peer is, and the largest distances. Exit code 1 if the share is
below 99.9 % or any of the rest is further.
"""
import pathlib
import subprocess
import sys

import numpy as np
import soundfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "fixtures" / "features"))
from make_golden import oracle, peer  # noqa: E402


def main(vouch, files):
    failed = False
    for kind in ("fbank", "mfcc"):
        total = far = worse = 0
        ours_off = peer_off = 0.0
        for path in files:
            samples, rate = soundfile.read(path, dtype="int16")
            true = oracle(kind, samples, rate)
            if not len(true):
                continue
            text = subprocess.run(
                [vouch, "features", "--kind", kind, path], check=True, capture_output=True, text=True
            ).stdout
            ours = np.loadtxt(text.splitlines(), delimiter=",", ndmin=2)
            theirs = peer(kind, samples, rate)
            assert ours.shape == theirs.shape == true.shape, path
            apart = np.abs(ours - theirs) > 1e-3
            a, b = np.abs(ours - true), np.abs(theirs - true)
            total += apart.size
            far += int(apart.sum())
            worse += int((apart & (a > b)).sum())
            ours_off, peer_off = max(ours_off, a.max()), max(peer_off, b.max())
        share = 100 * (1 - far / total)
        print(
            f"{kind}: {len(files)} files, {total} coefficients, {share:.4f} % within 1e-3 of the peer; of the "
            f"other {far}, {worse} further from the oracle; largest distance from the oracle {ours_off:.1e}, "
            f"the peer's {peer_off:.1e}"
        )
        failed |= share < 99.9 or worse > 0
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
