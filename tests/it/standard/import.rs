//! Importing an edition: nothing lost, nothing guessed unsaid, the same bytes each time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use xiaoshu::standard::import::{ImportError, ImportOptions, ImportReport, import, import_national};
use xiaoshu::standard::{EditionId, FieldIdx, FieldType, KeyPart, Kind, Length, Required, Scope, Standard};

const EDITION: &str = "gaozhi-2099.09";

/// A `schemas/` folder with the core, the national sets and the rules, but without this edition; and the CSV files.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for part in ["core", "national", "rules"] {
            copy(&root.join("schemas").join(part), &folder.path().join("schemas").join(part));
        }
        copy(&root.join("tests/it/standard/fixture"), &folder.path().join("csv"));
        Self { folder }
    }

    fn schemas(&self) -> PathBuf {
        self.folder.path().join("schemas")
    }

    fn csv(&self, name: &str) -> PathBuf {
        self.folder.path().join("csv").join(name)
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.csv(name)).unwrap();
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(self.csv(name), text.replacen(from, to, 1)).unwrap();
    }

    fn rule(&self, rule: Value) {
        let rules = self.schemas().join(EDITION).join("rules");
        std::fs::create_dir_all(&rules).unwrap();
        std::fs::write(rules.join("edition.json"), rule.to_string()).unwrap();
    }

    fn import(&self) -> Result<ImportReport, ImportError> {
        let options = ImportOptions { from: self.csv(""), edition: EditionId::new(EDITION), schemas: self.schemas() };
        import(&options)
    }

    fn faults(&self) -> String {
        match self.import() {
            Err(ImportError::Faults { faults }) => faults.iter().map(|f| f.en.clone() + "\n").collect(),
            other => panic!("{other:?}"),
        }
    }

    fn table(&self, name: &str) -> Value {
        let file = self.schemas().join(EDITION).join("tables").join(name);
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(drop).unwrap() }
    }
}

fn bytes(folder: &Path, into: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { bytes(&path, into) } else { drop(into.insert(path.clone(), std::fs::read(path).unwrap())) }
    }
}

#[test]
fn a_new_edition_is_one_import() {
    let place = Place::new();
    let report = place.import().unwrap();
    assert_eq!((report.tables, report.fields, report.code_sets), (2, 16, 1));
    let warned: Vec<&str> = report.warnings.iter().map(|w| w.en.as_str()).collect();
    assert_eq!(
        warned,
        [
            "there is no gaozhi-2099.09/rules/edition.json: titles are empty, the separator is a comma",
            "ODS_XQSJ: no rule gives a natural key, taken for now: XYBH",
            "ODS_XQSJ: no rule says state or log, taken for now: state",
            "ODS_DKJLSJ: no rule gives a natural key, taken for now: XH, XYH, DKRQ",
            "ODS_DKJLSJ: no rule says state or log, taken for now: log",
        ],
        "what no rule judged is said"
    );

    let standard = Standard::load(&EditionId::new(EDITION), Some(&place.schemas())).unwrap();
    let names: Vec<&str> = standard.own_tables().iter().map(|t| &*t.name).collect();
    assert_eq!(names, ["ODS_XQSJ", "ODS_DKJLSJ"], "printed order");
    let table = standard.find("ODS_XQSJ").unwrap();
    let field = |name: &str| table.field(table.find(name).unwrap());
    assert_eq!(*table.key.parts, [KeyPart::Field(table.find("XYBH").unwrap())]);
    assert_eq!((table.kind, table.scope.clone()), (Kind::State, Scope::All));
    assert_eq!(field("HZLXM").separator.as_deref(), Some("/"));
    assert_eq!(field("LXDZ").length, Length::Doubtful(2));
    assert_eq!(field("JZJE").ty, FieldType::Decimal { precision: 20, scale: 4 });
    let Required::When(condition) = &field("JZJE").required else { panic!("a condition") };
    assert_eq!((condition.field, &*condition.is_one_of[0]), (table.find("HZLXM").unwrap(), "2"));
    assert_eq!((table.orders[0].earlier, table.orders[0].later), (FieldIdx(4), FieldIdx(5)), "start before end, by the labels");

    let visits = standard.find("ODS_DKJLSJ").unwrap();
    assert_eq!((visits.kind, visits.scope.clone()), (Kind::Log, Scope::Since("209909".into())));
    assert_eq!(visits.roles.person, visits.find("XH"));
    assert_eq!(visits.roles.event_date, visits.find("DKRQ"));
    let student = visits.field(visits.find("XH").unwrap()).reference.as_ref().unwrap();
    assert_eq!(&*standard.table(student.targets[0].table).name, "CORE_XS", "the roster");
}

