//! A school whose rooms are put together of what two systems give: names from the teaching office, seats and kinds from the estate.

use std::collections::{BTreeMap, BTreeSet};

use xiaoshu::app::{self, RunAnswer, StatusAnswer, StatusLine};

use crate::hub::school::School;

pub const TABLE: &str = "ODS_JSJBSJ";

/// A room as one system has it; nothing there is an empty text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Room {
    pub no: usize,
    pub name: String,
    pub seats: String,
    pub note: String,
}

pub fn room(no: usize, name: &str, seats: &str, note: &str) -> Room {
    Room { no, name: name.into(), seats: seats.into(), note: note.into() }
}

const MAPPING: &str = r#"table = "ODS_JSJBSJ"
source = "SOURCE"
mode = "file"
read.object = "rooms.csv"
[fields]
JSH = "号"
JSMC = "名称"
ZWS = "座位"
JSMS = "说明"
JSLXM = { value = "1" }
"#;

/// Names by the teaching office, seats by the estate; a note by whoever has one, the teaching office first.
pub const MERGE: &str = r#"table = "ODS_JSJBSJ"
owner = "信息中心"
roster = "jw"
order = ["jw", "zc"]
[fields]
ZWS = ["zc", "jw"]
"#;

pub struct Rooms(pub School);

impl Rooms {
    /// On the embedded store.
    pub fn new() -> Self {
        Self::of(School::new(0, 0))
    }

    /// With the store in PostgreSQL.
    pub fn on_postgres() -> Self {
        Self::of(School::on_postgres(0, 0))
    }

    fn of(school: School) -> Self {
        let settings = std::fs::read_to_string(school.path("xiaoshu.toml")).expect("read");
        let second =
            "[sources.zc]\nkind = \"csv\"\npath = \"estate\"\nsettle = 0\nsystem = \"ZC\"\nowner = \"资产处\"\n\n[upstreams.moe]";
        school.write("xiaoshu.toml", &settings.replacen("[upstreams.moe]", second, 1));
        for name in ["courses", "projects"] {
            std::fs::remove_file(school.path(&format!("mappings/{name}.toml"))).expect("removed");
        }
        school.write("mappings/rooms-jw.toml", &MAPPING.replace("SOURCE", "jw"));
        school.write("mappings/rooms-zc.toml", &MAPPING.replace("SOURCE", "zc"));
        let rooms = Self(school);
        rooms.merge(MERGE);
        rooms.teaching(&[]);
        rooms.estate(&[]);
        rooms
    }

    pub fn merge(&self, text: &str) {
        self.0.write("mappings/merged/rooms.toml", text);
    }

    pub fn teaching(&self, rooms: &[Room]) {
        self.0.write("files/rooms.csv", &csv(rooms));
    }

    pub fn estate(&self, rooms: &[Room]) {
        self.0.write("estate/rooms.csv", &csv(rooms));
    }

    pub fn round(&self) -> RunAnswer {
        self.0.round()
    }

    /// Rooms as the platform holds them: number to name, seats, note.
    pub fn held(&self) -> BTreeMap<usize, (String, String, String)> {
        let rows = self.0.runtime.block_on(self.0.brain.held(TABLE)).expect("rows");
        let parsed = rows.into_iter().map(|row| {
            let body: serde_json::Value = serde_json::from_str(&row.body).expect("a row");
            let text = |name: &str| match &body[name] {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Null => String::new(),
                other => other.to_string(),
            };
            assert_eq!(text("JSLXM"), "1");
            (text("JSH")[1..].parse().expect("a number"), (text("JSMC"), text("ZWS"), text("JSMS")))
        });
        parsed.collect()
    }

    /// Record keys that the platform holds.
    pub fn keys(&self) -> BTreeSet<String> {
        let rows = self.0.runtime.block_on(self.0.brain.held(TABLE)).expect("rows");
        let bodies = rows.into_iter().map(|row| serde_json::from_str::<serde_json::Value>(&row.body).expect("a row"));
        bodies.map(|body| body["ZJSJWYXBS"].as_str().expect("a key").to_owned()).collect()
    }

    /// The table's line of the status.
    pub fn line(&self) -> StatusLine {
        let mut lines = self.status().tables;
        assert_eq!(lines.iter().map(|line| &*line.table).collect::<Vec<_>>(), [TABLE], "parts are no tables to be reported");
        lines.remove(0)
    }

    /// Where sources disagree: field, whose value stands, who says otherwise, how many records, keys in words.
    pub fn conflicts(&self) -> Vec<(String, String, String, u64, Vec<String>)> {
        let answer = app::conflicts(&self.0.context(), Some(TABLE)).expect("conflicts");
        let fields = answer.tables.into_iter().flat_map(|table| table.fields).map(|field| {
            let keys = field.samples.into_iter().filter_map(|sample| sample.natural_key).collect();
            (field.field, field.used, field.other, field.records, keys)
        });
        fields.collect()
    }

    pub fn status(&self) -> StatusAnswer {
        let status = app::status(&self.0.context()).expect("a status");
        assert!(status.imbalances.is_empty(), "{:?}", status.imbalances);
        status
    }
}

fn csv(rooms: &[Room]) -> String {
    let line = |room: &Room| format!("R{:03},{},{},{}\n", room.no, room.name, room.seats, room.note);
    format!("号,名称,座位,说明\n{}", rooms.iter().map(line).collect::<String>())
}

/// What is held, as a test writes it down.
pub fn row(name: &str, seats: &str, note: &str) -> (String, String, String) {
    (name.to_owned(), seats.to_owned(), note.to_owned())
}
