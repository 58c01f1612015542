//! Embeddings on disk, so that a fit or an evaluation can be repeated without the network.
//!
//! A safetensors file: `embeddings` (f32, items × values) and `items` (UTF-8 lines of item, net
//! speech in milliseconds, `narrow` or `wide`, signal-to-noise ratio in dB or `-`, separated by tabs), with
//! the model and the seed of the simulated lines as metadata. Failures are not kept.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::domain::Bandwidth;
use crate::usecase::embed_file::{
    Embed, EmbedError, Embedded, Embeddings, Item, embed_items, renditions,
};

/// Keys of the metadata.
const MODEL_KEY: &str = "model";
const SEED_KEY: &str = "seed";

/// What embeddings depend on beside the audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Id and version of the extractor, as `campplus@1`.
    pub model: String,
    /// Seed of the simulated lines.
    pub seed: u64,
}

impl Origin {
    /// The file of a cache: the path itself, or in a folder the file of this origin.
    pub fn file(&self, cache: &Path) -> PathBuf {
        if cache.is_dir() {
            cache.join(format!("{}-seed{}.safetensors", self.model, self.seed))
        } else {
            cache.to_owned()
        }
    }
}

/// Embeddings of exactly these items: those in the cache, the others by `embed`, with which the cache is
/// brought up to date. `cache` is a file, or a folder with a file for each origin. Without `embed` an item
/// that is not in the cache has no embedding.
///
/// # Errors
/// A cache of another origin or that cannot be read or written; neither `embed` nor a cache file.
pub fn obtain(
    embed: Option<&dyn Embed>,
    root: &Path,
    items: BTreeSet<Item>,
    origin: &Origin,
    cache: Option<&Path>,
) -> Result<Embeddings, EmbedError> {
    let file = cache.map(|path| origin.file(path));
    let mut known = match &file {
        Some(file) if file.exists() => load(file, origin)?,
        _ if embed.is_none() => {
            let why = "embeddings need an installed model or a cache file";
            return Err(EmbedError(why.to_owned()));
        }
        _ => Embeddings::new(),
    };
    let missing: Vec<Item> = items.iter().filter(|i| !known.contains_key(i)).cloned().collect();
    if let (Some(embed), false) = (embed, missing.is_empty()) {
        known.extend(embed_items(embed, root, missing, origin.seed)?);
        if let Some(file) = &file {
            save(file, origin, &known)?;
        }
    }
    let absent = || Err(EmbedError("not in the cache".to_owned()));
    Ok(items
        .into_iter()
        .map(|item| {
            let found = known.remove(&item).unwrap_or_else(absent);
            (item, found)
        })
        .collect())
}

/// As [`obtain`], and with them the telephone renditions of the pieces among them that enroll: a second pass,
/// because only wide-band ones have any.
///
/// # Errors
/// As [`obtain`].
pub fn obtain_enrolled(
    embed: Option<&dyn Embed>,
    root: &Path,
    items: BTreeSet<Item>,
    enrolled: &BTreeSet<Item>,
    (origin, cache): (&Origin, Option<&Path>),
) -> Result<Embeddings, EmbedError> {
    let mut all = obtain(embed, root, items, origin, cache)?;
    let renditions = renditions(&all, enrolled);
    if !renditions.is_empty() {
        all.extend(obtain(embed, root, renditions, origin, cache)?);
    }
    Ok(all)
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> EmbedError {
    EmbedError(format!("{}: {why}", path.display()))
}

/// Reads a cache.
///
/// # Errors
/// No file, not a cache, or one of another origin.
pub fn load(path: &Path, origin: &Origin) -> Result<Embeddings, EmbedError> {
    let bytes = std::fs::read(path).map_err(|e| unusable(path, e))?;
    check_origin(path, &bytes, origin)?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| unusable(path, e))?;
    let tensor = |name| file.tensor(name).map_err(|e| unusable(path, e));
    let (values, lines) = (tensor("embeddings")?, tensor("items")?);
    let (&[rows, dim], Dtype::F32) = (values.shape(), values.dtype()) else {
        return Err(unusable(path, "`embeddings` is not a matrix of F32"));
    };
    let lines = std::str::from_utf8(lines.data()).map_err(|e| unusable(path, e))?;
    let (words, _) = values.data().as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
    let mut items = Embeddings::new();
    for (line, row) in lines.lines().zip(values.chunks_exact(dim.max(1))) {
        let embedded = parse(line, row).ok_or_else(|| unusable(path, format!("line `{line}`")))?;
        items.insert(embedded.0, Ok(embedded.1));
    }
    if items.len() != rows {
        return Err(unusable(path, format!("{} items for {rows} rows", items.len())));
    }
    Ok(items)
}

fn check_origin(path: &Path, bytes: &[u8], origin: &Origin) -> Result<(), EmbedError> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| unusable(path, e))?;
    let metadata = metadata.metadata().as_ref();
    let said = |key: &str| metadata.and_then(|m| m.get(key)).map_or("nothing", String::as_str);
    for (key, expected) in [(MODEL_KEY, &origin.model), (SEED_KEY, &origin.seed.to_string())] {
        if said(key) != expected {
            let why = format!("a cache of {key} {}, not of {expected}", said(key));
            return Err(unusable(path, why));
        }
    }
    Ok(())
}

