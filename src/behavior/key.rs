//! Which key was pressed, in one canonical form whatever the client calls it.
//!
//! Clients name keys in many ways: browser codes (`KeyA`, `ShiftLeft`), browser keys (`a`, `Enter`),
//! X11 names (`Return`, `period`), Windows virtual-key numbers (`73`), only a class (`letter`), or an
//! opaque hash (`h:1f3a`). [`Key`] is a small copyable value that compares across all of these. It
//! shows nothing of what was typed when it is printed.

use std::fmt;

/// The longest name that is looked up; longer ones are of class [`KeyClass::Other`].
const MAX_NAME: usize = 24;
/// How many canonical keys there are.
const KNOWN: usize = NAMED.len() + 36;
/// Prefix of an opaque code that a content-hiding client sends.
const HASH_PREFIX: &str = "h:";

/// The kind of a key; all that a content-hiding client tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyClass {
    /// A letter of any script.
    Letter,
    /// A digit, in the row or on the pad.
    Digit,
    /// A punctuation mark or another symbol.
    Punctuation,
    /// The space bar.
    Space,
    /// Shift, control, alt, meta, caps lock.
    Modifier,
    /// Backspace and delete.
    Edit,
    /// Return and enter.
    Enter,
    /// Everything else: arrows, tab, function keys, unknown names, hashed codes.
    Other,
}

/// One key, canonical. Equal values are the same key (or the same class, or the same hash).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(Code);

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Code {
    /// 0–25 letters, 26–35 digits, then [`NAMED`].
    Known(u8),
    Class(KeyClass),
    Hashed(u64),
}

/// Keys beyond letters and digits: class, Windows virtual-key codes, and the names clients use, lower-case
/// and without `_`. Shifted symbols stand with the key of a US keyboard that types them.
#[rustfmt::skip]
const NAMED: [(KeyClass, &[u16], &[&str]); 25] = [
    (KeyClass::Space, &[32], &["space", " ", "spacebar"]),
    (KeyClass::Enter, &[13], &["enter", "return", "numpadenter", "kpenter", "\n", "\r"]),
    (KeyClass::Edit, &[8], &["backspace"]),
    (KeyClass::Edit, &[46], &["delete", "del", "kpdelete"]),
    (KeyClass::Other, &[9], &["tab", "\t"]),
    (KeyClass::Modifier, &[16, 160, 161], &["shift", "shiftleft", "shiftright", "shiftl", "shiftr", "lshift", "rshift"]),
    (KeyClass::Modifier, &[17, 162, 163], &["control", "ctrl", "controlleft", "controlright", "controll", "controlr", "lctrl", "rctrl"]),
    (KeyClass::Modifier, &[18, 164, 165], &["alt", "altleft", "altright", "altgraph", "altgr", "altl", "altr", "isolevel3shift", "menu", "lmenu", "rmenu"]),
    (KeyClass::Modifier, &[91, 92], &["meta", "metaleft", "metaright", "super", "superl", "superr", "os", "osleft", "osright", "cmd", "win", "lwin", "rwin"]),
    (KeyClass::Modifier, &[20], &["capslock", "capital"]),
    (KeyClass::Punctuation, &[188], &["comma", ",", "<", "less"]),
    (KeyClass::Punctuation, &[190, 110], &["period", ".", ">", "dot", "greater", "numpaddecimal", "decimal"]),
    (KeyClass::Punctuation, &[191, 111], &["slash", "/", "?", "question", "numpaddivide", "divide"]),
    (KeyClass::Punctuation, &[186], &["semicolon", ";", ":", "colon"]),
    (KeyClass::Punctuation, &[222], &["quote", "'", "\"", "apostrophe", "quotedbl"]),
    (KeyClass::Punctuation, &[189, 109], &["minus", "-", "underscore", "hyphen", "numpadsubtract", "subtract"]),
    (KeyClass::Punctuation, &[187, 107], &["equal", "=", "+", "plus", "equals", "numpadadd", "add"]),
    (KeyClass::Punctuation, &[219], &["bracketleft", "[", "{"]),
    (KeyClass::Punctuation, &[221], &["bracketright", "]", "}"]),
    (KeyClass::Punctuation, &[220, 226], &["backslash", "\\", "|", "intlbackslash"]),
    (KeyClass::Punctuation, &[192], &["backquote", "`", "~", "grave"]),
    (KeyClass::Other, &[37], &["arrowleft", "left"]),
    (KeyClass::Other, &[39], &["arrowright", "right"]),
    (KeyClass::Other, &[38], &["arrowup", "up"]),
    (KeyClass::Other, &[40], &["arrowdown", "down"]),
];

