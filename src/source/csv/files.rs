//! Which files an object name means.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::source::SourceError;

/// The files that `object` means in the folder (or the one file) `path`, by name.
pub(super) fn matching(source: &Arc<str>, path: &Path, object: Option<&str>) -> Result<Vec<PathBuf>, SourceError> {
    let meta = fs::metadata(path).map_err(|error| trouble(source, path, &error))?;
    if meta.is_file() {
        let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        return match object {
            Some(object) if !fits(object, &name) => Err(unknown(source, object, path)),
            _ => Ok(vec![path.to_owned()]),
        };
    }
    let Some(object) = object else {
        return Err(SourceError::Settings {
            source_name: source.clone(),
            what: format!("{} is a folder and the mapping names no file", path.display()),
            remedy: "set `object` in [read] to a file name; `*` is allowed in it".into(),
        });
    };
    let wanted = path.join(object);
    let (folder, pattern) = match (wanted.parent(), wanted.file_name()) {
        (Some(folder), Some(pattern)) => (folder, pattern.to_string_lossy().into_owned()),
        _ => return Err(unknown(source, object, path)),
    };
    if !pattern.contains('*') {
        return if wanted.is_file() { Ok(vec![wanted]) } else { Err(unknown(source, object, path)) };
    }
    let found: Vec<_> =
        listing(source, folder)?.into_iter().filter(|(name, _)| fits(&pattern, name)).map(|(_, file)| file).collect();
    if found.is_empty() { Err(unknown(source, object, path)) } else { Ok(found) }
}

/// The text tables in a folder, or the file itself.
pub(super) fn tables(source: &Arc<str>, path: &Path) -> Result<Vec<PathBuf>, SourceError> {
    if fs::metadata(path).map_err(|error| trouble(source, path, &error))?.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let known = |name: &str| {
        let name = name.to_ascii_lowercase();
        [".csv", ".tsv", ".tab", ".txt"].iter().any(|ending| name.ends_with(ending))
    };
    Ok(listing(source, path)?.into_iter().filter(|(name, _)| known(name)).map(|(_, file)| file).collect())
}

/// An input or output error in terms of the source.
pub(super) fn trouble(source: &Arc<str>, path: &Path, error: &io::Error) -> SourceError {
    let what = format!("{}: {}", path.display(), error.kind());
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            SourceError::Settings { source_name: source.clone(), what, remedy: "correct `path`, or put the file there".into() }
        }
        io::ErrorKind::PermissionDenied => SourceError::Denied { source_name: source.clone(), what },
        _ => SourceError::Connection { source_name: source.clone(), what },
    }
}

fn unknown(source: &Arc<str>, object: &str, path: &Path) -> SourceError {
    SourceError::Settings {
        source_name: source.clone(),
        what: format!("there is no file {object} in {}", path.display()),
        remedy: "correct `object` in [read], or put the file there".into(),
    }
}

fn listing(source: &Arc<str>, folder: &Path) -> Result<Vec<(String, PathBuf)>, SourceError> {
    let entries = fs::read_dir(folder).map_err(|error| trouble(source, folder, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| trouble(source, folder, &error))?.path();
        if let Some(name) = file.file_name().filter(|_| file.is_file()) {
            found.push((name.to_string_lossy().into_owned(), file));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for any run of characters.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == name;
    };
    let Some(rest) = name.strip_prefix(head) else {
        return false;
    };
    (0..=rest.len()).filter(|at| rest.is_char_boundary(*at)).any(|at| fits(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        for (pattern, name, expected) in [
            ("a.csv", "a.csv", true),
            ("a.csv", "b.csv", false),
            ("*.csv", "学生.csv", true),
            ("学生*.csv", "学生2024.csv", true),
            ("学生*.csv", "教师2024.csv", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("*", "", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} against {name}");
        }
    }
}
