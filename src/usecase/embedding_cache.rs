//! Embeddings on disk, so that a fit or an evaluation can be repeated without the network.
//!
//! A safetensors file: `embeddings` (f32, items × values) and `items` (UTF-8 lines of item, net
//! speech in milliseconds, `narrow` or `wide`, separated by tabs). Failures are not kept.

use std::collections::BTreeMap;
use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::domain::Bandwidth;
use crate::usecase::embed_file::{EmbedError, Embedded, Embeddings, Item};

fn unusable(path: &Path, why: impl std::fmt::Display) -> EmbedError {
    EmbedError(format!("{}: {why}", path.display()))
}

/// Reads a cache.
pub fn load(path: &Path) -> Result<Embeddings, EmbedError> {
    let bytes = std::fs::read(path).map_err(|e| unusable(path, e))?;
    let file = SafeTensors::deserialize(&bytes).map_err(|e| unusable(path, e))?;
    let tensor = |name| file.tensor(name).map_err(|e| unusable(path, e));
    let (values, lines) = (tensor("embeddings")?, tensor("items")?);
    let (&[rows, dim], Dtype::F32) = (values.shape(), values.dtype()) else {
        return Err(unusable(path, "`embeddings` is not a matrix of F32"));
    };
    let lines = std::str::from_utf8(lines.data()).map_err(|e| unusable(path, e))?;
    let (words, _) = values.data().as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|w| f32::from_le_bytes(*w)).collect();
    let mut items = BTreeMap::new();
    for (line, row) in lines.lines().zip(values.chunks_exact(dim.max(1))) {
        let embedded = parse(line, row).ok_or_else(|| unusable(path, format!("line `{line}`")))?;
        items.insert(embedded.0, Ok(embedded.1));
    }
    if items.len() != rows {
        return Err(unusable(path, format!("{} items for {rows} rows", items.len())));
    }
    Ok(items)
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
    let embedding = row.to_vec();
    Some((item, Embedded { embedding, bandwidth, net_speech_ms }))
}

/// Writes a cache.
pub fn save(path: &Path, embeddings: &Embeddings) -> Result<(), EmbedError> {
    let good = embeddings.iter().filter_map(|(i, e)| Some((i, e.as_ref().ok()?)));
    let (mut lines, mut bytes, mut rows, mut dim) = (String::new(), Vec::new(), 0, 0);
    for (item, embedded) in good {
        let bandwidth = match embedded.bandwidth {
            Bandwidth::Narrow => "narrow",
            Bandwidth::Wide => "wide",
        };
        lines.push_str(&format!("{item}\t{}\t{bandwidth}\n", embedded.net_speech_ms));
        bytes.extend(embedded.embedding.iter().flat_map(|x| x.to_le_bytes()));
        rows += 1;
        dim = embedded.embedding.len();
    }
    let view =
        |dtype, shape, data| TensorView::new(dtype, shape, data).map_err(|e| unusable(path, e));
    let values = view(Dtype::F32, vec![rows, dim], &bytes)?;
    let items = view(Dtype::U8, vec![lines.len()], lines.as_bytes())?;
    let file = safetensors::serialize([("embeddings", values), ("items", items)], None);
    let file = file.map_err(|e| unusable(path, e))?;
    std::fs::write(path, file).map_err(|e| unusable(path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("e.safetensors");
        let embedded = |x: f32, bandwidth| Embedded {
            embedding: vec![x, -x],
            bandwidth,
            net_speech_ms: 1_230,
        };
        let mut all = Embeddings::new();
        let item = Item::whole("é/b.wav");
        all.insert(item.clone(), Ok(embedded(0.25, Bandwidth::Narrow)));
        all.insert("a.wav#phone:1+2".parse().unwrap(), Ok(embedded(0.5, Bandwidth::Wide)));
        all.insert(Item::whole("bad.wav"), Err(EmbedError("no".into())));
        save(&path, &all).unwrap();
        let loaded = load(&path).unwrap();
        assert_eq!(loaded.len(), 2);
        let one = loaded[&item].as_ref().ok().unwrap();
        assert_eq!(one.embedding, [0.25, -0.25]);
        assert_eq!((one.bandwidth, one.net_speech_ms), (Bandwidth::Narrow, 1_230));
        std::fs::write(&path, b"nonsense").unwrap();
        assert!(load(&path).is_err());
        assert!(load(&folder.path().join("absent")).is_err());
    }
}