fn parse(line: &str, row: &[f32]) -> Option<(Item, Embedded)> {
    let mut fields = line.split('\t');
    let item = fields.next()?.parse().ok()?;
    let net_speech_ms = fields.next()?.parse().ok()?;
    let bandwidth = match fields.next()? {
        "narrow" => Bandwidth::Narrow,
        "wide" => Bandwidth::Wide,
        _ => return None,
    };
    let snr_db = match fields.next()? {
        "-" => None,
        ratio => Some(ratio.parse().ok()?),
    };
    let embedding = row.to_vec();
    Some((item, Embedded { embedding, bandwidth, net_speech_ms, snr_db }))
}

/// Writes a cache, in one step.
///
/// # Errors
/// The file cannot be written.
pub fn save(path: &Path, origin: &Origin, embeddings: &Embeddings) -> Result<(), EmbedError> {
    let good = embeddings.iter().filter_map(|(i, e)| Some((i, e.as_ref().ok()?)));
    let (mut lines, mut bytes, mut rows, mut dim) = (String::new(), Vec::new(), 0, 0);
    for (item, embedded) in good {
        let bandwidth = match embedded.bandwidth {
            Bandwidth::Narrow => "narrow",
            Bandwidth::Wide => "wide",
        };
        let snr = embedded.snr_db.map_or("-".to_owned(), |db| db.to_string());
        lines.push_str(&format!("{item}\t{}\t{bandwidth}\t{snr}\n", embedded.net_speech_ms));
        bytes.extend(embedded.embedding.iter().flat_map(|x| x.to_le_bytes()));
        rows += 1;
        dim = embedded.embedding.len();
    }
    let view =
        |dtype, shape, data| TensorView::new(dtype, shape, data).map_err(|e| unusable(path, e));
    let values = view(Dtype::F32, vec![rows, dim], &bytes)?;
    let items = view(Dtype::U8, vec![lines.len()], lines.as_bytes())?;
    let metadata = HashMap::from([
        (MODEL_KEY.to_owned(), origin.model.clone()),
        (SEED_KEY.to_owned(), origin.seed.to_string()),
    ]);
    let file = safetensors::serialize([("embeddings", values), ("items", items)], Some(metadata));
    let file = file.map_err(|e| unusable(path, e))?;
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".tmp");
    std::fs::write(&unfinished, file)
        .and_then(|()| std::fs::rename(&unfinished, path))
        .map_err(|e| unusable(path, e))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::usecase::embed_file::testing::ByName;

    fn origin() -> Origin {
        Origin { model: "m@1".into(), seed: 1 }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.safetensors");
        let embedded = |x: f32, bandwidth, snr_db| Embedded {
            embedding: vec![x, -x],
            bandwidth,
            net_speech_ms: 1_230,
            snr_db,
        };
        let mut all = Embeddings::new();
        let item = Item::whole("é/ b.wav");
        all.insert(item.clone(), Ok(embedded(0.25, Bandwidth::Narrow, Some(12.3))));
        let other: Item = "a.wav&b.wav#phone:1+2@3".parse().unwrap();
        all.insert(other.clone(), Ok(embedded(0.5, Bandwidth::Wide, None)));
        all.insert(Item::whole("bad.wav"), Err(EmbedError("no".into())));
        save(&path, &origin(), &all).unwrap();
        let loaded = load(&path, &origin()).unwrap();
        assert_eq!(loaded.len(), 2);
        let one = loaded[&item].as_ref().ok().unwrap();
        assert_eq!(one.embedding, [0.25, -0.25]);
        assert_eq!((one.bandwidth, one.net_speech_ms), (Bandwidth::Narrow, 1_230));
        assert_eq!(one.snr_db, Some(12.3));
        assert_eq!(loaded[&other].as_ref().ok().unwrap().snr_db, None);
        for wrong in [Origin { seed: 2, ..origin() }, Origin { model: "n@1".into(), seed: 1 }] {
            let refused = load(&path, &wrong).err().unwrap();
            assert!(refused.to_string().contains("a cache of"), "{refused}");
        }
        std::fs::write(&path, b"nonsense").unwrap();
        assert!(load(&path, &origin()).is_err());
        assert!(load(&folder.path().join("absent"), &origin()).is_err());
    }

    #[test]
    fn only_what_is_missing_is_embedded() {
        let folder = tempfile::tempdir().unwrap();
        let embed = ByName::default();
        let items = |names: &[&str]| names.iter().map(|n| Item::whole(*n)).collect::<BTreeSet<_>>();
        let get = |embed: Option<&dyn Embed>, names: &[&str]| {
            obtain(embed, Path::new("."), items(names), &origin(), Some(folder.path()))
        };
        assert!(get(None, &["11.wav"]).is_err(), "neither a model nor a cache");
        get(Some(&embed), &["11.wav", "12.wav", "bad1.wav"]).unwrap();
        assert!(folder.path().join("m@1-seed1.safetensors").is_file());
        let more = get(Some(&embed), &["12.wav", "13.wav"]).unwrap();
        assert_eq!(embed.embedded.load(Ordering::Relaxed), 3);
        assert_eq!(more.len(), 2, "only what was asked for");
        let cached = get(None, &["11.wav", "13.wav", "14.wav"]).unwrap();
        assert_eq!(cached.values().filter(|e| e.is_ok()).count(), 2);
        assert_eq!(cached[&Item::whole("14.wav")].as_ref().err().unwrap().0, "not in the cache");
    }
}
