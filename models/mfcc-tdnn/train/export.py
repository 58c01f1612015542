#!/usr/bin/env python3
"""Writes the trained student as the weights file that Vouch reads.

usage: export.py STUDENT.pt WEIGHTS.safetensors

Batch norms are folded, weights are stored in 16 bits; prints the SHA-256 for model.toml.
"""
import hashlib
import sys

import torch
from safetensors.torch import save_file

from model import Tdnn


def main(source, target):
    network = Tdnn()
    network.load_state_dict(torch.load(source, weights_only=True))
    network.eval()
    tensors = network.folded()
    stored = {n: (t.half() if n.endswith("weight") else t).contiguous() for n, t in tensors.items()}
    save_file(stored, target)
    with open(target, "rb") as f:
        data = f.read()
    print(f"{sum(t.numel() for t in tensors.values())} parameters, {len(data)} bytes")
    print(hashlib.sha256(data).hexdigest())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
