//! The numbers of the print, literally.

use std::collections::BTreeMap;

use xiaoshu::standard::{Counts, Sensitivity};

use super::{PRINTED, load};

/// In the order of [`PRINTED`].
fn of_each<T>(count: impl Fn(&Counts) -> T) -> Vec<T> {
    PRINTED.iter().map(|e| count(&Counts::of(&load(e)))).collect()
}

#[test]
fn every_edition_is_complete() {
    assert_eq!(of_each(|c| c.tables), [85, 98, 47, 61]);
    assert_eq!(of_each(|c| c.fields), [1122, 1274, 626, 823]);
    assert_eq!(of_each(|c| c.mandatory), [802, 986, 480, 636]);
    assert_eq!(of_each(|c| c.conditional), [7, 9, 6, 14]);
    assert_eq!(of_each(|c| c.optional), [313, 279, 140, 173]);
    assert_eq!(of_each(|c| c.code_sets), [111, 130, 69, 88]);
    assert_eq!(of_each(|c| c.codes), [1204, 1271, 397, 541]);
    assert_eq!(of_each(|c| c.external_lists), [1, 2, 1, 2]);
    assert_eq!(of_each(|c| c.with_code_set), [171, 205, 99, 153]);
    assert_eq!(of_each(|c| c.with_reference), [63, 111, 15, 38]);
    assert_eq!(of_each(|c| c.multi_valued), [19, 16, 8, 12]);
    assert_eq!(of_each(|c| c.sensitive), [108, 135, 74, 83]);
    assert_eq!(of_each(|c| c.doubtful), [3, 19, 47, 18]);
}

#[test]
fn the_core_is_complete() {
    let core = Counts::of(&load("core"));
    assert_eq!((core.tables, core.fields), (21, 458));
    assert_eq!((core.mandatory, core.optional, core.conditional), (233, 213, 12));
    assert_eq!((core.with_code_set, core.with_reference, core.sensitive, core.doubtful), (132, 63, 75, 23));
    // Two sets of an edition are copied, so that the core stands on its own.
    assert_eq!(core.code_sets, 17 + 2);
}

#[test]
fn domains_are_those_of_the_print() {
    let table = [
        ("basic", [(28, 347), (26, 331), (16, 191), (21, 245)]),
        ("major", [(4, 49), (5, 65), (0, 0), (1, 16)]),
        ("course", [(17, 247), (19, 266), (9, 140), (12, 203)]),
        ("student", [(20, 294), (30, 389), (16, 213), (20, 266)]),
        ("teacher", [(13, 150), (14, 159), (5, 60), (6, 71)]),
        ("enterprise", [(3, 35), (4, 64), (1, 22), (1, 22)]),
    ];
    for (domain, want) in table {
        assert_eq!(of_each(|c| c.domains.get(domain).copied().unwrap_or_default()), want, "{domain}");
    }
}

#[test]
fn frequencies_are_those_of_the_print() {
    let table = [
        ("day", [20, 23, 12, 15]),
        ("day_ahead", [0, 1, 0, 1]),
        ("week", [2, 3, 2, 2]),
        ("month", [12, 16, 9, 10]),
        ("term", [46, 46, 22, 26]),
        ("autumn_term", [0, 1, 0, 0]),
        ("year", [4, 6, 2, 7]),
        ("school_decides", [1, 2, 0, 0]),
    ];
    for (frequency, want) in table {
        assert_eq!(of_each(|c| c.frequencies.get(frequency).copied().unwrap_or_default()), want, "{frequency}");
    }
}

#[test]
fn sensitivities_are_those_of_the_print() {
    let table = [
        (Sensitivity::Name, [44, 48, 33, 32]),
        (Sensitivity::IdNumber, [4, 0, 3, 0]),
        (Sensitivity::Phone, [3, 3, 1, 1]),
        (Sensitivity::Address, [0, 1, 0, 1]),
        (Sensitivity::Email, [0, 0, 1, 1]),
        (Sensitivity::Health, [1, 8, 3, 6]),
        (Sensitivity::Finance, [7, 9, 6, 6]),
        (Sensitivity::Biometric, [0, 0, 0, 0]),
        (Sensitivity::Account, [2, 2, 2, 2]),
        (Sensitivity::Other, [47, 64, 25, 34]),
    ];
    for (class, want) in table {
        let of = |edition: &str| {
            let standard = load(edition);
            standard.own_tables().iter().flat_map(|t| t.fields.iter()).filter(|f| f.sensitivity == class).count()
        };
        assert_eq!(PRINTED.map(of), want, "{class:?}");
    }
}

#[test]
fn national_sets_are_there_with_the_label_now_valid() {
    let standard = load("gaozhi-2024.09");
    let county = standard.code_set("gbt_2260_county").unwrap();
    assert_eq!(county.codes().len(), 7249, "one label a code");
    assert!(!county.closed, "codes newer than the list are no errors");
    let label = |code: &str| county.find(code).map(|c| county.get(c).label.to_string());
    assert_eq!(label("110105").as_deref(), Some("朝阳区"));
    assert_eq!(label("330113").as_deref(), Some("临平区"), "of 2021");
    assert_eq!(label("440524").as_deref(), Some("潮阳县"), "retired, but old identity numbers begin with it");
    assert!(standard.code_set("GB/T 2260").is_some(), "the printed name stands for it");
}

#[test]
fn misprints_are_kept_as_printed() {
    let labels: BTreeMap<(&str, &str), &str> =
        [(("SJGGHDQMCDM", "275"), "巴基斯坦"), (("SJGGHDQMCDM", "508"), "莫桑比亚"), (("SJYZDM", "nl"), "芬兰语")].into();
    let standard = load("gaozhi-2023.06");
    for ((set, code), label) in labels {
        let set = standard.code_set(set).unwrap();
        let found = set.find(code).unwrap_or_else(|| panic!("{code}"));
        assert_eq!(&*set.get(found).label, label, "{code}");
    }
}
