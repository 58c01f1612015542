#!/usr/bin/env python3
"""Time an ONNX export of CAM++ in onnxruntime on one thread; run by benches/embed.rs.

usage: campplus_onnxruntime.py MODEL.onnx FEATURES.f32 FRAMES...     needs: pip install onnxruntime numpy
FEATURES.f32 holds at least max(FRAMES) x 80 features; the mean over each length is subtracted here,
outside the timing. Prints `version X`, then for every
line read from standard input one line `FRAMES median_ms` a length, so that the caller can take turns,
and `embedding FRAMES v...` once a length before that.

The export: load `speakerlab.models.campplus.DTDNN.CAMPPlus(feat_dim=80, embedding_size=192)` of
repository modelscope/3D-Speaker with the checkpoint, set it to eval, and

    torch.onnx.export(network, (torch.randn(1, 300, 80),), "campplus.onnx", opset_version=17,
                      input_names=["fbank"], output_names=["embedding"],
                      dynamic_axes={"fbank": {1: "frames"}}, dynamo=False)
"""
import statistics
import sys
import time

import numpy as np
import onnxruntime

REPEATS = 5


def main():
    model, path, *lengths = sys.argv[1:]
    features = np.fromfile(path, "<f4").reshape(1, -1, 80)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    print("version", onnxruntime.__version__)
    inputs = {}
    for frames in map(int, lengths):
        part = features[:, :frames].astype(np.float64)
        inputs[frames] = {name: (part - part.mean(axis=1, keepdims=True)).astype(np.float32)}
    for frames, feed in inputs.items():
        embedding = session.run(None, feed)[0][0]
        print("embedding", frames, *(f"{v:.9g}" for v in embedding))
    sys.stdout.flush()
    for _ in sys.stdin:
        for frames, feed in inputs.items():
            times = []
            for _ in range(REPEATS):
                start = time.perf_counter()
                session.run(None, feed)
                times.append(time.perf_counter() - start)
            print(frames, f"{statistics.median(times) * 1e3:.4f}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
