"""Writes a trained network as Rust source, src/audio/vad_weights.rs; run rustfmt on it after."""

import argparse
from pathlib import Path

import numpy as np
import torch

HEADER = """\
//! Weights of the voice activity network, version 2. Written by `models/vad/train/export.py`; what
//! they are trained on, and how well they do, stands in `models/vad/CARD.md`. Rows are quantized to
//! 8 bits with a scale each.

use crate::audio::vad::{HIDDEN, MEASURES, OFFSETS, PROJECTED};

"""


def quantize(weights):
    """Rows to integers from -127 to 127, and the scale of each row."""
    scales = np.abs(weights).max(1) / 127
    return np.round(weights / scales[:, None]).astype(int), scales


def number(x):
    """Shortest digits that give the same 32-bit float."""
    return np.format_float_positional(np.float32(x), unique=True, trim="0")


def vector(name, values, length, doc):
    body = ", ".join(map(number, values))
    return f"/// {doc}\npub(crate) static {name}: [f32; {length}] = [{body}];\n"


def matrix(name, rows, height, width, doc):
    body = ",\n".join("[" + ", ".join(map(str, row)) + "]" for row in rows)
    return f"/// {doc}\npub(crate) static {name}: [[i8; {width}]; {height}] = [{body}];\n"


def source(state, means, deviations):
    layer = {name: tensor.numpy() for name, tensor in state.items()}
    first, first_scales = quantize(layer["a.weight"])
    second, second_scales = quantize(layer["b.weight"])
    biases = layer["a.bias"], layer["b.bias"]
    width = "PROJECTED * OFFSETS.len()"
    return HEADER + "".join(
        [
            vector("MEANS", means, "MEASURES", "Mean of each measure in training."),
            vector(
                "DEVIATIONS",
                deviations,
                "MEASURES",
                "Standard deviation of each measure in training.",
            ),
            matrix("FRAME_WEIGHTS", first, "PROJECTED", "MEASURES", "First layer, one row a unit."),
            vector(
                "FRAME_SCALES", first_scales, "PROJECTED", "Scale of each row of the first layer."
            ),
            vector("FRAME_BIASES", biases[0], "PROJECTED", "Bias of each unit of the first layer."),
            matrix("HIDDEN_WEIGHTS", second, "HIDDEN", width, "Second layer, one row a unit."),
            vector(
                "HIDDEN_SCALES", second_scales, "HIDDEN", "Scale of each row of the second layer."
            ),
            vector("HIDDEN_BIASES", biases[1], "HIDDEN", "Bias of each unit of the second layer."),
            vector("OUTPUT_WEIGHTS", layer["c.weight"][0], "HIDDEN", "Last layer."),
            "/// Bias of the last layer.\n",
            f"pub(crate) const OUTPUT_BIAS: f32 = {number(layer['c.bias'][0])};\n",
            "/// Log odds above which a frame is speech.\n",
            "pub(crate) const THRESHOLD: f32 = 0.0;\n",
        ]
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", required=True, help="file that train.py wrote")
    parser.add_argument("--out", required=True, help="Rust file to write")
    args = parser.parse_args()
    # The file holds arrays of numpy too: open only what train.py wrote.
    state, means, deviations, _ = torch.load(args.network, weights_only=False)
    Path(args.out).write_text(source(state, means, deviations))


if __name__ == "__main__":
    main()
