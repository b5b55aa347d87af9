//! A batch of source rows through a compiled mapping.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::sync::Arc;

use super::adopt::Adopt;
use super::clean::clean;
use super::coerce::{Room, Trouble, Value};
use super::lookup::{Found as LookedUp, LookupAnswers, LookupPlace};
use super::plan::{Feed, FieldMap, MappingPlan, Normalized, OnMissing, Piece, Ready};
use crate::finding::{Expected, FieldRef, Findings, Found, RuleId, Severity, Text, Violation, Waits};
use crate::record::{BatchBuilder, RecordKey, ValueRef};
use crate::source::{RawFault, SourceBatch};
use crate::standard::{KeyPart, Required};

/// Buffers kept for a whole batch.
#[derive(Default)]
struct Scratch {
    clean: String,
    template: String,
    room: Room,
    key_room: Room,
    joined: String,
}

/// Where a row's cells and findings go.
struct Target<'a> {
    builder: BatchBuilder,
    findings: Findings,
    lookups: &'a LookupAnswers,
    row: usize,
}

pub(super) fn apply(plan: &MappingPlan, batch: &SourceBatch, collected_at: &str, lookups: &LookupAnswers) -> Normalized {
    let builder = BatchBuilder::new(Arc::clone(&plan.plan), batch.len());
    let mut target = Target { builder, findings: Findings::default(), lookups, row: 0 };
    let mut scratch = Scratch::default();
    let mut filtered = Vec::new();
    let mut raw_faults = batch.faults().iter().peekable();
    for row in 0..batch.len() {
        let faults = take_faults(&mut raw_faults, row);
        if plan.filters.iter().any(|f| !f.takes(batch, row, &plan.missing, &mut scratch.clean)) {
            filtered.push(row);
            continue;
        }
        target.row = target.builder.len();
        target.builder.begin_row(row);
        for fault in faults {
            target.raw_fault(plan, fault);
        }
        for map in &plan.fields {
            cell(map, batch, row, collected_at, &mut scratch, &mut target);
        }
        seal(plan, batch, row, &mut scratch, &mut target);
    }
    Normalized { batch: target.builder.finish(), findings: target.findings, filtered }
}

fn take_faults<'a>(faults: &mut Peekable<std::slice::Iter<'a, RawFault>>, row: usize) -> Vec<&'a RawFault> {
    let mut taken = Vec::new();
    while let Some(fault) = faults.next_if(|f| f.row <= row) {
        if fault.row == row {
            taken.push(fault);
        }
    }
    taken
}

fn cell(map: &FieldMap, batch: &SourceBatch, row: usize, collected_at: &str, scratch: &mut Scratch, target: &mut Target<'_>) {
    match &map.feed {
        Feed::Nothing => target.builder.push_null(),
        Feed::Constant(ready) => target.ready(ready),
        // Nothing yet: sealing writes it. Until then no check may take it for missing.
        Feed::RecordKey => target.builder.push_faulted(),
        Feed::CollectedAt => target.builder.push_text(collected_at),
        Feed::Column(column) => {
            let Scratch { clean: buffer, room, key_room, joined, .. } = scratch;
            let Some(raw) = batch.cell(row, *column) else { return missing(map, batch, row, scratch, target) };
            let (text, damage) = clean(raw, buffer);
            if damage.replacement {
                return target.replacement(map, text);
            }
            if damage.private {
                target.private(map, text);
            }
            let text = map.words.get(text).map_or(text, |w| w);
            if map.missing.has(text) || !value(map, text, room, key_room, joined, target) {
                missing(map, batch, row, scratch, target);
            }
        }
        Feed::Template(pieces) => {
            let Some(damaged) = fill(map, pieces, batch, row, scratch) else { return missing(map, batch, row, scratch, target) };
            let Scratch { template, room, key_room, joined, .. } = scratch;
            if damaged {
                return target.replacement(map, template);
            }
            if !value(map, template, room, key_room, joined, target) {
                missing(map, batch, row, scratch, target);
            }
        }
    }
}

/// Fills a template into its buffer; `None` when a part is missing. The flag says whether characters were lost.
fn fill(map: &FieldMap, pieces: &[Piece], batch: &SourceBatch, row: usize, scratch: &mut Scratch) -> Option<bool> {
    let Scratch { clean: buffer, template, .. } = scratch;
    template.clear();
    let mut damaged = false;
    for piece in pieces {
        match piece {
            Piece::Text(text) => template.push_str(text),
            Piece::Column(column) => {
                let (text, damage) = clean(batch.cell(row, *column)?, buffer);
                let text = map.words.get(text).map_or(text, |w| w);
                if map.missing.has(text) {
                    return None;
                }
                damaged |= damage.replacement;
                template.push_str(text);
            }
        }
    }
    Some(damaged)
}

