//! Rows judged by an edition of the standard, with the checks that the hub uses too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::value::RawValue;
use xxhash_rust::xxh3::Xxh3;

use super::{Judged, RowJudge};
use crate::brain::config::{DateTimes, RowsConfig, SealedFields};
use crate::finding::{Expected, FieldRef, Findings, Found, RuleId, Severity, Text, Violation};
use crate::record::{BatchBuilder, DecodeFault, Decoder, Record, RecordBatch, canonical_json};
use crate::standard::{DateTimeStyle, FieldIdx, FieldPlan, FieldType, Format, Standard, TableId, TablePlan};
use crate::validate::{Checks, KeyAnswers, ReferencePolicies};

/// The data state that deletes.
const DELETED: &str = "0";

/// Judges by an edition of the standard: the platform's own judge.
pub struct EditionJudge {
    standard: Arc<Standard>,
    config: RowsConfig,
    checks: Mutex<HashMap<TableId, Arc<Checks>>>,
}

impl EditionJudge {
    /// A judge by this edition.
    pub fn new(standard: Arc<Standard>, config: RowsConfig) -> Self {
        Self { standard, config, checks: Mutex::default() }
    }

    /// A table of the edition itself: the hub's own core is not reported here.
    fn plan(&self, table: &str) -> Option<&Arc<TablePlan>> {
        self.standard.find(table).filter(|plan| plan.edition == *self.standard.edition())
    }

    fn checks(&self, plan: &Arc<TablePlan>) -> Arc<Checks> {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let compile = || Arc::new(Checks::compile(plan, &self.standard, &ReferencePolicies::default()));
        Arc::clone(checks.entry(plan.id).or_insert_with(compile))
    }

    /// Which forms of date-times are good: with a blank, joined.
    fn date_times(&self) -> (bool, bool) {
        match (self.config.date_time, self.standard.info().date_time) {
            (DateTimes::Either, _) => (true, true),
            (DateTimes::Blank, _) | (DateTimes::Edition, DateTimeStyle::Blank) => (true, false),
            (DateTimes::Joined, _) | (DateTimes::Edition, DateTimeStyle::Plain) => (false, true),
        }
    }
}

impl RowJudge for EditionJudge {
    fn knows(&self, table: &str) -> bool {
        self.plan(table).is_some()
    }

    fn standard(&self) -> Option<Arc<Standard>> {
        Some(Arc::clone(&self.standard))
    }

    fn judge(&self, table: &str, rows: &[&RawValue], school: &str, today: &str) -> Vec<Judged> {
        let Some(plan) = self.plan(table) else { return Vec::new() };
        let mut reading = Reading::new(plan, rows.len());
        for row in rows {
            reading.row(row.get(), &self.config, self.date_times());
        }
        let Reading { builder, places, mut errors, .. } = reading;
        let batch = builder.finish();
        let mut findings = Findings::default();
        self.checks(plan).run(&batch, &KeyAnswers::new(), today, &mut findings);
        for (place, row) in places.iter().enumerate() {
            let Some(row) = *row else { continue };
            errors[place].extend(found(&findings, row, plan, self.config.sealed));
            errors[place].extend(other_school(&batch.row(row), school));
        }
        let verdict = |(place, row): (usize, &Option<usize>)| judged(&batch, *row, &errors[place]);
        places.iter().enumerate().map(verdict).collect()
    }
}

/// The rows of one submit as they are read.
struct Reading {
    plan: Arc<TablePlan>,
    decoder: Decoder,
    builder: BatchBuilder,
    faults: Vec<DecodeFault>,
    /// By place in the submit: the row of the batch, unless it could not be read at all.
    places: Vec<Option<usize>>,
    errors: Vec<Vec<String>>,
}

impl Reading {
    fn new(plan: &Arc<TablePlan>, rows: usize) -> Self {
        Self {
            plan: Arc::clone(plan),
            decoder: Decoder::new(),
            builder: BatchBuilder::new(Arc::clone(plan), rows),
            faults: Vec::new(),
            places: Vec::with_capacity(rows),
            errors: Vec::with_capacity(rows),
        }
    }

    fn row(&mut self, json: &str, config: &RowsConfig, date_times: (bool, bool)) {
        self.faults.clear();
        let read = self.decoder.row(json, &self.plan, self.places.len(), &mut self.builder, &mut self.faults);
        if read.is_err() {
            self.places.push(None);
            self.errors.push(vec!["该条数据不是JSON对象".to_owned()]);
            return;
        }
        let mut errors = faults(&self.plan, &self.faults, config.all_fields);
        self.rewrite_date_times(date_times, &mut errors);
        self.builder.end_row();
        self.places.push(Some(self.builder.len() - 1));
        self.errors.push(errors);
    }

