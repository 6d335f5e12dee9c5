//! Text that is never shown.

use std::{convert::Infallible, fmt, path::Path, str::FromStr};

use crate::StartError;

/// A secret; `Debug` says only that there is one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// One that was just made.
    pub fn of(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The first line of a file. `setting` is what names the file; the error of a file that cannot be read names it.
    pub fn read(setting: &str, path: &Path) -> Result<Self, StartError> {
        let Self(text) = Self::read_all(setting, path)?;
        Ok(Self(text.lines().next().unwrap_or_default().to_owned()))
    }

    /// All of a file: of a key, every byte counts.
    pub fn read_all(setting: &str, path: &Path) -> Result<Self, StartError> {
        let text = std::fs::read_to_string(path);
        let text =
            text.map_err(|error| StartError::setting(setting, format_args!("{}: {error}", path.display())));
        text.map(Self)
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
    use crate::Exit;

    #[test]
    fn a_secret_shows_nothing() {
        let secret: Secret = "hunter22".parse().unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn a_file_holds_a_secret_in_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let error = Secret::read("FEIRA_X_FILE", &path).unwrap_err();
        assert_eq!(error.exit(), Exit::Settings);
        assert!(error.to_string().starts_with("FEIRA_X_FILE: "), "{error}");
        std::fs::write(&path, "hunter22\n# mine\n").unwrap();
        assert_eq!(Secret::read("FEIRA_X_FILE", &path).unwrap().expose(), "hunter22");
        assert_eq!(Secret::read_all("FEIRA_X_FILE", &path).unwrap().expose(), "hunter22\n# mine\n");
    }
}
