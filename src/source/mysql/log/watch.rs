//! What the log is read for: one table, its key, and the tables whose changes reach it unlogged.

use super::value::KeyForm;

/// A table that is watched.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Watch {
    /// Its schema, as the server writes it.
    pub schema: String,
    /// Its name, as the server writes it.
    pub table: String,
    /// The key's columns, in the order of the key.
    pub key: Vec<KeyColumn>,
    /// Tables that its foreign keys refer to, and those that these refer to. What a foreign key does by itself (CASCADE, SET NULL)
    /// is done within the engine and not logged.
    pub parents: Vec<Parent>,
}

/// A column of the key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct KeyColumn {
    /// Its place in the table, from 0.
    pub at: usize,
    /// What its values are.
    pub form: KeyForm,
}

/// A table whose rows take rows of the watched table with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parent {
    pub schema: String,
    pub table: String,
    /// Whether a deleted row does.
    pub on_delete: bool,
    /// Whether a changed key does, and its columns, ascending; empty when they are not known: then any change may.
    pub on_update: Option<Vec<usize>>,
}

/// A foreign key as SHOW CREATE TABLE writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ForeignKey {
    /// The schema of the table that is referred to, when it is another one.
    pub schema: Option<String>,
    pub table: String,
    /// The columns that are referred to.
    pub columns: Vec<String>,
    pub on_delete: bool,
    pub on_update: bool,
}

/// The foreign keys of a table that do something by themselves.
pub(super) fn foreign_keys(definition: &str) -> Vec<ForeignKey> {
    definition.lines().filter_map(foreign_key).filter(|key| key.on_delete || key.on_update).collect()
}

fn foreign_key(line: &str) -> Option<ForeignKey> {
    let (_, reference) = line.split_once(" FOREIGN KEY ")?;
    let (_, reference) = reference.split_once(" REFERENCES ")?;
    let (first, rest) = name(reference)?;
    let (schema, table, rest) = match rest.strip_prefix('.') {
        Some(rest) => {
            let (table, rest) = name(rest)?;
            (Some(first), table, rest)
        }
        None => (None, first, rest),
    };
    let mut rest = rest.trim_start().strip_prefix('(')?;
    let mut columns = Vec::new();
    loop {
        let (column, behind) = name(rest)?;
        columns.push(column);
        rest = behind.strip_prefix(',').map(str::trim_start).unwrap_or(behind);
        if let Some(actions) = rest.strip_prefix(')') {
            let acts = |on: &str| {
                actions.split_once(on).is_some_and(|(_, action)| ["CASCADE", "SET "].iter().any(|word| action.starts_with(word)))
            };
            return Some(ForeignKey { schema, table, columns, on_delete: acts("ON DELETE "), on_update: acts("ON UPDATE ") });
        }
    }
}

/// A name in backquotes, and what is behind it.
fn name(text: &str) -> Option<(String, &str)> {
    let mut rest = text.strip_prefix('`')?;
    let mut name = String::new();
    loop {
        let (part, behind) = rest.split_once('`')?;
        name.push_str(part);
        let Some(more) = behind.strip_prefix('`') else { return Some((name, behind)) };
        name.push('`');
        rest = more;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_keys_that_act_are_found_in_a_definition() {
        let definition = "CREATE TABLE `xs` (
  `id` int(11) NOT NULL,
  PRIMARY KEY (`id`),
  KEY `b` (`bjdm`),
  CONSTRAINT `f1` FOREIGN KEY (`bjdm`) REFERENCES `bj` (`dm`) ON DELETE CASCADE,
  CONSTRAINT `f2` FOREIGN KEY (`a`, `b`) REFERENCES `jc`.`zy``2` (`x`, `y`) ON DELETE NO ACTION ON UPDATE SET NULL,
  CONSTRAINT `f3` FOREIGN KEY (`c`) REFERENCES `xq` (`id`),
  CONSTRAINT `f4` FOREIGN KEY (`c`) REFERENCES `xy` (`id`) ON DELETE RESTRICT ON UPDATE RESTRICT
) ENGINE=InnoDB COMMENT='ON DELETE CASCADE'";
        let key = |schema: Option<&str>, table: &str, columns: &[&str], on_delete, on_update| ForeignKey {
            schema: schema.map(str::to_owned),
            table: table.to_owned(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            on_delete,
            on_update,
        };
        assert_eq!(
            foreign_keys(definition),
            [key(None, "bj", &["dm"], true, false), key(Some("jc"), "zy`2", &["x", "y"], false, true)]
        );
    }
}
