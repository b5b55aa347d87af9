//! From page to page. Pure: what was answered goes in, what to ask next comes out.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How an object is paged.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging {
    pub by: By,
    parameter: Option<String>,
    size_parameter: Option<String>,
    size: Option<u64>,
    first: Option<u64>,
    at: Option<String>,
    start: Option<String>,
    more: Option<String>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum By {
    /// One answer holds everything.
    #[default]
    None,
    /// Pages.
    Page,
    /// Rows.
    Offset,
    /// Nothing: the answer says what to ask for next.
    Cursor,
    /// Nothing: the answer links to the next page.
    Link,
}

impl Paging {
    /// What is wrong with it.
    pub fn check(&self) -> Result<(), &'static str> {
        match self.by {
            By::Page | By::Offset | By::Cursor if self.parameter.is_none() => Err("`paging` needs `parameter`"),
            By::Cursor if self.at.is_none() => Err("`paging` by cursor needs `at`, the place of the next cursor in the answer"),
            _ if self.size.is_some() != self.size_parameter.is_some() => Err("`paging`: `size` goes with `size_parameter`"),
            _ => Ok(()),
        }
    }

    /// Where the answer has its next cursor or link.
    pub fn next_at(&self) -> Option<&str> {
        self.at.as_deref().filter(|_| matches!(self.by, By::Cursor | By::Link))
    }

    /// Whether the answers themselves say which of them is the last: else an empty page is taken for the end.
    pub fn tells_its_end(&self) -> bool {
        self.more.is_some() || matches!(self.by, By::None | By::Cursor | By::Link)
    }

    /// Where the answer says whether more follows.
    pub fn more_at(&self) -> Option<&str> {
        self.more.as_deref()
    }
}

/// The page that is to be asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Step {
    /// The first, as the settings have it.
    First,
    /// A page's number or a row's offset.
    Number(u64),
    /// A cursor, as the answer before gave it.
    Cursor(Value),
    /// A whole address.
    Link(String),
}

/// What a page was like.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Seen {
    pub rows: u64,
    /// Hash of all rows.
    pub digest: u64,
    /// Rows in all, as the answer says.
    pub total: Option<u64>,
    /// The next cursor or link.
    pub next: Option<Value>,
    /// Whether the answer says that more follows.
    pub more: Option<bool>,
}

/// Pages that lead nowhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Astray {
    /// The same rows as on the page before.
    Repeated,
    /// A cursor or link that led here before.
    Loop,
    /// More pages than can be.
    TooMany,
}

/// The way through the pages.
#[derive(Debug, Clone)]
pub(super) struct Pager {
    paging: Paging,
    pub step: Step,
    most: u64,
    turned: u64,
    before: Option<u64>,
    led: HashSet<u64>,
}

impl Pager {
    /// A way that begins at a step.
    pub fn new(paging: Paging, step: Step, most: u64) -> Self {
        Self { paging, step, most, turned: 0, before: None, led: HashSet::new() }
    }

    fn first(&self) -> u64 {
        self.paging.first.unwrap_or(u64::from(self.paging.by == By::Page))
    }

    /// Parameters of the page to ask for.
    pub fn parameters(&self) -> Vec<(&str, Value)> {
        let mut out = Vec::new();
        if let (Some(name), Some(size)) = (&self.paging.size_parameter, self.paging.size) {
            out.push((name.as_str(), Value::from(size)));
        }
        let Some(name) = self.paging.parameter.as_deref() else { return out };
        let value = match (&self.step, self.paging.by) {
            (Step::Number(number), _) => Some(Value::from(*number)),
            (Step::Cursor(cursor), _) => Some(cursor.clone()),
            (Step::First, By::Page | By::Offset) => Some(Value::from(self.first())),
            (Step::First, By::Cursor) => self.paging.start.as_deref().map(Value::from),
            _ => None,
        };
        out.extend(value.map(|value| (name, value)));
        out
    }

    /// Goes to the next page; false when the page was the last. `read`: rows so far, this page's among them.
    pub fn turn(&mut self, seen: &Seen, read: u64) -> Result<bool, Astray> {
        if seen.rows > 0 && self.before.replace(seen.digest) == Some(seen.digest) {
            return Err(Astray::Repeated);
        }
        self.turned += 1;
        let counted = seen.more != Some(false) && seen.rows > 0 && seen.total.is_none_or(|total| read < total);
        let next = match self.paging.by {
            By::None => None,
            By::Page | By::Offset if !counted => None,
            By::Page | By::Offset => {
                let here = if let Step::Number(number) = self.step { number } else { self.first() };
                Some(Step::Number(here + if self.paging.by == By::Page { 1 } else { seen.rows }))
            }
            By::Cursor | By::Link if seen.more == Some(false) => None,
            By::Cursor => seen.next.clone().filter(leads).map(Step::Cursor),
            By::Link => seen.next.as_ref().filter(|next| leads(next)).and_then(Value::as_str).map(|to| Step::Link(to.into())),
        };
        let Some(next) = next else { return Ok(false) };
        if self.turned >= self.most {
            return Err(Astray::TooMany);
        }
        if let Step::Cursor(to) = &next
            && !self.led.insert(xxhash_rust::xxh3::xxh3_64(to.to_string().as_bytes()))
        {
            return Err(Astray::Loop);
        }
        if let Step::Link(to) = &next
            && !self.led.insert(xxhash_rust::xxh3::xxh3_64(to.as_bytes()))
        {
            return Err(Astray::Loop);
        }
        self.step = next;
        Ok(true)
    }
}

