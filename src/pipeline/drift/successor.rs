//! Which new column a vanished one probably has become.

use super::retyped::are_akin;
use super::shape::Seen;
use crate::finding::Text;
use crate::source::ColumnKind;

/// Less is no proposal.
const LEAST: f32 = 0.5;
/// Who comes this close to the best is named beside it.
const CLOSE: f32 = 0.1;

/// A column that a vanished one may have become.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Candidate {
    pub name: String,
    /// 0 to 1.
    pub sure: f32,
    pub why: Text,
}

/// Says how alike two column names are in what they mean, 0 to 1.
pub type Likeness = dyn Fn(&str, &str) -> f32 + Send + Sync;

/// The likeliest new columns for each vanished one: none, one, or two that are as likely. No column is proposed twice as the best.
pub(super) fn successors(gone: &[Seen<'_>], new: &[Seen<'_>], likeness: &Likeness) -> Vec<Vec<Candidate>> {
    let mut all: Vec<(usize, usize, Candidate)> = Vec::new();
    for (at, old) in gone.iter().enumerate() {
        all.extend(new.iter().enumerate().map(|(other, new)| (at, other, compared(old, new, likeness))));
    }
    all.retain(|(.., candidate)| candidate.sure >= LEAST);
    all.sort_by(|a, b| b.2.sure.total_cmp(&a.2.sure));
    let mut best: Vec<Option<(usize, f32)>> = vec![None; gone.len()];
    for (old, new, candidate) in &all {
        let taken = best.iter().flatten().any(|(other, _)| other == new);
        if best[*old].is_none() && !taken {
            best[*old] = Some((*new, candidate.sure));
        }
    }
    let of = |old: usize| -> Vec<Candidate> {
        let Some((first, sure)) = best[old] else { return Vec::new() };
        let own = all.iter().filter(|(at, new, c)| *at == old && (*new == first || (sure - c.sure < CLOSE && c.sure <= sure)));
        let free = own.filter(|(_, new, _)| *new == first || !best.iter().flatten().any(|(taken, _)| taken == new));
        free.take(2).map(|(.., candidate)| candidate.clone()).collect()
    };
    (0..gone.len()).map(of).collect()
}

fn compared(old: &Seen<'_>, new: &Seen<'_>, likeness: &Likeness) -> Candidate {
    let name = names(&old.column.name, &new.column.name).max(likeness(&old.column.name, &new.column.name));
    let kinds = [old.column.kind, new.column.kind];
    let akin =
        (kinds[0] == kinds[1] || kinds.contains(&ColumnKind::Unknown)) && are_akin(&old.column.declared, &new.column.declared);
    let overlap = new.form.overlap(old.form);
    let same_values = overlap >= 0.5 && old.form.is_telling();
    let formed = !new.form.is_unlike(old.form) && new.form.filled > 0 && old.form.filled > 0;
    let form = if same_values { 1.0 } else { f32::from(u8::from(formed)) * 0.6 };
    let mut sure = 0.5 * name + 0.2 * f32::from(u8::from(akin)) + 0.3 * form;
    if name < 0.6 && !same_values {
        // Types and forms alone are those of many columns.
        sure *= 0.5;
    }
    if same_values {
        sure = sure.max(0.75 + 0.2 * name);
    }
    let mut why = Vec::new();
    if same_values {
        why.push(("样本值相同", "the sampled values are the same"));
    }
    if name >= 0.6 {
        why.push(("列名相近", "the names are alike"));
    }
    if akin {
        why.push(("类型相同", "the types are alike"));
    }
    let (zh, en): (Vec<&str>, Vec<&str>) = why.into_iter().unzip();
    Candidate { name: new.column.name.clone(), sure: sure.min(0.99), why: Text::new(zh.join("、"), en.join(", ")) }
}

/// How alike two names are letter by letter; of joined headings the last part counts.
fn names(one: &str, other: &str) -> f32 {
    let plain = |name: &str| -> String {
        let last = name.rsplit('/').next().unwrap_or(name);
        last.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
    };
    let (one, other) = (plain(one), plain(other));
    if one.is_empty() || other.is_empty() {
        return 0.0;
    }
    if one == other {
        return 1.0;
    }
    let within = one.contains(&other) || other.contains(&one);
    let share = strsim::normalized_levenshtein(&one, &other) as f32;
    if within { share.max(0.7) } else { share }
}
