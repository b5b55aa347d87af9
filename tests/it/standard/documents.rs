//! The documents against the schemas of `schemas/meta`, and the plans compiled from them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use xiaoshu::finding::Lang;
use xiaoshu::standard::{
    CodeSetSheet, EditionSheet, EditionSummary, FieldType, Format, KeyPart, Length, Required, Scope, TablePlan, TableSheet, list,
};

use super::{ALL, PRINTED, load};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas")
}

fn json(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn assert_valid(meta: &str, files: impl IntoIterator<Item = PathBuf>) -> usize {
    let meta = json(&schemas().join("meta").join(meta));
    jsonschema::meta::validate(&meta).unwrap_or_else(|e| panic!("{e}"));
    let validator = jsonschema::validator_for(&meta).unwrap();
    let mut seen = 0;
    for file in files {
        let errors: Vec<String> = validator.iter_errors(&json(&file)).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
        seen += 1;
    }
    seen
}

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).filter(|p| p.extension().is_some_and(|e| e == "json")).collect()
}

#[test]
fn documents_are_of_the_published_vocabulary() {
    let tables = ALL.iter().flat_map(|e| files(&schemas().join(e).join("tables")));
    assert_eq!(assert_valid("table.json", tables), 85 + 98 + 47 + 61 + 21);
    assert_eq!(assert_valid("edition.json", ALL.iter().map(|e| schemas().join(e).join("edition.json"))), ALL.len());
    let rules = ALL.iter().flat_map(|e| files(&schemas().join(e).join("rules"))).chain(files(&schemas().join("rules")));
    assert_eq!(assert_valid("rules.json", rules), 5 + 3);
    assert_eq!(assert_valid("lists.json", [schemas().join("national/lists.json")]), 1);
}

#[test]
fn documents_are_json_schemas() {
    for edition in ALL {
        let standard = load(edition);
        for table in standard.own_tables() {
            jsonschema::meta::validate(standard.document(table.id)).unwrap_or_else(|e| panic!("{}: {e}", table.name));
            jsonschema::meta::validate(&standard.expanded(table.id)).unwrap_or_else(|e| panic!("{}: {e}", table.name));
        }
    }
}

#[test]
fn no_file_is_large() {
    fn walk(folder: &Path, seen: &mut usize) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, seen);
            } else {
                *seen += 1;
                assert!(path.metadata().unwrap().len() < 1_000_000, "{}", path.display());
            }
        }
    }
    let mut seen = 0;
    walk(&schemas(), &mut seen);
    assert!(seen > 700);
}

fn key_text(table: &TablePlan) -> Vec<String> {
    let part = |part: &KeyPart| match part {
        KeyPart::Field(f) => table.field(*f).name.to_string(),
        KeyPart::Date(f) => format!("date({})", table.field(*f).name),
        KeyPart::SchoolYear(f) => format!("school_year({})", table.field(*f).name),
        KeyPart::SourceId => "@id".to_owned(),
    };
    table.key.preferred.iter().map(part).chain(["|".to_owned()]).chain(table.key.parts.iter().map(part)).collect()
}

#[test]
fn every_table_has_a_natural_key_of_its_own_fields() {
    for edition in ALL {
        let standard = load(edition);
        for table in standard.own_tables() {
            assert!(!table.key.parts.is_empty(), "{}: a key for rows without an id", table.name);
            let parts: BTreeSet<String> = table.key.parts.iter().map(|p| format!("{p:?}")).collect();
            assert_eq!(parts.len(), table.key.parts.len(), "{}: no part twice", table.name);
            let filled = [table.roles.record_key, table.roles.collected_at];
            for part in &table.key.parts {
                if let KeyPart::Field(f) | KeyPart::Date(f) | KeyPart::SchoolYear(f) = part {
                    assert!(!filled.contains(&Some(*f)), "{}: a key of what the hub fills in", table.name);
                }
            }
        }
    }
}

#[test]
fn one_table_name_has_one_key_in_all_editions_of_a_level() {
    let mut differing = Vec::new();
    for (old, new) in [("gaozhi-2023.06", "gaozhi-2024.09"), ("zhongzhi-2023.06", "zhongzhi-2025.03")] {
        let (old, new) = (load(old), load(new));
        for table in new.own_tables() {
            if let Some(was) = old.own_tables().iter().find(|t| t.name == table.name)
                && key_text(was) != key_text(table)
            {
                differing.push(table.name.to_string());
            }
        }
    }
    // Fields of the newer key do not exist in the older edition, or the table was another one.
    assert_eq!(differing, ["ODS_XSJNZSSJ", "ODS_GZXZSSJ", "ODS_CXHZSJ", "ODS_ZYJNJDJGSJ", "ODS_ZZXLZXJLSJ"]);
}

