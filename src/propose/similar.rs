//! How alike two rows of terms are.

use super::terms::{Term, Terms, UNKNOWN, Use};
use super::{pinyin, reading};

/// Terms that go without saying in a table: what it is about.
#[derive(Debug, Default, Clone)]
pub(super) struct Around {
    /// Of the standard's table.
    pub standard: Vec<Term>,
    /// Of the source's table.
    pub source: Vec<Term>,
}

fn weight(terms: &Terms, term: Term) -> f32 {
    match terms.kind(term) {
        _ if term == UNKNOWN => 0.8,
        Use::Filler => 0.12,
        Use::Modifier => 0.8,
        _ => 1.0,
    }
}

/// How alike a column's terms are to a label's, 0 to 1. What the tables are about may be left out on either side.
pub(super) fn alike(terms: &Terms, column: &[Term], label: &[Term], around: &Around) -> f32 {
    let mut left: Vec<Term> = label.to_vec();
    let (mut matched, mut missed) = (0.0, 0.0);
    let mut rest: Vec<Term> = Vec::new();
    for term in column {
        match left.iter().position(|other| other == term && *term != UNKNOWN) {
            Some(at) => {
                left.remove(at);
                matched += weight(terms, *term);
            }
            None => rest.push(*term),
        }
    }
    let mut strange = 0.0;
    for term in rest {
        let close = |other: &Term| terms.closeness(term, *other);
        let best = (0..left.len()).max_by(|a, b| close(&left[*a]).total_cmp(&close(&left[*b])));
        match best.filter(|at| close(&left[*at]) > 0.0) {
            Some(at) => {
                let share = close(&left[at]);
                let own = weight(terms, left.remove(at));
                matched += own * share;
                missed += own * (1.0 - share) * 0.6;
            }
            None => {
                let said = around.standard.contains(&term) || around.source.contains(&term);
                missed += weight(terms, term) * if said { 0.12 } else { 1.0 };
                strange += if said || terms.kind(term) == Use::Filler { 0.0 } else { 1.0 };
            }
        }
    }
    // A column that names its subject alone may hold its number or its name: the values tell.
    let bare = strange == 0.0 && left.len() == 1 && left == label[label.len() - 1..] && label.len() > 1;
    for term in left {
        let said = around.standard.contains(&term);
        let hinted = around.source.contains(&term);
        let head = bare && matches!(terms.name(term), "编号" | "名称");
        missed += weight(terms, term)
            * if said {
                0.2
            } else if hinted || head {
                0.25
            } else {
                0.9
            };
        // One thing in the place of another is worse than one left out.
        if strange > 0.0 && !said && !hinted && terms.kind(term) != Use::Filler {
            missed += 0.5;
        }
    }
    if matched <= 0.0 { 0.0 } else { matched / (matched + missed) }
}

/// How alike two names of columns are in what they mean, 0 to 1: by their terms, or because one is the pinyin initials of the
/// other.
pub fn names_alike(terms: &Terms, one: &str, other: &str) -> f32 {
    let around = Around::default();
    let (ones, others) = (reading::of_name(terms, one), reading::of_name(terms, other));
    let spelled = |name: &str, readings: &[reading::Reading]| {
        let bare: String = name.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
        let is_initials = |own: &reading::Reading| own.trust > 0.9 && pinyin::initials(&own.words).contains(&bare);
        if bare.len() > 1 && readings.iter().any(is_initials) { 0.8 } else { 0.0_f32 }
    };
    let pairs = ones.iter().flat_map(|a| others.iter().map(move |b| (a, b)));
    let by_terms = pairs.map(|(a, b)| a.trust * b.trust * alike(terms, &a.terms, &b.terms, &around)).fold(0.0, f32::max);
    by_terms.max(spelled(one, &others)).max(spelled(other, &ones))
}

/// The chance that a likeness is no accident.
pub(super) fn chance(likeness: f32) -> f32 {
    const POINTS: [(f32, f32); 7] =
        [(0.0, 0.0), (0.4, 0.12), (0.55, 0.35), (0.66, 0.55), (0.75, 0.72), (0.85, 0.87), (1.0, 0.96)];
    let above = POINTS.iter().position(|(x, _)| *x >= likeness).unwrap_or(POINTS.len() - 1).max(1);
    let ((x0, y0), (x1, y1)) = (POINTS[above - 1], POINTS[above]);
    y0 + (y1 - y0) * ((likeness - x0) / (x1 - x0)).clamp(0.0, 1.0)
}
