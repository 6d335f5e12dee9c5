//! A page's files in a folder of the operator's, read anew for each request.

use std::{
    fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

/// The largest file that is served, in bytes.
const LARGEST: u64 = 64 << 20;

/// A folder; what is outside of it, and what its owner hides, is not there.
#[derive(Debug, Clone)]
pub struct Folder(PathBuf);

impl Folder {
    /// The one at a path.
    pub fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file by its name, with `/` between folders. Names that begin with a dot, at any depth, are none; links lead to
    /// files only where these are in the folder, too.
    pub fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let nothing = || io::Error::from(io::ErrorKind::NotFound);
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains(['\\', '\0']);
        if !name.split('/').all(plain) {
            return Err(nothing());
        }
        // Asked first, as it is the cheapest: most of what is asked for and not there ends here.
        let path = self.0.join(name);
        fs::symlink_metadata(&path)?;
        let (folder, path) = (self.0.canonicalize()?, path.canonicalize()?);
        if !path.starts_with(&folder) {
            return Err(nothing());
        }
        let file = fs::File::open(&path)?;
        if !file.metadata()?.is_file() {
            return Err(nothing());
        }
        let mut bytes = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > LARGEST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_hidden_or_elsewhere_is_not_there() {
        let root = std::env::temp_dir().join(format!("feira-folder-{}", uuid::Uuid::now_v7()));
        let inside = root.join("page");
        fs::create_dir_all(inside.join(".git")).unwrap();
        fs::create_dir_all(inside.join("js")).unwrap();
        for (name, text) in [
            ("secret", "s"),
            ("page/.env", "s"),
            ("page/.git/config", "s"),
            ("page/js/a.js", "a"),
            ("page/b", "b"),
        ] {
            fs::write(root.join(name), text).unwrap();
        }
        symlink("../secret", inside.join("away")).unwrap();
        symlink("..", inside.join("up")).unwrap();
        symlink("js/a.js", inside.join("near")).unwrap();
        // As Kubernetes mounts ConfigMaps.
        fs::create_dir_all(inside.join("..data")).unwrap();
        fs::write(inside.join("..data/index.html"), "i").unwrap();
        symlink("..data/index.html", inside.join("index.html")).unwrap();
        let folder = Folder::new(inside);
        let read = |name: &str| folder.read(name).ok().map(|bytes| String::from_utf8(bytes).unwrap());
        for (name, text) in [("js/a.js", "a"), ("b", "b"), ("near", "a"), ("index.html", "i")] {
            assert_eq!(read(name).as_deref(), Some(text), "{name}");
        }
        for hidden in [
            ".env",
            ".git/config",
            "js/../.env",
            "away",
            "up/secret",
            "../secret",
            "/etc/passwd",
            "",
            "js",
            "js/",
            "js//a.js",
            "nothing",
            "b\0",
            "./b",
        ] {
            assert_eq!(read(hidden), None, "{hidden:?}");
        }
        fs::remove_dir_all(root).unwrap();
    }
}