#[test]
fn every_printed_table_has_the_roles_that_the_hub_fills() {
    for edition in PRINTED {
        for table in load(edition).own_tables() {
            let roles = table.roles;
            let format = |f: Option<_>| f.map(|f| table.field(f).ty);
            assert_eq!(format(roles.record_key), Some(FieldType::Text(Format::Uid32)), "{}", table.name);
            assert_eq!(format(roles.school_code), Some(FieldType::Text(Format::Digits10)), "{}", table.name);
            assert_eq!(format(roles.collected_at), Some(FieldType::Text(Format::DateTime)), "{}", table.name);
            if table.frequency.key() == "day_ahead" {
                assert_eq!(format(roles.due_on), Some(FieldType::Text(Format::Date)), "{}", table.name);
            }
        }
    }
    let with_state = |edition: &str| load(edition).own_tables().iter().filter(|t| t.roles.data_state.is_some()).count();
    assert_eq!(PRINTED.map(with_state), [0, 0, 0, 8]);
}

#[test]
fn counselling_and_psychological_tests_are_anonymous() {
    let anonymous = |edition: &str| -> Vec<String> {
        load(edition).own_tables().iter().filter(|t| t.anonymous).map(|t| t.name.to_string()).collect()
    };
    assert_eq!(anonymous("gaozhi-2024.09"), ["ODS_XLZXJLSJ", "ODS_XLCPSJ"]);
    assert_eq!(anonymous("gaozhi-2023.06"), ["ODS_XLZXJLSJ"]);
    assert_eq!(anonymous("zhongzhi-2025.03"), ["ODS_ZZXLZXJLSJ"]);
    assert_eq!(anonymous("zhongzhi-2023.06"), Vec::<String>::new(), "that edition reports single students");
}

#[test]
fn references_ask_the_rosters_first() {
    for edition in PRINTED {
        let standard = load(edition);
        let mut to_rosters = 0;
        for table in standard.own_tables() {
            for field in &table.fields {
                let Some(reference) = &field.reference else { continue };
                let core: Vec<bool> = reference.targets.iter().map(|t| standard.table(t.table).edition.is_core()).collect();
                assert!(core.is_sorted_by(|a, b| a >= b), "{}.{}", table.name, field.name);
                to_rosters += usize::from(core[0]);
                for target in &reference.targets {
                    let there = standard.table(target.table).field(target.field);
                    assert!(matches!(there.ty, FieldType::Text(_)), "{}.{}: texts meet texts", table.name, field.name);
                }
            }
        }
        assert!(to_rosters > 20, "{edition}: {to_rosters}");
    }
}

#[test]
fn a_roster_takes_every_number_that_an_edition_lets_refer_to_it() {
    let mut seen = 0;
    for edition in ALL {
        let standard = load(edition);
        for table in standard.tables() {
            let fields = table.fields.iter().filter(|f| f.code_set.is_none() && f.separator.is_none());
            for (field, reference) in fields.filter_map(|f| Some((f, f.reference.as_ref()?))) {
                let Some(target) = reference.targets.iter().find(|t| standard.table(t.table).edition.is_core()) else { continue };
                let there = standard.table(target.table).field(target.field);
                // Numbers that the nation gives have the length that the nation gives them.
                if there.ty != FieldType::Text(Format::Free) || there.code_set.is_some() || &*there.name == "ZYDM" {
                    continue;
                }
                let (Length::AtMost(holds), Length::AtMost(wanted)) = (there.length, field.length) else { continue };
                assert!(holds >= wanted.min(64), "{}.{} into {}: {wanted} over {holds}", table.name, field.name, there.name);
                seen += 1;
            }
        }
    }
    assert!(seen > 200, "{seen}");
}

#[test]
fn scopes_are_read_from_the_print() {
    let scope = |edition: &str, table: &str| load(edition).find(table).unwrap().scope.clone();
    assert_eq!(scope("gaozhi-2024.09", "ODS_PKSJ"), Scope::Term);
    assert_eq!(scope("gaozhi-2024.09", "ODS_ZYSZSJ"), Scope::All);
    assert_eq!(scope("gaozhi-2024.09", "ODS_PKSRDSJ"), Scope::SchoolYear);
    assert_eq!(scope("gaozhi-2024.09", "ODS_BYQXJYSJ"), Scope::Mapping);
    assert_eq!(scope("gaozhi-2023.06", "ODS_PKSJ"), Scope::Since("202302".into()));
    assert_eq!(scope("zhongzhi-2025.03", "ODS_ZZXSZHCJPJSJ"), Scope::CohortSince(2020));
}

