use super::*;
use crate::domain::{Llr, RawScore, Timestamp};

fn chat(texts: &[&str]) -> Vec<Message> {
    texts.iter().map(|t| Message::new(*t, None).unwrap()).collect()
}

fn script(messages: &[Message]) -> (Finding, Vec<TextReason>) {
    let found = pasted_script(messages, &ScriptRules::default());
    (found.finding, found.reasons)
}

const BLOCK: &str = "I am writing in relation to the account that I hold with your institution. Unfortunately, \
    the limit that applies to it does not meet my needs any longer. I would therefore be grateful if you could \
    raise it to the highest amount available. Thank you very much for your kind assistance.";

#[test]
fn scripts_are_told_from_typing() {
    let typing = ["hi", "i need help w my card", "it doesnt work since monday", "ok thx"];
    assert_eq!(script(&chat(&typing)), (Finding::Absent, vec![TextReason::NothingFound]));
    assert_eq!(script(&chat(&["hi"])), (Finding::Unknown, vec![TextReason::TooLittleText]));
    let with = |more: &[&str]| chat(&[&typing[..], more].concat());
    let present = |reason| (Finding::Present, vec![reason]);
    assert_eq!(script(&with(&[BLOCK])), present(TextReason::FormalBlock));
    // Somebody who always writes like that is no script.
    assert_eq!(
        script(&chat(&["Hello.", "I need help.", "Thanks a lot.", BLOCK])).0,
        Finding::Absent
    );
    let twice = "please raise the limit of my account to the maximum today";
    let again = "Please raise the limit of my account, to the maximum today!";
    assert_eq!(script(&with(&[twice, again])), present(TextReason::RepeatedText));
    assert_eq!(
        script(&with(&["my name is [CUSTOMER NAME] ok"])),
        present(TextReason::TemplatePlaceholder)
    );
    assert_eq!(script(&with(&["a[i] <b> {x} [ok] <<"])).0, Finding::Absent);
}

#[test]
fn nobody_types_a_paragraph_in_two_seconds() {
    let at = |text: &str, ms| Message::new(text, Some(Timestamp::from_unix_ms(ms))).unwrap();
    let long = "this text runs on and on ".repeat(8);
    let fast = [at("hi", 0), at(&long, 2_000), at("ok", 5_000)];
    assert_eq!(script(&fast), (Finding::Present, vec![TextReason::FasterThanTyping]));
    assert_eq!(script(&[at("hi", 0), at(&long, 30_000), at("ok", 40_000)]).0, Finding::Absent);
    assert_eq!(script(&[at("hi", 9_000), at(&long, 1_000), at("ok", 9_000)]).0, Finding::Absent);
}

#[test]
fn social_engineering_names_the_family_and_no_text() {
    let patterns = Patterns::built_in().unwrap();
    assert_eq!(patterns.languages(), ["en", "es"]);
    let look = |text: &str| {
        let found = social_engineering(&chat(&[text]), &patterns);
        (found.finding, found.reasons)
    };
    use SocialFamily::*;
    let strong = [
        ("He told me to install AnyDesk", vec![RemoteTool, ThirdParty]),
        ("please don’t tell the bank about this", vec![Secrecy]),
        ("just send me the code", vec![CodeRequest]),
        ("can you give me the password", vec![CredentialRequest]),
        ("please skip the security questions", vec![BypassChecks]),
        ("I must move all my savings to the safe account", vec![MoneyMove]),
        ("me piden el código que llegó", vec![CodeRequest]),
        ("no se lo digas a nadie", vec![Secrecy]),
        ("me dijeron que instale AnyDesk en mi móvil", vec![RemoteTool, ThirdParty]),
        ("quiero mover todo mi dinero a la cuenta segura", vec![MoneyMove]),
    ];
    for (text, families) in strong {
        let families = families.into_iter().map(TextReason::Pattern).collect();
        assert_eq!(look(text), (Finding::Present, families), "{text}");
    }
    let calm = [
        "it is urgent",
        "es urgente",
        "my card does not work, can you help",
        "I forgot my password",
    ];
    for text in calm {
        assert_eq!(look(text), (Finding::Absent, vec![TextReason::NothingFound]), "{text}");
    }
    assert_eq!(look("...").0, Finding::Unknown);
    assert_eq!(social_engineering(&[], &patterns).finding, Finding::Unknown);
}

#[test]
fn broken_pattern_files_are_refused() {
    let file = |phrase: &str| {
        format!(
            "format = \"vouch-text-patterns-1\"\n[[pattern]]\nfamily = \"urgency\"\nlanguage = \"en\"\n\
             strength = \"weak\"\nphrases = [\"{phrase}\"]\n"
        )
    };
    assert!(Patterns::from_toml(&file("a b|c * d")).is_ok());
    for bad in ["", "* a", "a *", "a  b", "A", "a|", "don't", "a b c d e f g h i j k l m"] {
        assert!(Patterns::from_toml(&file(bad)).is_err(), "{bad:?}");
    }
    assert!(Patterns::from_toml("").is_err());
    assert!(Patterns::from_toml(&file("a").replace("urgency", "rudeness")).is_err());
    assert!(Patterns::from_toml(&" ".repeat(patterns::MAX_FILE_BYTES + 1)).is_err());
}

#[test]
fn unlike_needs_a_profile_and_enough_words() {
    let evidence = |llr, words, enough| Evidence {
        raw: RawScore(0.0),
        llr: Llr(llr),
        enough,
        words: [500, words],
        habits: Vec::new(),
    };
    let look = |e: Option<&Evidence>| unlike_person(e, &UnlikeRules::default()).finding;
    assert_eq!(look(None), Finding::Unknown);
    assert_eq!(look(Some(&evidence(-9.0, 50, false))), Finding::Unknown);
    assert_eq!(look(Some(&evidence(-3.1, 100, true))), Finding::Present);
    assert_eq!(look(Some(&evidence(-2.9, 100, true))), Finding::Absent);
    assert_eq!(look(Some(&evidence(1.0, 100, false))), Finding::Unknown);
}
