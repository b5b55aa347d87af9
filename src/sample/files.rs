//! Writes sheets as the systems would: SQL script, CSV and TSV in several encodings.

use super::sheet::{BROKEN_BYTE, Encoding, Home, Sheet};

/// Rows of one `insert`.
const ROWS_AN_INSERT: usize = 200;

/// The SQL script of all sheets that live in the database.
pub(super) fn script(sheets: &[Sheet]) -> String {
    let mut sql = String::with_capacity(12 << 20);
    for sheet in sheets {
        if let Home::Sql(name) = sheet.home {
            table(&mut sql, name, sheet);
        }
    }
    sql
}

fn table(sql: &mut String, name: &str, sheet: &Sheet) {
    let columns: Vec<String> = sheet
        .columns
        .iter()
        .map(|c| match c.strip_suffix(":n") {
            Some(c) => format!("{c} INTEGER"),
            None => format!("{c} TEXT"),
        })
        .collect();
    sql.push_str(&format!("CREATE TABLE {name} (\n  {}\n);\n", columns.join(",\n  ")));
    for (i, cells) in sheet.cells().enumerate() {
        sql.push_str(if i % ROWS_AN_INSERT > 0 { ",\n(" } else { "" });
        if i % ROWS_AN_INSERT == 0 {
            sql.push_str(if i > 0 { ";\n" } else { "" });
            sql.push_str(&format!("INSERT INTO {name} VALUES\n("));
        }
        for (at, cell) in cells.iter().enumerate() {
            sql.push_str(if at > 0 { "," } else { "" });
            literal(sql, cell, sheet.columns[at].ends_with(":n"));
        }
        sql.push(')');
    }
    sql.push_str(";\n");
}

/// A number column may hold a text all the same: the database does not mind, as many do not.
fn literal(sql: &mut String, cell: &str, number: bool) {
    if cell.is_empty() {
        sql.push_str("NULL");
    } else if number && cell.bytes().all(|b| b.is_ascii_digit()) {
        sql.push_str(cell);
    } else {
        sql.push('\'');
        sql.push_str(&cell.replace('\'', "''"));
        sql.push('\'');
    }
}

/// The bytes of a text file, and its path; nothing for a table of the database.
pub(super) fn text_file(sheet: &Sheet) -> Option<(&'static str, Vec<u8>)> {
    let Home::File { path, encoding, delimiter, preamble } = sheet.home else { return None };
    let mut text = String::new();
    for line in preamble {
        text.push_str(line);
        text.push_str("\r\n");
    }
    let header = sheet.columns.iter().map(|c| c.trim_end_matches(":n"));
    line(&mut text, header, delimiter);
    for cells in sheet.cells() {
        line(&mut text, cells.iter().map(String::as_str), delimiter);
    }
    Some((path, encode(&text, encoding)))
}

fn line<'a>(text: &mut String, cells: impl Iterator<Item = &'a str>, delimiter: char) {
    for (i, cell) in cells.enumerate() {
        if i > 0 {
            text.push(delimiter);
        }
        if cell.contains([delimiter, '"', '\n']) {
            text.push('"');
            text.push_str(&cell.replace('"', "\"\""));
            text.push('"');
        } else {
            text.push_str(cell);
        }
    }
    text.push_str("\r\n");
}

fn encode(text: &str, encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::Utf8 => text.as_bytes().to_vec(),
        Encoding::Utf8Bom => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
        Encoding::Utf16 => [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect(),
        Encoding::Gb18030 => {
            let mut out = Vec::with_capacity(text.len());
            for (i, part) in text.split(BROKEN_BYTE).enumerate() {
                if i > 0 {
                    out.push(0xFF);
                }
                out.extend_from_slice(&encoding_rs::GB18030.encode(part).0);
            }
            out
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_with_the_delimiter_is_quoted_and_quotes_are_doubled() {
        let mut text = String::new();
        line(&mut text, ["a,b", "c\"d", "e"].into_iter(), ',');
        assert_eq!(text, "\"a,b\",\"c\"\"d\",e\r\n");
    }

    #[test]
    fn gb18030_holds_one_byte_that_is_no_character() {
        assert_eq!(encode(&format!("王{BROKEN_BYTE},"), Encoding::Gb18030), [0xCD, 0xF5, 0xFF, b',']);
    }

    #[test]
    fn an_empty_cell_is_null_and_a_text_in_a_number_column_stays_a_text() {
        let mut sql = String::new();
        literal(&mut sql, "", true);
        literal(&mut sql, "约45", true);
        literal(&mut sql, "45", true);
        assert_eq!(sql, "NULL'约45'45");
    }
}
