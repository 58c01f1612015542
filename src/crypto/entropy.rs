//! Randomness as an argument.

use ring::rand::{SecureRandom, SystemRandom};

/// A source of random bytes fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills `out`.
    fn fill(&self, out: &mut [u8]);
}

/// The operating system's generator.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        SystemRandom::new()
            .fill(out)
            .expect("the operating system's generator does not fail once the machine is up");
    }
}

/// `N` random bytes.
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