/// Whether a cursor leads on: nothing, an empty text and false end the way.
fn leads(next: &Value) -> bool {
    !matches!(next, Value::Null | Value::Bool(false)) && next.as_str() != Some("")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pager(paging: Value) -> Pager {
        let paging: Paging = serde_json::from_value(paging).unwrap();
        paging.check().unwrap();
        Pager::new(paging, Step::First, 5)
    }

    #[test]
    fn only_counted_pages_end_without_being_told_so() {
        let tells = |paging: Value| serde_json::from_value::<Paging>(paging).unwrap().tells_its_end();
        assert!(tells(json!({ "by": "none" })) && tells(json!({ "by": "cursor", "parameter": "c", "at": "/n" })));
        assert!(tells(json!({ "by": "page", "parameter": "p", "more": "/more" })));
        assert!(!tells(json!({ "by": "page", "parameter": "p" })) && !tells(json!({ "by": "offset", "parameter": "o" })));
    }

    fn page(rows: u64, digest: u64) -> Seen {
        Seen { rows, digest, ..Seen::default() }
    }

    #[test]
    fn page_numbers_and_offsets_count_what_came() {
        let mut pages = pager(json!({ "by": "page", "parameter": "p", "size_parameter": "n", "size": 10 }));
        assert_eq!(pages.parameters(), [("n", json!(10)), ("p", json!(1))]);
        assert_eq!(pages.turn(&page(10, 1), 10), Ok(true));
        assert_eq!(pages.parameters()[1], ("p", json!(2)));
        // A short page is no end: the server may give fewer than asked for. An empty one is.
        assert_eq!(pages.turn(&page(3, 2), 13), Ok(true));
        assert_eq!(pages.turn(&page(0, 3), 13), Ok(false));
        let mut rows = pager(json!({ "by": "offset", "parameter": "o" }));
        assert_eq!(rows.parameters(), [("o", json!(0))]);
        assert_eq!(rows.turn(&page(7, 1), 7), Ok(true));
        assert_eq!(rows.parameters(), [("o", json!(7))]);
        assert_eq!(rows.turn(&Seen { total: Some(9), ..page(2, 2) }, 9), Ok(false));
        assert_eq!(rows.turn(&Seen { more: Some(false), ..page(2, 3) }, 11), Ok(false));
    }

    #[test]
    fn cursors_and_links_end_where_nothing_follows() {
        let mut way = pager(json!({ "by": "cursor", "parameter": "c", "at": "/next" }));
        assert_eq!(way.parameters(), []);
        assert_eq!(way.turn(&Seen { next: Some(json!("a")), ..page(1, 1) }, 1), Ok(true));
        assert_eq!(way.parameters(), [("c", json!("a"))]);
        // An empty page in the middle does not end a way that goes on.
        assert_eq!(way.turn(&Seen { next: Some(json!(17)), ..page(0, 2) }, 1), Ok(true));
        for end in [None, Some(json!(null)), Some(json!("")), Some(json!(false))] {
            assert_eq!(way.clone().turn(&Seen { next: end, ..page(1, 3) }, 2), Ok(false));
        }
        let mut links = pager(json!({ "by": "link" }));
        assert_eq!(links.turn(&Seen { next: Some(json!("http://a/2")), ..page(1, 1) }, 1), Ok(true));
        assert_eq!(links.step, Step::Link("http://a/2".into()));
    }

    #[test]
    fn ways_that_lead_nowhere_are_seen() {
        let mut pages = pager(json!({ "by": "page", "parameter": "p" }));
        assert_eq!(pages.turn(&page(10, 1), 10), Ok(true));
        assert_eq!(pages.turn(&page(10, 1), 20), Err(Astray::Repeated));
        let mut way = pager(json!({ "by": "cursor", "parameter": "c", "at": "/next" }));
        let to = |cursor: &str, digest| Seen { next: Some(json!(cursor)), ..page(1, digest) };
        assert_eq!(way.turn(&to("a", 1), 1), Ok(true));
        assert_eq!(way.turn(&to("b", 2), 2), Ok(true));
        assert_eq!(way.turn(&to("a", 3), 3), Err(Astray::Loop));
        let mut long = pager(json!({ "by": "offset", "parameter": "o" }));
        let turns: Vec<_> = (1..=5).map(|n| long.turn(&page(1, n), n)).collect();
        assert_eq!(turns[3..], [Ok(true), Err(Astray::TooMany)]);
    }
}