/// Puts the value of a text into the next cell. False, and nothing put, when the text stands for nothing.
fn value(map: &FieldMap, text: &str, room: &mut Room, key_room: &mut Room, joined: &mut String, target: &mut Target<'_>) -> bool {
    let (lookups, mut waits) = (target.lookups, None);
    let Some((split, join)) = map.several.as_ref().filter(|(split, _)| text.contains(&**split)) else {
        return match one(map, text, room, key_room, lookups, &mut waits) {
            Ok((Value::Nothing, _)) => false,
            Ok((value, given)) => {
                target.put(value, given, room);
                target.notes(map, text, room);
                true
            }
            Err(trouble) => {
                target.trouble(map, text, *trouble);
                target.wait(waits);
                target.builder.push_faulted();
                true
            }
        };
    };
    joined.clear();
    let mut faulted = false;
    for part in text.split(&**split).map(str::trim).filter(|p| !p.is_empty()) {
        match one(map, part, room, key_room, lookups, &mut waits) {
            Ok((value, given)) => {
                let text = match value {
                    Value::Nothing => continue,
                    Value::Same => given,
                    Value::Out | Value::Number => &room.out,
                    Value::Code(idx) => map.coercer.codes.as_ref().map_or(given, |c| c.text(idx)),
                };
                if !joined.is_empty() {
                    joined.push_str(join);
                }
                joined.push_str(text);
                target.notes(map, part, room);
            }
            Err(trouble) => {
                target.trouble(map, part, *trouble);
                target.wait(waits.take());
                faulted = true;
            }
        }
    }
    if faulted {
        target.builder.push_faulted();
    } else if joined.is_empty() {
        return false;
    } else {
        target.builder.push_text(joined);
    }
    true
}

/// One value: looked up where the mapping says so, then coerced. Gives the value and the text that it was made from.
fn one<'t>(
    map: &FieldMap,
    text: &'t str,
    room: &mut Room,
    key_room: &mut Room,
    lookups: &'t LookupAnswers,
    waits: &mut Option<Waits>,
) -> Result<(Value, &'t str), Box<Trouble>> {
    let Some(lookup) = &map.lookup else { return Ok((map.coercer.coerce(text, room)?, text)) };
    let key = match lookup.coercer.coerce(text, key_room)? {
        Value::Same => text,
        Value::Out | Value::Number => &key_room.out,
        Value::Code(idx) => lookup.coercer.codes.as_ref().map_or(text, |c| c.text(idx)),
        Value::Nothing => return Ok((Value::Nothing, text)),
    };
    match lookups.get(lookup.place, key) {
        LookedUp::One(found) => Ok((map.coercer.coerce(found, room)?, found)),
        LookedUp::Several => Err(Box::new(Trouble {
            rule: RuleId::AMBIGUOUS,
            severity: Severity::Error,
            expected: Expected::KeyIn(lookup.table.clone()),
            fix: Some(Text::new(
                format!("{} 中有多条同名记录，请直接给编号", lookup.table),
                format!("several rows of {} match; give the number itself", lookup.table),
            )),
        })),
        LookedUp::Nothing => {
            *waits = Some(Waits { table: lookup.table.clone(), field: lookup.field.clone(), value: key.to_owned() });
            Err(Box::new(Trouble {
                rule: RuleId::REFERENCE,
                severity: Severity::Error,
                expected: Expected::KeyIn(lookup.table.clone()),
                fix: Some(Text::new(
                    format!("在 {} 中登记，或更正名称", lookup.table),
                    format!("enter it in {}, or correct the name", lookup.table),
                )),
            }))
        }
    }
}

