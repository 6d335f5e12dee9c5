//! The secret that the processes of a mesh share.

use std::sync::Arc;

use aws_lc_rs::hmac;

/// The most secrets that count at a time.
const MOST: usize = 2;

/// The secret that the processes of a mesh share, and another one that counts beside it while it is being changed.
/// Never shown.
#[derive(Clone)]
pub struct MeshSecret(Arc<[hmac::Key]>);

impl std::fmt::Debug for MeshSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("MeshSecret(…)")
    }
}

impl MeshSecret {
    /// Takes the secret's text.
    pub fn new(text: &str) -> Self {
        Self([root(text)].into())
    }

    /// One that nobody else has.
    pub fn random() -> Self {
        Self([hmac::Key::new(hmac::HMAC_SHA256, &rand::random::<[u8; 32]>())].into())
    }

    /// Takes a file's lines: the first is the secret, the second, where there is one, counts beside it. Empty lines and
    /// those that begin with `#` are none. Each has `shortest` characters or more.
    pub fn of_lines(text: &str, shortest: usize) -> Result<Self, String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let lines: Vec<&str> = lines.collect();
        if lines.len() > MOST {
            return Err(format!("there are {} lines, of which {MOST} could count", lines.len()));
        }
        if lines.is_empty() || lines.iter().any(|line| line.chars().count() < shortest) {
            return Err(format!("a mesh secret has {shortest} characters or more"));
        }
        Ok(Self(lines.into_iter().map(root).collect()))
    }

    /// A key for one purpose, the same in every process of the mesh.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        self.0.first().map_or([0; 32], |root| derived(root, purpose))
    }

    /// The same of every secret that counts; the first is [`derive`](Self::derive)'s.
    pub fn derive_all(&self, purpose: &str) -> impl Iterator<Item = [u8; 32]> {
        self.0.iter().map(move |root| derived(root, purpose))
    }
}

fn root(text: &str) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, text.trim().as_bytes())
}

fn derived(root: &hmac::Key, purpose: &str) -> [u8; 32] {
    let mut key = [0; 32];
    key.copy_from_slice(hmac::sign(root, purpose.as_bytes()).as_ref());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_lines_count_and_the_first_is_the_secret() {
        let of = |text| MeshSecret::of_lines(text, 4);
        let both = of("# since May\nfirst\n\n  second  \n").unwrap();
        let keys: Vec<_> = both.derive_all("x").collect();
        assert_eq!(keys, [MeshSecret::new("first").derive("x"), MeshSecret::new(" second\n").derive("x")]);
        assert_eq!(both.derive("x"), keys[0]);
        assert_ne!(both.derive("x"), both.derive("y"));
        for wrong in ["", "# only\n", "abc", "first\nabc", "first\nsecond\nthird"] {
            assert!(of(wrong).is_err(), "{wrong:?}");
        }
    }
}
