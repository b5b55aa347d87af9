//! A school that leaves a vendor keeps the keys under which it was reported; a changed key stops its table only.

use std::collections::BTreeSet;

use xiaoshu::app;

use super::school::School;

const KEYS: usize = 10_000;

/// A key as a vendor may have minted it: 32 upper-case letters and digits, from nothing that the hub knows.
fn vendor_key(i: usize) -> String {
    format!("VENDORZ{i:025}")
}

fn adopting() -> School {
    let school = School::new(0, 0);
    let mut text = "课程号,课程名称,总学时,平台主键\n".to_owned();
    for i in 0..KEYS {
        text.push_str(&format!("K{i:05},课程{i},32,{}\n", vendor_key(i)));
    }
    school.write("files/courses.csv", &text);
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("[fields]", "[key]\nadopt = { column = \"平台主键\" }\n[fields]"));
    school
}

#[test]
fn ten_thousand_adopted_keys_are_reported_and_none_is_minted() {
    let school = adopting();
    school.round();
    let held = school.runtime.block_on(school.brain.held("ODS_KCJBSJ")).expect("rows");
    let keys: BTreeSet<String> = held.into_iter().map(|row| row.key).collect();
    assert_eq!(keys, (0..KEYS).map(vendor_key).collect::<BTreeSet<_>>());
}

#[test]
fn another_natural_key_parks_the_table_until_it_is_approved() {
    let school = School::new(30, 0);
    school.round();
    let mapping = std::fs::read_to_string(school.path("mappings/courses.toml")).expect("read");
    school.write("mappings/courses.toml", &mapping.replace("[fields]", "[key]\nfields = [\"KCH\", \"KCMC\"]\n[fields]"));
    let effects = school.effects();
    school.courses(0..40);
    school.round();
    assert_eq!(school.effects(), effects, "nothing goes under a key that nobody approved");
    let status = app::status(&school.context()).expect("a status");
    let parked: Vec<&str> = status.tables.iter().filter(|t| t.parked.is_some()).map(|t| t.table.as_str()).collect();
    assert_eq!(parked, ["ODS_KCJBSJ"]);

    let ask = |approve| app::RekeyRequest { table: "ODS_KCJBSJ".to_owned(), approve };
    let looked = app::rekey(&school.context(), &ask(false)).expect("listed");
    assert_eq!((looked.orphaned, looked.done), (30, false));
    let done = app::rekey(&school.context(), &ask(true)).expect("approved");
    assert!(done.done && done.orphaned == 30, "{done:?}");
    school.round();
    assert_eq!(school.effects(), effects, "a rekeyed table starts closed");
    let open = app::ReleaseRequest { table: Some("ODS_KCJBSJ".to_owned()), upstream: None, to: Some(app::RampTarget::Open) };
    app::release(&school.context(), &open).expect("released");
    school.round();
    assert_eq!(school.effects(), effects + 40, "all rows again, under new keys");
}
