//! What `init` proposes, measured against hand-made truth on schemas in several vendor styles.

mod command;
mod links;
mod privacy;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::json;
use tempfile::TempDir;
use xiaoshu::normalize::{MappingContext, MappingDocument, MappingPlan};
use xiaoshu::propose::{Outcome, Place, Proposal, Terms, mapping_file, propose};
use xiaoshu::record::Namespace;
use xiaoshu::source::{Column, ColumnKind, Product, SampleBounds, SourcePlace, TableShape, connector, introspect, load_script};
use xiaoshu::standard::{EditionId, Standard};

fn standard() -> &'static (Arc<Standard>, Terms) {
    static BOTH: OnceLock<(Arc<Standard>, Terms)> = OnceLock::new();
    BOTH.get_or_init(|| {
        let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).expect("an edition");
        let terms = Terms::new(None, &standard).expect("a vocabulary");
        (standard, terms)
    })
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/init").join(name)
}

/// The schema of one style, read through the connector as any other source.
fn shapes(style: &str) -> Vec<TableShape> {
    let folder = TempDir::new().expect("a folder");
    let script = std::fs::read_to_string(data(&format!("{style}.sql"))).expect("the script");
    load_script(&folder.path().join("vendor.db"), &script).expect("a database");
    let settings = json!({ "kind": "sqlite", "path": "vendor.db" });
    let name: Arc<str> = style.into();
    let place = SourcePlace { name: &name, settings: &settings, base: folder.path() };
    introspect(connector("sqlite").expect("sqlite"), &place, SampleBounds::default(), &mut |_, _, _| true).expect("shapes")
}

/// (source table, column, `TABLE.FIELD`).
type Line = (String, String, String);

/// Lines that must be found, and lines that may.
fn truth(style: &str) -> (BTreeSet<Line>, BTreeSet<Line>) {
    let text = std::fs::read_to_string(data(&format!("{style}.truth.csv"))).expect("the truth");
    let (mut must, mut may) = (BTreeSet::new(), BTreeSet::new());
    for row in text.lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let line = (cells[0].to_owned(), cells[1].to_owned(), cells[2].to_owned());
        if cells[3] == "must" {
            must.insert(line)
        } else {
            may.insert(line)
        };
    }
    (must, may)
}

fn active(proposal: &Proposal) -> BTreeSet<Line> {
    let mut out = BTreeSet::new();
    for table in &proposal.tables {
        for field in table.fields.iter().filter(|field| field.outcome == Outcome::Active) {
            let column = field.column.as_ref().expect("an active line has a column").column.clone();
            // What is reached through another table is judged by its own tests.
            if field.through.is_some() {
                continue;
            }
            out.insert((table.object.clone(), column, format!("{}.{}", table.plan.name, table.plan.field(field.field).name)));
        }
    }
    out
}

#[track_caller]
fn measured(style: &str) {
    let (standard, terms) = standard();
    let shapes = shapes(style);
    let columns: usize = shapes.iter().map(|shape| shape.columns.len()).sum();
    assert!(shapes.len() >= 12 && columns >= 110, "{style}: {} tables, {columns} columns", shapes.len());
    let proposal = propose(standard, terms, &shapes);
    let (must, may) = truth(style);
    let found = active(&proposal);
    let wrong: Vec<&Line> = found.iter().filter(|line| !must.contains(*line) && !may.contains(*line)).collect();
    let missed: Vec<&Line> = must.difference(&found).collect();
    // Lines that may be found speak neither for nor against.
    let right = found.intersection(&must).count();
    let precision = right as f64 / (right + wrong.len()) as f64;
    let recall = right as f64 / must.len() as f64;
    println!(
        "{style}: precision {precision:.3}, recall {recall:.3} ({right} right, {} wrong, {} missed)",
        wrong.len(),
        missed.len()
    );
    assert!(precision >= 0.95, "{style}: {precision:.3}, wrong: {wrong:#?}");
    assert!(recall >= 0.7, "{style}: {recall:.3}, missed: {missed:#?}");
}

#[test]
fn pinyin_initials_are_mapped_well() {
    measured("initials");
}

#[test]
fn full_pinyin_is_mapped_well() {
    measured("pinyin");
}

#[test]
fn english_with_chinese_comments_is_mapped_well() {
    measured("english");
}

#[test]
fn upper_case_initials_without_comments_are_mapped_well() {
    measured("oracle");
}

#[test]
fn student_affairs_with_code_tables_are_mapped_well() {
    measured("affairs");
}

#[test]
fn a_cloud_platform_in_english_without_comments_is_mapped_well() {
    measured("cloud");
}

#[test]
fn library_assets_and_staff_in_views_are_mapped_well() {
    measured("library");
}

fn context() -> MappingContext {
    let code: Arc<str> = "4199099999".into();
    MappingContext {
        namespace: Namespace { name: Arc::clone(&code), secret: Arc::from([].as_slice()) },
        school_code: code,
        system: "".into(),
        missing: MappingContext::default_missing(),
        adopted: None,
    }
}

const PLACE: Place<'_> = Place { source: "jw", owner: None, numbered: false, files: false, product: Some(Product::Sqlite) };

const STYLES: [&str; 7] = ["initials", "pinyin", "english", "oracle", "affairs", "cloud", "library"];

#[test]
fn proposed_files_pass_the_parser_and_fit_the_columns() {
    let (standard, terms) = standard();
    for style in STYLES {
        let shapes = shapes(style);
        let proposal = propose(standard, terms, &shapes);
        let mut files = 0;
        for table in &proposal.tables {
            let Some(text) = mapping_file(table, &PLACE) else { continue };
            let document = MappingDocument::parse("proposed.toml", &text).unwrap_or_else(|faults| panic!("{faults:?}\n{text}"));
            let shape = shapes.iter().find(|shape| shape.name == table.object).expect("the source's table");
            let own = shape.columns.iter().map(|c| Column { name: c.name.clone(), kind: c.kind });
            let joined = table.joined_columns().into_iter();
            let joined = joined.map(|name| Column { name: name.into(), kind: ColumnKind::Unknown });
            let columns: Vec<Column> = own.chain(joined).collect();
            if let Err(faults) = MappingPlan::compile(&document, standard, &columns, context()) {
                panic!("{faults:?}\n{text}");
            }
            files += 1;
        }
        assert!(files >= 8, "{style}: {files} files");
    }
}

#[test]
fn one_table_of_the_standard_is_fed_by_one_table_of_the_source() {
    let (standard, terms) = standard();
    for style in STYLES {
        let proposal = propose(standard, terms, &shapes(style));
        let mut feeds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for table in &proposal.tables {
            feeds.entry(&table.plan.name).or_default().push(&table.object);
        }
        assert!(feeds.values().all(|objects| objects.len() == 1), "{style}: {feeds:?}");
    }
}

#[test]
fn what_comments_explain_becomes_codes() {
    let (standard, terms) = standard();
    let proposal = propose(standard, terms, &shapes("english"));
    let roster = proposal.tables.iter().find(|table| table.object == "edu_teacher").expect("teachers are recognised");
    let field = roster.fields.iter().find(|field| field.column.as_ref().is_some_and(|c| c.column == "sex")).expect("the sex");
    // The comment says 0 女, 1 男; the standard's codes are 1 男, 2 女.
    let codes = field.codes.as_ref().expect("codes");
    let of = |value: &str| codes.values.iter().find(|own| own.value == value).and_then(|own| own.code.clone());
    assert_eq!((of("0").as_deref(), of("1").as_deref()), (Some("2"), Some("1")));
    assert_eq!(field.outcome, Outcome::Active);
}