#[test]
fn importing_again_changes_nothing() {
    let place = Place::new();
    let first = place.import().unwrap();
    assert_eq!(first.written.len(), 2 + 2 + 1, "tables, code set with index, edition.json");
    let mut before = BTreeMap::new();
    bytes(&place.schemas(), &mut before);
    let second = place.import().unwrap();
    assert_eq!((second.written.len(), second.unchanged), (0, 5));
    let mut after = BTreeMap::new();
    bytes(&place.schemas(), &mut after);
    assert_eq!(before, after);
}

#[test]
fn nothing_of_the_source_is_lost() {
    let place = Place::new();
    place.import().unwrap();
    let rows = |name: &str| -> Vec<BTreeMap<String, String>> {
        csv::Reader::from_path(place.csv(name)).unwrap().into_deserialize().collect::<Result<_, _>>().unwrap()
    };
    let said = |doc: &Value, keyword: &str| match &doc[keyword] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    for row in rows("fields.csv") {
        let doc = &place.table(&format!("{}.json", row["table"]))["properties"][&row["field"]];
        for (column, keyword) in [
            ("seq", "x-seq"),
            ("item_code", "x-item-code"),
            ("name_zh", "title"),
            ("type", "x-type"),
            ("length", "x-length"),
            ("precision", "x-precision"),
            ("required", "x-required"),
            ("code_set", "x-code-set"),
            ("format", "x-format"),
            ("unit", "x-unit"),
            ("pii", "x-sensitivity"),
            ("condition", "x-condition"),
            ("note", "x-note"),
            ("ref_item", "x-printed-reference-item"),
        ] {
            assert_eq!(said(doc, keyword), row[column], "{}.{} {column}", row["table"], row["field"]);
        }
        let reference =
            if row["ref_table"].is_empty() { Value::Null } else { json!([format!("{}.{}", row["ref_table"], row["ref_field"])]) };
        assert_eq!(doc["x-printed-reference"], reference);
        assert_eq!(doc["x-separator"].is_string(), row["multi_valued"] == "Y");
    }
    for row in rows("tables.csv") {
        let doc = place.table(&format!("{}.json", row["table"]));
        for (column, keyword) in [
            ("name_zh", "title"),
            ("name_en", "x-title-en"),
            ("domain", "x-domain"),
            ("main_source", "x-main-source"),
            ("key", "x-printed-key"),
            ("note", "x-note"),
            ("table_no", "x-table-no"),
        ] {
            assert_eq!(said(&doc, keyword), row[column], "{} {column}", row["table"]);
        }
        assert_eq!(doc["x-frequency"], json!({"key": row["frequency_key"], "printed": row["frequency"]}));
        assert_eq!(doc["x-scope"]["printed"], json!(row["scope"]));
        assert_eq!(doc["x-subclass"], json!({"code": row["subclass_code"], "zh": row["subclass_zh"]}));
        assert_eq!(doc["x-class"], json!({"code": row["class_code"], "zh": row["class_zh"]}));
        assert_eq!(doc["x-subset"], json!({"code": row["subset_code"], "zh": row["subset_zh"]}));
    }
    let relations = &place.table("ODS_DKJLSJ.json")["x-relations"];
    assert_eq!(*relations, json!([{"table": "ODS_XQSJ", "code": "ZYGXX0101", "name": "甲数据子类"}]));
    let codes = std::fs::read_to_string(place.schemas().join(EDITION).join("codes/HZLXDM.csv")).unwrap();
    assert_eq!(codes, "code,label_zh,parent,note\n1,\"订单, 培养\",,made up\n2,捐赠,,\n");
    let index = std::fs::read_to_string(place.schemas().join(EDITION).join("codes/_index.csv")).unwrap();
    assert_eq!(index, std::fs::read_to_string(place.csv("code_sets.csv")).unwrap());
}

