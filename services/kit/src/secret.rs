//! Text that is never shown.

use std::{convert::Infallible, fmt, path::Path, str::FromStr};

use tonic::Code;

use crate::Fault;

/// A secret; `Debug` says only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first line of a file. `setting` is what names the file: it is told where that cannot be read.
    pub fn read(setting: &str, path: &Path) -> Result<Self, Fault> {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let message = format!("{setting}: {}: {error}", path.display());
            Fault::new(Code::InvalidArgument, "CONFIGURATION", message)
        })?;
        Ok(Self(text.lines().next().unwrap_or_default().to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Secret(…)")
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing() {
        let secret: Secret = "hunter22".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_file_holds_a_secret_in_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let fault = Secret::read("FEIRA_X_FILE", &path).unwrap_err();
        assert_eq!(fault.reason, "CONFIGURATION");
        assert!(fault.message.starts_with("FEIRA_X_FILE: "), "{fault}");
        std::fs::write(&path, "hunter22\n# mine\n").unwrap();
        assert_eq!(Secret::read("FEIRA_X_FILE", &path).unwrap().expose(), "hunter22");
    }
}