/// The next cell, when the source has nothing for it.
fn missing(map: &FieldMap, batch: &SourceBatch, row: usize, scratch: &mut Scratch, target: &mut Target<'_>) {
    match &map.on_missing {
        OnMissing::Nothing => target.builder.push_null(),
        OnMissing::Ready(ready) => target.ready(ready),
        OnMissing::Hold => {
            let words = Text::new("等待该值成为事实后再上报", "the value once it is true; the row waits until then");
            target.violation(map, RuleId::HELD, Severity::Error, Found::Missing, Expected::Words(words), None);
            target.builder.push_faulted();
        }
        OnMissing::Planned(column) => {
            let Scratch { clean: buffer, room, key_room, joined, .. } = scratch;
            let text = batch.cell(row, *column).map(|raw| clean(raw, buffer));
            match text {
                Some((text, damage)) if damage.replacement => target.replacement(map, text),
                Some((text, _)) if !map.missing.has(text) => {
                    if !value(map, text, room, key_room, joined, target) {
                        target.builder.push_null();
                    }
                }
                _ => target.builder.push_null(),
            }
        }
    }
}

/// Ends the row with its keys and says what is missing of them.
fn seal(plan: &MappingPlan, batch: &SourceBatch, row: usize, scratch: &mut Scratch, target: &mut Target<'_>) {
    target.builder.end_row();
    let adopted = match &plan.adopt {
        None => None,
        Some(Adopt::Column(column)) => {
            let text = batch.cell(row, *column).map_or("", |raw| clean(raw, &mut scratch.clean).0);
            let key = RecordKey::parse(text);
            if key.is_none() && !text.is_empty() && !plan.missing.iter().any(|m| m == text) {
                let words = Text::new("32 位大写字母和数字的既有主键", "an existing key of 32 capitals and digits");
                target.key_violation(None, Found::of(text, false), Expected::Words(words));
            }
            key
        }
        Some(known) => known.known(&target.builder.batch().row(target.row)),
    };
    let raw_id = plan.source_id.and_then(|column| batch.cell(row, column));
    let source_id = raw_id.map(|raw| clean(raw, &mut scratch.clean).0).filter(|t| !t.is_empty());
    let has_id = source_id.is_some();
    if !target.builder.seal_row(&plan.key, source_id, adopted) {
        key_faults(plan, has_id, target);
    }
}

/// Names each part of the key that is missing. Faulted parts have been reported already.
fn key_faults(plan: &MappingPlan, has_id: bool, target: &mut Target<'_>) {
    let (parts, _) = plan.key.parts_for(has_id);
    let mut found = Vec::new();
    {
        let record = target.builder.batch().row(target.row);
        let nothing = parts.iter().all(|p| field_of(p).is_none_or(|f| record.get(f) == ValueRef::Null));
        for part in parts {
            let Some(field) = field_of(part) else {
                if !has_id {
                    found.push(None);
                }
                continue;
            };
            let mandatory = plan.plan.field(field).required == Required::Mandatory;
            let unusable = match record.get(field) {
                ValueRef::Null => mandatory || nothing,
                ValueRef::Faulted => false,
                _ => !matches!(part, KeyPart::Field(_)),
            };
            if unusable {
                found.push(Some(plan.fields[field.usize()].subject.clone()));
            }
        }
    }
    for subject in found {
        let words = match subject {
            Some(_) => Text::new("主键所需的值", "a value, because it is part of the key"),
            None => Text::new("来源记录的标识", "the source row's own id"),
        };
        target.key_violation(subject, Found::Missing, Expected::Words(words));
    }
    if !target.findings.has_error(target.row) {
        let words = Text::new("可用的自然主键", "a usable natural key");
        target.key_violation(None, Found::Missing, Expected::Words(words));
    }
}

fn field_of(part: &KeyPart) -> Option<crate::standard::FieldIdx> {
    match part {
        KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) => Some(*f),
        KeyPart::SourceId => None,
    }
}

