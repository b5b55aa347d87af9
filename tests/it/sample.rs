//! The sample school through mappings and checks, without a store: what its generator says must come out, comes out.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use xiaoshu::finding::{Findings, Locator, Severity};
use xiaoshu::normalize::{LookupAnswers, LookupQuery, MappingContext, MappingDocument, MappingPlan};
use xiaoshu::record::{ContentHash, Namespace, ValueRef};
use xiaoshu::sample::{self, Sample, TableExpected};
use xiaoshu::source::{self, Begin, Source, SourcePlace};
use xiaoshu::standard::{EditionId, FieldIdx, Standard, TableId};
use xiaoshu::validate::{Accepted, Checks, KeyAnswer, KeyAnswers, KeyQuestion, ReferencePolicies, Rejected, judge};

const TODAY: &str = "20241120";

/// What the tables read so far hold: rows as texts, by field.
struct Held {
    standard: Arc<Standard>,
    tables: BTreeMap<TableId, Vec<Vec<Option<String>>>>,
}

impl Held {
    fn values(&self, table: TableId, field: FieldIdx) -> HashSet<&str> {
        self.tables[&table].iter().filter_map(|row| row[field.usize()].as_deref()).collect()
    }

    fn answer(&self, questions: &[KeyQuestion]) -> KeyAnswers {
        let mut answers = KeyAnswers::new();
        for question in questions {
            let checked: Vec<_> = question.targets.iter().copied().filter(|t| self.tables.contains_key(&t.table)).collect();
            let all: HashSet<&str> = checked.iter().flat_map(|t| self.values(t.table, t.field)).collect();
            let existing = question.values.iter().filter(|v| all.contains(v.as_str())).cloned().collect();
            answers.set(question.field, KeyAnswer { checked, existing });
        }
        answers
    }

    fn look_up(&self, queries: &[LookupQuery]) -> LookupAnswers {
        let mut answers = LookupAnswers::new();
        for query in queries {
            let mut found: HashMap<String, Vec<String>> = HashMap::new();
            for row in &self.tables[&query.table] {
                if let (Some(key), Some(value)) = (&row[query.field.usize()], &row[query.give.usize()]) {
                    found.entry(key.clone()).or_default().push(value.clone());
                }
            }
            found.retain(|key, _| query.values.contains(key));
            answers.set(query, found);
        }
        answers
    }

    /// A database with one table a canonical table, as the store's views would show them.
    fn database(&self, path: &Path) {
        let mut sql = String::new();
        for (table, rows) in &self.tables {
            let plan = self.standard.table(*table);
            if !plan.name.starts_with("CORE_") {
                continue;
            }
            let columns: Vec<&str> = plan.fields.iter().map(|f| &*f.name).collect();
            sql.push_str(&format!("CREATE TABLE {} ({});\n", plan.name, columns.join(",")));
            for row in rows {
                let cells: Vec<String> = row.iter().map(literal).collect();
                sql.push_str(&format!("INSERT INTO {} VALUES ({});\n", plan.name, cells.join(",")));
            }
        }
        source::load_script(path, &sql).expect("the database of the hub");
    }
}

fn literal(cell: &Option<String>) -> String {
    cell.as_deref().map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")))
}

/// A table being read: which keys came, with which content, and what became of them.
#[derive(Default)]
struct Landing {
    seen: HashMap<Vec<u8>, (ContentHash, Option<usize>)>,
    rows: Vec<Option<Vec<Option<String>>>>,
    counts: TableExpected,
    troubles: BTreeSet<String>,
}

impl Landing {
    fn warn(&mut self, findings: &Findings, accepted: &Accepted) {
        let odd = |row: &&u32| findings.of(**row as usize).iter().any(|v| v.rule.as_str() == "date_order");
        self.counts.odd += accepted.rows().iter().filter(odd).count() as u64;
    }

    fn accept(&mut self, accepted: &Accepted) {
        for index in accepted.rows() {
            let row = accepted.batch().row(*index as usize);
            let (key, hash) = (row.natural_key().to_vec(), row.content_hash());
            match self.seen.get_mut(&key) {
                Some((same, _)) if *same == hash => self.counts.duplicate += 1,
                Some((_, first)) => {
                    if let Some(first) = first.take() {
                        self.rows[first] = None;
                        *self.counts.quarantined.entry("duplicate_key").or_default() += 1;
                    }
                    *self.counts.quarantined.entry("duplicate_key").or_default() += 1;
                }
                None => {
                    let fields = row.plan().indexed();
                    let cells = fields.map(|(at, _)| match row.get(at) {
                        ValueRef::Text(text) | ValueRef::Number(text) | ValueRef::Code(_, text) => Some(text.to_owned()),
                        ValueRef::Null | ValueRef::Faulted => None,
                    });
                    self.rows.push(Some(cells.collect()));
                    self.seen.insert(key, (hash, Some(self.rows.len() - 1)));
                }
            }
        }
    }

