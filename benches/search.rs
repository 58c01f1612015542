//! 1:N search: p50 and p99 on one thread, recall against a full scan, memory a vector.
//!
//! `cargo bench --bench search -- [VECTORS…]` (default 1000 100000 1000000), 192 dimensions, k = 10
//! and 100. Data: random unit vectors with a planted match, the same without one, and clusters.
#![expect(clippy::print_stdout, reason = "a bench reports on stdout")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use vouch::scoring::search::{Hit, SearchIndex, SearchScratch};

/// Values of a vector: those of the CAM++ embedding.
const DIM: usize = 192;
/// Searches timed a figure.
const SEARCHES: usize = 200;
/// Searches compared with a full scan.
const CHECKED: usize = 20;
/// Vectors around one center in the clustered data.
const CLUSTER: usize = 1_000;

fn main() {
    let mut sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 100_000, 1_000_000];
    }
    for n in sizes {
        for clustered in [false, true] {
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            let index = fill(n, clustered, &mut rng);
            let bytes = index.memory_bytes() as f64 / n as f64;
            for planted in [true, false] {
                let queries: Vec<Vec<f32>> = (0..SEARCHES)
                    .map(|i| {
                        let key = (i * 7919 % n) as u64;
                        let seed = index.get(&key).expect("keys are 0..n").to_vec();
                        match (planted, clustered) {
                            // Cosine about 0.7, a same-speaker comparison.
                            (true, _) => near(&seed, 1.0, &mut rng),
                            // Another member of a known cluster; a stranger.
                            (false, true) => near(&seed, 2.0, &mut rng),
                            (false, false) => unit(&mut rng),
                        }
                    })
                    .collect();
                for k in [10, 100] {
                    let kind = if clustered { "clusters" } else { "random" };
                    let probe = if planted { "match" } else { "stranger" };
                    let report = measure(&index, &queries, k);
                    println!("n {n} {kind} {probe} k {k}: {report}, {bytes:.0} B/vector");
                }
            }
        }
    }
}

fn measure(index: &SearchIndex<u64>, queries: &[Vec<f32>], k: usize) -> String {
    let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
    let mut times_ms = Vec::new();
    for query in queries {
        let start = Instant::now();
        index.search(query, k, &mut scratch, &mut hits).expect("unit queries");
        times_ms.push(start.elapsed().as_secs_f64() * 1e3);
    }
    times_ms.sort_by(f64::total_cmp);
    let at = |share: f64| times_ms[((times_ms.len() - 1) as f64 * share) as usize];
    let mut found = 0;
    for query in &queries[..CHECKED] {
        index.search(query, k, &mut scratch, &mut hits).expect("unit queries");
        let exact = full_scan(index, query, k);
        found += hits.iter().filter(|h| exact.contains(&h.key)).count();
    }
    format!(
        "best {:.3} p50 {:.3} p99 {:.3} ms, recall {:.4}",
        times_ms[0],
        at(0.5),
        at(0.99),
        found as f64 / (CHECKED * k.min(index.len())) as f64
    )
}

/// Keys of the `k` best by `f64` scalar product.
fn full_scan(index: &SearchIndex<u64>, query: &[f32], k: usize) -> Vec<u64> {
    let mut all: Vec<Hit<u64>> = (0..index.len() as u64)
        .map(|key| {
            let row = index.get(&key).expect("keys are 0..n");
            let products = row.iter().zip(query).map(|(a, b)| f64::from(a * b));
            Hit { key, score: products.sum::<f64>() as f32 }
        })
        .collect();
    let k = k.min(all.len());
    all.select_nth_unstable_by(k - 1, |a, b| b.score.total_cmp(&a.score));
    all[..k].iter().map(|hit| hit.key).collect()
}

fn fill(n: usize, clustered: bool, rng: &mut ChaCha8Rng) -> SearchIndex<u64> {
    let mut index = SearchIndex::new(DIM).expect("192 dimensions");
    index.reserve(n);
    let mut center = unit(rng);
    for key in 0..n {
        if key % CLUSTER == 0 {
            center = unit(rng);
        }
        let vector = if clustered { near(&center, 1.0, rng) } else { unit(rng) };
        index.insert(key as u64, &vector).expect("unit vectors");
    }
    index
}

/// A unit vector at cosine about `1 / sqrt(1 + noise²)` from another.
fn near(center: &[f32], noise: f32, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let away = unit(rng);
    normalize(center.iter().zip(away).map(|(c, a)| c + noise * a).collect())
}

fn unit(rng: &mut ChaCha8Rng) -> Vec<f32> {
    // A sum of uniforms is Gaussian enough for directions.
    let gaussian = |rng: &mut ChaCha8Rng| {
        let bits = rng.next_u64();
        let bytes = bits.to_le_bytes();
        bytes.iter().map(|&b| f32::from(b) - 127.5).sum::<f32>()
    };
    normalize((0..DIM).map(|_| gaussian(rng)).collect())
}

fn normalize(mut vector: Vec<f32>) -> Vec<f32> {
    let square: f64 = vector.iter().map(|&x| f64::from(x).powi(2)).sum();
    let inverse = 1.0 / square.sqrt();
    for x in &mut vector {
        *x = (f64::from(*x) * inverse) as f32;
    }
    vector
}
