//! How surely a column is a field: what names say, then what values say.

use super::codes::{self, Dictionary};
use super::field::{Field, Spelled};
use super::fit::{self, fit};
use super::profile::{self, Profile};
use super::reading::{self, How, Reading};
use super::similar::{Around, chance};
use super::terms::{Term, Terms, is_han, plain};
use super::title::Subject;
use super::wordlist::Wordlists;
use crate::finding::Text;
use crate::source::TableShape;
use crate::standard::TablePlan;

/// A column as its names and samples show it.
pub(super) struct View {
    pub at: usize,
    comment: Vec<Reading>,
    name: Vec<Reading>,
    /// The name as initials could be written: upper case, letters alone.
    bare: Vec<String>,
    pub profile: Profile,
    pub is_surrogate: bool,
    pub is_machinery: bool,
    /// What the comment, or a list of codes in the source, says that the column's own codes mean.
    pub dictionary: Dictionary,
    /// The table of that list.
    pub list: Option<String>,
    /// Whether names say anything at all.
    said: Option<String>,
}

impl View {
    pub fn of(terms: &Terms, lists: &Wordlists, shape: &TableShape, at: usize) -> Self {
        let column = &shape.columns[at];
        let profile = Profile::of(shape, at);
        let comment = column.comment.as_deref().map(|text| reading::of_comment(terms, text)).unwrap_or_default();
        let mut name = reading::of_name(terms, &column.name);
        let words = reading::split(&column.name);
        let joined: String = words.concat().to_ascii_uppercase();
        if comment.is_empty() && joined.len() >= 4 && !name.iter().any(|own| own.trust > 0.9) {
            name.extend(reading::of_initials(terms, std::slice::from_ref(&joined)));
        }
        let mut bare = vec![joined];
        if words.len() > 1 && words[0].len() <= 2 {
            bare.push(words[1..].concat().to_ascii_uppercase());
        }
        bare.retain(|name| name.len() >= 2 && name.is_ascii());
        let first = comment.iter().chain(&name).max_by(|a, b| a.trust.total_cmp(&b.trust));
        let is_machinery = comment.iter().chain(&name).any(|own| own.trust > 0.9 && reading::is_machinery(terms, own))
            || profile.share(profile.hashes) > 0.8
            || bare.iter().any(|name| terms.audits.contains(name));
        let explained = column.comment.as_deref().map(codes::dictionary).unwrap_or_default();
        let listed = if explained.is_empty() { lists.meaning(shape, at) } else { None };
        let list = listed.as_ref().map(|(_, table)| (*table).to_owned());
        let dictionary = listed.map_or(explained, |(means, _)| means);
        let said =
            column.comment.as_deref().filter(|text| text.chars().any(is_han)).map(|text| reading::head_of(text).to_owned());
        Self {
            at,
            is_surrogate: profile::is_surrogate(shape, at, &profile),
            is_machinery,
            dictionary,
            list,
            said: said.or_else(|| first.map(|own| own.words.clone())),
            comment,
            name,
            bare,
            profile,
        }
    }
}

/// A column's chance to be a field.
#[derive(Debug, Clone)]
pub(super) struct Scored {
    pub column: usize,
    pub field: usize,
    pub chance: f32,
    pub take: Option<&'static str>,
    pub reasons: Vec<Text>,
    /// Whether the comment is the label, or the name the field's own.
    pub exact: bool,
}

/// The chance of a column whose values have a form that nothing else has, whatever it is called.
const FORM_ALONE: f32 = 0.62;

/// The best chance by names alone, and why.
struct Named {
    chance: f32,
    reason: Text,
    exact: bool,
}

fn by_readings(terms: &Terms, readings: &[Reading], field: &Field, around: &Around) -> (f32, Option<How>) {
    readings.iter().fold((0.0, None), |best, own| {
        let likeness = own.trust * field.likeness(terms, &own.terms, around);
        if likeness > best.0 { (likeness, Some(own.how)) } else { best }
    })
}

