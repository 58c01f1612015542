"""Trains the voice activity network and saves it, with the scale of its inputs, to --out."""

import argparse
import time

import numpy as np
import torch

from features import MEASURES, OFFSETS, measures
from streams import TRAINING_TRACKS, degrade, frame_labels, load_music, load_speech, stream

PROJECTED, HIDDEN = 12, 20
BATCH = 2_048
LEARNING_RATE, PEAK_LEARNING_RATE = 2e-3, 6e-3
SPEECH_WEIGHT = 1.4  # a missed frame costs more than a false one


class Network(torch.nn.Module):
    """A projection of each frame, then two layers over the projections of 14 frames."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Linear(MEASURES, PROJECTED)
        self.b = torch.nn.Linear(PROJECTED * len(OFFSETS), HIDDEN)
        self.c = torch.nn.Linear(HIDDEN, 1)

    def forward(self, frames, context):
        """Log odds of speech. frames: n x 35; context: batch x 14, indices into frames."""
        seen = torch.tanh(self.a(frames))[context].flatten(1)
        return self.c(torch.relu(self.b(seen)))[:, 0]


def context(frames):
    """For each frame the indices of the 14 it is decided by; the ends stand in beyond them."""
    return np.clip(np.arange(frames)[:, None] + np.array(OFFSETS)[None], 0, frames - 1)


def training_set(args):
    """Measures and labels of every stream."""
    clips, _ = load_speech(args.speech, args.speech_seed)
    tracks = load_music(args.music, TRAINING_TRACKS)
    rng = np.random.default_rng(args.stream_seed)
    inputs, targets = [], []
    for _ in range(args.streams):
        x, labels = stream(rng, clips, tracks)
        inputs.append(measures(degrade(x, rng, clips)))
        targets.append(frame_labels(labels, len(inputs[-1])))
    return inputs, targets


def fit(net, inputs, index, targets, passes):
    optimizer = torch.optim.Adam(net.parameters(), LEARNING_RATE)
    steps = passes * (len(targets) // BATCH + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, PEAK_LEARNING_RATE, total_steps=steps
    )
    weight = torch.tensor(SPEECH_WEIGHT)
    for n in range(passes):
        order, total, start = torch.randperm(len(targets)), 0.0, time.monotonic()
        for k in range(0, len(order), BATCH):
            batch = order[k : k + BATCH]
            used, inverse = torch.unique(index[batch], return_inverse=True)
            loss = torch.nn.functional.binary_cross_entropy_with_logits(
                net(inputs[used], inverse), targets[batch], pos_weight=weight
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(batch)
        seconds = time.monotonic() - start
        print(f"pass {n}: loss {total / len(order):.4f}, {seconds:.0f} s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speech", required=True, help="folder with manifest.tsv and its WAVs")
    parser.add_argument("--music", required=True, help="folder with the hold music tracks")
    parser.add_argument("--out", required=True, help="file to write, for export.py")
    parser.add_argument("--streams", type=int, default=360)
    parser.add_argument("--passes", type=int, default=9)
    parser.add_argument("--speech-seed", type=int, default=5, help="order of the speakers")
    parser.add_argument("--stream-seed", type=int, default=11, help="everything in the streams")
    parser.add_argument("--torch-seed", type=int, default=1, help="first weights, order of batches")
    args = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(args.torch_seed)
    inputs, targets = training_set(args)
    flat, labels = np.concatenate(inputs), np.concatenate(targets)
    print(f"{len(flat)} frames, {100 * labels.mean():.1f} % speech", flush=True)

    means, deviations = flat.mean(0), flat.std(0) + 1e-3
    starts = np.cumsum([0] + [len(x) for x in inputs[:-1]])
    index = np.concatenate([context(len(x)) + start for x, start in zip(inputs, starts)])
    net = Network()
    fit(
        net,
        torch.from_numpy(((flat - means) / deviations).astype(np.float32)),
        torch.from_numpy(index),
        torch.from_numpy(labels.astype(np.float32)),
        args.passes,
    )
    torch.save((net.state_dict(), means, deviations, OFFSETS), args.out)


if __name__ == "__main__":
    main()
