//! The sample school: an invented higher-vocational college, drawn from a seed, with the faults that real exports
//! have and the numbers that must come out.
//!
//! It knows nothing of the rest of the product: the numbers in [`Expected`] follow from how faults were planted.

mod days;
mod draw;
mod expected;
mod files;
mod sheet;
mod sheets;
mod world;

pub use expected::{Expected, REFUSALS, Refusal, TableExpected};

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use jiff::civil::Date;

static MAPPINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/sample/mappings");
const SETTINGS: &str = include_str!("settings.toml");

/// The tables in an order in which everything referred to comes first.
pub const ORDER: &[&str] = &[
    "CORE_DW",
    "CORE_JZG",
    "CORE_XQ",
    "CORE_JZW",
    "CORE_FJ",
    "CORE_XTXX",
    "CORE_XL",
    "CORE_NJ",
    "CORE_ZY",
    "CORE_JXJH",
    "CORE_KC",
    "CORE_BJ",
    "CORE_XS",
    "CORE_QY",
    "ODS_XXJBSJ",
    "ODS_XXHXTJSSJ",
    "ODS_ZYSZSJ",
    "ODS_ZYJSQKSJ",
    "ODS_KCJBSJ",
    "ODS_PYFASJ",
    "ODS_PYFAKCSJ",
    "ODS_JCJBSJ",
    "ODS_JSJBSJ",
    "ODS_PKSJ",
    "ODS_XSXKSJ",
    "ODS_KTHDSJ",
    "ODS_JXZLYPJSJ",
    "ODS_XKSJ",
    "ODS_ZHCJYPJSJ",
    "ODS_PKSRDSJ",
    "ODS_JZDSQSJ",
    "ODS_TZCSCJSJ",
    "ODS_STXHJBSJ",
    "ODS_XSCYSTSJ",
    "ODS_GZXZSSJ",
    "ODS_XSJNZSSJ",
    "ODS_XSQQSJ",
    "ODS_XSQJSJ",
    "ODS_XSZSCQSJ",
    "ODS_XSXFSJ",
    "ODS_YKTRZSJ",
    "ODS_XXHXTFWJLSJ",
    "ODS_WLAQGLSJ",
    "ODS_SXJDSJ",
    "ODS_SXSJBSJ",
    "ODS_YQSBJBSJ",
    "ODS_TSJBSJ",
    "ODS_TSJYSJ",
    "ODS_FWSZTSGZYSJ",
    "ODS_CXHZSJ",
    "ODS_XQHZGTKFKCSJ",
    "ODS_ZYJNJDJGSJ",
    "ODS_SXJCSJ",
    "ODS_SXBXGMQKSJ",
    "ODS_SXBGJLSJ",
    "ODS_JSKHSJ",
    "ODS_XXJXSJ",
    "ODS_JSQYJZSJSJ",
    "ODS_LWFBSJ",
    "ODS_XSHXSJ",
    "ODS_JSHXSJ",
    "ODS_XXHXTJCQKSJ",
];

/// The school's code; class 41, a province 99 that does not exist.
pub const SCHOOL_CODE: &str = "4199099999";

/// How the school is made.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The same seed gives the same school.
    pub seed: u64,
    /// The day on which the school stands: lessons are there up to the day after. A day of the autumn term 2024, not
    /// before the middle of November.
    pub today: Date,
}

impl Default for Options {
    fn default() -> Self {
        Self { seed: 2024, today: jiff::civil::date(2024, 11, 20) }
    }
}

/// A sample school that was written.
#[derive(Debug)]
pub struct Sample {
    /// What must come out.
    pub expected: Expected,
    /// What the platform must be told to refuse.
    pub refusals: &'static [Refusal],
    /// The settings file: school and sources, no upstream.
    pub settings: PathBuf,
    /// The script of the teaching-affairs database.
    pub teaching_sql: String,
    /// Where the settings look for that database; the caller loads the script into it.
    pub teaching_database: PathBuf,
    /// Mapping files, in the order of [`ORDER`].
    pub mappings: Vec<PathBuf>,
}

