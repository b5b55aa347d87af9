//! One field of a mapping.

use std::collections::HashMap;

use super::Compiler;
use crate::finding::{FieldRef, Text};
use crate::normalize::coerce::{Coercer, Factor, Room, Value};
use crate::normalize::document::{FieldOptions, LookupSection, WhenMissing, options};
use crate::normalize::fault::{meant, nearest};
use crate::normalize::plan::{Feed, FieldMap, Lookup, MissingWords, OnMissing, Piece, Ready};
use crate::normalize::toml::escape;
use crate::record::has_form;
use crate::source::ColumnKind;
use crate::standard::{FieldIdx, FieldPlan, FieldType, Length, Required};

impl Compiler<'_> {
    /// Compiles one field of the table, mapped or not.
    pub(super) fn field(&mut self, idx: FieldIdx, field: &FieldPlan, missing: &[String]) -> FieldMap {
        let mut coercer = Coercer::new(self.plan, idx);
        let section = self.doc.body.fields.get(&*field.name).map(options);
        let pointer = format!("/fields/{}", escape(&field.name));
        let mut map = FieldMap {
            subject: FieldRef { name: field.name.clone(), label: field.label.clone() },
            sensitive: field.sensitivity.is_sensitive() || field.sealed,
            feed: Feed::Nothing,
            words: HashMap::new(),
            missing: MissingWords::new(Vec::new()),
            on_missing: OnMissing::Nothing,
            several: None,
            lookup: None,
            coercer: Coercer::new(self.plan, idx),
        };
        let roles = self.plan.roles;
        if roles.record_key == Some(idx) {
            map.feed = Feed::RecordKey;
            return map;
        }
        let Some(options) = section else {
            map.feed = self.unmapped(idx, field);
            return map;
        };
        self.check_options(&pointer, &options, field);
        self.codes(&pointer, &options, field, &mut coercer);
        coercer.take = options.take;
        coercer.serial = options.serial;
        coercer.id15 = options.id15;
        coercer.factor = options.multiply.as_deref().and_then(Factor::parse);
        map.feed = self.feed(&pointer, &options, field, &mut coercer);
        map.on_missing = self.on_missing(&pointer, &options, field, &coercer);
        map.words = options.words.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into())).collect();
        let meant_here = |word: &str| coercer.codes.as_ref().is_some_and(|c| c.means_something(word));
        map.missing = MissingWords::new(missing.iter().filter(|w| !meant_here(w)).cloned());
        map.several = coercer.separator.as_ref().map(|own| (options.split.as_deref().unwrap_or(own).into(), own.clone()));
        map.lookup = options.lookup.as_ref().and_then(|l| self.lookup(&pointer, l));
        map.coercer = coercer;
        map
    }

    /// What a field holds that the mapping does not name.
    fn unmapped(&mut self, idx: FieldIdx, field: &FieldPlan) -> Feed {
        let roles = self.plan.roles;
        if roles.school_code == Some(idx) {
            return Feed::Constant(Ready::Text((&*self.ctx.school_code).into()));
        }
        if roles.collected_at == Some(idx) {
            return Feed::CollectedAt;
        }
        if field.required == Required::Mandatory {
            self.faults.add(
                "/fields",
                Text::new(
                    format!("必填字段 {}（{}）没有映射", field.name, field.label),
                    format!("the mandatory field {} ({}) is not mapped", field.name, field.label),
                ),
                Text::new(format!("补上 {} = \"列\"", field.name), format!("add {} = \"column\"", field.name)),
            );
        }
        Feed::Nothing
    }

    fn feed(&mut self, pointer: &str, options: &FieldOptions, field: &FieldPlan, coercer: &mut Coercer) -> Feed {
        if let Some(name) = &options.column {
            let Some(at) = self.column(name, &format!("{pointer}/column")) else { return Feed::Nothing };
            let kind = self.columns.and_then(|c| c.get(at)).map(|c| c.kind);
            if let (Some(ColumnKind::Bool), Some(codes)) = (kind, &mut coercer.codes) {
                codes.boolean_column = true;
            }
            return Feed::Column(at);
        }
        if let Some(template) = &options.template {
            return Feed::Template(self.template(template, &format!("{pointer}/template")).into());
        }
        if let Some(value) = &options.value {
            return Feed::Constant(self.ready(&value.text(), &format!("{pointer}/value"), field, coercer));
        }
        Feed::Nothing
    }

    /// `{zyh}-{nj}`: texts and columns.
    fn template(&mut self, template: &str, pointer: &str) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut rest = template;
        while let Some((before, after)) = rest.split_once('{') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.into()));
            }
            let Some((name, behind)) = after.split_once('}') else {
                self.faults.add(
                    pointer,
                    Text::new("模板的花括号没有闭合", "a brace of the template is not closed"),
                    Text::new("写成 {列}", "write {column}"),
                );
                return pieces;
            };
            pieces.extend(self.column(name.trim(), pointer).map(Piece::Column));
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.into()));
        }
        if !template.contains('{') {
            self.faults.add(
                pointer,
                Text::new("模板里没有列", "the template names no column"),
                Text::new("常量请用 value", "use value for a constant"),
            );
        }
        pieces
    }

    /// A constant in the field's canonical form; a fault when it has none.
    fn ready(&mut self, text: &str, pointer: &str, field: &FieldPlan, coercer: &Coercer) -> Ready {
        if text.is_empty() {
            return Ready::Null;
        }
        let mut room = Room::default();
        let value = match coercer.coerce(text, &mut room) {
            Ok(value) => value,
            Err(trouble) => {
                self.bad_constant(pointer, text, field, &trouble.expected.text());
                return Ready::Null;
            }
        };
        match value {
            Value::Nothing => Ready::Null,
            Value::Code(idx) => Ready::Code(idx),
            Value::Number => Ready::Number(room.out.into()),
            Value::Same | Value::Out => {
                let text = if value == Value::Same { text } else { &room.out };
                self.check_text(text, pointer, field);
                Ready::Text(text.into())
            }
        }
    }

    fn check_text(&mut self, text: &str, pointer: &str, field: &FieldPlan) {
        let stranger = field.code_set.as_ref().filter(|set| {
            let parts: Vec<&str> = field.separator.as_deref().map_or_else(|| vec![text], |s| text.split(s).collect());
            set.closed && parts.iter().any(|p| set.find(p).is_none())
        });
        if let Some(set) = stranger {
            return self.bad_code(pointer, text, field, set.codes().iter().map(|c| &*c.code));
        }
        let formed = !matches!(field.ty, FieldType::Text(format) if !has_form(format, text));
        let short = !matches!(field.length, Length::AtMost(max) if text.chars().count() > max as usize);
        if !formed || !short {
            let format = match field.ty {
                FieldType::Text(format) if !formed => crate::finding::Expected::Format(format.name().into()),
                _ => crate::finding::Expected::Text,
            };
            self.bad_constant(pointer, text, field, &format.text());
        }
    }

    fn bad_constant(&mut self, pointer: &str, text: &str, field: &FieldPlan, expected: &Text) {
        let shown = text.chars().take(60).collect::<String>();
        self.faults.add(
            pointer,
            Text::new(
                format!("“{shown}”不是 {}（{}）的值", field.name, field.label),
                format!("\"{shown}\" is no value of {} ({})", field.name, field.label),
            ),
            Text::new(format!("应为{}", expected.zh), format!("expected {}", expected.en)),
        );
    }

    fn bad_code<'s>(&mut self, pointer: &str, code: &str, field: &FieldPlan, codes: impl Iterator<Item = &'s str>) {
        let set = field.code_set.as_ref().map_or("", |s| &*s.id);
        self.faults.add(
            pointer,
            Text::new(format!("代码集 {set} 中没有 {code}"), format!("{code} is no code of {set}")),
            meant(
                nearest(code, codes),
                Text::new(format!("用 xiaoshu standard show 查看 {set}"), format!("see xiaoshu standard show for {set}")),
            ),
        );
    }

    /// The school's own words for codes.
    fn codes(&mut self, pointer: &str, options: &FieldOptions, field: &FieldPlan, coercer: &mut Coercer) {
        let Some(rules) = &mut coercer.codes else { return };
        for (word, code) in &options.codes {
            match rules.set().find(code) {
                Some(idx) => rules.alias(word, idx),
                None => {
                    let set = rules.set().clone();
                    let place = format!("{pointer}/codes/{}", escape(word));
                    self.bad_code(&place, code, field, set.codes().iter().map(|c| &*c.code));
                }
            }
        }
    }

    fn on_missing(&mut self, pointer: &str, options: &FieldOptions, field: &FieldPlan, coercer: &Coercer) -> OnMissing {
        if let Some(default) = &options.default {
            return OnMissing::Ready(self.ready(&default.text(), &format!("{pointer}/default"), field, coercer));
        }
        let place = format!("{pointer}/when_missing");
        match &options.when_missing {
            None => OnMissing::Nothing,
            Some(WhenMissing::Word(word)) if word == "hold" => OnMissing::Hold,
            Some(WhenMissing::Planned { planned }) => {
                self.column(planned, &format!("{place}/planned")).map_or(OnMissing::Nothing, OnMissing::Planned)
            }
            Some(WhenMissing::Placeholder { placeholder, owner: Some(_), reason: Some(_) }) => {
                OnMissing::Ready(self.ready(&placeholder.text(), &format!("{place}/placeholder"), field, coercer))
            }
            Some(WhenMissing::Placeholder { .. }) => {
                self.faults.add(
                    &place,
                    Text::new("占位值要说明责任部门和理由", "a placeholder needs an owner and a reason"),
                    Text::new("补上 owner 和 reason", "add owner and reason"),
                );
                OnMissing::Nothing
            }
            Some(WhenMissing::Word(_) | WhenMissing::Unsaid {}) => {
                self.faults.add(
                    &place,
                    Text::new("when_missing 的写法不对", "when_missing is not written right"),
                    Text::new(
                        "写 \"hold\"、{ planned = \"列\" } 或 { placeholder = \"值\", owner = …, reason = … }",
                        "write \"hold\", { planned = \"column\" } or { placeholder = \"value\", owner = …, reason = … }",
                    ),
                );
                OnMissing::Nothing
            }
        }
    }

    fn lookup(&mut self, pointer: &str, section: &LookupSection) -> Option<Lookup> {
        let place = format!("{pointer}/lookup");
        let tables = self.tables;
        let Some(table) = tables.iter().find(|t| *t.name == *section.table) else {
            self.faults.add(
                &format!("{place}/table"),
                Text::new(format!("标准中没有表 {}", section.table), format!("the standard has no table {}", section.table)),
                meant(
                    nearest(&section.table, tables.iter().map(|t| &*t.name)),
                    Text::new("写标准或核心表的名字", "name a table of the standard or the core"),
                ),
            );
            return None;
        };
        let mut find = |key: &str, name: &str| {
            let found = table.find(name);
            if found.is_none() {
                self.faults.add(
                    &format!("{place}/{key}"),
                    Text::new(format!("{} 没有字段 {name}", table.name), format!("{} has no field {name}", table.name)),
                    meant(
                        nearest(name, table.fields.iter().map(|f| &*f.name)),
                        Text::new("用 xiaoshu standard show 查看字段", "see xiaoshu standard show for its fields"),
                    ),
                );
            }
            found
        };
        let (field, give) = (find("match", &section.matching), find("give", &section.give));
        let (field, give) = (field?, give?);
        Some(Lookup {
            place: (table.id, field, give),
            coercer: Coercer::new(table, field),
            table: table.name.clone(),
            field: table.field(field).name.clone(),
        })
    }
}
