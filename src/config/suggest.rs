//! The nearest known name to a mistyped one.

/// The known name that `word` was probably meant to be; `None` when none is near.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    known
        .map(|name| (strsim::damerau_levenshtein(&lower, &name.to_lowercase()), name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, name)| *distance * 3 <= name.chars().count().max(lower.chars().count()).max(3))
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let known = ["gaozhi-2024.09", "zhongzhi-2025.03", "sqlite", "csv"];
        for (word, found) in [
            ("gaozhi-2024.9", Some("gaozhi-2024.09")),
            ("SQLite", Some("sqlite")),
            ("sqilte", Some("sqlite")),
            ("oracle", None),
            ("cvs", Some("csv")),
        ] {
            assert_eq!(nearest(word, known.into_iter()), found, "{word}");
        }
    }
}