/// The spelled digits and the symbols over them on a US keyboard.
const DIGITS: [(&str, &str); 10] = [
    ("zero", ")"),
    ("one", "!"),
    ("two", "@"),
    ("three", "#"),
    ("four", "$"),
    ("five", "%"),
    ("six", "^"),
    ("seven", "&"),
    ("eight", "*"),
    ("nine", "("),
];

/// How the keys of one capture are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Naming {
    /// Names, characters, classes or hashes.
    Names,
    /// Windows virtual-key codes as decimal numbers.
    WindowsCodes,
}

impl Naming {
    /// The naming of a whole capture: Windows codes when every name is a decimal number up to 255 and
    /// at least one has more than one digit. A PIN, whose names are single digits, stays names.
    pub fn of<'a>(names: impl IntoIterator<Item = &'a str>) -> Naming {
        let mut long = false;
        for name in names {
            let number = name.len() <= 3 && name.bytes().all(|b| b.is_ascii_digit());
            if !number || name.parse::<u16>().is_ok_and(|code| code > 255) || name.is_empty() {
                return Naming::Names;
            }
            long |= name.len() > 1;
        }
        if long { Naming::WindowsCodes } else { Naming::Names }
    }

    /// The key that `name` stands for under this naming; never fails, unknown names are of class
    /// [`KeyClass::Other`].
    pub fn key(self, name: &str) -> Key {
        match self {
            Naming::Names => Key::parse(name),
            Naming::WindowsCodes => name.parse().map_or(Key::OTHER, Key::from_windows),
        }
    }
}

impl Key {
    /// The space bar.
    pub const SPACE: Key = Key(Code::Known(36));
    /// Return.
    pub const ENTER: Key = Key(Code::Known(37));
    /// Backspace.
    pub const BACKSPACE: Key = Key(Code::Known(38));
    /// Delete.
    pub const DELETE: Key = Key(Code::Known(39));
    /// Tab.
    pub const TAB: Key = Key(Code::Known(40));
    /// Shift, either side.
    pub const SHIFT: Key = Key(Code::Known(41));
    /// A key of which nothing is known.
    pub const OTHER: Key = Key(Code::Class(KeyClass::Other));
    /// How many canonical keys there are: [`Key::known`] answers below this.
    pub const COUNT: usize = KNOWN;

    /// The key of one name as a client sends it; never fails, unknown names are of class
    /// [`KeyClass::Other`]. Windows numbers need [`Naming`], since `8` alone is the digit.
    pub fn parse(name: &str) -> Key {
        let mut chars = name.chars();
        match (chars.next(), chars.next()) {
            (None, _) => Key::OTHER,
            (Some(one), None) => Key::of_char(one),
            _ => match name.strip_prefix(HASH_PREFIX) {
                Some(hash) => Key(Code::Hashed(fnv(hash.as_bytes()))),
                None => Key::of_name(name),
            },
        }
    }

    /// The key that types `c` on a US keyboard; other letters and symbols keep only their class.
    pub fn of_char(c: char) -> Key {
        if c.is_ascii_alphabetic() {
            return Key(Code::Known(c.to_ascii_lowercase() as u8 - b'a'));
        }
        if c.is_ascii_digit() {
            return Key(Code::Known(26 + (c as u8 - b'0')));
        }
        let mut buffer = [0; 4];
        let text = &*c.encode_utf8(&mut buffer);
        if let Some(digit) = DIGITS.iter().position(|(_, symbol)| *symbol == text) {
            return Key(Code::Known(26 + digit as u8));
        }
        if let Some(key) = lookup(text) {
            return key;
        }
        let class = match c {
            '\u{8}' => return Key::BACKSPACE,
            '\u{7f}' => return Key::DELETE,
            c if c.is_alphabetic() => KeyClass::Letter,
            c if c.is_numeric() => KeyClass::Digit,
            c if c.is_whitespace() => KeyClass::Space,
            c if c.is_control() => KeyClass::Other,
            _ => KeyClass::Punctuation,
        };
        Key(Code::Class(class))
    }