#[test]
fn odd_prints_are_read_with_sense() {
    let field = |edition: &str, table: &str, field: &str| {
        let standard = load(edition);
        let table = standard.find(table).unwrap();
        let f = table.field(table.find(field).unwrap());
        (f.ty, f.length, f.required.clone())
    };
    let z = "zhongzhi-2023.06";
    // An address of two characters: warned about, never cut.
    assert_eq!(field(z, "ODS_ZZXWSXJDSJ", "XXDZ").1, Length::Doubtful(2));
    // A head count of 200 digits.
    assert_eq!(field(z, "ODS_ZZZZZSSJ", "CJZCRS").0, FieldType::Integer { digits: 18 });
    // A mail address and a school year printed as numbers.
    assert_eq!(field(z, "ODS_ZZXWSXJDSJ", "LXRYX").0, FieldType::Text(Format::Free));
    assert_eq!(field(z, "ODS_ZZWFJCKCJSJ", "XN").0, FieldType::Text(Format::SchoolYearWord));
    // A code printed as a number can be one.
    assert_eq!(field(z, "ODS_ZZYKTRZSJ", "CSLXM").0, FieldType::Integer { digits: 2 });
    // The one table where the collection time may be left out.
    assert_eq!(field(z, "ODS_ZZKCXXSJ", "SJCJSJ").2, Required::Optional);
    // Money without a printed length.
    assert_eq!(field("gaozhi-2023.06", "ODS_XSXFSJ", "XFZE").0, FieldType::Decimal { precision: 20, scale: 4 });
}

#[test]
fn separators_are_those_of_the_edition() {
    let separator = |edition: &str, table: &str, field: &str| {
        let standard = load(edition);
        let table = standard.find(table).unwrap();
        table.field(table.find(field).unwrap()).separator.as_deref().map(str::to_owned)
    };
    assert_eq!(separator("gaozhi-2023.06", "ODS_SZJZGSJ", "RYLXM").as_deref(), Some("||"));
    assert_eq!(separator("gaozhi-2024.09", "ODS_SZJZGSJ", "RYLXM").as_deref(), Some(","));
    assert_eq!(separator("gaozhi-2024.09", "ODS_SZJZGSJ", "JGH"), None);
}

#[test]
fn editions_stay_what_they_were_until_somebody_says_so() {
    let digests: BTreeMap<&str, String> = ALL.iter().map(|e| (*e, load(e).digest().to_owned())).collect();
    assert_eq!(digests.values().collect::<BTreeSet<_>>().len(), ALL.len());
    assert!(digests.values().all(|d| d.len() == 64));
}

#[test]
fn sheets_read_in_both_languages() {
    let editions = list(None).unwrap();
    assert_eq!(editions.iter().map(|e| e.info.id.as_str()).collect::<Vec<_>>(), ALL);
    assert!(EditionSummary::text(&editions, Lang::Zh).contains("职业院校数字基座"));
    let standard = load("gaozhi-2024.09");
    let sheet = EditionSheet::of(&standard).text(Lang::En);
    assert_eq!(sheet.lines().count(), 1 + 98 + 21);
    let table = TableSheet::of(&standard, standard.find("ODS_SXJCSJ").unwrap());
    assert_eq!(table.natural_key, "@id | XH, SXQYMC, SXKSRQ");
    assert!(table.text(Lang::Zh).contains("自然键: @id | XH, SXQYMC, SXKSRQ"));
    let set = CodeSetSheet::of(standard.code_set("XQDM").unwrap());
    assert!(set.text(Lang::En).contains("closed"));
    assert!(set.text(Lang::Zh).contains("春季学期"));
}

#[test]
fn mappings_of_the_hub_itself_fill_every_mandatory_field() {
    let mut seen = 0;
    for edition in PRINTED {
        let standard = load(edition);
        for entry in std::fs::read_dir(schemas().join(edition).join("self")).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let mapping = text.parse::<toml_edit::DocumentMut>().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            let name = mapping["table"].as_str().unwrap();
            let table = standard.find(name).unwrap_or_else(|| panic!("{}: {name}", path.display()));
            let mapped: BTreeSet<&str> = mapping["fields"].as_table().unwrap().iter().map(|(k, _)| k).collect();
            assert!(mapped.iter().all(|f| table.find(f).is_some()), "{}: {mapped:?}", path.display());
            let filled = [table.roles.record_key, table.roles.school_code, table.roles.collected_at];
            for (at, field) in table.indexed().filter(|(at, f)| f.required == Required::Mandatory && !filled.contains(&Some(*at)))
            {
                assert!(mapped.contains(&*field.name), "{}: {} at {at:?}", path.display(), field.name);
            }
            seen += 1;
        }
    }
    assert_eq!(seen, 20, "two tables about the hub and two of portraits an edition, and two of what they say in the newer ones");
}
