//! Where the published documents are read from: the copy inside the binary, or a directory put in its place.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};

use super::LoadError;

static EMBEDDED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/schemas");

/// A `schemas/` folder.
pub(super) enum Folder {
    Embedded,
    Disk(PathBuf),
}

impl Folder {
    /// The folder `dir`, or the embedded one.
    pub(super) fn open(dir: Option<&Path>) -> Self {
        dir.map_or(Self::Embedded, |d| Self::Disk(d.to_path_buf()))
    }

    /// The text of a file, by its path with `/`.
    pub(super) fn text(&self, path: &str) -> Result<Cow<'static, str>, LoadError> {
        match self {
            Self::Embedded => EMBEDDED
                .get_file(path)
                .and_then(|f| f.contents_utf8())
                .map(Cow::Borrowed)
                .ok_or_else(|| LoadError::Absent { file: path.to_owned() }),
            Self::Disk(root) => match std::fs::read_to_string(root.join(path)) {
                Ok(text) => Ok(Cow::Owned(text)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Err(LoadError::Absent { file: path.to_owned() }),
                Err(source) => Err(LoadError::Io { file: path.to_owned(), source }),
            },
        }
    }

    /// Names of the sub-folders that hold an `edition.json` and `tables/`, sorted.
    pub(super) fn editions(&self) -> Result<Vec<String>, LoadError> {
        let mut names: Vec<String> = match self {
            Self::Embedded => EMBEDDED
                .dirs()
                .filter(|d| d.get_file(d.path().join("edition.json")).is_some() && d.get_dir(d.path().join("tables")).is_some())
                .filter_map(|d| d.path().to_str().map(str::to_owned))
                .collect(),
            Self::Disk(root) => {
                let failed = |source| LoadError::Io { file: root.display().to_string(), source };
                let mut names = Vec::new();
                for entry in std::fs::read_dir(root).map_err(failed)? {
                    let entry = entry.map_err(failed)?;
                    if entry.path().join("edition.json").is_file()
                        && entry.path().join("tables").is_dir()
                        && let Ok(name) = entry.file_name().into_string()
                    {
                        names.push(name);
                    }
                }
                names
            }
        };
        names.sort();
        Ok(names)
    }
}