#[test]
fn rules_decide_and_what_is_gone_is_removed() {
    let place = Place::new();
    place.import().unwrap();
    place.rule(json!({
        "$schema": "../../meta/rules.json",
        "tables": {"ODS_XQSJ": {"kind": "log", "preferred": ["@id"], "key": ["school_year(XYKSRQ)", "XYBH"], "why": "renewed each year"}},
        "fields": {"ODS_XQSJ.XYBH": {"format": "YYYYLL", "why": "year and number"}}
    }));
    let text = std::fs::read_to_string(place.csv("tables.csv")).unwrap();
    let without: String = text.lines().filter(|l| !l.starts_with("ODS_DKJLSJ")).map(|l| format!("{l}\n")).collect();
    std::fs::write(place.csv("tables.csv"), without).unwrap();
    assert!(place.faults().contains("the table of field ODS_DKJLSJ.XH does not exist"), "nothing is dropped unsaid");
    let text = std::fs::read_to_string(place.csv("fields.csv")).unwrap();
    let without: String = text.lines().filter(|l| !l.starts_with("ODS_DKJLSJ")).map(|l| format!("{l}\n")).collect();
    std::fs::write(place.csv("fields.csv"), without).unwrap();

    let report = place.import().unwrap();
    assert_eq!(report.removed, ["gaozhi-2099.09/tables/ODS_DKJLSJ.json"]);
    let standard = Standard::load(&EditionId::new(EDITION), Some(&place.schemas())).unwrap();
    let table = standard.find("ODS_XQSJ").unwrap();
    assert_eq!(*table.key.preferred, [KeyPart::SourceId]);
    assert_eq!(table.key.parts[0], KeyPart::SchoolYear(table.find("XYKSRQ").unwrap()));
    assert_eq!(place.table("ODS_XQSJ.json")["x-why"], "renewed each year");
}

#[test]
fn contradictions_are_refused_and_nothing_is_written() {
    let place = Place::new();
    place.rule(json!({"$schema": "", "tables": {"ODS_XQSJ": {"key": ["XYBH", "date(NICHT)"]}}}));
    place.edit("codes.csv", "HZLXDM,2,捐赠,,\n", "");
    place.edit("fields.csv", "ODS_DKJLSJ,5,", "ODS_DKJLSJ,7,");
    place.edit("fields.csv", "打卡次数,N,4,", "打卡次数,X,4,");
    let faults = place.faults();
    for fault in [
        "a rule for ODS_XQSJ names field NICHT, which the table does not have",
        "code set HZLXDM says 2 codes and has 1",
        "the number of ODS_DKJLSJ.DKRQ is out of order",
        "ODS_DKJLSJ.DKCS: type X",
    ] {
        assert!(faults.contains(fault), "{fault} in:\n{faults}");
    }
    assert!(!place.schemas().join(EDITION).join("edition.json").exists());
}

#[test]
fn unknown_columns_are_refused() {
    let place = Place::new();
    place.edit("tables.csv", ",table_no\n", ",table_number\n");
    let error = place.import().unwrap_err().to_string();
    assert!(error.contains("tables.csv") && error.contains("table_number"), "{error}");
}

#[test]
fn a_key_part_that_is_no_field_cannot_be_loaded_either() {
    let place = Place::new();
    place.import().unwrap();
    let file = place.schemas().join(EDITION).join("tables/ODS_XQSJ.json");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(r#""x-natural-key": ["XYBH"]"#, r#""x-natural-key": ["NICHT"]"#)).unwrap();
    let error = Standard::load(&EditionId::new(EDITION), Some(&place.schemas())).unwrap_err().to_string();
    assert_eq!(error, "schemas: gaozhi-2099.09/tables/ODS_XQSJ.json: there is no field NICHT");
}

#[test]
fn national_sets_are_copied_as_they_are() {
    let place = Place::new();
    let target = place.folder.path().join("other");
    let report = import_national(&place.schemas().join("national/codes"), &target).unwrap();
    assert_eq!((report.code_sets, report.written.len()), (353, 354));
    let name = "national/codes/gbt_2261_1_sex.csv";
    assert_eq!(std::fs::read(target.join(name)).unwrap(), std::fs::read(place.schemas().join(name)).unwrap());
}