    /// The key of a Windows virtual-key code, which is also JavaScript's `keyCode` for most keys.
    pub fn from_windows(code: u16) -> Key {
        match code {
            65..=90 => Key(Code::Known((code - 65) as u8)),
            48..=57 => Key(Code::Known((code - 48 + 26) as u8)),
            96..=105 => Key(Code::Known((code - 96 + 26) as u8)),
            // What Firefox sends for the keys that others number 186, 187, 189.
            59 => Key::of_char(';'),
            61 => Key::of_char('='),
            173 => Key::of_char('-'),
            _ => NAMED
                .iter()
                .position(|(_, codes, _)| codes.contains(&code))
                .map_or(Key::OTHER, |at| Key(Code::Known(at as u8 + 36))),
        }
    }

    /// A key of which only its class is known.
    pub const fn of_class(class: KeyClass) -> Key {
        Key(Code::Class(class))
    }

    /// The kind of the key; hashed codes are [`KeyClass::Other`].
    pub fn class(self) -> KeyClass {
        match self.0 {
            Code::Known(0..26) => KeyClass::Letter,
            Code::Known(26..36) => KeyClass::Digit,
            Code::Known(at) => {
                NAMED.get(usize::from(at) - 36).map_or(KeyClass::Other, |(class, _, _)| *class)
            }
            Code::Class(class) => class,
            Code::Hashed(_) => KeyClass::Other,
        }
    }

    /// Index of a canonical key, below [`Key::COUNT`] (letters 0–25, digits 26–35, then others), to
    /// look up what a background knows about it; nothing for classes and hashes.
    pub fn known(self) -> Option<usize> {
        match self.0 {
            Code::Known(at) => Some(usize::from(at)),
            _ => None,
        }
    }

    /// Whether the client hid which key this is, behind a class or a hash.
    pub fn is_hidden(self) -> bool {
        !matches!(self.0, Code::Known(_))
    }

    /// Whether it is an opaque hashed code.
    pub fn is_hashed(self) -> bool {
        matches!(self.0, Code::Hashed(_))
    }

    /// Whether two names may mean the same key: canonical keys by identity, a class with every key of
    /// that class, a hash only with itself.
    pub fn same_as(self, other: Key) -> bool {
        match (self.0, other.0) {
            (Code::Known(a), Code::Known(b)) => a == b,
            (Code::Hashed(a), Code::Hashed(b)) => a == b,
            (Code::Hashed(_), _) | (_, Code::Hashed(_)) => false,
            _ => self.class() == other.class(),
        }
    }

    fn of_name(name: &str) -> Key {
        let mut buffer = [0; MAX_NAME];
        let Some(low) = lower(name, &mut buffer) else { return Key::OTHER };
        if let Some(key) = of_class_name(low).or_else(|| lookup(low)) {
            return key;
        }
        // `Shift.r` is the letter typed with shift held (Killourhy & Maxion); `key.a`, `KEYCODE_A`, `VK_A`
        // and `KeyA` are a library's, Android's, Windows' and a browser's names.
        for prefix in ["shift.", "key.", "keycode", "vk", "key", "digit", "numpad", "kp"] {
            let Some(rest) = low.strip_prefix(prefix) else { continue };
            let mut chars = rest.chars();
            return match (chars.next(), chars.next()) {
                (Some(one), None) => Key::of_char(one),
                _ => lookup(rest).or_else(|| of_class_name(rest)).unwrap_or(Key::OTHER),
            };
        }
        Key::OTHER
    }
}

/// Shows the class only: what was typed stays out of every log.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?})", self.class())
    }
}

/// `name` in lower case without `_`, if it is short and ASCII.
fn lower<'b>(name: &str, buffer: &'b mut [u8; MAX_NAME]) -> Option<&'b str> {
    let mut used = 0;
    for byte in name.bytes().filter(|b| *b != b'_') {
        *buffer.get_mut(used)? = byte.to_ascii_lowercase();
        used += 1;
    }
    std::str::from_utf8(buffer.get(..used)?).ok()
}

