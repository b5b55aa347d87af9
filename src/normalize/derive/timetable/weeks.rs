//! `1-16周(单)`, `第3,5-8周`, `2-10双周`: the weeks that a timetable means; `星期三`, `3`: the day; `1-2节`, `0102`: the periods.

use std::collections::BTreeSet;

/// The weeks of an expression; `None` where it is none. Odd and even hold for the part that they stand behind.
pub(super) fn weeks(text: &str) -> Option<BTreeSet<u16>> {
    let mut all = BTreeSet::new();
    let plain: String = text.chars().map(folded).filter(|c| !c.is_whitespace() && !"第周()[]{}".contains(*c)).collect();
    for part in plain.split([',', '、', ';']).filter(|part| !part.is_empty()) {
        let odd = part.contains('单');
        let even = part.contains('双');
        let bare: String = part.chars().filter(|c| !matches!(c, '单' | '双')).collect();
        let (first, last) = match bare.split_once(['-', '~', '—', '至']) {
            Some((first, last)) => (first.parse::<u16>().ok()?, last.parse::<u16>().ok()?),
            None => (bare.parse::<u16>().ok()?, bare.parse::<u16>().ok()?),
        };
        if first == 0 || last < first || last > 60 || (odd && even) {
            return None;
        }
        all.extend((first..=last).filter(|week| (!odd || week % 2 == 1) && (!even || week % 2 == 0)));
    }
    (!all.is_empty()).then_some(all)
}

/// Full-width digits and marks as plain ones.
fn folded(c: char) -> char {
    match c {
        '０'..='９' | '，' | '（' | '）' | '－' | '；' | '［' | '］' | '～' => {
            char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c)
        }
        _ => c,
    }
}

/// Monday is 1.
pub(super) fn weekday(text: &str) -> Option<i8> {
    let bare = text.trim().trim_start_matches("星期").trim_start_matches("礼拜").trim_start_matches('周');
    let named = ["一", "二", "三", "四", "五", "六", "日"].iter().position(|name| *name == bare);
    match (named, bare) {
        (Some(at), _) => i8::try_from(at + 1).ok(),
        (None, "天") => Some(7),
        (None, digits) => digits.parse().ok().filter(|day| (1..=7).contains(day)),
    }
}

/// First and last period.
pub(super) fn periods(text: &str) -> Option<(u8, u8)> {
    let plain: String = text.chars().map(folded).collect();
    let numbers: Vec<&str> = plain.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty()).collect();
    let numbers: Vec<&str> = match numbers[..] {
        // 0102 or 010203: two digits each.
        [joined] if joined.len() > 2 && joined.len() % 2 == 0 => {
            (0..joined.len()).step_by(2).filter_map(|at| joined.get(at..at + 2)).collect()
        }
        _ => numbers,
    };
    let (first, last) = (numbers.first()?.parse().ok()?, numbers.last()?.parse().ok()?);
    (0 < first && first <= last && last <= 30).then_some((first, last))
}
