//! Which files an object name means: on disk, by pattern, inside archives, with the sheet of a workbook behind them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::archive::{self, is_archive};
use super::settle::settled;
use super::trouble;
use crate::source::SourceError;

/// One file that an object means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct Listed {
    /// What messages call it: its path from the source's folder, archives being folders.
    pub name: String,
    /// Where it is on disk; for a file in an archive, the archive.
    pub path: PathBuf,
    /// Its index in the archive.
    pub entry: Option<usize>,
    /// The part of it that is asked for, as a pattern.
    pub part: Option<String>,
    /// When the file on disk was changed last.
    pub modified: Option<SystemTime>,
    /// Its size in bytes, unpacked.
    pub size: u64,
}

/// Where and what to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Search<'a> {
    pub source: &'a Arc<str>,
    /// A folder, an archive, or one file.
    pub root: &'a Path,
    /// What files end in that are likely of the format, in lower case.
    pub endings: &'a [&'a str],
    /// Whether files have parts that can be named behind them.
    pub parts: bool,
    /// How long a file must have stayed as it is.
    pub settle: Duration,
}

impl Search<'_> {
    /// The files that `object` means, by name; at least one.
    pub fn matching(&self, object: Option<&str>) -> Result<Vec<Listed>, SourceError> {
        let meta = fs::metadata(self.root).map_err(|error| trouble(self.source, self.root, &error))?;
        let parts: Vec<&str> = object.map(|object| object.split('/').collect()).unwrap_or_default();
        let mut found = Vec::new();
        if meta.is_file() {
            let name = file_name(self.root);
            match parts.split_first() {
                Some((first, rest)) if fits(first, &name) => self.file(self.root, &name, rest, &mut found)?,
                Some(_) if is_archive(&name) => self.file(self.root, &name, &parts, &mut found)?,
                None => self.file(self.root, &name, &[], &mut found)?,
                Some(_) => {}
            }
        } else if parts.is_empty() {
            return Err(SourceError::Settings {
                source_name: self.source.clone(),
                what: format!("{} is a folder and the mapping names no file", self.root.display()),
                remedy: "set `object` in [read] to a file name; `*` is allowed in it".into(),
            });
        } else {
            self.folder(self.root, "", &parts, &mut found)?;
        }
        if found.is_empty() { Err(self.unknown(object.unwrap_or_default())) } else { Ok(found) }
    }

    /// All files that are likely of the format, in the folder and in the archives there, or the file itself.
    pub fn tables(&self) -> Result<Vec<Listed>, SourceError> {
        let mut found = Vec::new();
        if fs::metadata(self.root).map_err(|error| trouble(self.source, self.root, &error))?.is_file() {
            self.file(self.root, &file_name(self.root), &[], &mut found)?;
            return Ok(found);
        }
        for (name, path) in listing(self.source, self.root)? {
            if path.is_file() && !is_passed_over(&name) && (self.is_known(&name) || is_archive(&name)) {
                self.file(&path, &name, &[], &mut found)?;
            }
        }
        Ok(found)
    }

    fn is_known(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        self.endings.iter().any(|ending| name.ends_with(ending))
    }

    fn unknown(&self, object: &str) -> SourceError {
        SourceError::Settings {
            source_name: self.source.clone(),
            what: format!("there is no file {object} in {}", self.root.display()),
            remedy: "correct `object` in [read], or put the file there".into(),
        }
    }

    fn folder(&self, folder: &Path, prefix: &str, parts: &[&str], found: &mut Vec<Listed>) -> Result<(), SourceError> {
        let Some((pattern, rest)) = parts.split_first() else { return Ok(()) };
        let entries = if pattern.contains('*') {
            let mut entries = listing(self.source, folder)?;
            entries.retain(|(name, _)| fits(pattern, name) && !is_passed_over(name));
            entries
        } else if matches!(*pattern, "" | "." | "..") {
            Vec::new()
        } else {
            vec![((*pattern).to_owned(), folder.join(pattern))]
        };
        for (name, path) in entries {
            let name = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if path.is_file() {
                self.file(&path, &name, rest, found)?;
            } else if path.is_dir() {
                self.folder(&path, &name, rest, found)?;
            }
        }
        Ok(())
    }

    /// One file on disk: an archive is looked into; behind another file there may only be the name of a part.
    fn file(&self, path: &Path, name: &str, rest: &[&str], found: &mut Vec<Listed>) -> Result<(), SourceError> {
        if !is_archive(name) {
            if rest.is_empty() || self.parts && rest.len() == 1 {
                let meta = settled(self.source, path, self.settle)?;
                let part = rest.first().map(|part| (*part).to_owned());
                let (modified, size) = (meta.modified().ok(), meta.len());
                found.push(Listed { name: name.to_owned(), path: path.to_owned(), entry: None, part, modified, size });
            }
            return Ok(());
        }
        let modified = settled(self.source, path, self.settle)?.modified().ok();
        for entry in archive::entries(self.source, path, name)? {
            let inner: Vec<&str> = entry.name.split('/').collect();
            let behind = if rest.is_empty() { &[] } else { rest.get(inner.len()..).unwrap_or(&[""; 2]) };
            let named = if rest.is_empty() {
                self.is_known(&entry.name)
            } else {
                inner.len() <= rest.len() && inner.iter().zip(rest).all(|(name, pattern)| fits(pattern, name))
            };
            if named && (behind.is_empty() || self.parts && behind.len() == 1) {
                found.push(Listed {
                    name: format!("{name}/{}", entry.name),
                    path: path.to_owned(),
                    entry: Some(entry.index),
                    part: behind.first().map(|part| (*part).to_owned()),
                    modified,
                    size: entry.size,
                });
            }
        }
        Ok(())
    }
}

/// Whether a file is there only while another is being edited: `~$…` of Excel and WPS, `.~lock…` of LibreOffice.
pub(super) fn is_passed_over(name: &str) -> bool {
    name.starts_with("~$") || name.starts_with(".~")
}

fn file_name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn listing(source: &Arc<str>, folder: &Path) -> Result<Vec<(String, PathBuf)>, SourceError> {
    let entries = fs::read_dir(folder).map_err(|error| trouble(source, folder, &error))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| trouble(source, folder, &error))?.path();
        found.push((file_name(&path), path));
    }
    found.sort();
    Ok(found)
}

/// Whether a name fits a pattern in which `*` stands for any run of characters.
pub(in crate::source) fn fits(pattern: &str, name: &str) -> bool {
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
