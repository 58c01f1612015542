//! Texts that people write or programs keep, damaged and made up: an answer or a typed error, never a
//! panic. The same parsers as in the fuzz target `text_files`.

use proptest::prelude::*;

#[path = "../../fuzz/fuzz_targets/texts.rs"]
mod parsers;

/// A text of each kind that is read, in the order of the parsers.
fn good() -> [String; 8] {
    let settings = vouch::config::Config::default().to_toml();
    let checkpoint = format!(
        "{{\"sequence\":7,\"head\":\"{}\",\"at\":1700000000000,\"key\":\"k\",\"signature\":\"{}\"}}\n",
        "ab".repeat(32),
        "cd".repeat(64)
    );
    [
        "a.wav,b.wav c.wav target\nd.wav e.wav#phone:0+5000 nontarget\n".to_owned(),
        format!("{settings}\0VOUCH_ENGINE_THREADS=2\nVOUCH_SERVER_LISTEN=[::1]:0\n"),
        include_str!("../../models/campplus/model.toml").to_owned(),
        "corpus\tspeaker\tfile\tseconds\tgender\nx\ts1\ta.wav\t1.5\tF\n".to_owned(),
        "caller-7".to_owned(),
        format!("vk_{}_{}", "0123456789abcdef", "A".repeat(43)),
        checkpoint.repeat(2),
        "calls/a.wav#journey:250+all".to_owned(),
    ]
}

#[test]
fn every_parser_reads_its_example() {
    for (kind, text) in (0u8..).zip(good()) {
        assert!(parsers::read(&[&[kind], text.as_bytes()].concat()), "kind {kind}: {text}");
    }
}

#[test]
#[ignore = "writes the hand-made seeds of the fuzz target `text_files` anew"]
fn write_seeds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds/text_files");
    std::fs::create_dir_all(folder).unwrap();
    for (kind, text) in (0u8..).zip(good()) {
        let bytes = [&[kind], text.as_bytes()].concat();
        std::fs::write(format!("{folder}/good-{kind}"), bytes).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn any_text_is_read_or_refused(kind in 0..parsers::READERS.len(), text in "\\PC{0,80}(\n\\PC{0,40}){0,4}") {
        parsers::READERS[kind](&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        parsers::read(&bytes);
    }

    #[test]
    fn a_damaged_text_is_read_or_refused(
        kind in 0..parsers::READERS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..5),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = good()[kind].clone().into_bytes();
        for (index, value) in damage {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(index) = cut {
            bytes.truncate(index.index(bytes.len()));
        }
        parsers::READERS[kind](&String::from_utf8_lossy(&bytes));
    }
}