    fn reject(&mut self, rejected: &[Rejected]) {
        for row in rejected {
            let errors = row.violations.iter().filter(|v| v.severity == Severity::Error);
            let rules: BTreeSet<&'static str> = errors.clone().map(|v| v.rule.as_str()).collect();
            if rules.len() != 1 {
                let texts: Vec<String> = errors.map(|v| format!("{}: {}", v.rule, v.text().en)).collect();
                self.troubles.insert(format!("breaks {} rules: {texts:?}", rules.len()));
            }
            for rule in rules {
                *self.counts.quarantined.entry(rule).or_default() += 1;
            }
            for violation in &row.violations {
                if violation.severity == Severity::Error {
                    self.troubles.insert(format!("{}: {}", violation.rule, violation.text().en));
                }
            }
        }
    }
}

fn open(dir: &Path, name: &str, read: &xiaoshu::source::ReadSpec) -> Box<dyn Source> {
    let settings = match name {
        "jw" => json!({ "kind": "sqlite", "path": "jw.db" }),
        "hub" => json!({ "kind": "hub", "database": "hub.db" }),
        "rs" => json!({ "kind": "csv", "path": "rs", "settle": 0, "encoding": "gb18030" }),
        other => json!({ "kind": "csv", "path": other, "settle": 0 }),
    };
    let kind = settings["kind"].as_str().expect("a kind");
    let name: Arc<str> = name.into();
    let place = SourcePlace { name: &name, settings: &settings, base: dir };
    source::connector(kind).expect("a connector").open(&place, read, Begin::AFRESH).expect("the source opens")
}

fn run_table(dir: &Path, table: &str, path: &Path, held: &Held) -> Landing {
    let text = std::fs::read_to_string(path).expect("the mapping");
    let doc = MappingDocument::parse(table, &text).unwrap_or_else(|faults| panic!("{table}: {faults:#?}"));
    let mut source = open(dir, doc.source(), doc.read());
    let context = MappingContext {
        school_code: sample::SCHOOL_CODE.into(),
        namespace: Namespace { name: sample::SCHOOL_CODE.into(), secret: b"secret".as_slice().into() },
        system: doc.source().into(),
        missing: MappingContext::default_missing(),
        adopted: None,
    };
    let mapping = MappingPlan::compile(&doc, &held.standard, source.columns(), context)
        .unwrap_or_else(|faults| panic!("{table}: {faults:#?}"));
    let checks = Checks::compile(mapping.plan(), &held.standard, &ReferencePolicies::default());
    let mut landing = Landing::default();
    while let Some(batch) = source.next_batch(1_000).expect("rows") {
        let lookups = held.look_up(&mapping.lookups(&batch));
        let mut made = mapping.apply(&batch, "20241120 080000", &lookups);
        let answers = held.answer(&checks.questions(&made.batch));
        checks.run(&made.batch, &answers, TODAY, &mut made.findings);
        landing.counts.read += batch.len() as u64;
        landing.counts.filtered += made.filtered.len() as u64;
        let (accepted, rejected) = judge(made.batch, &made.findings, &|row| {
            let at = row.origin();
            let locator = Locator { source: doc.source().into(), object: table.into(), place: batch.place(at).clone() };
            (xiaoshu::normalize::raw_json(&batch, at), locator)
        });
        landing.warn(&made.findings, &accepted);
        landing.accept(&accepted);
        landing.reject(&rejected);
    }
    landing
}

/// Runs every mapping in order and gives what differs from the expectation.
fn differences(dir: &Path, sample: &Sample) -> Vec<String> {
    source::load_script(&sample.teaching_database, &sample.teaching_sql).expect("the database");
    let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).expect("the standard");
    let mut held = Held { standard, tables: BTreeMap::new() };
    let mut differences = Vec::new();
    for (table, path) in sample::ORDER.iter().zip(&sample.mappings) {
        if *table == "ODS_XSHXSJ" {
            held.database(&dir.join("hub.db"));
        }
        let mut landing = run_table(dir, table, path, &held);
        let rows: Vec<_> = landing.rows.drain(..).flatten().collect();
        landing.counts.changed = rows.len() as u64;
        let expected = sample.expected.of(table).expect("an expectation");
        let want = TableExpected { stored: 0, refused: 0, held: 0, unchanged_again: 0, ..expected.clone() };
        if landing.counts != want {
            differences.push(format!("{table}\n  want {want:?}\n  got  {:?}\n  {:#?}", landing.counts, landing.troubles));
        }
        let id = held.standard.find(table).expect("a table").id;
        held.tables.insert(id, rows);
    }
    differences
}

#[test]
fn what_the_generator_says_comes_out() {
    let dir = tempfile::tempdir().expect("a folder");
    let sample = sample::write(dir.path(), &sample::Options::default()).expect("written");
    let differences = differences(dir.path(), &sample);
    assert!(differences.is_empty(), "{} tables differ\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn a_row_more_than_planned_is_noticed() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut sample = sample::write(dir.path(), &sample::Options::default()).expect("written");
    sample.teaching_sql.push_str("INSERT INTO jw_nj VALUES ('2019', '2019级', '是');\n");
    let differences = differences(dir.path(), &sample);
    assert!(differences.iter().any(|d| d.starts_with("CORE_NJ")), "{differences:?}");
}
