//! The models that ship, made again from the public data sets as they are kept.

use std::collections::BTreeMap;
use std::path::Path;

use crate::behavior::datasets::{
    aalto, cmu_dsl, how_we_swipe, meu_mobile, sapientia, sapimouse, touchalytics,
};
use crate::behavior::keystroke::{fixed, free};
use crate::behavior::touch::TrainingSample;
use crate::behavior::{BehaviorError, Capture, Sample, SampleKind, pointer, touch};
use crate::conversation::dataset::ubuntu_irc_chat;
use crate::conversation::protocol::{held_back, texts_of};
use crate::conversation::train::{AuthorTexts, TrainOptions};
use crate::domain::LicenseClass;
use crate::usecase::backgrounds::BackgroundsError;
use crate::usecase::evaluate_behavior::keystroke::{DataSet, numbered};
use crate::usecase::evaluate_behavior::read_data;

/// Session of SapiMouse that comes first; the other one is the second.
const FIRST: &str = "3min";

/// Fits the model of a kind on everybody in its data sets, which lie in `folder`: what ships as
/// `models/behavior-*/background.json`.
///
/// # Errors
/// A data set that is missing or not as documented.
pub fn train(kind: SampleKind, folder: &Path) -> Result<String, BackgroundsError> {
    let read = |name: &str| read_data(&folder.join(name));
    Ok(match kind {
        SampleKind::FixedText => {
            let cmu = cmu_dsl::captures(read(DataSet::CmuDsl.file())?.as_bytes())?;
            let sapientia = sapientia::captures(read(DataSet::Sapientia.file())?.as_bytes())?;
            let meu = meu_mobile::captures(read(DataSet::MeuMobile.file())?.as_bytes())?;
            let mut names = Vec::new();
            let sets = [&cmu, &sapientia, &meu];
            let all: Vec<_> = sets.into_iter().flat_map(|set| numbered(set, &mut names)).collect();
            fixed::Background::train(&all, &fixed::TrainOptions::default())?.to_json()?
        }
        SampleKind::FreeText => {
            let captures = aalto::captures(read(DataSet::Aalto.file())?.as_bytes())?;
            let all = numbered(&captures, &mut Vec::new());
            serde_json::to_string(&free::Background::train(&all)?)?
        }
        SampleKind::Touch => {
            let strokes = read("touchalytics_features.csv.gz")?;
            touch(&strokes, &read("how_we_swipe_raw.csv.gz")?)?.to_json()?
        }
        SampleKind::Pointer => {
            let captures = sapimouse::captures(&read("sapimouse_raw.csv.gz")?)?;
            serde_json::to_string(&mouse(&captures)?)?
        }
    })
}

/// Fits the model of the style of text on the authors of the chat set who are not held back.
///
/// # Errors
/// A data set that is missing or not as documented.
pub fn train_text(folder: &Path) -> Result<String, BackgroundsError> {
    let authors = ubuntu_irc_chat(&read_data(&folder.join("ubuntu_irc_chat.csv.gz"))?)?;
    let texts: Vec<AuthorTexts> =
        authors.iter().filter(|author| !held_back(&author.id)).map(texts_of).collect();
    let data = "ubuntu_irc_chat, authors not held back";
    let options = TrainOptions::new("behavior-text", LicenseClass::Open, data);
    let texts: Vec<&AuthorTexts> = texts.iter().collect();
    Ok(crate::conversation::Background::train(&texts, &options)?.to_json()?)
}

/// People of Touchalytics by their numbers, then those of How We Swipe as they come.
fn touch(strokes: &str, gestures: &str) -> Result<touch::Background, BehaviorError> {
    let mut by_number: BTreeMap<(u32, String), Vec<touchalytics::Stroke>> = BTreeMap::new();
    for stroke in touchalytics::strokes(strokes)? {
        let number = stroke.subject.parse().unwrap_or(u32::MAX);
        by_number.entry((number, stroke.subject.clone())).or_default().push(stroke);
    }
    let mut rows: Vec<(u32, u32, Option<u32>, Sample)> = Vec::new();
    for (person, own) in (0u32..).zip(by_number.values_mut()) {
        // Documents in the order they first appear.
        let mut order: Vec<u32> = Vec::new();
        own.iter().for_each(|s| {
            if !order.contains(&s.document) {
                order.push(s.document);
            }
        });
        own.sort_by_key(|s| order.iter().position(|d| *d == s.document));
        let device = own.first().map(|s| s.phone);
        rows.extend(own.iter().map(|s| (person, s.document, device, s.sample.clone())));
    }
    let before = by_number.len() as u32;
    let captures = how_we_swipe::captures(gestures)?;
    for (person, sitting, capture) in numbered(&captures, &mut Vec::new()) {
        rows.push((before + person, sitting, None, touch::extract(capture, None)?));
    }
    let samples: Vec<TrainingSample<'_>> = rows
        .iter()
        .map(|(person, session, device, sample)| TrainingSample {
            person: *person,
            session: *session,
            device: *device,
            sample,
        })
        .collect();
    touch::Background::train(&samples)
}

/// People of SapiMouse by name, the longer session first.
fn mouse(captures: &[Capture]) -> Result<pointer::Background, BehaviorError> {
    let mut people: BTreeMap<&str, [Vec<Sample>; 2]> = BTreeMap::new();
    for capture in captures {
        // A capture too short for one action holds no sample.
        let Ok(sample) = pointer::extract(capture, None) else { continue };
        let session = usize::from(capture.session.as_deref() != Some(FIRST));
        people.entry(&capture.subject).or_default()[session].push(sample);
    }
    let mut rows = Vec::new();
    for (person, sessions) in (0u32..).zip(people.values()) {
        for (session, samples) in (0u32..).zip(sessions) {
            rows.extend(samples.iter().map(|sample| (person, session, sample)));
        }
    }
    pointer::Background::train(&rows)
}
