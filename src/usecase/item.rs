//! Pieces of audio and their names: what is embedded, under which channel, how much of it.

use crate::usecase::embed_file::EmbedError;

/// What is done to a file before it is embedded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// Nothing.
    AsIs,
    /// A simulated telephone call, see [`phone::call`](crate::usecase::evaluate::phone::call).
    Phone,
    /// A simulated journey through a room and a telephone line, drawn from many, see
    /// [`phone::drawn_journey`](crate::usecase::evaluate::phone::drawn_journey).
    Journey,
    /// What enrollment makes of a wide-band piece beside it: see [`Embed::over_telephone`].
    ///
    /// [`Embed::over_telephone`]: crate::usecase::embed_file::Embed::over_telephone
    Rendition,
}

impl Channel {
    const ALL: [Self; 4] = [Self::AsIs, Self::Phone, Self::Journey, Self::Rendition];

    /// As in the names of items.
    pub fn name(self) -> &'static str {
        match self {
            Self::AsIs => "as_is",
            Self::Phone => "phone",
            Self::Journey => "journey",
            Self::Rendition => "rendition",
        }
    }
}

/// A piece of a file, or of several files one after the other, under a channel.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Item {
    /// Path relative to the root of the data.
    pub file: String,
    /// Further files, spoken on without a pause.
    pub more: Vec<String>,
    /// Simulated channel, of each file for itself.
    pub channel: Channel,
    /// First millisecond of the piece.
    pub from_ms: u32,
    /// Its longest duration in milliseconds; `None` takes the rest of the audio.
    pub length_ms: Option<u32>,
    /// Ends when this much net speech was heard, in milliseconds.
    pub speech_ms: Option<u32>,
}

impl Item {
    /// A whole file as it is.
    pub fn whole(file: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            more: Vec::new(),
            channel: Channel::AsIs,
            from_ms: 0,
            length_ms: None,
            speech_ms: None,
        }
    }

    /// The same piece under a channel.
    pub fn under(&self, channel: Channel) -> Self {
        Self { channel, ..self.clone() }
    }

    /// The piece whose embedding stands beside this one's in a template; none of a simulated call.
    pub fn rendition(&self) -> Option<Self> {
        (self.channel == Channel::AsIs).then(|| self.under(Channel::Rendition))
    }

    /// All its files.
    pub fn files(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.file).chain(&self.more)
    }
}

/// Characters that lists of trials use for themselves.
fn is_special(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '#' | ',' | '&' | '%')
}

/// A path with special characters as `%XX` of their UTF-8 bytes.
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for c in path.chars() {
        if is_special(c) {
            let mut bytes = [0; 4];
            text.extend(c.encode_utf8(&mut bytes).bytes().map(|b| format!("%{b:02X}")));
        } else {
            text.push(c);
        }
    }
    text
}

fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
        bytes.push(digit(rest.next()?)? * 16 + digit(rest.next()?)?);
    }
    String::from_utf8(bytes).ok()
}

impl std::fmt::Display for Item {
    /// `file`, or `file#phone:0+8000` (channel, first millisecond, duration), or
    /// `file&file#phone:0+all@3000` (files one after the other, up to 3 s of net speech). With a `#`,
    /// what a list of trials cannot hold stands as `%XX`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if *self == Self::whole(self.file.as_str()) && !self.file.contains(is_special) {
            return f.write_str(&self.file);
        }
        let files: Vec<String> = self.files().map(|file| escaped(file)).collect();
        write!(f, "{}#{}:{}+", files.join("&"), self.channel.name(), self.from_ms)?;
        match self.length_ms {
            Some(length) => write!(f, "{length}")?,
            None => f.write_str("all")?,
        }
        self.speech_ms.map_or(Ok(()), |ms| write!(f, "@{ms}"))
    }
}

impl std::str::FromStr for Item {
    type Err = EmbedError;

    fn from_str(text: &str) -> Result<Self, EmbedError> {
        let Some((files, rest)) = text.split_once('#') else {
            return Ok(Self::whole(text));
        };
        let parse = || {
            let (channel, piece) = rest.split_once(':')?;
            let channel = Channel::ALL.into_iter().find(|c| c.name() == channel)?;
            let (piece, speech_ms) = match piece.split_once('@') {
                Some((piece, ms)) => (piece, Some(ms.parse().ok()?)),
                None => (piece, None),
            };
            let (from, length) = piece.split_once('+')?;
            let length_ms = match length {
                "all" => None,
                length => Some(length.parse().ok()?),
            };
            let mut files = files.split('&').map(unescaped);
            let file = files.next()??;
            let more = files.collect::<Option<Vec<String>>>()?;
            Some(Self { file, more, channel, from_ms: from.parse().ok()?, length_ms, speech_ms })
        };
        let expected = "FILE[&FILE…]#CHANNEL:FROM+LENGTH[@SPEECH]";
        parse().ok_or_else(|| EmbedError(format!("`{text}` is not {expected}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_written_and_read_alike() {
        for text in [
            "a/b.wav",
            "a.wav#phone:0+8000",
            "a.wav#as_is:500+all",
            "a.wav&b.wav#journey:0+all@3000",
            "a.wav#rendition:0+8000",
            "a%20%26b%23%2C%25.wav#as_is:0+all",
        ] {
            let item: Item = text.parse().unwrap();
            assert_eq!(item.to_string(), text);
        }
        for bad in ["a#phone", "a#fax:0+1", "a#phone:x+1", "a#phone:0+-1", "a%2#phone:0+1", "a#b"] {
            assert!(bad.parse::<Item>().is_err(), "{bad}");
        }
    }

    #[test]
    fn any_path_survives_a_list_of_trials() {
        for path in ["n/   WR0/x 1.wav", "a,b", "50%.wav", "x#y", "é\u{2003}z", "a&b", "%41"] {
            let item = Item::whole(path);
            let text = item.to_string();
            assert!(!text.contains(|c: char| c.is_whitespace() || c == ','), "{text}");
            assert_eq!(text.parse::<Item>().unwrap(), item);
        }
    }
}
