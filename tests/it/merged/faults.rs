//! Everything that can be wrong with a file that says how a table is merged, found at once and where it stands.

use std::sync::Arc;

use xiaoshu::app::{self, CheckRequest};
use xiaoshu::normalize::{MappingDocument, MergeDocument};
use xiaoshu::standard::{EditionId, Standard};

use super::school::{MERGE, Rooms};

const ROOMS: &str = "table = \"ODS_JSJBSJ\"\nmode = \"file\"\nread.object = \"rooms.csv\"\n";

/// A mapping of rooms.
fn mapping(source: &str, fields: &[&str], more: &str) -> Arc<MappingDocument> {
    let fields: String = fields.iter().map(|field| format!("{field} = \"c\"\n")).collect();
    let text = format!("source = \"{source}\"\n{ROOMS}{more}\n[fields]\n{fields}");
    Arc::new(MappingDocument::parse(&format!("{source}.toml"), &text).expect("a mapping"))
}

/// The faults of a merge of these mappings: line, and what is said in English.
fn found(text: &str, documents: &[Arc<MappingDocument>]) -> Vec<(usize, String)> {
    let standard = Standard::load(&EditionId::new("gaozhi-2024.09"), None).expect("an edition");
    let parsed = MergeDocument::parse("rooms.toml", text);
    let faults = match parsed.and_then(|document| document.compile(&standard, documents, 1_000)) {
        Ok(merge) => merge.mapping().err().unwrap_or_default(),
        Err(faults) => faults,
    };
    for fault in &faults {
        assert!(!fault.what.zh.is_ascii() && !fault.remedy.zh.is_ascii() && !fault.remedy.en.is_empty(), "{fault:?}");
    }
    faults.into_iter().map(|fault| (fault.line, fault.what.en)).collect()
}

/// What it is about, the file, the mappings beside it, and where what is said.
type Case<'a> = (&'a str, String, &'a [Arc<MappingDocument>], &'a [(usize, &'a str)]);

#[test]
fn every_fault_is_found_at_its_place() {
    let jw = || mapping("jw", &["JSH", "JSMC", "ZWS"], "");
    let zc = || mapping("zc", &["JSH", "JSMC", "ZWS", "JSLXM", "JSMS"], "");
    let both = [jw(), zc()];
    let head = "table = \"ODS_JSJBSJ\"\n";
    let sound = "roster = \"jw\"\norder = [\"jw\", \"zc\"]\n";
    let cases: [Case<'_>; 18] = [
        ("sound", format!("{head}{sound}"), &both, &[]),
        ("no TOML", "table = ".to_owned(), &both, &[(1, "no valid TOML")]),
        ("nothing", String::new(), &both, &[(1, "table is missing"), (1, "roster is missing"), (1, "order is missing")]),
        ("a key", format!("{head}{sound}rooster = \"jw\"\n"), &both, &[(4, "unknown key rooster")]),
        ("a kind", format!("{head}roster = 3\norder = \"jw\"\n"), &both, &[(2, "roster")]),
        ("a table", format!("table = \"ODS_JSJBS\"\n{sound}"), &both, &[(1, "the standard has no table ODS_JSJBS")]),
        (
            "one source",
            format!("{head}roster = \"jw\"\norder = \"jw\"\n"),
            &both[..1],
            &[(1, "no source gives the mandatory field JSLXM"), (1, "there is nothing to merge")],
        ),
        ("a roster", format!("{head}roster = \"jx\"\norder = [\"jw\", \"zc\"]\n"), &both, &[(2, "no mapping of the source jx")]),
        (
            "an order",
            format!("{head}roster = \"jw\"\norder = [\"jw\", \"zz\", \"zc\"]\n"),
            &both,
            &[(3, "no mapping of the source zz")],
        ),
        ("twice", format!("{head}roster = \"jw\"\norder = [\"jw\", \"zc\", \"jw\"]\n"), &both, &[(3, "jw stands twice")]),
        ("a field", format!("{head}{sound}[fields]\nZWSS = \"zc\"\n"), &both, &[(5, "has no field ZWSS")]),
        (
            "a source of a field",
            format!("{head}{sound}[fields]\nZWS = [\"zc\", \"rs\"]\n"),
            &both,
            &[(5, "no mapping of the source rs")],
        ),
        ("not given", format!("{head}{sound}[fields]\nJSMS = \"jw\"\n"), &both, &[(5, "jw.toml does not map JSMS")]),
        ("a part of the key", format!("{head}{sound}[fields]\nJSH = \"zc\"\n"), &both, &[(5, "a part of the key")]),
        (
            "left out",
            format!("{head}roster = \"jw\"\norder = \"jw\"\n[fields]\nJSLXM = \"zc\"\n"),
            &both,
            &[(1, "the field JSMS")],
        ),
        (
            "unused",
            format!("{head}roster = \"jw\"\norder = \"jw\"\n"),
            &[jw(), mapping("zc", &["JSH", "JSMC"], ""), mapping("x", &["JSH", "JSLXM"], "")],
            &[(1, "the field JSLXM"), (1, "the source zc maps the table"), (1, "the source x maps the table")],
        ),
        (
            "other keys",
            format!("{head}{sound}"),
            &[jw(), mapping("zc", &["JSH", "JSLXM"], "[key]\nfields = [\"JSH\", \"JSLXM\"]")],
            &[(1, "different natural keys")],
        ),
        (
            "row ids",
            format!("{head}{sound}"),
            &[mapping("jw", &["JSH", "JSMC", "ZWS"], "[key]\nsource_id = \"id\""), zc()],
            &[(1, "jw.toml has the source's own row id in its key")],
        ),
    ];
    for (what, text, documents, wanted) in cases {
        let mut found = found(&text, documents);
        let mut missing = Vec::new();
        for (line, said) in wanted {
            match found.iter().position(|(at, what)| at == line && what.contains(said)) {
                Some(place) => drop(found.remove(place)),
                None => missing.push((line, said)),
            }
        }
        assert!(missing.is_empty() && found.is_empty(), "{what}: missing {missing:?}, found as well {found:?}");
    }
}

#[test]
fn check_finds_them_with_the_settings_and_the_other_files() {
    let rooms = Rooms::new();
    let faults = || {
        let check = app::check(&rooms.0.context(), &CheckRequest::default()).expect("a check");
        check.faults.into_iter().map(|fault| (fault.line, fault.what.en)).collect::<Vec<_>>()
    };
    assert_eq!(faults(), []);
    rooms.merge(&MERGE.replace("\"jw\"\norder", "\"jx\"\norder"));
    assert!(matches!(&faults()[..], [(3, said)] if said.contains("no mapping of the source jx")), "{:?}", faults());
    rooms.merge(MERGE);
    rooms.0.write("mappings/merged/again.toml", MERGE);
    assert!(matches!(&faults()[..], [(1, said)] if said.contains("another file merges")), "{:?}", faults());
    std::fs::remove_file(rooms.0.path("mappings/merged/again.toml")).expect("removed");
    let settings = std::fs::read_to_string(rooms.0.path("xiaoshu.toml")).expect("read");
    rooms.0.write("xiaoshu.toml", &format!("{settings}\n[sources.merged]\nkind = \"csv\"\npath = \"files\"\n"));
    assert!(matches!(&faults()[..], [(_, said)] if said.contains("the name merged is kept")), "{:?}", faults());
}
