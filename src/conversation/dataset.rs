//! The chat set `ubuntu_irc_chat` (public logs of the Ubuntu IRC channels, nicks replaced by numbers): rows
//! `nick,day,text`, as messages a person and day.
//!
//! Who is spoken to is stripped, at the start of a line and inside: people who talk to each other would
//! pass for one another, and a person for whom they talk to.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::conversation::ConversationError;
use crate::conversation::message::Message;

/// A name that is used as a plain word more often than this is a word.
const MAX_PLAIN_COLON: u32 = 20;
/// The same for names before a comma, where words such as `well` stand, too.
const MAX_PLAIN_COMMA: u32 = 5;
/// Characters of a name.
const NAME_CHARS: std::ops::RangeInclusive<usize> = 2..=24;

/// A line of chat.
#[derive(Debug, Clone)]
pub struct Line {
    /// Blank-separated words of the line as it was sent, names included.
    pub words: u32,
    /// Its text without names.
    pub message: Message,
}

/// A person.
#[derive(Debug, Clone)]
pub struct Author {
    /// Pseudonym in the set.
    pub id: String,
    /// Days (ISO 8601), in order, with their lines in order.
    pub days: Vec<(String, Vec<Line>)>,
}

/// Reads the set from its decompressed CSV.
///
/// # Errors
/// Another header, a row without three fields, or a line over the limit of a message.
pub fn ubuntu_irc_chat(csv_text: &str) -> Result<Vec<Author>, ConversationError> {
    let bad = |line, why| ConversationError::Dataset { line, why };
    let mut reader = csv::ReaderBuilder::new().from_reader(csv_text.as_bytes());
    let header = reader.headers().map_err(|_| bad(1, "no header"))?;
    if header.iter().ne(["nick", "day", "text"]) {
        return Err(bad(1, "the header is not nick,day,text"));
    }
    let mut rows = Vec::new();
    for (i, record) in reader.records().enumerate() {
        let record = record.map_err(|_| bad(i + 2, "not three fields of UTF-8"))?;
        let field = |k: usize| record.get(k).unwrap_or_default().to_owned();
        rows.push((field(0), field(1), field(2)));
    }
    let names = Names::of(rows.iter().map(|r| r.2.as_str()));
    let mut authors: BTreeMap<String, BTreeMap<String, Vec<Line>>> = BTreeMap::new();
    for (nick, day, text) in rows {
        let words = text.split_whitespace().count() as u32;
        let message = Message::new(names.strip(&text), None)?;
        let days = authors.entry(nick).or_default();
        days.entry(day).or_default().push(Line { words, message });
    }
    let author =
        |(id, days): (String, BTreeMap<_, _>)| Author { id, days: days.into_iter().collect() };
    Ok(authors.into_iter().map(author).collect())
}

/// Names that somebody in the set was addressed by.
struct Names {
    names: HashSet<String>,
}

/// A token without the marks around it, in lower case.
fn bare(token: &str) -> String {
    token.trim_matches(['.', ',', ':', ';', '!', '?', '(', ')', '"', '\'']).to_lowercase()
}

/// The name at the start of a line, in lower case, its mark, and the rest of the line.
fn addressed(text: &str) -> Option<(String, char, &str)> {
    let text = text.trim_start();
    let (token, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let mark = token.chars().last().filter(|c| matches!(c, ':' | ','))?;
    let name = token.strip_suffix(mark)?;
    NAME_CHARS.contains(&name.chars().count()).then(|| (name.to_lowercase(), mark, rest))
}

impl Names {
    fn of<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> Self {
        let mut plain: HashMap<String, u32> = HashMap::new();
        for text in texts.clone() {
            for token in text.split_whitespace().skip(1) {
                *plain.entry(bare(token)).or_default() += 1;
            }
        }
        let mut called: HashMap<(String, char), u32> = HashMap::new();
        for (name, mark, _) in texts.filter_map(addressed) {
            *called.entry((name, mark)).or_default() += 1;
        }
        let is_name = |name: &str, mark: char, count: u32| {
            let plain = plain.get(name).copied().unwrap_or(0);
            match mark {
                ':' => plain <= MAX_PLAIN_COLON,
                _ => plain <= MAX_PLAIN_COMMA && (count > 1 || plain == 0),
            }
        };
        let names = called
            .into_iter()
            .filter(|((name, mark), count)| is_name(name, *mark, *count))
            .map(|((name, _), _)| name)
            .collect();
        Self { names }
    }

    /// The text without the name it starts with; other names in it are gone, too.
    fn strip(&self, text: &str) -> String {
        let rest = match addressed(text) {
            Some((name, _, rest)) if self.names.contains(&name) => rest,
            _ => text,
        };
        let kept = rest.split_whitespace().filter(|token| {
            let bare = bare(token);
            bare.is_empty() || !self.names.contains(&bare)
        });
        kept.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_stripped_and_words_stay() {
        let csv = "nick,day,text\n\
            a2,2004-11-16,\"Matt|, command prompt\"\n\
            a1,2004-11-15,bob2: it does\n\
            a1,2004-11-15,\"well, yes bob2!\"\n\
            a1,2004-11-14,\"well, then well, well and well well well so well\"\n\
            a2,2004-11-16,ok :)\n";
        let authors = ubuntu_irc_chat(csv).unwrap();
        let texts = |a: &Author| -> Vec<String> {
            a.days.iter().flat_map(|(_, l)| l.iter().map(|l| l.message.text().to_owned())).collect()
        };
        assert_eq!(authors.len(), 2);
        let first = texts(&authors[0]);
        assert_eq!(
            first,
            ["well, then well, well and well well well so well", "it does", "well, yes"]
        );
        assert_eq!(texts(&authors[1]), ["command prompt", "ok :)"]);
        assert_eq!(authors[0].days[1].1[0].words, 3);
    }

    #[test]
    fn what_is_not_the_set_is_refused() {
        assert!(ubuntu_irc_chat("").is_err());
        assert!(ubuntu_irc_chat("nick,day\na,b\n").is_err());
        assert!(ubuntu_irc_chat("nick,day,text\na,b\n").is_err());
        assert_eq!(ubuntu_irc_chat("nick,day,text\n").unwrap().len(), 0);
    }
}
