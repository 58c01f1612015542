//! What texts are looked at with: the background model of style and the patterns of social engineering.

use crate::conversation::findings::{Patterns, UnlikeRules};
use crate::conversation::{Background, ConversationError};
use crate::domain::ArtifactRef;

/// Models of conversation.
pub struct Conversation {
    /// What styles are made and compared with. Fitted on written chat: transcripts of speech have no
    /// style under it.
    pub background: Background,
    /// What is looked for beside.
    pub patterns: Patterns,
    /// When text counts as unlike the person.
    pub unlike: UnlikeRules,
}

impl Conversation {
    /// What ships.
    ///
    /// # Errors
    /// A shipped file that cannot be used, which is a defect.
    pub fn shipped() -> Result<Self, ConversationError> {
        Ok(Self {
            background: Background::built_in()?,
            patterns: Patterns::built_in()?,
            unlike: UnlikeRules::default(),
        })
    }

    /// Name of the background; its version is a checksum, so that a profile of a refit one is another's.
    pub fn artifact(&self) -> ArtifactRef {
        ArtifactRef::new(self.background.id(), self.background.checksum())
    }
}
