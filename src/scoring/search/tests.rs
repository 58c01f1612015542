use proptest::prelude::*;

use super::*;

/// A sorting full scan, as oracle.
fn full_scan(vectors: &[(u32, Vec<f32>)], query: &[f32], k: usize) -> Vec<Hit<u32>> {
    let mut all: Vec<_> = vectors
        .iter()
        .map(|(key, v)| Hit { key: *key, score: dot(Arch::Scalar, query, v) })
        .collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.key.cmp(&b.key)));
    all.truncate(k);
    all
}

/// Every kernel this machine can run.
fn arches() -> Vec<Arch> {
    let mut arches = vec![Arch::Scalar];
    #[cfg(target_arch = "x86_64")]
    {
        arches.extend(pulp::x86::V3::try_new().map(Arch::V3));
        arches.extend(pulp::x86::V4::try_new().map(Arch::V4));
    }
    arches
}

fn unit(values: &[f32]) -> Vec<f32> {
    let norm = norm(values);
    values.iter().map(|&x| (f64::from(x) / norm) as f32).collect()
}

/// A fixed pseudo-random unit vector (64-bit linear congruential generator of Knuth).
fn pseudo(seed: u64, dim: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678;
    let mut next = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    let values: Vec<f32> = (0..dim).map(|_| next() + next() + next()).collect();
    unit(&values)
}

/// Kinds of data that quantizers like and dislike.
fn vector(kind: usize, seed: u64, dim: usize) -> Vec<f32> {
    match kind {
        0 => pseudo(seed, dim),
        // One value is everything.
        1 => {
            let mut v = vec![0.0; dim];
            v[seed as usize % dim] = if seed.is_multiple_of(2) { 1.0 } else { -1.0 };
            v
        }
        // A tight cluster.
        2 => {
            let (center, away) = (pseudo(1, dim), pseudo(seed, dim));
            let mixed: Vec<f32> = center.iter().zip(away).map(|(c, a)| c + 0.05 * a).collect();
            unit(&mixed)
        }
        // Copies.
        _ => pseudo(seed % 3, dim),
    }
}

/// An index that makes use of its codes however few vectors it has.
fn coded(arch: Arch, dim: usize) -> SearchIndex<u32> {
    let mut index = SearchIndex::on(arch, dim).expect("valid dimension");
    index.sure_vectors = 0;
    index
}

fn same(got: &[Hit<u32>], expected: &[Hit<u32>]) -> bool {
    got.len() == expected.len()
        && got
            .iter()
            .zip(expected)
            .all(|(a, b)| a.key == b.key && a.score.to_bits() == b.score.to_bits())
}

