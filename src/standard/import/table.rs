//! One table: from its rows and the rules to its document.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::field::Field;
use super::rows::{FieldRow, RelationRow, Rows, TableRow};
use super::rules::{Rules, TableRule};
use super::write::{self, Files};
use super::{Notes, derive};
use crate::standard::EditionId;
use crate::standard::EditionInfo;

/// Adds all tables and `edition.json`. Returns how many tables there are.
pub(super) fn add(rows: &Rows, rules: &Rules, edition: &EditionId, files: &mut Files, notes: &mut Notes) -> usize {
    let by_table = rows.by_table();
    let names: Vec<&str> = rows.tables.iter().map(|t| t.table.as_str()).collect();
    for stray in rows.fields.iter().filter(|f| !names.contains(&f.table.as_str())) {
        notes.fault(format!("字段 {} 的表不存在", stray.path()), format!("the table of field {} does not exist", stray.path()));
    }
    for table in &rows.tables {
        let fields = by_table.get(table.table.as_str()).map_or(&[][..], Vec::as_slice);
        let relations: Vec<&RelationRow> = rows.relations.iter().filter(|r| r.table == table.table).collect();
        let document = TableMaker { table, rules, edition, notes }.document(fields, &relations);
        files.add(format!("tables/{}.json", table.table), write::document(&document));
    }
    let about = rules.edition_or_default(edition);
    let info = EditionInfo {
        schema: "../meta/edition.json".to_owned(),
        id: edition.clone(),
        level: about.level,
        title_zh: about.title_zh,
        title_en: about.title_en,
        dated: about.dated,
        version: about.version,
        issuer: about.issuer,
        date_time: about.date_time,
        separator: about.separator,
        windows: about.windows,
        tables: names.iter().map(|n| (*n).to_owned()).collect(),
    };
    match serde_json::to_string_pretty(&info) {
        Ok(text) => files.add("edition.json", text + "\n"),
        Err(e) => notes.fault(format!("edition.json：{e}"), format!("edition.json: {e}")),
    }
    names.len()
}

struct TableMaker<'a> {
    table: &'a TableRow,
    rules: &'a Rules,
    edition: &'a EditionId,
    notes: &'a mut Notes,
}

