//! A text as characters with their places, and the classes of characters that detectors ask for.

/// What placeholders begin and end with; no detector takes them for a part of anything.
const WALL: [char; 2] = ['<', '>'];

/// Characters of a text.
pub(super) struct Text {
    pub(super) chars: Vec<char>,
    starts: Vec<usize>,
    bytes: usize,
}

impl Text {
    pub(super) fn new(text: &str) -> Self {
        let (starts, chars) = text.char_indices().unzip();
        Self { chars, starts, bytes: text.len() }
    }

    pub(super) fn at(&self, i: usize) -> Option<char> {
        self.chars.get(i).copied()
    }

    /// The character before `i`.
    pub(super) fn before(&self, i: usize) -> Option<char> {
        self.chars.get(i.checked_sub(1)?).copied()
    }

    /// Byte at which a character starts; the length of the text for the one past the last.
    pub(super) fn byte(&self, i: usize) -> usize {
        self.starts.get(i).copied().unwrap_or(self.bytes)
    }

    /// Puts a placeholder over some characters, so that no other find reaches into them; not if one does
    /// already. No detector takes in a character of [`WALL`].
    pub(super) fn wall_off(&mut self, start: usize, end: usize) -> bool {
        let Some(taken) = self.chars.get_mut(start..end) else { return false };
        if taken.is_empty() || taken.iter().any(|c| WALL.contains(c)) {
            return false;
        }
        taken.fill(WALL[0]);
        if let Some(last) = taken.last_mut() {
            *last = WALL[1];
        }
        true
    }

    /// First place from `i` on whose character is not of the class.
    pub(super) fn while_from(&self, i: usize, class: impl Fn(char) -> bool) -> usize {
        (i..self.chars.len()).find(|j| !class(self.chars[*j])).unwrap_or(self.chars.len())
    }

    /// First place before `i` from which on every character up to `i` is of the class.
    pub(super) fn while_before(&self, i: usize, class: impl Fn(char) -> bool) -> usize {
        let head = self.chars.get(..i).unwrap_or(&self.chars);
        head.iter().rposition(|c| !class(*c)).map_or(0, |j| j + 1)
    }
}

/// The value of a decimal digit in the scripts that chats are written in.
pub(super) fn digit(c: char) -> Option<u32> {
    const ZEROS: [char; 5] = ['\u{660}', '\u{6f0}', '\u{966}', '\u{9e6}', '\u{ff10}'];
    c.to_digit(10).or_else(|| {
        ZEROS.iter().map(|zero| (c as u32).wrapping_sub(*zero as u32)).find(|value| *value < 10)
    })
}

pub(super) fn is_digit(c: char) -> bool {
    digit(c).is_some()
}

/// What cannot be seen and so cannot hide anything from a reader, only from a program.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
}