#[test]
fn a_search_is_a_full_scan_on_every_kernel() {
    let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
    for arch in arches() {
        for (dim, n) in [(1, 40), (7, 500), (33, 1_000), (192, 3_000), (1_024, 100)] {
            for kind in 0..4 {
                let vectors: Vec<(u32, Vec<f32>)> =
                    (0..n).map(|i| (i * 7 % n, vector(kind, u64::from(i) + 10, dim))).collect();
                let mut index = coded(arch, dim);
                for (key, v) in &vectors {
                    assert_eq!(index.insert(*key, v), Ok(false));
                }
                for seed in 0..4 {
                    let query = vector((kind + seed as usize) % 3, 1_000 + seed, dim);
                    for k in [1, 10, 100] {
                        index.search(&query, k, &mut scratch, &mut hits).expect("valid");
                        let expected = full_scan(&vectors, &query, k);
                        assert!(same(&hits, &expected), "{arch:?} dim {dim} kind {kind} k {k}");
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_of_changes_leaves_what_a_map_holds(
        steps in prop::collection::vec((0u32..60, 0u64..1_000, 0usize..5), 1..200),
        asked in prop::collection::vec(0u32..70, 0..30),
        dim in prop::sample::select(vec![3usize, 32, 50, 192]),
        k in 1usize..80,
        sure_vectors in prop::sample::select(vec![0, 20, SURE_VECTORS]),
    ) {
        let mut index = SearchIndex::new(dim).expect("valid dimension");
        index.sure_vectors = sure_vectors;
        let mut map = std::collections::BTreeMap::new();
        for (key, seed, kind) in steps {
            if kind == 4 {
                prop_assert_eq!(index.remove(&key), map.remove(&key).is_some());
            } else {
                let v = vector(kind, seed, dim);
                prop_assert_eq!(index.insert(key, &v), Ok(map.insert(key, v).is_some()));
            }
        }
        let all: Vec<(u32, Vec<f32>)> = map.into_iter().collect();
        prop_assert_eq!(index.len(), all.len());
        for (key, v) in &all {
            prop_assert_eq!(index.get(key), Some(&v[..]));
        }
        let query = pseudo(77, dim);
        let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
        index.search(&query, k, &mut scratch, &mut hits).expect("valid");
        prop_assert!(same(&hits, &full_scan(&all, &query, k)));

        let compared = index.search_among(&query, &asked, k, &mut scratch, &mut hits);
        let some: Vec<_> = all.into_iter().filter(|(key, _)| asked.contains(key)).collect();
        prop_assert_eq!(compared, Ok(some.len()));
        prop_assert!(same(&hits, &full_scan(&some, &query, k)));
    }
}

/// Codes and query code of two vectors under the rotation; the estimate of their cosine, its bound, and
/// how far it is off in the deviations that the bound allows six of.
fn estimate(v: &[f32], q: &[f32]) -> (f32, f32, f32) {
    let rotation = Rotation::new(v.len());
    let (mut codes, mut query) = (Codes::new(v.len()), QueryCode::default());
    let mut rotated = Vec::new();
    rotation.apply(v, &mut rotated);
    codes.set(0, &rotated);
    rotation.apply(q, &mut rotated);
    query.set(&rotated);
    let (estimate, bound) = scan::first_estimate(&codes, &query);
    let off = dot(Arch::Scalar, q, v) - estimate;
    (estimate, bound, 6.0 * off / (bound - estimate))
}

#[test]
fn estimates_are_unbiased_and_stray_as_stated() {
    for kind in 0..4 {
        for dim in [64, 192, 1_000] {
            let pairs = 2_000;
            let (mut sum, mut squares, mut most) = (0.0, 0.0, 0.0f64);
            for seed in 0..pairs {
                let v = vector(kind, seed, dim);
                // From strangers to the vector itself.
                let part = seed as f32 / pairs as f32;
                let away = pseudo(seed + 5_000, dim);
                let mixed: Vec<f32> =
                    v.iter().zip(away).map(|(v, a)| part * v + (1.0 - part) * a).collect();
                let (estimate, bound, off) = estimate(&v, &unit(&mixed));
                // And not so loose that nothing would be ruled out.
                assert!(dim != 192 || bound - estimate < 0.1, "{kind} {bound} {estimate}");
                sum += f64::from(off);
                squares += f64::from(off).powi(2);
                most = most.max(f64::from(off).abs());
            }
            let n = pairs as f64;
            let about = format!("kind {kind} dim {dim}: {} {}", sum / n, squares / n);
            assert!((sum / n).abs() < 0.1, "{about}");
            assert!((0.1..1.0).contains(&(squares / n)), "{about}");
            assert!(most < 5.0, "{about} {most}");
        }
    }
}

/// In few dimensions the bound is sure.
#[test]
fn in_few_dimensions_no_bound_is_below_its_cosine() {
    for kind in 0..4 {
        for dim in [1, 2, 3, 7, 20, 37] {
            for seed in 0..200 {
                let v = vector(kind, seed, dim);
                for q in [pseudo(seed + 500, dim), v.clone(), v.iter().map(|x| -x).collect()] {
                    let (_, bound, _) = estimate(&v, &q);
                    let exact = dot(Arch::Scalar, &q, &v);
                    assert!(bound >= exact, "kind {kind} dim {dim}: {bound} < {exact}");
                }
            }
        }
    }
}

/// Speakers as centers and prints around them, as many strangers, and probes of all kinds.
#[test]
fn nothing_is_missed_among_many() {
    let (dim, n) = (96, 24_000);
    let mut index = coded(Arch::new(), dim);
    let mut vectors = Vec::new();
    for key in 0..n {
        let own = pseudo(u64::from(key) + 10, dim);
        let v = if key % 2 == 0 {
            let center = pseudo(u64::from(key / 400) + 1_000_000, dim);
            unit(&center.iter().zip(own).map(|(c, o)| c + 0.7 * o).collect::<Vec<f32>>())
        } else {
            own
        };
        index.insert(key, &v).expect("a unit vector");
        vectors.push((key, v));
    }
    let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
    for seed in 0..12u64 {
        let away = pseudo(seed + 2_000_000, dim);
        let query = match seed % 3 {
            0 => away,
            1 => unit(
                &vectors[seed as usize * 1_999]
                    .1
                    .iter()
                    .zip(away)
                    .map(|(v, a)| v + a)
                    .collect::<Vec<f32>>(),
            ),
            _ => vectors[seed as usize * 1_999].1.clone(),
        };
        for k in [1, 10, 100, 1_000] {
            index.search(&query, k, &mut scratch, &mut hits).expect("valid");
            assert!(same(&hits, &full_scan(&vectors, &query, k)), "seed {seed} k {k}");
        }
    }
}

/// More of them than can be put off at once: all alike, they are all looked at.
#[test]
fn copies_beyond_every_buffer_rank_by_key() {
    let mut index = coded(Arch::new(), 8);
    let n = 70_000;
    let v = pseudo(1, 8);
    let better = unit(&v.iter().zip(pseudo(2, 8)).map(|(v, o)| v + 0.01 * o).collect::<Vec<f32>>());
    for key in (0..n).rev() {
        index.insert(key, &v).expect("a unit vector");
    }
    index.insert(n, &better).expect("a unit vector");
    let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
    index.search(&better, 5, &mut scratch, &mut hits).expect("valid");
    let keys: Vec<u32> = hits.iter().map(|hit| hit.key).collect();
    assert_eq!(keys, [n, 0, 1, 2, 3]);
}

#[test]
fn what_cannot_be_searched_is_refused() {
    assert_eq!(SearchIndex::<u64>::new(0).err(), Some(SearchError::BadDimension(0)));
    assert_eq!(SearchIndex::<u64>::new(1_025).err(), Some(SearchError::BadDimension(1_025)));
    let mut index = SearchIndex::<u64>::new(3).expect("valid dimension");
    let wrong = SearchError::Dimension { expected: 3, got: 2 };
    assert_eq!(index.insert(1, &[1.0, 0.0]), Err(wrong));
    for bad in [[0.0; 3], [1.0, 1.0, 0.0], [f32::NAN, 0.0, 1.0], [f32::INFINITY, 0.0, 0.0]] {
        assert_eq!(index.insert(1, &bad), Err(SearchError::NotUnit));
    }
    assert!(index.is_empty());
    let (mut scratch, mut hits) = (SearchScratch::default(), Vec::new());
    let unit = [0.0, 1.0, 0.0];
    for k in [0, MAX_HITS + 1] {
        let refused = index.search(&unit, k, &mut scratch, &mut hits);
        assert_eq!(refused, Err(SearchError::Hits(k)));
    }
    let refused = index.search(&[0.5; 3], 1, &mut scratch, &mut hits);
    assert_eq!(refused, Err(SearchError::NotUnit));
    assert_eq!(index.search(&unit, 5, &mut scratch, &mut hits), Ok(()));
    assert!(hits.is_empty());
}

#[test]
fn debug_shows_neither_vectors_nor_keys() {
    let mut index = SearchIndex::<u64>::new(3).expect("valid dimension");
    index.insert(4_242, &[0.0, 0.6, 0.8]).expect("a unit vector");
    assert_eq!(format!("{index:?}"), "SearchIndex { dim: 3, len: 1, .. }");
}
