//! Limits of conversations.

/// Most bytes of a message: what the wire takes.
pub const MAX_MESSAGE_BYTES: usize = 16 << 10;
/// Most messages of a conversation that is looked at in one go.
pub const MAX_MESSAGES: usize = 10_000;
/// Most bytes of all of them.
pub const MAX_CONVERSATION_BYTES: usize = 4 << 20;
/// Most characters of a word; the rest of a longer one is not looked at. Longer "words" are keys and dumps.
pub const MAX_WORD_CHARS: usize = 32;
/// Most words a profile counts: what more words add is nothing a comparison could notice.
pub const MAX_WORDS: u32 = 1 << 24;
/// Most bytes of a background model.
pub const MAX_BACKGROUND_BYTES: usize = 4 << 20;
/// Most values of a habit family in a background model.
pub const MAX_FAMILY_VALUES: usize = 1 << 14;
/// Most dimensions a comparison is made in.
pub const MAX_DIM: usize = 256;
/// Most people in a cohort.
pub const MAX_COHORT: usize = 160;
