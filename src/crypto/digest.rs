//! SHA-256 (FIPS 180-4) of bytes and streams.

use std::io::{self, Read};

use ring::digest::{Context, SHA256, digest};

/// Bytes read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}

/// SHA-256 of `bytes` in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha256(bytes))
}

/// SHA-256 of bytes that come one after the other.
#[derive(Clone)]
pub struct RunningSha256(Context);

impl Default for RunningSha256 {
    fn default() -> Self {
        Self(Context::new(&SHA256))
    }
}

impl RunningSha256 {
    /// Adds what came.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Of everything so far.
    pub fn so_far(&self) -> [u8; 32] {
        let mut out = [0; 32];
        out.copy_from_slice(self.0.clone().finish().as_ref());
        out
    }
}

/// SHA-256 of everything `reader` gives, in lower-case hexadecimal.
pub fn sha256_hex_of(mut reader: impl Read) -> io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match reader.read(&mut chunk) {
            Ok(0) => return Ok(hex::encode(context.finish())),
            Ok(count) => context.update(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_example() {
        // FIPS 180-4 example "abc".
        let want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256_hex(b"abc"), want);
        assert_eq!(sha256_hex_of(&b"abc"[..]).unwrap(), want);
    }

    #[test]
    fn a_stream_gives_what_the_whole_gives() {
        let bytes: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
        assert_eq!(sha256_hex_of(&bytes[..]).unwrap(), sha256_hex(&bytes));
        let mut running = RunningSha256::default();
        for (so_far, piece) in (1..).map(|n| n * 777).zip(bytes.chunks(777)) {
            running.update(piece);
            let all = &bytes[..bytes.len().min(so_far)];
            assert_eq!(running.so_far(), sha256(all));
        }
    }
}