impl Target<'_> {
    fn ready(&mut self, ready: &Ready) {
        match ready {
            Ready::Null => self.builder.push_null(),
            Ready::Text(text) => self.builder.push_text(text),
            Ready::Number(text) => self.builder.push_number(text),
            Ready::Code(idx) => self.builder.push_code(*idx),
        }
    }

    fn put(&mut self, value: Value, given: &str, room: &Room) {
        match value {
            Value::Same => self.builder.push_text(given),
            Value::Out => self.builder.push_text(&room.out),
            Value::Number => self.builder.push_number(&room.out),
            Value::Code(idx) => self.builder.push_code(idx),
            Value::Nothing => self.builder.push_null(),
        }
    }

    fn notes(&mut self, map: &FieldMap, text: &str, room: &mut Room) {
        if room.notes.is_empty() {
            return;
        }
        for note in room.notes.drain(..) {
            self.trouble(map, text, note);
        }
    }

    fn trouble(&mut self, map: &FieldMap, text: &str, trouble: Trouble) {
        let found = Found::of(text, map.sensitive);
        self.violation(map, trouble.rule, trouble.severity, found, trouble.expected, trouble.fix);
    }

    fn wait(&mut self, waits: Option<Waits>) {
        if let Some(waits) = waits {
            self.findings.add_wait(self.row, waits);
        }
    }

    fn violation(
        &mut self,
        map: &FieldMap,
        rule: RuleId,
        severity: Severity,
        found: Found,
        expected: Expected,
        fix: Option<Text>,
    ) {
        let field = Some(map.subject.clone());
        self.findings.add(self.row, Violation { rule, severity, field, found, expected, fix });
    }

    fn key_violation(&mut self, field: Option<FieldRef>, found: Found, expected: Expected) {
        let violation = Violation { rule: RuleId::KEY, severity: Severity::Error, field, found, expected, fix: None };
        self.findings.add(self.row, violation);
    }

    /// A character was lost before the text came to us.
    fn replacement(&mut self, map: &FieldMap, text: &str) {
        let words = Text::new("没有替换字符（�）的文本", "a text without replacement characters");
        let fix = Text::new(
            "来源的编码转换已丢失字符，需从原系统重新导出",
            "the source lost characters in a conversion; export it again",
        );
        let found = Found::of(text, map.sensitive);
        self.violation(map, RuleId::ENCODING, Severity::Error, found, Expected::Words(words), Some(fix));
        self.builder.push_faulted();
    }

    /// A character that only one font could show: kept, and said.
    fn private(&mut self, map: &FieldMap, text: &str) {
        let words = Text::new("没有自造字（私用区字符）的文本", "a text without private-use characters");
        let fix = Text::new("把自造字改为国标汉字", "replace the self-made character by the standard one");
        let found = Found::of(text, map.sensitive);
        self.violation(map, RuleId::ENCODING, Severity::Warning, found, Expected::Words(words), Some(fix));
    }

    fn raw_fault(&mut self, plan: &MappingPlan, fault: &RawFault) {
        let fed = |map: &&FieldMap| matches!((&map.feed, fault.column), (Feed::Column(c), Some(f)) if *c == f);
        let field = plan.fields.iter().find(fed).map(|map| map.subject.clone());
        let expected = Expected::Words(match fault.rule {
            RuleId::WITHDRAWN => Text::new("来源中仍有的记录", "a record that the source still has"),
            _ => Text::new("可读取的原始行", "a row that can be read whole"),
        });
        let fix = Some(fault.what.clone());
        let found = Found::Kind("raw");
        self.findings.add(self.row, Violation { rule: fault.rule, severity: Severity::Error, field, found, expected, fix });
    }
}

/// Collects the values that a batch looks up.
pub(super) fn collect_lookups(plan: &MappingPlan, batch: &SourceBatch, wanted: &mut BTreeMap<LookupPlace, BTreeSet<String>>) {
    let mut scratch = Scratch::default();
    for row in 0..batch.len() {
        if plan.filters.iter().any(|f| !f.takes(batch, row, &plan.missing, &mut scratch.clean)) {
            continue;
        }
        for map in &plan.fields {
            let Some(lookup) = &map.lookup else { continue };
            let text = match &map.feed {
                Feed::Column(column) => {
                    let Some(raw) = batch.cell(row, *column) else { continue };
                    let (text, _) = clean(raw, &mut scratch.clean);
                    map.words.get(text).map_or(text, |w| w).to_owned()
                }
                Feed::Template(pieces) => match fill(map, pieces, batch, row, &mut scratch) {
                    Some(_) => scratch.template.clone(),
                    None => continue,
                },
                _ => continue,
            };
            if map.missing.has(&text) {
                continue;
            }
            let place = wanted.entry(lookup.place).or_default();
            let split = map.several.as_ref().map(|(split, _)| &**split);
            for part in split.map_or_else(|| vec![text.as_str()], |s| text.split(s).map(str::trim).collect()) {
                let room = &mut scratch.key_room;
                let key = match lookup.coercer.coerce(part, room) {
                    Ok(Value::Same) => part,
                    Ok(Value::Out | Value::Number) => &room.out,
                    Ok(Value::Code(idx)) => lookup.coercer.codes.as_ref().map_or(part, |c| c.text(idx)),
                    Ok(Value::Nothing) | Err(_) => continue,
                };
                if !key.is_empty() && !place.contains(key) {
                    place.insert(key.to_owned());
                }
            }
        }
    }
}
