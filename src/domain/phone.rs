//! Telephone numbers: checked, compared, never shown.

use std::fmt;

/// Digits of a number in E.164 (ITU-T E.164, 2010, section 6); shorter ones are short codes.
const DIGITS: std::ops::RangeInclusive<usize> = 5..=15;

/// A number in E.164 with its plus. Personal data: zeroed when dropped, withheld from `Debug`, and not kept: the
/// store knows a keyed digest.
#[derive(Clone, PartialEq, Eq, zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
pub struct PhoneNumber(String);

/// Why a text is no number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be E.164: a plus and 5 to 15 digits")]
pub struct PhoneNumberError;

impl PhoneNumber {
    /// Checks a text from outside.
    ///
    /// # Errors
    /// Anything but a plus and 5 to 15 digits, the first of them no 0.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let digits = text.strip_prefix('+').unwrap_or_default();
        let ok = DIGITS.contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if ok { Ok(Self(text.to_owned())) } else { Err(PhoneNumberError) }
    }

    /// With its plus. For digests alone.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PhoneNumber(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_checked_and_not_shown() {
        for good in ["+49301", "+4930123456", "+123456789012345"] {
            let number = PhoneNumber::parse(good).expect(good);
            assert!(!format!("{number:?}").contains(good));
        }
        for bad in [
            "",
            "+",
            "+4930",
            "030 123",
            "4930123456",
            "+1234567890123456",
            "+49 30123",
            "+0301234",
        ] {
            assert_eq!(PhoneNumber::parse(bad), Err(PhoneNumberError), "{bad}");
        }
    }
}
