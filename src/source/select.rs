//! Whether a query is one statement that reads. Pure. Servers and drivers differ in what they do with several.

/// Whether the text is one SELECT, or WITH that leads to one.
pub(super) fn is_one_select(sql: &str) -> bool {
    let bare = bare(sql);
    let first: String = bare.trim_start_matches(['(', ' ']).chars().take_while(|c| c.is_ascii_alphabetic()).collect();
    let words = bare.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    let writes = |word: &str| ["insert", "update", "delete", "merge", "into"].iter().any(|own| word.eq_ignore_ascii_case(own));
    let reads = first.eq_ignore_ascii_case("select") || first.eq_ignore_ascii_case("with");
    reads && !bare.contains(';') && !words.into_iter().any(writes)
}

/// Whether one of these words stands in the text, outside of quotes and comments: where statements need no semicolon between
/// them, such a word begins another one.
pub(super) fn has_word(sql: &str, words: &[&str]) -> bool {
    bare(sql)
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '@' | '#' | '$')))
        .any(|own| words.iter().any(|word| own.eq_ignore_ascii_case(word)))
}

/// The text without comments and without what stands in quotes.
fn bare(sql: &str) -> String {
    let mut out = String::with_capacity(sql.len());
    let mut rest = sql.trim();
    while let Some(c) = rest.chars().next() {
        let after = match c {
            '\'' | '"' | '`' => quoted(rest, c),
            '[' => quoted(rest, ']'),
            '-' if rest.starts_with("--") => rest.find('\n').map_or("", |end| &rest[end..]),
            '/' if rest.starts_with("/*") => rest.find("*/").map_or("", |end| &rest[end + 2..]),
            _ => {
                out.push(if c.is_whitespace() { ' ' } else { c });
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        out.push(' ');
        rest = after;
    }
    out.trim().to_owned()
}

/// What follows a quoted text.
fn quoted(text: &str, close: char) -> &str {
    text[1..].find(close).map_or("", |end| &text[1 + end + close.len_utf8()..])
}

#[cfg(test)]
mod tests {
    use super::{has_word, is_one_select};

    #[test]
    fn words_count_outside_of_quotes_only() {
        for (sql, expected) in [
            ("SELECT 1 EXEC sp_who", true),
            ("select 1\nexec(sp_who)", true),
            ("SELECT [exec], 'exec', \"exec\", executed, @exec FROM t -- exec", false),
        ] {
            assert_eq!(has_word(sql, &["exec"]), expected, "{sql}");
        }
    }

    #[test]
    fn only_what_reads_passes() {
        for (sql, expected) in [
            ("SELECT a FROM t", true),
            ("  (select a from t) union select 1", true),
            ("with x as (select 1) select * from x", true),
            ("SELECT ';' AS \"delete\", [into] FROM t -- ; delete", true),
            ("SELECT updated, insert_time FROM deletes /* ; */", true),
            ("SELECT 'it''s; fine' FROM t", true),
            ("SELECT 1; DELETE FROM t", false),
            ("DELETE FROM t", false),
            ("with x as (delete from t returning a) select * from x", false),
            ("SELECT * INTO copy FROM t", false),
            ("SELECT a FROM t FOR UPDATE", false),
            ("EXEC sp_who", false),
            ("COMMIT", false),
            ("", false),
        ] {
            assert_eq!(is_one_select(sql), expected, "{sql}");
        }
    }
}