/// What keeps the sample school from being written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// A file or folder could not be written.
    #[error("cannot write {path}: {source}; choose a folder that can be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The day is not one that the school has data for.
    #[error("the sample school has data from 2024-11-15 to 2025-01-10, not for {0}")]
    Today(Date),
}

impl crate::fault::Classified for SampleError {
    fn fault_class(&self) -> crate::fault::FaultClass {
        crate::fault::FaultClass::Configuration
    }
}

/// Writes the school's exports, settings and mappings below `dir`.
///
/// # Errors
/// When a file cannot be written, or the day is none of the school's.
pub fn write(dir: &Path, options: &Options) -> Result<Sample, SampleError> {
    let (first, last) = (jiff::civil::date(2024, 11, 15), jiff::civil::date(2025, 1, 10));
    if options.today < first || options.today > last {
        return Err(SampleError::Today(options.today));
    }
    let world = world::World::new(options.seed, options.today);
    let sheets = sheets::all(&world);
    let mut expected = Expected::default();
    for sheet in &sheets {
        sheet.count(&mut expected);
        if let Some((path, bytes)) = files::text_file(sheet) {
            put(&dir.join(path), &bytes)?;
        }
    }
    sheets::count_derived(&world, &mut expected);
    expected.keep_rosters_home();
    let today = days::compact(options.today);
    let mut mappings = Vec::with_capacity(ORDER.len());
    for table in ORDER {
        let path = dir.join("mappings").join(format!("{table}.toml"));
        let text = MAPPINGS.get_file(format!("{table}.toml")).and_then(|f| f.contents_utf8()).unwrap_or_default();
        put(&path, text.replace("@TODAY@", &today).as_bytes())?;
        mappings.push(path);
    }
    let settings = dir.join("xiaoshu.toml");
    put(&settings, SETTINGS.as_bytes())?;
    Ok(Sample {
        expected,
        refusals: REFUSALS,
        settings,
        teaching_sql: files::script(&sheets),
        teaching_database: dir.join("jw.db"),
        mappings,
    })
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), SampleError> {
    let wrap = |source| SampleError::Write { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(wrap)?;
    }
    std::fs::write(path, bytes).map_err(wrap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_of_the_order_has_a_mapping_and_an_expectation() {
        let dir = tempfile::tempdir().expect("a folder");
        let sample = write(dir.path(), &Options::default()).expect("written");
        for table in ORDER {
            assert!(MAPPINGS.get_file(format!("{table}.toml")).is_some(), "{table} has no mapping");
            assert!(sample.expected.of(table).is_some(), "{table} has no expectation");
        }
        assert_eq!(sample.expected.tables().count(), ORDER.len());
        assert_eq!(MAPPINGS.files().count(), ORDER.len());
    }

    #[test]
    fn the_numbers_add_up_and_are_those_promised() {
        let dir = tempfile::tempdir().expect("a folder");
        let total = write(dir.path(), &Options::default()).expect("written").expected.total();
        assert_eq!(total.read, total.changed + total.duplicate + total.filtered + total.quarantined_rows());
        assert!((45_000..=60_000).contains(&total.read), "{} rows", total.read);
        let dirt = total.quarantined_rows() * 1_000 / total.read;
        assert!((15..=25).contains(&dirt), "{dirt} of a thousand rows are dirty");
        assert!(total.quarantined.len() >= 12, "{:?}", total.quarantined);
        assert!((20..=40).contains(&total.refused), "{} refused", total.refused);
    }

    #[test]
    fn the_same_seed_writes_the_same_school() {
        let (a, b) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
        let first = write(a.path(), &Options::default()).expect("written");
        let second = write(b.path(), &Options::default()).expect("written");
        assert_eq!(first.expected, second.expected);
        assert!(first.teaching_sql == second.teaching_sql);
        assert_eq!(std::fs::read(a.path().join("rs/jzg.csv")).ok(), std::fs::read(b.path().join("rs/jzg.csv")).ok());
    }

    #[test]
    fn a_day_without_data_is_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let options = Options { today: jiff::civil::date(2024, 9, 2), ..Options::default() };
        assert!(matches!(write(dir.path(), &options), Err(SampleError::Today(_))));
    }
}
