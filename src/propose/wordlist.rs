//! Lists of own codes that a source keeps beside its tables: one table of all lists (type, value, label), or a table a list.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::codes::Dictionary;
use super::reading;
use super::terms::{Term, Terms, Use, is_han};
use crate::source::TableShape;

/// Longer lists are registers of things.
const MOST_CODES: usize = 120;
/// The longest code and label, in characters.
const LONGEST: (usize, usize) = (12, 20);

/// One list of codes.
struct List {
    /// The table that it stands in.
    table: String,
    /// What it is called: the key of the list, or what is left of the table's name; words in lower case.
    names: Vec<Vec<String>>,
    /// What it is called in Chinese.
    said: Option<String>,
    means: Dictionary,
}

/// The lists of a source.
pub(super) struct Wordlists {
    lists: Vec<List>,
    tables: HashSet<String>,
}

impl Wordlists {
    /// Finds the lists among the tables of a source.
    pub fn of(terms: &Terms, shapes: &[TableShape]) -> Self {
        let mut lists: Vec<List> = shapes.iter().flat_map(|shape| joint(terms, shape, shapes)).collect();
        let shared: HashSet<String> = lists.iter().map(|list| list.table.clone()).collect();
        let referred: HashSet<&str> = shapes.iter().flat_map(|shape| &shape.references).map(|own| own.table.as_str()).collect();
        let apart = shapes.iter().filter(|shape| !shared.contains(&shape.name));
        lists.extend(apart.filter_map(|shape| single(terms, shape, referred.contains(shape.name.as_str()))));
        let tables = lists.iter().map(|list| list.table.clone()).collect();
        Self { lists, tables }
    }

    /// Whether a table holds nothing but lists.
    pub fn holds(&self, table: &str) -> bool {
        self.tables.contains(table)
    }

    /// What the codes of a column mean, and the table that says so: the list that a foreign key leads to, or the one that is
    /// called like the column and has all its values.
    pub fn meaning(&self, shape: &TableShape, column: usize) -> Option<(Dictionary, &str)> {
        if self.holds(&shape.name) {
            return None;
        }
        let own = &shape.columns[column];
        let values: BTreeSet<&str> =
            shape.samples.column(column).flatten().map(str::trim).filter(|value| !value.is_empty()).collect();
        let declared = shape.references.iter().find(|to| to.columns.len() == 1 && *to.columns[0] == *own.name);
        let has_all = |list: &&List| !values.is_empty() && values.iter().all(|value| list.means.contains_key(*value));
        if let Some(to) = declared {
            let found = self.lists.iter().find(|list| list.table == to.table && list.means.len() > 1);
            return found.filter(has_all).map(|list| (list.means.clone(), list.table.as_str()));
        }
        let words = bare(&reading::split(&own.name));
        let said = own.comment.as_deref().map(|comment| cleaned(reading::head_of(comment)));
        let called = |list: &&List| {
            let by_comment = said.as_ref().is_some_and(|said| !said.is_empty() && list.said.as_ref() == Some(said));
            by_comment
                || list
                    .names
                    .iter()
                    .any(|name| !name.is_empty() && (*name == words || name.ends_with(&words) && words.concat().len() >= 3))
        };
        let mut found = self.lists.iter().filter(called).filter(has_all).filter(|list| list.means.len() > 1);
        let first = found.next()?;
        // Two lists that say different things say nothing.
        found.all(|other| other.means == first.means).then(|| (first.means.clone(), first.table.as_str()))
    }
}

/// The text of a column by row, trimmed.
fn cells(shape: &TableShape, column: usize) -> Vec<&str> {
    shape.samples.column(column).map(|cell| cell.unwrap_or_default().trim()).collect()
}

/// Words of a name without those that only say that it is a code.
fn bare(words: &[String]) -> Vec<String> {
    const SAYS_CODE: [&str; 15] =
        ["dm", "code", "codes", "dict", "bm", "t", "tb", "tbl", "sys", "type", "dim", "zd", "b", "lx", "id"];
    let kept: Vec<String> = words.iter().filter(|word| !SAYS_CODE.contains(&word.as_str())).cloned().collect();
    let kept = if kept.is_empty() { words.to_vec() } else { kept };
    let end = |word: &str| {
        let ends = ["dmb", "dm", "bm", "m", "b"].into_iter().find_map(|end| word.strip_suffix(end));
        ends.filter(|stem| stem.len() >= 2).unwrap_or(word).to_owned()
    };
    match &kept[..] {
        [only] => vec![end(only)],
        _ => kept,
    }
}