    /// The checks know date-times with a blank; the joined form is turned into it where it is good.
    fn rewrite_date_times(&mut self, (blank, joined): (bool, bool), errors: &mut Vec<String>) {
        if !joined {
            return;
        }
        let plan = Arc::clone(&self.plan);
        let at = self.builder.len() - 1;
        for (field, _) in plan.indexed().filter(|(_, f)| f.ty == FieldType::Text(Format::DateTime)) {
            let text = self.builder.batch().row(at).get(field).text().unwrap_or_default();
            if text.len() == 14 && text.bytes().all(|b| b.is_ascii_digit()) {
                let spaced = format!("{} {}", &text[..8], &text[8..]);
                self.builder.set_text(field, &spaced);
            } else if !blank && !text.is_empty() {
                let expected = Expected::Format("YYYYMMDDhhmmss".into());
                let found = Found::Text { chars: text.chars().count() };
                errors.push(said(RuleId::FORMAT, plan.field(field), found, expected));
            }
        }
    }
}

fn said(rule: RuleId, field: &FieldPlan, found: Found, expected: Expected) -> String {
    let field = FieldRef { name: Arc::clone(&field.name), label: Arc::clone(&field.label) };
    Violation { rule, severity: Severity::Error, field: Some(field), found, expected, fix: None }.text().zh
}

/// What reading alone shows.
fn faults(plan: &TablePlan, faults: &[DecodeFault], all_fields: bool) -> Vec<String> {
    let mut errors = Vec::new();
    let mut absent: Vec<&str> = Vec::new();
    for fault in faults {
        match fault {
            DecodeFault::Absent(field) => absent.push(&plan.field(*field).name),
            DecodeFault::UnknownField(name) => {
                let name: String = name.chars().take(60).collect();
                errors.push(format!("{name}：数据对象{}没有该字段", plan.name));
            }
            DecodeFault::Twice(field) => errors.push(format!("{}：字段重复", plan.field(*field).name)),
            DecodeFault::WrongKind { field, kind } => {
                let field = plan.field(*field);
                let expected = if matches!(field.ty, FieldType::Text(_)) { Expected::Text } else { Expected::Number };
                errors.push(said(RuleId::KIND, field, Found::Kind(kind), expected));
            }
        }
    }
    if all_fields && !absent.is_empty() {
        errors.push(format!("字段个数与数据对象的字段个数不一致，缺少：{}", absent.join("、")));
    }
    errors
}

/// The errors that the checks found in a row.
fn found(findings: &Findings, row: usize, plan: &TablePlan, sealed: SealedFields) -> Vec<String> {
    let counts = |violation: &&Violation| {
        let opaque = || {
            let field = violation.field.as_ref().and_then(|f| plan.find(&f.name));
            sealed == SealedFields::Opaque && field.is_some_and(|f| plan.field(f).sealed)
        };
        violation.severity == Severity::Error && (violation.rule == RuleId::REQUIRED || !opaque())
    };
    findings.of(row).iter().filter(counts).map(|violation| violation.text().zh).collect()
}

fn other_school(row: &Record<'_>, school: &str) -> Option<String> {
    let field = row.plan().roles.school_code?;
    let stated = row.get(field).text().filter(|text| !text.is_empty() && !school.is_empty() && *text != school)?;
    let found = Found::Shown(stated.chars().take(60).collect::<String>().into());
    let expected = Expected::Words(Text::new("账号所属学校的代码", "the code of the account's school"));
    Some(said(RuleId::KEY, row.plan().field(field), found, expected))
}

fn judged(batch: &RecordBatch, row: Option<usize>, errors: &[String]) -> Judged {
    let error = (!errors.is_empty()).then(|| errors.join("；"));
    let Some(row) = row.map(|row| batch.row(row)) else { return Judged { error, ..Judged::default() } };
    let roles = batch.plan().roles;
    let text = |field: Option<FieldIdx>| field.and_then(|field| row.get(field).text());
    let mut body = Vec::new();
    if error.is_none() {
        canonical_json(&row, &mut body);
    }
    Judged {
        key: text(roles.record_key).filter(|key| !key.is_empty()).map(str::to_owned),
        // Made of texts and ASCII alone, so it is UTF-8.
        body: String::from_utf8(body).unwrap_or_default(),
        digest: digest(&row),
        comparable: row.comparable_hash().0,
        deletes: text(roles.data_state) == Some(DELETED),
        error,
    }
}

/// Two rows that say the same have the same digest, whenever they were collected.
fn digest(row: &Record<'_>) -> [u8; 16] {
    let roles = row.plan().roles;
    let mut hasher = Xxh3::new();
    for (field, _) in row.plan().indexed() {
        if Some(field) == roles.collected_at || Some(field) == roles.record_key {
            continue;
        }
        let text = row.get(field).text();
        hasher.update(&text.map_or(u64::MAX, |text| text.len() as u64).to_le_bytes());
        hasher.update(text.unwrap_or_default().as_bytes());
    }
    hasher.digest128().to_be_bytes()
}
