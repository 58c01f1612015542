use proptest::prelude::*;

use super::numbers::{luhn, mod_97};
use super::*;

fn anonymous(text: &str) -> String {
    redact(text, Redaction::Anonymize)
}

/// FNV-1a: not keyed, good enough to see what is given to the function.
fn token(kind: PersonalData, value: &str) -> u64 {
    let bytes = kind.as_str().bytes().chain(value.bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3))
}

#[test]
fn each_kind_is_found_where_it_stands() {
    let cases = [
        ("write to Ann.Lee+x@mail.example.org, ok", "write to <EMAIL>, ok"),
        ("ünï@exämple.de.", "<EMAIL>."),
        ("see https://example.com/u/77?id=5 now", "see <URL> now"),
        ("ftp://bob:pw@example.com", "<URL>"),
        ("www.example.com/account is it", "<URL> is it"),
        ("https://example.com is a site", "https://example.com is a site"),
        ("from 192.168.10.4:8080 and 2001:db8::1.", "from <IP> and <IP>."),
        ("at 10:30: fine", "at 10:30: fine"),
        ("card 4111 1111 1111 1111 please", "card <CARD> please"),
        ("4111-1111-1111-1112", "<DIGITS>"),
        ("it is DE89 3704 0044 0532 0130 00, and", "it is <IBAN>, and"),
        ("gb82west12345698765432", "<IBAN>"),
        ("+34 600 123 456", "<PHONE>"),
        ("call (020) 7946-0123 or 00441632960123", "call <PHONE> or <PHONE>"),
        ("１２３４５６７ and ٠١٢٣٤٥٦", "<DIGITS> and <DIGITS>"),
        ("num 12\u{200b}34\u{200b}56\u{200b}78\u{200b}9 hidden", "num <PHONE> hidden"),
        ("version 2.6.9, 3 of 10, 12000 EUR", "version 2.6.9, 3 of 10, 12000 EUR"),
        ("Hi, my name is John van der Berg and I call", "Hi, my name is <NAME> and I call"),
        ("my name’s joan", "my name’s <NAME>"),
        ("me llamo José Luis, buenas", "me llamo <NAME>, buenas"),
        ("my name is not here", "my name is not here"),
        ("my password is hunter2!, thanks", "my password is <SECRET>, thanks"),
        ("the PIN: 4821", "the PIN: <SECRET>"),
        ("mi contraseña es Luna_7", "mi contraseña es <SECRET>"),
        ("the code does not run", "the code does not run"),
        ("", ""),
    ];
    for (text, wanted) in cases {
        assert_eq!(anonymous(text), wanted, "{text}");
    }
}

#[test]
fn a_pseudonym_follows_the_value_not_its_spelling() {
    let how = Redaction::Pseudonymize(&token);
    let one = redact("a@b.org", how);
    assert_eq!(redact("A@B.org", how), one);
    assert_ne!(redact("a@c.org", how), one);
    assert!(one.starts_with("<EMAIL_") && one.len() == "<EMAIL_12345678>".len(), "{one}");
    assert_eq!(redact("4111 1111 1111 1111", how), redact("4111-1111-1111-1111", how));
    assert_eq!(redact("DE89370400440532013000", how), redact("de89 3704 0044 0532 0130 00", how));
    assert_eq!(redact("+34600123456", how), redact("+34 600 123 456", how));
}

#[test]
fn check_digits_follow_the_standards() {
    let digits = |s: &str| s.chars().filter_map(|c| c.to_digit(10)).collect::<Vec<_>>();
    // The example of ISO/IEC 7812-1, Annex B, and one digit off.
    assert!(luhn(&digits("79927398713")));
    assert!(!luhn(&digits("79927398714")));
    assert!(!luhn(&digits("0000000000000")));
    let iban = |s: &str| mod_97(&s.chars().collect::<Vec<_>>());
    // Examples of the registry of ISO 13616.
    for good in ["GB29NWBK60161331926819", "ES9121000418450200051332", "NO9386011117947"] {
        assert_eq!(iban(good), Some(1), "{good}");
    }
    assert_ne!(iban("GB28NWBK60161331926819"), Some(1));
    assert_eq!(iban("GBX9NWBK"), None);
    assert_eq!(iban("GB"), None);
}

#[test]
fn long_hostile_texts_take_linear_time() {
    let mebi = 1 << 17;
    for unit in ["@", "a@", "1 ", "my name is ", "://", ":", "1.", "GB82 ", "(", "\u{200b}1"] {
        let text = unit.repeat(mebi / unit.len());
        assert!(detect(&redact(&text, Redaction::Pseudonymize(&token))).is_empty(), "{unit}");
    }
}

fn pieces() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        "[0-9 ()+./-]{1,24}",
        "[a-z.]{1,8}@[a-z]{1,8}(\\.[a-z]{2,3})?",
        "(https?|ftp)://[a-z:@/?.0-9]{1,20}",
        "[A-Z]{2}[0-9]{2}( ?[A-Z0-9]{4}){3,7}",
        "(my name is|me llamo|password is|pin:|code) [A-Za-z]{1,8}( [A-Z][a-z]{1,5})?",
        "[0-9a-f:.]{2,20}",
        Just("DE89 3704 0044 0532 0130 00".to_owned()),
        Just("4111111111111111".to_owned()),
        "[<>_ ,;]{1,3}",
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|p| p.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn spans_are_ordered_and_nothing_found_survives(text in pieces()) {
        let spans = detect(&text);
        let mut end = 0;
        for span in &spans {
            prop_assert!(span.start >= end && span.start < span.end);
            prop_assert!(text.get(span.start..span.end).is_some());
            end = span.end;
        }
        for how in [Redaction::Anonymize, Redaction::Pseudonymize(&token)] {
            let out = redact(&text, how);
            prop_assert!(detect(&out).is_empty(), "{out:?} from {text:?}");
        }
    }

    #[test]
    fn what_is_embedded_is_taken_out(before in "\\PC{0,12}", after in "\\PC{0,12}", which in 0usize..4) {
        let value = ["bob.stone@mail.org", "4111111111111111", "GB82WEST12345698765432", "+34600123456"][which];
        let out = redact(&format!("{before} {value} {after}"), Redaction::Pseudonymize(&token));
        prop_assert!(!out.contains(value), "{out:?}");
    }
}
