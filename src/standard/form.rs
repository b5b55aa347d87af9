//! The forms of texts, as the published documents mean them.

/// At least one character that is no blank: a text of blanks alone counts as empty.
pub(super) const NOT_BLANK: &str = r"\P{White_Space}";