impl TableMaker<'_> {
    fn document(mut self, rows: &[&FieldRow], relations: &[&RelationRow]) -> Map<String, Value> {
        self.check_order(rows);
        let fields: Vec<Field<'_>> = rows.iter().map(|row| Field::judge(row, self.rules, self.notes)).collect();
        let rule = self.rules.tables.get(&self.table.table).cloned().unwrap_or_default();
        let key = self.key(&rule, &fields);
        let kind = self.kind(&rule, &fields);
        let preferred = rule.preferred.clone().unwrap_or_default();
        let roles = derive::roles(&fields, &key, &kind, &rule, self.rules);
        let orders = derive::orders(&fields, &rule);
        self.check_names(&fields, &key, &preferred, &roles, &orders);
        let mut doc = self.head();
        doc.insert("x-scope".into(), self.scope(&rule));
        text(&mut doc, "x-main-source", &self.table.main_source);
        doc.insert("x-kind".into(), kind.into());
        doc.insert("x-natural-key".into(), json!(key));
        if !preferred.is_empty() {
            doc.insert("x-natural-key-preferred".into(), json!(preferred));
        }
        if rule.anonymous == Some(true) {
            doc.insert("x-anonymous".into(), true.into());
        }
        let roles: Map<String, Value> = roles.into_iter().map(|(role, field)| (role, field.into())).collect();
        doc.insert("x-roles".into(), Value::Object(roles));
        if !orders.is_empty() {
            doc.insert("x-date-orders".into(), json!(orders));
        }
        doc.extend(derive::person(&fields, &rule, self.rules).map(|person| ("x-person".to_owned(), person)));
        text(&mut doc, "x-printed-key", &self.table.key);
        self.tail(&mut doc, relations, &rule.why);
        doc.insert("type".into(), "object".into());
        let properties: Map<String, Value> = fields
            .iter()
            .map(|f| {
                let defines = key.len() == 1 && key[0] == f.row.field;
                (f.row.field.clone(), f.document(&f.references(self.rules, defines), &self.rules.identifiers))
            })
            .collect();
        doc.insert("properties".into(), Value::Object(properties));
        let required: Vec<&str> = fields.iter().filter(|f| f.mandatory()).map(|f| f.row.field.as_str()).collect();
        doc.insert("required".into(), json!(required));
        let conditions = conditions(&fields);
        if !conditions.is_empty() {
            doc.insert("allOf".into(), Value::Array(conditions));
        }
        doc.insert("additionalProperties".into(), false.into());
        doc
    }

    fn head(&self) -> Map<String, Value> {
        let table = self.table;
        let mut doc = Map::new();
        doc.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        doc.insert("$id".into(), format!("{}/{}", self.edition, table.table).into());
        doc.insert("title".into(), table.name_zh.as_str().into());
        text(&mut doc, "x-table", &table.table);
        text(&mut doc, "x-table-no", &table.table_no);
        doc.insert("x-title-en".into(), table.name_en.as_str().into());
        text(&mut doc, "x-domain", &table.domain);
        pair(&mut doc, "x-subset", &table.subset_code, &table.subset_zh);
        pair(&mut doc, "x-class", &table.class_code, &table.class_zh);
        pair(&mut doc, "x-subclass", &table.subclass_code, &table.subclass_zh);
        text(&mut doc, "x-source-standard", &table.source_standard);
        text(&mut doc, "x-source-subclass", &table.source_subclass);
        let frequency = if table.frequency_key.is_empty() { "school_decides" } else { table.frequency_key.as_str() };
        doc.insert("x-frequency".into(), printed(json!({"key": frequency}), &table.frequency));
        doc
    }

    fn tail(&self, doc: &mut Map<String, Value>, relations: &[&RelationRow], why: &str) {
        let relations: Vec<Value> = relations
            .iter()
            .map(|r| {
                let mut entry = Map::new();
                entry.insert("table".into(), r.related_table.as_str().into());
                text(&mut entry, "code", &r.printed_code);
                text(&mut entry, "name", &r.printed_name);
                text(&mut entry, "note", &r.note);
                Value::Object(entry)
            })
            .collect();
        if !relations.is_empty() {
            doc.insert("x-relations".into(), Value::Array(relations));
        }
        text(doc, "x-note", &self.table.note);
        text(doc, "x-why", why);
    }

    fn key(&mut self, rule: &TableRule, fields: &[Field<'_>]) -> Vec<String> {
        if let Some(key) = &rule.key {
            return key.clone();
        }
        let (key, printed) = derive::key(self.table, fields, self.rules);
        if !printed {
            let name = &self.table.table;
            self.notes.warn(
                format!("{name}：没有规定自然键，暂取 {}", key.join("、")),
                format!("{name}: no rule gives a natural key, taken for now: {}", key.join(", ")),
            );
        }
        key
    }

    fn kind(&mut self, rule: &TableRule, fields: &[Field<'_>]) -> String {
        if let Some(kind) = &rule.kind {
            return kind.clone();
        }
        let kind = derive::kind(self.table, fields, self.rules);
        if !self.edition.is_core() {
            let name = &self.table.table;
            self.notes.warn(
                format!("{name}：没有规定是状态表还是流水表，暂取 {kind}"),
                format!("{name}: no rule says state or log, taken for now: {kind}"),
            );
        }
        kind.to_owned()
    }

    fn scope(&mut self, rule: &TableRule) -> Value {
        let found = rule.scope.clone().map(|s| (s, String::new())).or_else(|| derive::scope(&self.table.scope, self.rules));
        let (rows, from) = found.unwrap_or_else(|| {
            let (name, printed) = (&self.table.table, &self.table.scope);
            self.notes.warn(
                format!("{name}：上报范围“{printed}”没有规定，暂由映射选取"),
                format!("{name}: no rule for the scope {printed}, left to the mapping for now"),
            );
            ("mapping".to_owned(), String::new())
        });
        let scope = if from.is_empty() { json!({"rows": rows}) } else { json!({"rows": rows, "from": from}) };
        printed(scope, &self.table.scope)
    }

    fn check_order(&mut self, rows: &[&FieldRow]) {
        let mut seen: HashMap<&str, u32> = HashMap::new();
        for (i, row) in rows.iter().enumerate() {
            if row.seq as usize != i + 1 {
                self.notes.fault(format!("{} 的序号不连续", row.path()), format!("the number of {} is out of order", row.path()));
            }
            if seen.insert(&row.field, row.seq).is_some() {
                self.notes.fault(format!("字段 {} 重复", row.path()), format!("field {} stands twice", row.path()));
            }
        }
        if rows.is_empty() {
            let name = &self.table.table;
            self.notes.fault(format!("表 {name} 没有字段"), format!("table {name} has no fields"));
        }
    }

    fn check_names(
        &mut self,
        fields: &[Field<'_>],
        key: &[String],
        preferred: &[String],
        roles: &[(String, String)],
        orders: &[[String; 2]],
    ) {
        let parts = key.iter().chain(preferred).filter(|p| *p != "@id").map(|p| derive::part_field(p));
        let named = parts
            .chain(roles.iter().map(|(_, f)| f.as_str()))
            .chain(orders.iter().flatten().map(String::as_str))
            .chain(fields.iter().filter_map(|f| f.when.as_ref()).map(|w| w.field.as_str()));
        let table = &self.table.table;
        let mut unknown: Vec<&str> = named.filter(|n| !fields.iter().any(|f| f.row.field == *n)).collect();
        unknown.dedup();
        for name in unknown {
            self.notes.fault(
                format!("{table} 的规则提到字段 {name}，表里没有"),
                format!("a rule for {table} names field {name}, which the table does not have"),
            );
        }
        if key.is_empty() && preferred.is_empty() {
            self.notes.fault(format!("{table} 没有自然键"), format!("{table} has no natural key"));
        }
    }
}

/// `if`/`then` for fields that are mandatory when another field has certain values, a rule for each such other field.
fn conditions(fields: &[Field<'_>]) -> Vec<Value> {
    let mut groups: Vec<(&super::rules::WhenRule, Vec<&Field<'_>>)> = Vec::new();
    for field in fields {
        let Some(when) = &field.when else { continue };
        match groups.iter_mut().find(|(w, _)| w.field == when.field && w.is == when.is) {
            Some((_, members)) => members.push(field),
            None => groups.push((when, vec![field])),
        }
    }
    groups
        .into_iter()
        .map(|(when, members)| {
            let names: Vec<&str> = members.iter().map(|f| f.row.field.as_str()).collect();
            let there: Map<String, Value> = members
                .iter()
                .map(|f| {
                    let there = if f.shape.format().is_some() {
                        json!({"type": "string", "pattern": super::super::form::NOT_BLANK})
                    } else {
                        json!({"not": {"type": "null"}})
                    };
                    (f.row.field.clone(), there)
                })
                .collect();
            json!({
                "if": {"properties": {when.field.as_str(): {"enum": when.is}}, "required": [when.field]},
                "then": {"properties": there, "required": names},
            })
        })
        .collect()
}

fn printed(mut value: Value, printed: &str) -> Value {
    if let Value::Object(map) = &mut value {
        text(map, "printed", printed);
    }
    value
}

fn pair(doc: &mut Map<String, Value>, name: &str, code: &str, zh: &str) {
    if !(code.is_empty() && zh.is_empty()) {
        doc.insert(name.into(), json!({"code": code, "zh": zh}));
    }
}

fn text(doc: &mut Map<String, Value>, name: &str, value: &str) {
    if !value.is_empty() {
        doc.insert(name.into(), value.into());
    }
}
