//! Messages of the customer: the text of a chat, or the transcript of what they said.

use crate::conversation::ConversationError;
use crate::conversation::limits::{MAX_CONVERSATION_BYTES, MAX_MESSAGE_BYTES, MAX_MESSAGES};
use crate::domain::Timestamp;

/// One message of the customer, within the limits. Agents' messages are no evidence about the customer
/// and never become one of these. `Debug` shows no text.
#[derive(Clone, PartialEq, Eq)]
pub struct Message {
    text: String,
    at: Option<Timestamp>,
}

impl Message {
    /// Any Unicode text, with the time it was sent where that is known.
    ///
    /// # Errors
    /// More than [`MAX_MESSAGE_BYTES`].
    pub fn new(text: impl Into<String>, at: Option<Timestamp>) -> Result<Self, ConversationError> {
        let text = text.into();
        let (limit, got) = (MAX_MESSAGE_BYTES, text.len());
        if got > limit {
            return Err(ConversationError::TooMuch {
                what: "a message",
                unit: "bytes",
                limit,
                got,
            });
        }
        Ok(Self { text, at })
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// When it was sent.
    pub fn at(&self) -> Option<Timestamp> {
        self.at
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Message({} bytes, {:?})", self.text.len(), self.at)
    }
}

/// Refuses a conversation that is too long to be looked at in one go.
///
/// # Errors
/// More than [`MAX_MESSAGES`] or [`MAX_CONVERSATION_BYTES`].
pub fn check(messages: &[Message]) -> Result<(), ConversationError> {
    let what = "a conversation";
    let (limit, got) = (MAX_MESSAGES, messages.len());
    if got > limit {
        return Err(ConversationError::TooMuch { what, unit: "messages", limit, got });
    }
    let (limit, got) = (MAX_CONVERSATION_BYTES, messages.iter().map(|m| m.text.len()).sum());
    if got > limit {
        return Err(ConversationError::TooMuch { what, unit: "bytes", limit, got });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_name_themselves() {
        let long = "é".repeat(MAX_MESSAGE_BYTES / 2);
        let message = Message::new(long.clone(), None).unwrap();
        let got = Message::new(long + "x", None).unwrap_err();
        let (limit, one_more) = (MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES + 1);
        let wanted =
            ConversationError::TooMuch { what: "a message", unit: "bytes", limit, got: one_more };
        assert_eq!(got, wanted);
        let fit = MAX_CONVERSATION_BYTES / MAX_MESSAGE_BYTES;
        assert!(check(&vec![message.clone(); fit]).is_ok());
        assert!(check(&vec![message; fit + 1]).is_err());
        let short = Message::new("a", None).unwrap();
        assert!(check(&vec![short.clone(); MAX_MESSAGES]).is_ok());
        assert!(check(&vec![short; MAX_MESSAGES + 1]).is_err());
    }

    #[test]
    fn debug_shows_no_text() {
        let message = Message::new("my secret", None).unwrap();
        assert!(!format!("{message:?}").contains("secret"));
    }
}
