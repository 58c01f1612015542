#!/usr/bin/env python3
"""Time FAISS exact (flat) and 8-bit inner-product search on one thread, beside benches/search.rs.

usage: search_faiss.py [VECTORS ...]      needs: pip install faiss-cpu numpy
192 dimensions, k = 10, random unit vectors with a query at cosine about 0.7 from one of them.
Prints best, p50 and p99 in ms of wall time, and the best of processor time.
"""
import sys
import time

import faiss
import numpy as np

DIM, SEARCHES, K = 192, 200, 10


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def main(sizes):
    faiss.omp_set_num_threads(1)
    rng = np.random.default_rng(1)
    for n in sizes:
        vectors = unit(rng.standard_normal((n, DIM), dtype=np.float32))
        seeds = vectors[np.arange(SEARCHES) * 7919 % n]
        queries = unit(seeds + unit(rng.standard_normal((SEARCHES, DIM), dtype=np.float32)))
        flat = faiss.IndexFlatIP(DIM)
        eight = faiss.IndexScalarQuantizer(DIM, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
        eight.train(vectors[: min(n, 100_000)])
        for name, index in (("flat", flat), ("8-bit", eight)):
            index.add(vectors)
            wall, cpu = [], []
            for query in queries:
                start, start_cpu = time.perf_counter(), time.thread_time()
                index.search(query[None], K)
                wall.append((time.perf_counter() - start) * 1e3)
                cpu.append((time.thread_time() - start_cpu) * 1e3)
            p50, p99 = np.percentile(wall, [50, 99])
            print(
                f"n {n} faiss {faiss.__version__} {name}: best {min(wall):.3f} p50 {p50:.3f} p99 {p99:.3f} ms, "
                f"processor best {min(cpu):.3f} p50 {np.median(cpu):.3f} ms"
            )


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or [1_000, 100_000, 1_000_000])
