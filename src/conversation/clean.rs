//! What a message is about is no habit: addresses, paths, file names and numbers become one character each
//! before any feature is counted, so that a topic cannot pass as a person.

/// Stands for an address or a file name.
pub(super) const ADDRESS: char = '\u{2}';
/// Stands for a path.
pub(super) const PATH: char = '\u{3}';
/// Stands for a run of digits.
pub(super) const NUMBER: char = '\u{4}';

/// Endings of file and host names.
const ENDINGS: &[&str] = &[
    "bz2", "c", "com", "conf", "csv", "deb", "de", "doc", "docx", "es", "exe", "fr", "gz", "h",
    "html", "io", "iso", "jpg", "js", "list", "log", "mx", "net", "org", "pdf", "php", "png", "py",
    "rs", "sh", "so", "tar", "txt", "uk", "xls", "xlsx", "xml", "zip",
];

/// The text with placeholders, and every run of blanks as one.
pub(super) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for token in text.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        push_token(token, &mut out);
    }
    out
}

fn push_token(token: &str, out: &mut String) {
    let body = token
        .trim_start_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '/' | '~' | '.'))
        .trim_end_matches(|c: char| !c.is_alphanumeric() && c != '/');
    let stand_in = if is_address(body) {
        Some(ADDRESS)
    } else if is_path(body) {
        Some(PATH)
    } else {
        None
    };
    match (stand_in, token.split_once(body)) {
        (Some(stand_in), Some((before, after))) => {
            push_plain(before, out);
            out.push(stand_in);
            push_plain(after, out);
        }
        _ => push_plain(token, out),
    }
}

fn push_plain(text: &str, out: &mut String) {
    for c in text.chars() {
        // What stands for something must not be typed.
        if c.is_control() {
            continue;
        }
        if !c.is_numeric() {
            out.push(c);
        } else if !out.ends_with(NUMBER) {
            out.push(NUMBER);
        }
    }
}

fn is_address(body: &str) -> bool {
    let lower_ending = |(_, ending): (&str, &str)| {
        let ending = ending.to_lowercase();
        ENDINGS.contains(&ending.as_str())
    };
    body.contains("://")
        || body.starts_with("www.")
        || body.split_once('@').is_some_and(|(a, b)| !a.is_empty() && !b.is_empty())
        || body.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).is_some_and(lower_ending)
}

fn is_path(body: &str) -> bool {
    let rest = body.trim_start_matches(['~', '.']);
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '*' | '$' | '-' | '+' | '.');
    rest.strip_prefix('/').is_some_and(|r| r.starts_with(inside)) || body.matches('/').count() > 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_become_placeholders() {
        let cases = [
            ("see  https://a.org/x, ok", "see \u{2}, ok"),
            ("edit /etc/fstab (or ~/.bashrc)...", "edit \u{3} (or \u{3})..."),
            ("sources.list and foo.deb.", "\u{2} and \u{2}."),
            ("and/or ok. yes :)", "and/or ok. yes :)"),
            ("2.6.9 or 10x", "\u{4}.\u{4}.\u{4} or \u{4}x"),
            ("me@x.org? c++ .", "\u{2}? c++ ."),
            ("\u{2}\u{4}a\u{0}", "a"),
            (" \n ", ""),
        ];
        for (text, wanted) in cases {
            assert_eq!(clean(text), wanted, "{text:?}");
        }
    }
}