fn of_class_name(low: &str) -> Option<Key> {
    let class = match low {
        "letter" => KeyClass::Letter,
        "digit" => KeyClass::Digit,
        "punctuation" | "symbol" => KeyClass::Punctuation,
        "modifier" => KeyClass::Modifier,
        "edit" => KeyClass::Edit,
        "other" | "unidentified" | "dead" | "process" => KeyClass::Other,
        // `space` and `enter` are one key each: their class and their name mean the same.
        _ => return None,
    };
    Some(Key(Code::Class(class)))
}

fn lookup(low: &str) -> Option<Key> {
    if let Some(digit) = DIGITS.iter().position(|(word, _)| *word == low) {
        return Some(Key(Code::Known(26 + digit as u8)));
    }
    let at = NAMED.iter().position(|(_, _, names)| names.contains(&low))?;
    Some(Key(Code::Known(at as u8 + 36)))
}

/// FNV-1a, 64 bits: the hash is already opaque, this only makes it fixed-size.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_has_many_names() {
        for (names, class) in [
            (&["a", "A", "KeyA", "VK_A", "KEYCODE_A", "key.a", "Shift.a"][..], KeyClass::Letter),
            (&["5", "five", "Digit5", "Numpad5", "KP_5", "%"], KeyClass::Digit),
            (&["Enter", "Return", "\n", "NumpadEnter", "Key.enter"], KeyClass::Enter),
            (&["space", " ", "Space", "KEYCODE_SPACE"], KeyClass::Space),
            (&["BackSpace", "Backspace", "\u{8}"], KeyClass::Edit),
            (&["Shift", "ShiftLeft", "Shift_R", "Key.shift"], KeyClass::Modifier),
            (&["period", ".", "Period", ">"], KeyClass::Punctuation),
        ] {
            let first = Key::parse(names[0]);
            assert!(first.known().is_some_and(|at| at < Key::COUNT));
            for name in names {
                let key = Key::parse(name);
                assert_eq!((key == first, key.class()), (true, class), "{name:?}");
            }
        }
    }

    #[test]
    fn a_capture_of_numbers_is_windows_codes_and_a_pin_is_not() {
        assert_eq!(Naming::of(["73", "8", "190"]), Naming::WindowsCodes);
        assert_eq!(Naming::of(["1", "2", "8"]), Naming::Names);
        assert_eq!(Naming::of(["73", "a"]), Naming::Names);
        assert_eq!(Naming::of(["73", "300"]), Naming::Names);
        assert_eq!(Naming::of(["73", ""]), Naming::Names);
        assert_eq!(Naming::of([]), Naming::Names);
        for (code, name) in [("73", "i"), ("8", "Backspace"), ("190", "."), ("16", "Shift")] {
            assert_eq!(Naming::WindowsCodes.key(code), Key::parse(name), "{name}");
        }
        assert_eq!(Naming::WindowsCodes.key("9999999"), Key::OTHER);
    }

    #[test]
    fn classes_and_hashes_compare_as_far_as_they_tell() {
        let (a, b, letter) = (Key::parse("a"), Key::parse("b"), Key::parse("letter"));
        assert!(a.same_as(a) && !a.same_as(b) && a.same_as(letter) && letter.same_as(b));
        assert!(!letter.same_as(Key::SPACE));
        let (h, i) = (Key::parse("h:1f3a"), Key::parse("h:1f3b"));
        assert!(h.same_as(h) && !h.same_as(i) && !h.same_as(Key::OTHER) && h.is_hidden());
        assert_eq!(Key::parse("ж").class(), KeyClass::Letter);
        assert_eq!(Key::parse("€").class(), KeyClass::Punctuation);
        for odd in ["", "\u{0}", "ArrowUpLeftAndSomethingVeryLong", "_", "____", "key", "ключ"]
        {
            assert!(matches!(Key::parse(odd).class(), KeyClass::Other | KeyClass::Punctuation));
        }
    }

    #[test]
    fn debug_shows_no_content() {
        let shown = format!("{:?} {:?} {:?}", Key::parse("q"), Key::parse("h:77"), Key::SHIFT);
        assert_eq!(shown, "Key(Letter) Key(Other) Key(Modifier)");
    }
}
