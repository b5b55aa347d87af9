//! Differences between the editions of one level.

use xiaoshu::finding::Lang;
use xiaoshu::standard::{ChangeKind, diff};

use super::load;

fn counts(old: &str, new: &str, kinds: &[ChangeKind]) -> Vec<usize> {
    let counts = diff(&load(old), &load(new)).counts();
    kinds.iter().map(|k| counts.get(k).copied().unwrap_or_default()).collect()
}

const KINDS: [ChangeKind; 8] = [
    ChangeKind::TableAdded,
    ChangeKind::TableRemoved,
    ChangeKind::FieldAdded,
    ChangeKind::FieldRemoved,
    ChangeKind::LengthChanged,
    ChangeKind::RequiredChanged,
    ChangeKind::TypeChanged,
    ChangeKind::FrequencyChanged,
];

#[test]
fn the_editions_differ_as_known() {
    assert_eq!(counts("gaozhi-2023.06", "gaozhi-2024.09", &KINDS), [19, 6, 21, 29, 219, 24, 1, 7]);
    assert_eq!(counts("zhongzhi-2023.06", "zhongzhi-2025.03", &KINDS), [14, 0, 28, 9, 104, 7, 6, 10]);
}

#[test]
fn code_sets_differ_as_known() {
    let kinds = [
        ChangeKind::CodeSetAdded,
        ChangeKind::CodeSetRemoved,
        ChangeKind::CodeAdded,
        ChangeKind::CodeRemoved,
        ChangeKind::CodeRelabelled,
    ];
    assert_eq!(counts("gaozhi-2023.06", "gaozhi-2024.09", &kinds), [21, 2, 13, 5, 4]);
    assert_eq!(counts("zhongzhi-2023.06", "zhongzhi-2025.03", &kinds), [19, 0, 5, 0, 0]);
}

#[test]
fn an_edition_does_not_differ_from_itself() {
    let standard = load("zhongzhi-2025.03");
    assert_eq!(diff(&standard, &standard).changes, []);
}

#[test]
fn a_diff_reads_in_both_languages() {
    let diff = diff(&load("gaozhi-2023.06"), &load("gaozhi-2024.09")).of_table("ODS_XXHXTJSSJ");
    let zh = diff.text(Lang::Zh);
    assert!(zh.contains("长度改动  ODS_XXHXTJSSJ.XXHXTBH  10 → 60"), "{zh}");
    let en = diff.text(Lang::En);
    assert!(en.contains("field added  ODS_XXHXTJSSJ.BMMC  所属部门名称"), "{en}");
}
