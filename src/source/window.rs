//! Queries that name a day: `:since` and `:today` become dates before the query is sent, whatever the database.

use jiff::civil::Date;

use super::ReadSpec;

/// The names that a query may use.
const SINCE: &str = "since";
const TODAY: &str = "today";

impl ReadSpec {
    /// Whether only the last days are read: rows that do not come are not gone.
    pub fn is_window(&self) -> bool {
        self.days.is_some()
    }

    /// The first of the last days to read, today the last of them; `None` where everything is read.
    pub fn since(&self, today: Date) -> Option<Date> {
        let back = i64::from(self.days?);
        Some(today.checked_sub(jiff::Span::new().days(back)).unwrap_or(Date::MIN))
    }

    /// Whether the query names the first of the last days.
    pub fn names_since(&self) -> bool {
        self.query.as_deref().is_some_and(|query| names(query).any(|(_, name)| name == SINCE))
    }

    /// The read of a day: the query with its days written out, in quotes. `written` writes a day as the source has it.
    #[must_use]
    pub fn on(&self, since: Option<Date>, today: Date, written: &dyn Fn(Date) -> String) -> Self {
        let Some(query) = &self.query else { return self.clone() };
        let mut out = String::with_capacity(query.len());
        let mut done = 0;
        for (at, name) in names(query) {
            let day = match name {
                SINCE => since,
                TODAY => Some(today),
                _ => None,
            };
            let Some(day) = day else { continue };
            out.push_str(&query[done..at]);
            out.push('\'');
            out.push_str(&written(day));
            out.push('\'');
            done = at + 1 + name.len();
        }
        out.push_str(&query[done..]);
        Self { query: Some(out), ..self.clone() }
    }
}

/// The `:names` of a query with their places; not those in quotes or remarks, and not `::casts`.
fn names(query: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = query.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let here = at;
            match bytes[here] {
                quote @ (b'\'' | b'"' | b'`') => at = behind(query, here + 1, char::from(quote).encode_utf8(&mut [0; 4])),
                b'-' if query[here..].starts_with("--") => at = behind(query, here, "\n"),
                b'/' if query[here..].starts_with("/*") => at = behind(query, here + 2, "*/"),
                b':' => {
                    let rest = &bytes[here + 1..];
                    let end = rest.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(rest.len());
                    let cast = rest.first() == Some(&b':');
                    at = here + 1 + end + usize::from(cast);
                    if end > 0 && !(here > 0 && bytes[here - 1] == b':') {
                        return Some((here, &query[here + 1..here + 1 + end]));
                    }
                }
                _ => at += 1,
            }
        }
        None
    })
}

/// Behind the next `mark`, or the end.
fn behind(query: &str, from: usize, mark: &str) -> usize {
    query.get(from..).and_then(|rest| rest.find(mark)).map_or(query.len(), |found| from + found + mark.len())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn on(query: &str) -> String {
        let read = ReadSpec { query: Some(query.into()), days: Some(7), ..ReadSpec::default() };
        let today = date(2024, 11, 20);
        read.on(read.since(today), today, &|day| day.to_string()).query.unwrap_or_default()
    }

    #[test]
    fn days_are_written_out_where_the_query_names_them() {
        assert_eq!(
            on("select * from t where d >= :since and d < :today"),
            "select * from t where d >= '2024-11-13' and d < '2024-11-20'"
        );
        assert_eq!(on("select to_date(:since,'YYYY-MM-DD')"), "select to_date('2024-11-13','YYYY-MM-DD')");
    }

    #[test]
    fn quotes_remarks_casts_and_other_names_stay() {
        for query in [
            "select ':since', \":today\", `:since`",
            "select 1 -- :since\n/* :today */",
            "select x::date, y ::since, '12:30:today'",
            "select :sinced, a:b, '中文 :since'",
            "select 'open :since",
        ] {
            assert_eq!(on(query), query);
        }
        assert_eq!(on("select '中' , :today -- 今天 :today"), "select '中' , '2024-11-20' -- 今天 :today");
    }

    #[test]
    fn a_query_says_whether_it_names_the_first_day() {
        let read = |query: &str| ReadSpec { query: Some(query.into()), ..ReadSpec::default() };
        assert!(read("select :since").names_since());
        assert!(!read("select ':since', :today").names_since());
        assert!(!ReadSpec::default().names_since());
    }
}
