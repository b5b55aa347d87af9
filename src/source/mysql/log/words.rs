//! What a logged statement means for one table. In a log of rows only changes of definition come as statements; in a log of
//! statements everything does.
//!
//! In doubt a statement concerns the table: then everything is read, which is never wrong.

use encoding_rs::GB18030;

/// What a statement means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A transaction begins.
    Begin,
    /// A transaction ends.
    End,
    /// Nothing for the table, and no transaction ends with it unless it stands alone.
    Aside,
    /// It may have changed rows of the table.
    Concerns,
}

/// Statements that change no row of any table.
const HARMLESS: [&str; 16] = [
    "ANALYZE",
    "CACHE",
    "CHANGE",
    "CHECK",
    "FLUSH",
    "GRANT",
    "INSTALL",
    "KILL",
    "OPTIMIZE",
    "PURGE",
    "RELEASE",
    "REVOKE",
    "SAVEPOINT",
    "SET",
    "SHOW",
    "UNINSTALL",
];

/// Statements that change rows, also of tables that they do not name: by triggers, functions, views and foreign keys.
const CHANGING: [&str; 11] =
    ["CALL", "DELETE", "DO", "EXECUTE", "HANDLER", "INSERT", "LOAD", "REPLACE", "SELECT", "UPDATE", "WITH"];

/// Kinds of things that can be made, altered and dropped without any row of a table changing.
const THINGS: [&str; 9] = ["EVENT", "FUNCTION", "PROCEDURE", "ROLE", "SERVER", "TRIGGER", "USER", "VIEW", "PACKAGE"];

/// Kinds of things whose definition is the table's or may be.
const TABLES: [&str; 6] = ["TABLE", "TABLES", "INDEX", "DATABASE", "SCHEMA", "TABLESPACE"];

/// Reads a statement. `current` is the schema that it was run in.
pub(super) fn meaning(statement: &[u8], current: &str, schema: &str, table: &str) -> Meaning {
    let Some(text) = text_of(statement) else { return Meaning::Concerns };
    let text = text.to_uppercase();
    let mut words = Words(&text);
    let first = first(&mut words);
    let names = |name: &str| contains_name(&text, &name.to_uppercase());
    match first {
        "BEGIN" | "START" => Meaning::Begin,
        "COMMIT" => Meaning::End,
        // Back to a savepoint is within a transaction.
        "ROLLBACK" if words.any(|word| word == "TO") => Meaning::Aside,
        "ROLLBACK" => Meaning::End,
        "XA" => xa(words.next().unwrap_or_default()),
        word if HARMLESS.contains(&word) => Meaning::Aside,
        word if CHANGING.contains(&word) => {
            let here = current.eq_ignore_ascii_case(schema) || names(schema) || names(table);
            if here { Meaning::Concerns } else { Meaning::Aside }
        }
        _ => definition(words, names(schema), names(table)),
    }
}

/// The word that says what is done. MariaDB knows statements with settings of their own, and such that are carried out to be
/// explained.
fn first<'a>(words: &mut Words<'a>) -> &'a str {
    let first = words.next().unwrap_or_default();
    let mut ahead = Words(words.0);
    match first {
        "SET" if ahead.next() == Some("STATEMENT") => {
            words.find(|word| *word == "FOR");
            words.next().unwrap_or_default()
        }
        "ANALYZE" => {
            let explained = ahead.next().is_some_and(|word| CHANGING.contains(&word) || word == "FORMAT");
            if explained { "UPDATE" } else { first }
        }
        _ => first,
    }
}

/// Rows of a prepared transaction were told where it was prepared, but can be seen only after its commit.
fn xa(word: &str) -> Meaning {
    match word {
        "START" | "BEGIN" => Meaning::Begin,
        "COMMIT" => Meaning::Concerns,
        _ => Meaning::Aside,
    }
}

fn definition(mut words: Words<'_>, names_schema: bool, names_table: bool) -> Meaning {
    let thing = words.find(|word| THINGS.contains(word) || TABLES.contains(word) || *word == "TEMPORARY");
    let concerns = match thing {
        Some("DATABASE" | "SCHEMA") => names_schema,
        Some("TEMPORARY") => false,
        Some(thing) if THINGS.contains(&thing) => false,
        _ => names_table,
    };
    if concerns { Meaning::Concerns } else { Meaning::Aside }
}

/// The text as the client meant it; nothing when that cannot be told.
fn text_of(statement: &[u8]) -> Option<String> {
    if let Ok(text) = std::str::from_utf8(statement) {
        return Some(text.to_owned());
    }
    // A client that spoke GBK: there a backquote may be half a character.
    GB18030.decode_without_bom_handling_and_without_replacement(statement).map(Into::into)
}

/// Whether a name stands in a text as a whole word, in quotes or not.
fn contains_name(text: &str, name: &str) -> bool {
    // A quote within a name is doubled in the text.
    if name.is_empty() || name.contains(['`', '"']) {
        return true;
    }
    let part_of_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        !before.is_some_and(part_of_name) && !after.is_some_and(part_of_name)
    })
}

