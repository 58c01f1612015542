//! From text to LLR on made-up people; the card has the figures on real ones.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::features::{Counts, Feature};
use super::limits::MAX_MESSAGE_BYTES;
use super::profile::CHUNK_WORDS;
use super::train::{AuthorTexts, TrainOptions};
use super::*;
use crate::domain::{LicenseClass, Timestamp};

fn message(text: &str) -> Message {
    Message::new(text, None).unwrap()
}

fn step(state: &mut u64) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 33) as usize
}

/// Chat of a made-up person: habits follow from the number, words from the day.
fn chat(person: u64, day: u64, words: usize) -> Vec<Message> {
    const GLUE: [&str; 16] = [
        "the", "so", "but", "well", "just", "really", "you", "i", "it", "that", "maybe", "then",
        "anyway", "ok", "and", "not",
    ];
    const TOPIC: [&str; 6] = ["card", "transfer", "printer", "kernel", "invoice", "phone"];
    let mut state = (person * 1_000 + day + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut style = (person + 7).wrapping_mul(0xd134_2543_de82_ef95) | 1;
    let habits: Vec<usize> = (0..8).map(|_| step(&mut style)).collect();
    let end = ["", ".", "...", "!", " :)", " ;-)", "?", ".."][habits[0] % 8];
    let comma = [", ", " ", " - ", ",", " , "][habits[1] % 5];
    let length = 3 + habits[2] % 12;
    let mut messages = Vec::new();
    let mut written = 0;
    while written < words {
        let count = length + step(&mut state) % 4;
        let mut text = String::new();
        for i in 0..count {
            let word = match step(&mut state) % 4 {
                0 => TOPIC[step(&mut state) % TOPIC.len()],
                1 => GLUE[habits[3] % GLUE.len()],
                _ => GLUE[(step(&mut state) % 6 + habits[4]) % GLUE.len()],
            };
            let capital = i == 0 && habits[5].is_multiple_of(2);
            match word.chars().next() {
                Some(c) if capital => text.extend(c.to_uppercase().chain(word.chars().skip(1))),
                _ => text.push_str(word),
            }
            text.push_str(if step(&mut state).is_multiple_of(4) { comma } else { " " });
        }
        written += count;
        messages.push(message(&format!("{}{end}", text.trim_end())));
    }
    messages
}

fn options() -> TrainOptions {
    let options = TrainOptions::new("made-up", LicenseClass::Open, "made up");
    TrainOptions { components: 24, dim: 12, ..options }
}

static BACKGROUND: LazyLock<Background> = LazyLock::new(|| {
    let texts: Vec<AuthorTexts> = (0..60)
        .map(|p| {
            let days: Vec<_> = (0..3).map(|day| chat(p, day, 220)).collect();
            AuthorTexts::new(days.iter().map(|d| d.iter()))
        })
        .collect();
    Background::train(&texts.iter().collect::<Vec<_>>(), &options()).unwrap()
});

#[test]
fn people_are_told_apart_across_days() {
    let background = &*BACKGROUND;
    let people: Vec<(Style, Style)> = (100..120)
        .map(|p| {
            let profile = style_of(background, &chat(p, 0, 500)).unwrap();
            (profile, style_of(background, &chat(p, 1, 200)).unwrap())
        })
        .collect();
    let llr = |a: usize, b: usize| background.compare(&people[a].0, &people[b].1).unwrap().llr.0;
    let own: f64 = (0..20).map(|p| llr(p, p)).sum::<f64>() / 20.0;
    let other: f64 = (0..20).map(|p| llr(p, (p + 1) % 20)).sum::<f64>() / 20.0;
    assert!(own > 1.0 && other < -1.0, "{own} {other}");
    let best = (0..20).filter(|p| (0..20).all(|q| q == *p || llr(q, *p) < llr(*p, *p))).count();
    assert!(best >= 14, "{best} of 20");
}

#[test]
fn shares_add_up_to_the_score_less_its_constant() {
    let background = &*BACKGROUND;
    let [a, b] = [1, 2].map(|p| style_of(background, &chat(p, 5, 300)).unwrap());
    let evidence = background.compare(&a, &b).unwrap();
    // Styles of nothing but the mean leave the constant.
    let mean = |s: &Style| Style { sums: vec![0.0; s.sums.len()], ..s.clone() };
    let constant = background.compare(&mean(&a), &mean(&b)).unwrap();
    assert!(constant.habits.is_empty());
    let shares: f64 = evidence.habits.iter().map(|h| h.llr).sum();
    let raw = evidence.raw.0 - constant.raw.0;
    // In the unit of the LLR: one factor for all.
    assert!(shares * raw > 0.0 && shares.abs() < 10.0 * raw.abs(), "{shares} {raw}");
    let spelling = evidence.habits.iter().find(|h| h.habit == Habit::Spelling).unwrap();
    let only = |s: &Style| {
        let kept = Habit::Spelling.index() * s.dim..(Habit::Spelling.index() + 1) * s.dim;
        let mut sums = vec![0.0; s.sums.len()];
        sums[kept.clone()].copy_from_slice(&s.sums[kept]);
        Style { sums, ..s.clone() }
    };
    // A side's other families gone, its share is half of what it adds to the score's quadratic form, exactly.
    let cross = |a: &Style, b: &Style| background.compare(a, b).unwrap().raw.0 - constant.raw.0;
    let (ka, kb) = (only(&a), only(&b));
    let rest = |s: &Style, k: &Style| Style {
        sums: s.sums.iter().zip(&k.sums).map(|(x, y)| x - y).collect(),
        ..s.clone()
    };
    let without = cross(&rest(&a, &ka), &rest(&b, &kb));
    // Q(k + r) = Q(k) + B(k, r) + Q(r), and the share is Q(k) + B(k, r) / 2.
    let wanted = (raw - without + cross(&ka, &kb)) / 2.0;
    let got = spelling.llr * raw / shares;
    assert!((got - wanted).abs() < 1e-6 * (1.0 + wanted.abs()), "{got} {wanted}");
    assert!(evidence.habits.windows(2).all(|w| w[0].llr.abs() >= w[1].llr.abs()));
}

#[test]
fn profiles_add_up() {
    let background = &*BACKGROUND;
    let (first, second) = (chat(3, 0, 200), chat(3, 1, 350));
    let mut sum = style_of(background, &first).unwrap();
    sum.merge(&style_of(background, &second).unwrap()).unwrap();
    let mut other_way = style_of(background, &second).unwrap();
    other_way.merge(&style_of(background, &first).unwrap()).unwrap();
    assert_eq!(sum.words(), other_way.words());
    assert!(sum.sums.iter().zip(&other_way.sums).all(|(a, b)| (a - b).abs() < 1e-9));
    let bytes = sum.to_bytes();
    let read = Style::from_bytes(&bytes).unwrap();
    assert_eq!(
        (read.words, read.messages, &read.background),
        (sum.words, sum.messages, &sum.background)
    );
    assert!(read.sums.iter().zip(&sum.sums).all(|(a, b)| (a - b).abs() < 1e-4 * (1.0 + b.abs())));
    for end in 0..bytes.len() {
        assert!(Style::from_bytes(&bytes[..end]).is_err(), "{end}");
    }
    let mut foreign = Style { background: "other@0".to_owned(), ..sum.clone() };
    assert!(foreign.merge(&sum).is_err());
    assert!(background.compare(&foreign, &sum).is_err());
}

#[test]
fn a_stream_equals_the_whole() {
    let background = &*BACKGROUND;
    let messages = chat(4, 0, 431);
    let mut reader = StyleReader::new(background);
    for message in &messages {
        reader.push(message);
        let _ = reader.style();
    }
    assert_eq!(reader.style(), style_of(background, &messages).unwrap());
}

#[test]
fn few_words_say_little() {
    let background = &*BACKGROUND;
    let profile = style_of(background, &chat(5, 0, 500)).unwrap();
    let at = |words| {
        let probe = style_of(background, &chat(5, 1, words)).unwrap();
        background.compare(&profile, &probe)
    };
    assert!(matches!(at(10), Err(ConversationError::TooFew { what: "a probe", .. })));
    let little = at(40).unwrap();
    let much = at(400).unwrap();
    assert!(!little.enough && much.enough);
    assert!(little.llr.0.abs() < much.llr.0.abs());
}

#[test]
fn a_background_survives_its_file_and_damage_is_refused() {
    let json = BACKGROUND.to_json().unwrap();
    let read = Background::from_json(&json).unwrap();
    assert_eq!(read.version(), BACKGROUND.version());
    assert_eq!(read.to_json().unwrap(), json);
    let [a, b] = [6, 7].map(|p| style_of(&read, &chat(p, 0, 300)).unwrap());
    let [c, d] = [6, 7].map(|p| style_of(&BACKGROUND, &chat(p, 0, 300)).unwrap());
    assert_eq!(read.compare(&a, &b).unwrap(), BACKGROUND.compare(&c, &d).unwrap());
    for end in [0, 10, json.len() / 2, json.len() - 2] {
        assert!(Background::from_json(&json[..end]).is_err(), "{end}");
    }
    for (from, to) in [
        ("background-1", "background-9"),
        ("\"hashes\": \"", "\"hashes\": \"AAAA"),
        ("\"least\": 1", "\"least\": 9"),
    ] {
        assert!(json.contains(from));
        assert!(Background::from_json(&json.replace(from, to)).is_err(), "{from}");
    }
}

#[test]
fn the_background_that_ships_is_readable_open_and_small() {
    let background = Background::built_in().unwrap();
    assert_eq!(background.license(), LicenseClass::Open);
    assert!(background.to_json().unwrap().len() <= 600_000);
    assert!(background.trained().authors >= 300);
    let own = style_of(&background, &chat(1, 0, 300)).unwrap();
    let same = style_of(&background, &chat(1, 1, 300)).unwrap();
    let other = style_of(&background, &chat(2, 1, 300)).unwrap();
    let llr = |probe| background.compare(&own, probe).unwrap().llr;
    assert!(llr(&same) > llr(&other));
}

#[test]
fn too_few_people_are_refused() {
    let texts: Vec<AuthorTexts> =
        (0..39).map(|p| AuthorTexts::new([chat(p, 0, 220).iter()])).collect();
    let all: Vec<_> = texts.iter().collect();
    assert!(matches!(
        Background::train(&all, &options()),
        Err(ConversationError::TooFew { what: "people", needed: 40, got: 39 })
    ));
    let wide = TrainOptions { dim: 100, ..options() };
    let many: Vec<AuthorTexts> =
        (0..45).map(|p| AuthorTexts::new([chat(p, 0, 70).iter(), chat(p, 1, 70).iter()])).collect();
    assert!(Background::train(&many.iter().collect::<Vec<_>>(), &wide).is_err());
}

#[test]
fn a_cross_validation_keeps_people_and_days_apart() {
    use super::dataset::{Author, Line};
    use super::protocol::{TextProtocol, cross_validate};
    let authors: Vec<Author> = (0..120)
        .map(|p| {
            let lines = |day| {
                let line = |m: Message| {
                    let words = m.text().split_whitespace().count() as u32;
                    Line { words, message: m }
                };
                chat(p, day, 180).into_iter().map(line).collect()
            };
            Author {
                id: format!("p{p}"),
                days: (0..3).map(|d| (d.to_string(), lines(d))).collect(),
            }
        })
        .collect();
    // Some two days make a profile and the third is left for probes; where a profile needs all, none is.
    let protocols = [100, 170].map(|n| TextProtocol { profile_words: 200, ..TextProtocol::new(n) });
    let all = cross_validate(&authors, &protocols, &options(), 2).unwrap();
    for trials in &all {
        let targets = trials.iter().filter(|t| t.is_target()).count();
        assert!(targets >= 120);
        // Everybody of a fold against everybody of it, and nobody else.
        let met = |t: &&protocol::TextTrial| t.profile == 0;
        let people: BTreeSet<u32> = trials.iter().filter(met).map(|t| t.probe).collect();
        let own = trials.iter().filter(|t| t.probe == 0).map(|t| t.profile);
        assert_eq!(people, own.collect());
        assert!(people.len() > 30 && people.len() < 90);
        let mean = |target| {
            let of: Vec<f64> =
                trials.iter().filter(|t| t.is_target() == target).map(|t| t.llr).collect();
            of.iter().sum::<f64>() / of.len() as f64
        };
        assert!(mean(true) > 1.0 && mean(false) < -1.0);
    }
    let greedy = [TextProtocol { profile_words: 5_000, ..TextProtocol::new(100) }];
    assert!(cross_validate(&authors, &greedy, &options(), 2).is_err());
}

fn counts(messages: &[Message]) -> Counts {
    let mut counts = Counts::default();
    let mut previous = None;
    for message in messages {
        counts.add(message, previous);
        previous = message.at();
    }
    counts
}

fn total(counts: &Counts, habit: Habit) -> u32 {
    let of = |f: &&(u32, Feature)| f.1.habit == habit;
    counts.by_hash.values().filter(of).map(|f| f.0).sum()
}

#[test]
fn what_is_written_about_is_not_counted() {
    // Content words of the same shape, numbers, addresses: the same features.
    let one = counts(&[message("i really like the Kernel, see https://a.org/x or page 17")]);
    let two = counts(&[message("i really like the Poodle, see www.b.com or page 4")]);
    let habits = [Habit::Spelling, Habit::Wording, Habit::Punctuation, Habit::Capitals];
    for habit in habits {
        let of = |c: &Counts| -> Vec<(u32, u32)> {
            let mut all: Vec<_> = c
                .by_hash
                .iter()
                .filter(|(_, f)| f.1.habit == habit)
                .map(|(hash, f)| (*hash, f.0))
                .collect();
            all.sort_unstable();
            all
        };
        assert_eq!(of(&one), of(&two), "{habit:?}");
        assert!(!of(&one).is_empty());
    }
}

#[test]
fn habits_are_counted_where_they_show() {
    let plain = counts(&[message("well that is fine")]);
    assert_eq!(total(&plain, Habit::Emoji) + total(&plain, Habit::Repeats), 0);
    let loud = counts(&[message("sooo fine!!! :) 😀 ^^")]);
    assert_eq!(total(&loud, Habit::Emoji), 3);
    assert_eq!(total(&loud, Habit::Repeats), 2);
    assert_eq!(total(&loud, Habit::Rhythm), 0);
    let at = |ms| Message::new("hello there", Some(Timestamp::from_unix_ms(ms))).unwrap();
    assert_eq!(total(&counts(&[at(0), at(4_000), at(4_000)]), Habit::Rhythm), 3);
    assert_eq!(counts(&[message("don't  go")]).words, 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn any_text_gives_finite_sums(texts in proptest::collection::vec(any::<String>(), 0..6), ms in any::<[i64; 2]>()) {
        let messages: Vec<Message> = texts
            .iter()
            .zip(ms.iter().cycle())
            .map(|(t, ms)| Message::new(t.clone(), Some(Timestamp::from_unix_ms(*ms))).unwrap())
            .collect();
        let style = style_of(&BACKGROUND, &messages).unwrap();
        prop_assert!(style.sums.iter().all(|x| x.is_finite()));
        let patterns = findings::Patterns::built_in().unwrap();
        prop_assert!(findings::find(&messages, None, &patterns, &findings::UnlikeRules::default()).is_ok());
    }
}

#[test]
fn a_message_of_one_long_word_is_bearable() {
    let long =
        [message(&"a".repeat(MAX_MESSAGE_BYTES)), message(&"ß’".repeat(MAX_MESSAGE_BYTES / 5))];
    let style = style_of(&BACKGROUND, &long).unwrap();
    assert!(style.words() < CHUNK_WORDS);
    let empty = style_of(&BACKGROUND, &[]).unwrap();
    assert!(BACKGROUND.compare(&style, &empty).is_err());
}
