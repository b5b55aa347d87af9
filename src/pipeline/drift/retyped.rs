//! Types in the words of many products, and what a change of one does to how values print.

/// What a type holds.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Family {
    /// Whole numbers of so many bytes.
    Whole(u8),
    /// Numbers of so many digits, and so many behind the point.
    Exact(Option<u32>, u32),
    /// Floating point; whether in double precision.
    Floating(bool),
    /// Texts of at most so many characters.
    Text(Option<u32>),
    Day,
    Moment,
    Time,
    Truth,
    Bytes,
    Other(String),
}

/// What became of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Values are what they were.
    Same,
    /// The same values and more.
    Wider,
    /// Texts of at most so many characters now.
    Shorter(u32),
    /// Numbers with less room.
    Narrower,
    /// Another number of digits behind the point; whether there are more.
    Decimals(bool),
    /// Floating point now; whether in double precision.
    Floating(bool),
    /// Floating point no longer.
    Exact,
    /// Texts have become numbers: zeros in front are lost.
    Numbers,
    /// Numbers have become texts.
    Texts,
    /// Days or moments have become something else, or the other way round.
    Dates,
    /// Something else.
    Other,
}

impl Step {
    /// From one declared type to another.
    pub fn between(before: &str, now: &str) -> Self {
        match (family(before), family(now)) {
            _ if before.eq_ignore_ascii_case(now) => Self::Same,
            // Where nothing is said, nothing is known to have changed.
            (None, _) | (_, None) => Self::Same,
            (Some(before), Some(now)) if before == now => Self::Same,
            (Some(before), Some(now)) => Self::of(&before, &now),
        }
    }

    fn of(before: &Family, now: &Family) -> Self {
        use Family::{Bytes, Day, Exact, Floating, Moment, Text, Time, Truth, Whole};
        match (before, now) {
            (Whole(before), Whole(now)) => Self::wider(now >= before),
            (Whole(_), Exact(_, 0)) => Self::Wider,
            (Whole(_), Exact(..)) => Self::Decimals(true),
            (Exact(_, 0), Whole(_)) => Self::Narrower,
            (Exact(..), Whole(_)) => Self::Decimals(false),
            (Exact(before, scale), Exact(now, other)) if scale == other => {
                Self::wider(now.is_none_or(|now| before.is_some_and(|before| now >= before)))
            }
            (Exact(_, scale), Exact(_, other)) => Self::Decimals(other > scale),
            (Floating(false), Floating(true)) => Self::Wider,
            (Whole(_) | Exact(..) | Floating(_), Floating(double)) => Self::Floating(*double),
            (Floating(_), Whole(_) | Exact(..)) => Self::Exact,
            (Text(_), Text(None)) => Self::Wider,
            (Text(before), Text(Some(now))) => match before {
                Some(before) if now >= before => Self::Wider,
                _ => Self::Shorter(*now),
            },
            (Text(_), Whole(_) | Exact(..) | Floating(_)) => Self::Numbers,
            (Whole(_) | Exact(..) | Floating(_), Text(_)) => Self::Texts,
            (Day | Moment | Time, _) | (_, Day | Moment | Time) => Self::Dates,
            (Truth | Bytes, _) | (_, Truth | Bytes) => Self::Other,
            _ => Self::Other,
        }
    }

    fn wider(wider: bool) -> Self {
        if wider { Self::Wider } else { Self::Narrower }
    }
}

/// Whether two declared types hold the same sort of values; true where one is not known.
pub(super) fn are_akin(one: &str, other: &str) -> bool {
    match (family(one), family(other)) {
        (Some(one), Some(other)) => std::mem::discriminant(&one) == std::mem::discriminant(&other),
        _ => true,
    }
}