/// The unquoted words of a text, comments left out. What stands between `/*!` and `*/` is carried out by the server.
struct Words<'a>(&'a str);

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let rest =
                self.0.trim_start_matches(|character: char| !(character.is_alphanumeric() || "_$/#-`'\"".contains(character)));
            let first = rest.chars().next()?;
            self.0 = match first {
                '/' if rest.starts_with("/*!") || rest.starts_with("/*M!") => {
                    rest[2..].trim_start_matches(['M', '!']).trim_start_matches(|digit: char| digit.is_ascii_digit())
                }
                '/' if rest.starts_with("/*") => rest.split_once("*/").map_or("", |(_, rest)| rest),
                '#' => rest.split_once('\n').map_or("", |(_, rest)| rest),
                '-' if rest.starts_with("--") => rest.split_once('\n').map_or("", |(_, rest)| rest),
                '/' | '-' => &rest[1..],
                '`' | '\'' | '"' => rest[1..].split_once(first).map_or("", |(_, rest)| rest),
                _ => {
                    let end = rest.find(|character: char| !(character.is_alphanumeric() || "_$".contains(character)));
                    let (word, rest) = rest.split_at(end.unwrap_or(rest.len()));
                    self.0 = rest;
                    return Some(word);
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(statement: &str, current: &str) -> Meaning {
        meaning(statement.as_bytes(), current, "jiaowu", "xs_jbxx")
    }

    #[test]
    fn transactions_begin_and_end() {
        for (statement, expected) in [
            ("BEGIN", Meaning::Begin),
            ("START TRANSACTION", Meaning::Begin),
            ("XA START X'61',X'',1", Meaning::Begin),
            ("COMMIT", Meaning::End),
            ("COMMIT /* implicit, from Xid_log_event */", Meaning::End),
            ("ROLLBACK", Meaning::End),
            ("ROLLBACK TO `a`", Meaning::Aside),
            ("SAVEPOINT `xs_jbxx`", Meaning::Aside),
            ("XA END X'61',X'',1", Meaning::Aside),
            ("XA COMMIT X'61',X'',1", Meaning::Concerns),
            ("XA ROLLBACK X'61',X'',1", Meaning::Aside),
        ] {
            assert_eq!(means(statement, "jiaowu"), expected, "{statement}");
        }
    }

    #[test]
    fn definitions_concern_the_table_that_they_name() {
        for statement in [
            "TRUNCATE xs_jbxx",
            "TRUNCATE TABLE `jiaowu`.`XS_JBXX`",
            "DROP TABLE IF EXISTS `a`,`xs_jbxx` /* generated by server */",
            "ALTER TABLE xs_jbxx ADD COLUMN a INT",
            "/* ApplicationName=x */ ALTER TABLE xs_jbxx DROP a",
            "# from a tool\nALTER TABLE xs_jbxx DROP a",
            "/*!50001 ALTER */ TABLE xs_jbxx DROP a",
            "RENAME TABLE neu TO xs_jbxx",
            "RENAME TABLE xs_jbxx TO alt, neu TO xs_jbxx",
            "CREATE TABLE xs_jbxx SELECT * FROM b",
            "SET STATEMENT lock_wait_timeout = 1 FOR ALTER TABLE xs_jbxx DROP a",
            "CREATE OR REPLACE TABLE xs_jbxx (a INT)",
            "CREATE UNIQUE INDEX i ON xs_jbxx (a)",
            "ALTER TABLE b EXCHANGE PARTITION p WITH TABLE xs_jbxx",
            "ALTER TABLE `view` RENAME TO xs_jbxx",
            "DROP DATABASE jiaowu",
            "DROP SCHEMA `Jiaowu`",
        ] {
            assert_eq!(means(statement, "jiaowu"), Meaning::Concerns, "{statement}");
        }
        for statement in [
            "ALTER TABLE xs_jbxx_2019 DROP a",
            "TRUNCATE alt_xs_jbxx",
            "DROP TABLE `b`",
            "CREATE VIEW v AS SELECT * FROM xs_jbxx",
            "CREATE DEFINER=`r`@`%` TRIGGER t AFTER INSERT ON xs_jbxx FOR EACH ROW SET @a = 1",
            "DROP TEMPORARY TABLE IF EXISTS `xs_jbxx`",
            "GRANT SELECT ON xs_jbxx TO r",
            "ANALYZE TABLE xs_jbxx",
            "CREATE DATABASE jiaowu2",
            "",
        ] {
            assert_eq!(means(statement, "jiaowu"), Meaning::Aside, "{statement}");
        }
    }

    #[test]
    fn a_logged_change_of_rows_concerns_every_table_of_its_schema() {
        for (statement, current, expected) in [
            ("INSERT INTO xs_jbxx VALUES (1)", "other", Meaning::Concerns),
            ("UPDATE b SET a = 1", "jiaowu", Meaning::Concerns),
            ("DELETE FROM jiaowu.b", "other", Meaning::Concerns),
            ("WITH x AS (SELECT 1) DELETE FROM b", "JIAOWU", Meaning::Concerns),
            ("ANALYZE FORMAT=JSON UPDATE b SET a = 1", "jiaowu", Meaning::Concerns),
            ("SET STATEMENT max_statement_time = 1 FOR DELETE FROM b", "jiaowu", Meaning::Concerns),
            ("UPDATE b SET a = 1", "other", Meaning::Aside),
        ] {
            assert_eq!(means(statement, current), expected, "{statement}");
        }
    }

    #[test]
    fn statements_of_clients_that_spoke_gbk_are_understood() {
        // In GBK the second byte of 檂 is a backquote.
        for (statement, expected) in
            [("ALTER TABLE `檂` COMMENT '学生', RENAME TO `学生`", Meaning::Concerns), ("TRUNCATE 檂学生", Meaning::Aside)]
        {
            let bytes = GB18030.encode(statement).0;
            assert!(std::str::from_utf8(&bytes).is_err());
            assert_eq!(meaning(&bytes, "jiaowu", "jiaowu", "学生"), expected, "{statement}");
        }
        assert_eq!(meaning(b"TRUNCATE \xff\xff", "a", "jiaowu", "b"), Meaning::Concerns, "no encoding that is known");
    }
}
