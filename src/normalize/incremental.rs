//! What `[read]` says of incremental reading must go together.

use super::fault::Faults;
use crate::finding::Text;
use crate::source::{ChangesBy, ReadSpec};

/// Adds what contradicts itself, each at its line.
pub(super) fn check(read: &ReadSpec, faults: &mut Faults<'_>) {
    for (section, there) in [("changes", read.changes.is_some()), ("chunks", read.chunks.is_some())] {
        if there && (read.query.is_some() || read.object.is_none()) {
            faults.add(
                &format!("/read/{section}"),
                Text::new(
                    format!("[read.{section}] 只能用于表或视图，不能用于查询"),
                    format!("[read.{section}] goes with a table or view, not with a query"),
                ),
                Text::new(
                    format!("在来源中建视图并写 object = \"视图名\"，或删去 [read.{section}]"),
                    format!("have a view made at the source and name it by object, or drop [read.{section}]"),
                ),
            );
        }
    }
    if read.chunks.is_some() && !read.order_by.is_empty() {
        faults.add(
            "/read/order_by",
            Text::new(
                "order_by 与 [read.chunks] 不能同用：顺序由键决定",
                "order_by excludes [read.chunks]: the key gives the order",
            ),
            Text::new("删去 order_by", "drop order_by"),
        );
    }
    let Some(changes) = &read.changes else { return };
    match changes.by {
        ChangesBy::Watermark if changes.columns.is_empty() => faults.add(
            "/read/changes",
            Text::new("by = \"watermark\" 缺少 columns", "by = \"watermark\" needs columns"),
            Text::new(
                "写出每次改动都会变大的列，如 columns = [\"GXSJ\"]",
                "name the columns that grow with every change: columns = [\"UPDATED_AT\"]",
            ),
        ),
        ChangesBy::Watermark if !changes.key.is_empty() => faults.add(
            "/read/changes/key",
            Text::new("key 只用于 by = \"log\"", "key goes with by = \"log\" only"),
            Text::new("删去 key；按键分段读取用 [read.chunks]", "drop it; to read by ranges of a key use [read.chunks]"),
        ),
        ChangesBy::Log => {
            for (name, there) in [("columns", !changes.columns.is_empty()), ("overlap", changes.overlap.is_some())] {
                if there {
                    faults.add(
                        &format!("/read/changes/{name}"),
                        Text::new(
                            format!("{name} 只用于 by = \"watermark\""),
                            format!("{name} goes with by = \"watermark\" only"),
                        ),
                        Text::new(format!("删去 {name}，或改 by"), format!("drop {name}, or change by")),
                    );
                }
            }
        }
        ChangesBy::Watermark => {}
    }
    if changes.compare_every.seconds() == 0 {
        faults.add(
            "/read/changes/compare_every",
            Text::new("compare_every 不能为零", "compare_every cannot be nothing"),
            Text::new(
                "如 compare_every = \"1d\"；要每次全读则删去 [read.changes]",
                "write \"1d\", say; to read everything each time drop [read.changes]",
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use crate::normalize::MappingDocument;

    /// Line and English words of each fault.
    fn faults(read: &str) -> Vec<(usize, String)> {
        let text =
            format!("table = \"ODS_KCJBSJ\"\nsource = \"jw\"\nmode = \"automatic\"\nfields.KCH = \"kch\"\n[read]\n{read}\n");
        let found = MappingDocument::parse("m.toml", &text).err().unwrap_or_default();
        found.into_iter().map(|fault| (fault.line, fault.what.en)).collect()
    }

    #[test]
    fn sections_that_contradict_themselves_are_refused_at_their_line() {
        for good in [
            "object = \"t\"\nchanges = { by = \"watermark\", columns = [\"u\"], overlap = \"10m\", compare_every = \"6h\" }",
            "object = \"t\"\nchanges = { by = \"watermark\", columns = [\"n\"], overlap = 500 }\nchunks = { rows = 1000 }",
            "object = \"t\"\nchanges = { by = \"log\", key = [\"id\"] }",
        ] {
            assert_eq!(faults(good), [], "{good}");
        }
        for (wrong, line, words) in [
            ("query = \"SELECT 1\"\nchanges = { by = \"watermark\", columns = [\"u\"] }", 7, "not with a query"),
            ("query = \"SELECT 1\"\nchunks = {}", 7, "not with a query"),
            ("object = \"t\"\nchanges = { by = \"watermark\" }", 7, "needs columns"),
            ("object = \"t\"\n[read.changes]\nby = \"watermark\"\ncolumns = [\"u\"]\nkey = [\"id\"]", 10, "by = \"log\" only"),
            ("object = \"t\"\n[read.changes]\nby = \"log\"\ncolumns = [\"u\"]", 9, "by = \"watermark\" only"),
            ("object = \"t\"\n[read.changes]\nby = \"log\"\noverlap = \"1m\"", 9, "by = \"watermark\" only"),
            ("object = \"t\"\nchanges = { by = \"log\", compare_every = \"0d\" }", 7, "cannot be nothing"),
            ("object = \"t\"\norder_by = [\"a\"]\nchunks = {}", 7, "excludes"),
            ("object = \"t\"\nchanges = { by = \"watermark\", columns = [\"u\"], overlap = \"ten minutes\" }", 7, ""),
            ("object = \"t\"\nchanges = { by = \"hearsay\" }", 7, ""),
            ("object = \"t\"\nchunks = { rows = 5 }", 7, ""),
        ] {
            let found = faults(wrong);
            assert!(found.iter().any(|(at, what)| *at == line && what.contains(words)), "{wrong}: {found:?}");
        }
    }
}