fn by_names(terms: &Terms, plan: &TablePlan, subject: &Subject, field: &Field, view: &View, around: &Around) -> Named {
    let label = &plan.field(field.idx).label;
    let (said, _) = by_readings(terms, &view.comment, field, around);
    let (named, how) = by_readings(terms, &view.name, field, around);
    let english = view.name.iter().any(|own| own.how == How::English && own.trust > 0.97);
    let spelled = view.bare.iter().filter_map(|name| field.spelled(plan, subject, name)).max_by(|a, b| a.0.total_cmp(&b.0));
    let spelled = spelled.filter(|(_, by)| !english || (*by == Spelled::Identifier && view.comment.is_empty()));
    let by_name = chance(named * if how == Some(How::Chinese) { 1.0 } else { 0.98 });
    let by_spelling = spelled.map_or(0.0, |(own, _)| own);
    let other = by_name.max(by_spelling);
    let shown = view.said.as_deref().unwrap_or_default();
    if view.comment.is_empty() {
        let reason = match (spelled, how) {
            (Some((own, Spelled::Identifier)), _) if own >= by_name => {
                Text::new("列名即字段名", "the column bears the field's name")
            }
            (Some((own, Spelled::Initials)), _) if own >= by_name => {
                Text::new(format!("列名为“{label}”的拼音首字母"), format!("the name is pinyin initials of {label}"))
            }
            (_, Some(How::Pinyin)) => {
                Text::new(format!("列名读作“{shown}”（全拼）"), format!("the name reads {shown} in pinyin"))
            }
            (_, Some(How::Chinese)) => Text::new(format!("列名与“{label}”同义"), format!("the name means {label}")),
            _ => Text::new(format!("列名（英文）意为“{shown}”"), format!("the English name means {shown}")),
        };
        let own = spelled.is_some_and(|(own, by)| by == Spelled::Identifier && own >= by_name);
        return Named { chance: other, reason, exact: own };
    }
    let exact = view.said.as_deref().is_some_and(|own| plain(own) == plain(label));
    let by_comment = if exact { 0.985 } else { chance(said) };
    // A comment that is understood and says something else goes before the name.
    let clear = view.comment.iter().any(|own| own.trust >= 0.9);
    let share = if clear && by_comment < 0.6 { 0.45 } else { 0.6 };
    // 编号 says nothing about whose: the name does.
    let says_little = |term: &Term| matches!(terms.name(*term), "编号" | "名称");
    let bare = !exact && view.comment.iter().all(|own| own.terms.iter().all(says_little));
    let both = if bare && other > 0.6 { other.max(0.85 * by_comment) } else { by_comment.max(share * other) };
    let agreed = if said > 0.55 && other > 0.7 { both + (1.0 - both) * 0.35 } else { both };
    let reason = if by_comment >= share * other {
        Text::new(format!("注释“{shown}”与“{label}”同义"), format!("the comment {shown} means {label}"))
    } else {
        Text::new("列名相近而注释不同", "the name is close, the comment is not")
    };
    Named { chance: agreed, reason, exact }
}

/// Scores one column against one field; `None` when nothing speaks for the pair.
pub(super) fn score(
    terms: &Terms,
    plan: &TablePlan,
    subject: &Subject,
    field: &Field,
    view: &View,
    around: &Around,
) -> Option<Scored> {
    let mut named = by_names(terms, plan, subject, field, view, around);
    if named.chance < FORM_ALONE
        && let Some(reason) = fit::form_alone(plan.field(field.idx), &view.profile)
    {
        named = Named { chance: FORM_ALONE, reason, exact: false };
    }
    if named.chance < 0.25 {
        return None;
    }
    let held = field.holds(terms, plan.field(field.idx));
    let found = fit(terms, plan, field.idx, held, &view.profile, &view.dictionary);
    let mut own = named.chance * found.factor;
    // What many columns look like says little for one whose name says little.
    own += (1.0 - own) * found.bonus * named.chance.min(1.0);
    // School year and term in one have a form that nothing else has.
    if matches!(found.take, Some("school_year" | "term"))
        && named.chance > 0.35
        && view.profile.share(view.profile.year_terms) > 0.9
    {
        own = own.max(0.86);
    }
    // Placeholders do not tell numbers from names: the column's name has to say it.
    let number = held.is_some_and(|head| terms.name(head) == "编号");
    if view.profile.is_filler && named.chance < 0.9 && number {
        own *= 0.75;
    }
    if view.is_surrogate {
        own *= 0.35;
    }
    if view.is_machinery {
        own *= 0.5;
    }
    let mut reasons = vec![named.reason];
    reasons.extend(found.why);
    Some(Scored { column: view.at, field: 0, chance: own.min(0.99), take: found.take, reasons, exact: named.exact })
}

/// How surely a column is a field by its names alone, whatever its values are.
pub(super) fn likeness_by_name(
    terms: &Terms,
    plan: &TablePlan,
    subject: &Subject,
    field: &Field,
    view: &View,
    around: &Around,
) -> f32 {
    by_names(terms, plan, subject, field, view, around).chance
}

/// The terms that say nothing against a pair: what both tables are about.
pub(super) fn around(subject: &[Term], table: &[Term]) -> Around {
    Around { standard: subject.to_vec(), source: table.to_vec() }
}
