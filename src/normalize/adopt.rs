//! Record keys minted elsewhere: a school that reported through somebody else keeps them.

use std::collections::HashMap;

use super::coerce::Canon;
use super::fault::Faults;
use crate::finding::Text;
use crate::record::{Record, RecordKey};
use crate::standard::{FieldIdx, TablePlan};

/// Where a row's existing key comes from.
pub(super) enum Adopt {
    /// A column of the source.
    Column(usize),
    /// A file, by the values of some fields.
    Known { fields: Box<[FieldIdx]>, keys: HashMap<String, RecordKey> },
}

/// What separates values in the look-up text: no canonical value has it.
const BETWEEN: char = '\u{1F}';

impl Adopt {
    /// Reads the CSV text of existing keys: columns named like the fields to match, and the column with the key.
    pub(super) fn from_csv(
        plan: &TablePlan,
        fields: Box<[FieldIdx]>,
        key: &str,
        text: &str,
        faults: &mut Faults<'_>,
    ) -> Option<Self> {
        const POINTER: &str = "/key/adopt/file";
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(text.trim_start_matches('\u{FEFF}').as_bytes());
        let headers: Vec<String> = reader.headers().ok()?.iter().map(|h| h.trim().to_owned()).collect();
        let names = fields.iter().map(|f| plan.field(*f).name.to_string()).chain([key.to_owned()]);
        let places: Vec<Option<usize>> = names.clone().map(|name| headers.iter().position(|h| *h == name)).collect();
        for (name, place) in names.zip(&places) {
            if place.is_none() {
                faults.add(
                    POINTER,
                    Text::new(format!("键文件没有列 {name}"), format!("the key file has no column {name}")),
                    Text::new(format!("文件的列：{}", headers.join("、")), format!("its columns: {}", headers.join(", "))),
                );
            }
        }
        let places: Vec<usize> = places.into_iter().collect::<Option<_>>()?;
        let mut canons: Vec<Canon> = fields.iter().map(|f| Canon::new(plan, *f)).collect();
        let mut keys = HashMap::new();
        let mut bad: Vec<usize> = Vec::new();
        for (i, row) in reader.records().enumerate() {
            let entry = row.ok().and_then(|row| entry(&row, &places, &mut canons));
            let fits = entry.is_some_and(|(value, key)| keys.insert(value, key).is_none_or(|old| old == key));
            if !fits {
                bad.push(i + 2);
            }
        }
        if !bad.is_empty() {
            let lines: Vec<String> = bad.iter().take(10).map(ToString::to_string).collect();
            let (count, lines) = (bad.len(), lines.join(", "));
            faults.add(
                POINTER,
                Text::new(
                    format!("键文件有 {count} 行不可用，行号：{lines}"),
                    format!("{count} lines of the key file are unusable: {lines}"),
                ),
                Text::new(
                    "每行须有可识别的匹配值和 32 位大写字母数字的键，且同一匹配值只有一个键",
                    "each line needs readable values and a key of 32 capitals and digits, one key for one set of values",
                ),
            );
        }
        Some(Self::Known { fields, keys })
    }

    /// The known key of a row, by its canonical values.
    pub(super) fn known(&self, row: &Record<'_>) -> Option<RecordKey> {
        let Self::Known { fields, keys } = self else { return None };
        let mut text = String::new();
        for field in fields {
            text.push_str(row.get(*field).text()?);
            text.push(BETWEEN);
        }
        keys.get(&text).copied()
    }
}

fn entry(row: &csv::StringRecord, places: &[usize], canons: &mut [Canon]) -> Option<(String, RecordKey)> {
    let (key, values) = places.split_last()?;
    let mut text = String::new();
    for (place, canon) in values.iter().zip(canons) {
        text.push_str(&canon.canonical(row.get(*place)?)?);
        text.push(BETWEEN);
    }
    Some((text, RecordKey::parse(row.get(*key)?.trim())?))
}