/// A name in Chinese without what only says that it is a list of codes.
fn cleaned(text: &str) -> String {
    let mut text = text.trim().to_owned();
    for end in ["表", "字典", "代码", "码", "类别", "类型"] {
        if let Some(stem) = text.strip_suffix(end).filter(|stem| stem.chars().count() >= 2) {
            text = stem.to_owned();
        }
    }
    text
}

fn is_short(values: &[&str], most: usize) -> bool {
    values.iter().all(|value| value.chars().count() <= most)
}

fn mostly_han(values: &[&str]) -> bool {
    values.iter().filter(|value| value.chars().any(is_han)).count() * 10 >= values.len() * 8
}

/// What lists are called, by row id, where the table of all lists names them so: dict_id with dict_id and name elsewhere.
fn keys<'s>(column: &str, shapes: &'s [TableShape]) -> HashMap<&'s str, &'s str> {
    let Some(stem) = column.to_lowercase().strip_suffix("_id").map(str::to_owned) else { return HashMap::new() };
    for shape in shapes.iter().filter(|shape| reading::split(&shape.name).last().is_some_and(|last| *last == stem)) {
        let at = |wanted: &[&str]| {
            wanted.iter().find_map(|name| shape.columns.iter().position(|own| own.name.eq_ignore_ascii_case(name)))
        };
        if let (Some(id), Some(name)) =
            (at(&[column, "id"]), at(&["dict_type", "dict_code", "code", "type", "name", "dict_name"]))
        {
            return cells(shape, id).into_iter().zip(cells(shape, name)).collect();
        }
    }
    HashMap::new()
}

/// One table of all lists: a column that names the list, one of values that repeat from list to list, one of labels.
fn joint(terms: &Terms, shape: &TableShape, shapes: &[TableShape]) -> Vec<List> {
    let all: Vec<Vec<&str>> = (0..shape.columns.len()).map(|at| cells(shape, at)).collect();
    let rows = shape.samples.rows();
    let by = |wanted: &[&str], zh: &[&str]| {
        let name = |at: &usize, end: &str| {
            let own = shape.columns[*at].name.to_lowercase();
            own == end || own.ends_with(&format!("_{end}"))
        };
        let says = |at: &usize| {
            let said = shape.columns[*at].comment.as_deref().unwrap_or_default();
            zh.iter().any(|word| said.contains(word))
        };
        // What is called most clearly so goes first, whatever stands first in the table.
        let named = wanted.iter().find_map(|end| (0..shape.columns.len()).find(|at| name(at, end)));
        named.or_else(|| (0..shape.columns.len()).find(says))
    };
    let titled = reading::of_name(terms, &shape.name).iter().any(|own| own.words.contains("字典"))
        || shape.comment.as_deref().is_some_and(|text| text.contains("字典") || text.contains("代码"));
    let (Some(kind), Some(value), Some(label), true) = (
        by(
            &["dict_type", "type_code", "dict_type_code", "type", "zdlx", "dmlx", "lxdm", "group_code", "category", "dict_id"],
            &["字典类型", "代码类型", "类型编码"],
        ),
        by(&["dict_value", "item_value", "value", "item_code", "zdz", "zdm", "dm", "code"], &["字典键值", "字典值", "代码值"]),
        by(&["dict_label", "item_text", "label", "item_name", "zdmc", "mc", "name"], &["字典标签", "字典名称", "代码名称"]),
        titled && rows >= 4,
    ) else {
        return Vec::new();
    };
    if kind == value || value == label || kind == label || !is_short(&all[value], LONGEST.0) || !is_short(&all[label], LONGEST.1)
    {
        return Vec::new();
    }
    let keys = keys(&shape.columns[kind].name, shapes);
    let mut lists: BTreeMap<&str, Dictionary> = BTreeMap::new();
    let rows = all[kind].iter().zip(&all[value]).zip(&all[label]);
    for ((kind, value), label) in rows.filter(|((_, value), label)| !value.is_empty() && !label.is_empty()) {
        let key = keys.get(kind).copied().unwrap_or(kind);
        if !key.is_empty() {
            lists.entry(key).or_default().insert((*value).to_owned(), (*label).to_owned());
        }
    }
    let list = |(key, means): (&str, Dictionary)| {
        let han = key.chars().any(is_han);
        List {
            table: shape.name.clone(),
            names: if han { Vec::new() } else { vec![reading::split(key), bare(&reading::split(key))] },
            said: han.then(|| cleaned(key)),
            means,
        }
    };
    lists.into_iter().filter(|(_, means)| means.len() <= MOST_CODES).map(list).collect()
}