/// Words that a type's name begins with, in the order in which they are tried.
const NAMES: &[(&str, &str)] = &[
    ("tinyint", "1"),
    ("smallint", "2"),
    ("smallserial", "2"),
    ("int2", "2"),
    ("year", "2"),
    ("mediumint", "3"),
    ("bigint", "8"),
    ("bigserial", "8"),
    ("int8", "8"),
    ("interval", "other"),
    ("int", "4"),
    ("serial", "4"),
    ("decimal", "exact"),
    ("numeric", "exact"),
    ("number", "exact"),
    ("dec", "exact"),
    ("double", "double"),
    ("float8", "double"),
    ("float", "single"),
    ("real", "single"),
    ("binary_double", "double"),
    ("binary_float", "single"),
    ("varchar", "text"),
    ("nvarchar", "text"),
    ("character", "text"),
    ("char", "text"),
    ("nchar", "text"),
    ("bpchar", "text"),
    ("tinytext", "text"),
    ("mediumtext", "text"),
    ("longtext", "text"),
    ("ntext", "text"),
    ("text", "text"),
    ("clob", "text"),
    ("nclob", "text"),
    ("citext", "text"),
    ("string", "text"),
    ("enum", "text"),
    ("datetime", "moment"),
    ("smalldatetime", "moment"),
    ("timestamp", "moment"),
    ("date", "day"),
    ("time", "time"),
    ("bool", "truth"),
    ("bit", "truth"),
    ("bytea", "bytes"),
    ("binary", "bytes"),
    ("varbinary", "bytes"),
    ("blob", "bytes"),
    ("raw", "bytes"),
];

fn family(declared: &str) -> Option<Family> {
    let declared = declared.trim().to_ascii_lowercase();
    if declared.is_empty() {
        return None;
    }
    let (name, inner) = match declared.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.split_once(')').map_or(rest, |(inner, _)| inner)),
        None => (declared.as_str(), ""),
    };
    let mut numbers = inner.split(',').map(|number| number.trim().parse::<u32>().ok());
    let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
    // The longest name that fits: `int8` is no `int`.
    let known = NAMES.iter().filter(|(own, _)| name.starts_with(own)).max_by_key(|(own, _)| own.len());
    Some(match known.map(|(_, what)| *what) {
        Some("exact") => Family::Exact(first, second.unwrap_or(0)),
        Some("double") => Family::Floating(true),
        Some("single") => Family::Floating(false),
        Some("text") => Family::Text(first),
        Some("day") => Family::Day,
        Some("moment") => Family::Moment,
        Some("time") => Family::Time,
        Some("truth") => Family::Truth,
        Some("bytes") => Family::Bytes,
        Some("other") | None => Family::Other(declared),
        Some(bytes) => Family::Whole(bytes.parse().unwrap_or(4)),
    })
}

#[cfg(test)]
mod tests {
    use super::{Step, are_akin};

    #[test]
    fn types_of_many_products_are_understood() {
        for (before, now, step) in [
            ("int", "bigint", Step::Wider),
            ("int(11)", "int(10) unsigned", Step::Same),
            ("integer", "INT", Step::Same),
            ("bigint", "smallint", Step::Narrower),
            ("varchar(20)", "character varying(50)", Step::Wider),
            ("varchar(20)", "text", Step::Wider),
            ("text", "VARCHAR2(30)", Step::Shorter(30)),
            ("nvarchar(30)", "nvarchar(10)", Step::Shorter(10)),
            ("varchar(20)", "bigint", Step::Numbers),
            ("varchar(20)", "double precision", Step::Numbers),
            ("NUMBER(10)", "varchar(20)", Step::Texts),
            ("int", "decimal(10,0)", Step::Wider),
            ("int", "decimal(10,2)", Step::Decimals(true)),
            ("decimal(10,2)", "decimal(10,0)", Step::Decimals(false)),
            ("decimal(8,2)", "decimal(10,2)", Step::Wider),
            ("decimal(8,2)", "numeric", Step::Decimals(false)),
            ("bigint", "double", Step::Floating(true)),
            ("decimal(10,2)", "real", Step::Floating(false)),
            ("float", "double", Step::Wider),
            ("double precision", "numeric(10,2)", Step::Exact),
            ("date", "datetime", Step::Dates),
            ("timestamp without time zone", "date", Step::Dates),
            ("varchar(10)", "date", Step::Dates),
            ("tinyint(1)", "bit(1)", Step::Other),
            ("blob", "text", Step::Other),
            ("uuid", "jsonb", Step::Other),
            ("", "int", Step::Same),
        ] {
            assert_eq!(Step::between(before, now), step, "{before} → {now}");
        }
        assert!(are_akin("int", "bigint") && are_akin("", "date") && !are_akin("int", "text"));
    }
}
