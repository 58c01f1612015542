//! Canonical bytes for MACs, associated data and hashes: every field has a type tag and a length,
//! so that no two lists of fields read the same.

/// Builds canonical bytes.
#[derive(Debug, Clone, Default)]
pub struct Encoder(Vec<u8>);

impl Encoder {
    /// Begins with a domain, such as `vouch.row.v1`, that keeps different uses apart.
    pub fn new(domain: &str) -> Self {
        Self(Vec::with_capacity(256)).text(domain)
    }

    fn field(mut self, tag: u8, bytes: &[u8]) -> Self {
        self.0.push(tag);
        self.0.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    /// Appends bytes.
    pub fn bytes(self, bytes: &[u8]) -> Self {
        self.field(1, bytes)
    }

    /// Appends text.
    pub fn text(self, text: &str) -> Self {
        self.field(2, text.as_bytes())
    }

    /// Appends a signed number.
    pub fn int(self, value: i64) -> Self {
        self.field(3, &value.to_le_bytes())
    }

    /// Appends an unsigned number.
    pub fn uint(self, value: u64) -> Self {
        self.field(4, &value.to_le_bytes())
    }

    /// Appends the absence of a field.
    pub fn null(self) -> Self {
        self.field(0, &[])
    }

    /// The bytes so far.
    pub fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_and_types_count() {
        let make = |a: &str, b: &str| Encoder::new("t").text(a).text(b).as_slice().to_vec();
        assert_ne!(make("ab", "c"), make("a", "bc"));
        assert_ne!(
            Encoder::new("t").text("a").as_slice(),
            Encoder::new("t").bytes(b"a").as_slice()
        );
        assert_ne!(Encoder::new("t").null().as_slice(), Encoder::new("t").bytes(b"").as_slice());
        assert_ne!(Encoder::new("t").int(1).as_slice(), Encoder::new("t").uint(1).as_slice());
    }
}