/// Whether a table is called after things, as 单位代码表, and not after what is said of things, as 请假类型代码表.
fn is_register(terms: &Terms, shape: &TableShape, words: &[String]) -> bool {
    let about = |terms_of: &[Term]| {
        let says = |term: &&Term| terms.kind(**term) != Use::Filler && terms.name(**term) != "编号";
        terms_of.iter().rev().find(says).is_some_and(|term| terms.kind(*term) == Use::Subject)
    };
    // 类型 stays: it is what makes 请假类型 a word and no thing.
    let says_list =
        |word: &&String| !matches!(word.as_str(), "dm" | "dmb" | "dict" | "code" | "codes" | "zd" | "t" | "tb" | "sys");
    let name: String = words.iter().filter(says_list).cloned().collect::<Vec<_>>().join("_");
    let name = name.strip_suffix("dmb").or(name.strip_suffix("dm")).filter(|stem| stem.len() >= 2).unwrap_or(&name);
    let spelled = |at: usize| terms.entry(at).means.last().is_some_and(|term| terms.kind(*term) == Use::Subject);
    match &shape.comment {
        Some(comment) => {
            let text = ["表", "字典", "代码"].iter().fold(reading::head_of(comment), |text, end| text.trim_end_matches(end));
            reading::of_comment(terms, text).iter().any(|own| about(&own.terms))
        }
        None => {
            reading::of_name(terms, name).iter().any(|own| own.trust > 0.9 && about(&own.terms))
                || terms.entries_of_initials(&name.to_ascii_uppercase()).any(spelled)
        }
    }
}

/// A table that is one list: few rows of a code and a label, called so or referred to.
fn single(terms: &Terms, shape: &TableShape, referred: bool) -> Option<List> {
    let rows = shape.samples.rows();
    let telling: Vec<usize> = (0..shape.columns.len())
        .filter(|at| {
            !reading::of_name(terms, &shape.columns[*at].name)
                .iter()
                .any(|own| own.trust > 0.9 && reading::is_machinery(terms, own))
        })
        .collect();
    let named = shape.name.rsplit('.').next().unwrap_or(&shape.name);
    let words = reading::split(named);
    let called = words.iter().any(|word| matches!(word.as_str(), "dm" | "dmb" | "dict" | "code" | "codes" | "zd"))
        || words.last().is_some_and(|word| word.ends_with("dmb") || word.ends_with("zdb"))
        || shape.comment.as_deref().is_some_and(|text| text.contains("代码") || text.contains("字典"));
    let listed = called || (referred && telling.len() <= 4);
    if !(2..=MOST_CODES).contains(&rows) || telling.len() > 6 || !listed || is_register(terms, shape, &words) {
        return None;
    }
    let unique =
        |values: &[&str]| values.iter().collect::<HashSet<_>>().len() == values.len() && values.iter().all(|v| !v.is_empty());
    let all: Vec<Vec<&str>> = (0..shape.columns.len()).map(|at| cells(shape, at)).collect();
    let label =
        telling.iter().copied().find(|at| unique(&all[*at]) && mostly_han(&all[*at]) && is_short(&all[*at], LONGEST.1))?;
    let is_code = |at: &usize| *at != label && unique(&all[*at]) && !mostly_han(&all[*at]) && is_short(&all[*at], LONGEST.0);
    let primary =
        (0..shape.columns.len()).filter(is_code).find(|at| shape.primary.iter().any(|own| **own == *shape.columns[*at].name));
    let code = primary.filter(|at| telling.contains(at)).or_else(|| telling.iter().copied().find(is_code)).or(primary)?;
    // What has telephones or other rows' names is a register.
    let widths =
        telling.iter().filter(|at| **at != label && **at != code && mostly_han(&all[**at]) && unique(&all[**at])).count();
    if widths > 1 {
        return None;
    }
    let means = all[code].iter().zip(&all[label]).map(|(code, label)| ((*code).to_owned(), (*label).to_owned())).collect();
    Some(List {
        table: shape.name.clone(),
        names: vec![bare(&words)],
        said: shape.comment.as_deref().map(|text| cleaned(reading::head_of(text))),
        means,
    })
}
