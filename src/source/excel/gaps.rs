//! Formulas whose result was not stored: programs that write workbooks without calculating leave it to Excel.

use std::collections::HashSet;
use std::io::{BufReader, Read};

use calamine::DataRef;
use zip::ZipArchive;

use super::xlsx::{self, trouble};
use crate::source::SourceError;
use crate::source::files::Document;

/// More formulas without result than this are not told apart: nobody calculated the workbook.
const MOST: usize = 1_000_000;

/// The cells of a sheet that hold a formula and no result, as row and column counted from 0.
///
/// The reading of values does not tell them from empty cells, so this is a reading of its own; it is spared where no
/// sheet of the workbook holds a formula.
pub(super) fn find(document: &Document, sheet: &str) -> Result<HashSet<(u32, u32)>, SourceError> {
    let mut found = HashSet::new();
    if !has_formulas(document)? {
        return Ok(found);
    }
    let mut book = xlsx::open(document)?;
    let mut cells = book.worksheet_cells_reader(sheet).map_err(|error| trouble(document, &error))?;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(|error| trouble(document, &error))? {
        if cell.formula.is_some() && cell.value == DataRef::Empty {
            found.insert(cell.pos);
            if found.len() > MOST {
                return Err(document.refused(
                    "more than a million formulas have no stored result; open it in Excel or WPS, let it calculate, and save it",
                ));
            }
        }
    }
    Ok(found)
}

/// Whether a sheet holds the tag of a formula.
fn has_formulas(document: &Document) -> Result<bool, SourceError> {
    let damaged = || document.broken("is no whole workbook, or is damaged");
    let mut archive = ZipArchive::new(BufReader::new(document.reader()?)).map_err(|_| damaged())?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|_| damaged())?;
        if !String::from_utf8_lossy(entry.name_raw()).to_ascii_lowercase().contains("worksheets") {
            continue;
        }
        // The last bytes of a chunk are looked at again: a tag may be cut by its end.
        let mut buffer = vec![0; 128 * 1024];
        let mut kept = 0;
        loop {
            let read = entry.read(&mut buffer[kept..]).map_err(|_| damaged())?;
            if read == 0 {
                break;
            }
            let filled = kept + read;
            if holds_formula(&buffer[..filled]) {
                return Ok(true);
            }
            kept = filled.min(2);
            buffer.copy_within(filled - kept..filled, 0);
        }
    }
    Ok(false)
}

fn holds_formula(xml: &[u8]) -> bool {
    xml.windows(3).any(|tag| matches!(tag, [b'<' | b':', b'f', b'>' | b' ' | b'/']))
}
