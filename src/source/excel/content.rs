//! What a file is, by its content.

use std::io::{BufReader, Read};

use zip::ZipArchive;

use crate::source::SourceError;
use crate::source::files::Document;

/// Texts that a workbook's sheets share are held in memory; more than this is refused, in bytes.
const SHARED_TEXTS: u64 = 1 << 30;
/// Old workbooks and HTML tables are read into memory whole; larger files are refused, in bytes.
const IN_MEMORY: u64 = 64 << 20;

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// A workbook as Excel writes it since 2007.
    Xlsx,
    /// A workbook as Excel wrote it before.
    Xls,
    /// Tables on a page.
    Html,
    /// A text table.
    Text,
}

/// Finds out what a file is; what is something else is refused, with what to do about it.
pub(super) fn tell(document: &Document) -> Result<Content, SourceError> {
    let head = document.head(4096)?;
    let content = match head.as_slice() {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return package(document),
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Content::Xls,
        [b'%', b'P', b'D', b'F', ..] => return Err(document.refused("this is a PDF document; export it as .xlsx or CSV")),
        _ => page_or_text(document, &head)?,
    };
    if matches!(content, Content::Xls | Content::Html) && document.length()? > IN_MEMORY {
        return Err(document.refused(format!(
            "it is larger than {} MiB, and a file of this format has to be read into memory whole; save it as .xlsx",
            IN_MEMORY >> 20
        )));
    }
    Ok(content)
}

fn page_or_text(document: &Document, head: &[u8]) -> Result<Content, SourceError> {
    let text: String = match head {
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => head.iter().filter(|b| b.is_ascii() && **b != 0).map(|b| char::from(*b)).collect(),
        _ => String::from_utf8_lossy(head).into_owned(),
    };
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{FEFF}').to_ascii_lowercase();
    let refused = |what: &str| Err(document.refused(format!("this is {what}; open it in Excel or WPS and save it as .xlsx")));
    if text.starts_with("mime-version:") {
        return refused("a page saved with its pictures (MHTML)");
    }
    if !text.starts_with('<') {
        return Ok(Content::Text);
    }
    if text.contains("urn:schemas-microsoft-com:office:spreadsheet") {
        return refused("an XML spreadsheet of 2003");
    }
    let page = ["<html", "<table", "<!doctype html", "<meta", "<style", "<tr"].iter().any(|tag| text.contains(tag));
    if page { Ok(Content::Html) } else { refused("XML that is no workbook") }
}

/// A zip archive: a workbook of some kind, or something else.
fn package(document: &Document) -> Result<Content, SourceError> {
    let mut archive = ZipArchive::new(BufReader::new(document.reader()?)).map_err(|_| document.broken("is no whole workbook"))?;
    let refused = |what: &str| Err(document.refused(format!("this is {what}; open it in Excel or WPS and save it as .xlsx")));
    let (mut xlsx, mut xlsb) = (false, false);
    for index in 0..archive.len() {
        let Ok(entry) = archive.by_index_data(index) else { continue };
        let name = String::from_utf8_lossy(entry.name_raw()).replace('\\', "/").to_ascii_lowercase();
        xlsx |= name == "[content_types].xml" || name.ends_with("workbook.xml");
        xlsb |= name.ends_with("workbook.bin");
        if name.ends_with("sharedstrings.xml") && entry.size() > SHARED_TEXTS {
            return refused("a workbook with more than 1 GiB of texts: divide it, or export it as CSV; otherwise");
        }
    }
    if xlsb {
        return refused("a binary workbook (.xlsb)");
    }
    let mut kind = String::new();
    if let Ok(entry) = archive.by_name("mimetype") {
        let _ = entry.take(256).read_to_string(&mut kind);
    }
    if kind.contains("opendocument") {
        return refused("an OpenDocument file");
    }
    if xlsx {
        Ok(Content::Xlsx)
    } else {
        Err(document.refused("this is a zip archive; name it .zip, and the files in it behind it"))
    }
}
