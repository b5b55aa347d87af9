//! Which options of a field go together.

use super::Compiler;
use crate::finding::Text;
use crate::normalize::coerce::Factor;
use crate::normalize::document::{FieldOptions, Take};
use crate::standard::{FieldPlan, FieldType, Format, Required, Sensitivity};

/// A rule broken: what is wrong, and the remedy.
type Broken = (&'static str, (&'static str, &'static str), (&'static str, &'static str));

impl Compiler<'_> {
    /// Notes every option that does not go with the field or with another option.
    pub(super) fn check_options(&mut self, pointer: &str, options: &FieldOptions, field: &FieldPlan) {
        for (key, what, remedy) in broken(options, field) {
            let place = format!("{pointer}/{key}");
            let what = Text::new(format!("{}：{}", field.name, what.0), format!("{}: {}", field.name, what.1));
            self.faults.add(&place, what, Text::new(remedy.0, remedy.1));
        }
    }
}

fn broken(options: &FieldOptions, field: &FieldPlan) -> Vec<Broken> {
    let mut list: Vec<Broken> = Vec::new();
    let feeds = [options.column.is_some(), options.template.is_some(), options.value.is_some(), options.not_available.is_some()];
    match feeds.iter().filter(|f| **f).count() {
        1 => {}
        0 => list.push((
            "",
            ("没有说明值从哪里来", "nothing says where the value comes from"),
            ("写 column、template、value 或 not_available", "write column, template, value or not_available"),
        )),
        _ => list.push((
            "",
            ("column、template、value、not_available 只能有一个", "column, template, value and not_available exclude each other"),
            ("只留一个", "keep one of them"),
        )),
    }
    from_nowhere(options, field, &mut list);
    by_type(options, field, &mut list);
    on_missing(options, &mut list);
    list
}

fn from_nowhere(options: &FieldOptions, field: &FieldPlan, list: &mut Vec<Broken>) {
    let shapes = options.take.is_some()
        || options.serial.is_some()
        || options.split.is_some()
        || options.multiply.is_some()
        || options.lookup.is_some()
        || options.id15
        || !options.codes.is_empty()
        || !options.words.is_empty()
        || options.default.is_some()
        || options.when_missing.is_some();
    if shapes && (options.value.is_some() || options.not_available.is_some()) {
        list.push((
            "",
            ("常量或缺项不能带其他选项", "a constant or a stated absence takes no other option"),
            ("删去其他选项", "drop the other options"),
        ));
    }
    if options.not_available.is_some() && field.required == Required::Mandatory {
        list.push((
            "not_available",
            ("必填字段不能声明没有数据", "a mandatory field cannot be declared absent"),
            ("映射它，或用 when_missing 声明占位值", "map it, or declare a placeholder with when_missing"),
        ));
    }
}

fn by_type(options: &FieldOptions, field: &FieldPlan, list: &mut Vec<Broken>) {
    let numeric = !matches!(field.ty, FieldType::Text(_));
    let format = match field.ty {
        FieldType::Text(format) => Some(format),
        _ => None,
    };
    let timed = matches!(format, Some(Format::Date | Format::Month | Format::Year | Format::DateTime | Format::Time));
    if !options.codes.is_empty() && field.code_set.is_none() {
        list.push(("codes", ("此字段没有代码集", "the field has no code set"), ("改用 words", "use words instead")));
    }
    if options.multiply.is_some() && !numeric {
        list.push(("multiply", ("此字段不是数值", "the field is no number"), ("删去 multiply", "drop multiply")));
    }
    if options.multiply.as_deref().is_some_and(|m| Factor::parse(m).is_none()) {
        list.push((
            "multiply",
            ("乘数不可用", "the factor is not usable"),
            ("写普通小数，如 \"0.01\"", "write a plain decimal, as \"0.01\""),
        ));
    }
    if options.serial.is_some() && !timed {
        list.push(("serial", ("此字段不是日期", "the field is no date"), ("删去 serial", "drop serial")));
    }
    if options.split.is_some() && field.separator.is_none() {
        list.push(("split", ("此字段只能有一个值", "the field takes one value only"), ("删去 split", "drop split")));
    }
    let identity =
        format == Some(Format::ResidentId) || (format == Some(Format::Free) && field.sensitivity == Sensitivity::IdNumber);
    if options.id15 && !identity {
        list.push(("id15", ("此字段不是身份证件号", "the field is no identity number"), ("删去 id15", "drop id15")));
    }
    if options.take.is_some_and(|take| !fits(take, format, field)) {
        list.push((
            "take",
            ("take 与字段的格式不符", "take does not go with the field's form"),
            (
                "date 用于日期，month 用于年月，year 用于年，time 用于时间，school_year 用于学年，term 用于学期代码",
                "date is for dates, month for months, year for years, time for times, school_year for school years, term for term codes",
            ),
        ));
    }
}

fn fits(take: Take, format: Option<Format>, field: &FieldPlan) -> bool {
    let Some(format) = format else { return false };
    if field.code_set.is_some() {
        return take == Take::Term;
    }
    match take {
        Take::Date => matches!(format, Format::Date | Format::Free),
        Take::Month => matches!(format, Format::Month | Format::Free),
        Take::Year => matches!(format, Format::Year | Format::Free),
        Take::Time => matches!(format, Format::Time | Format::DateTime | Format::Free),
        Take::SchoolYear => matches!(format, Format::SchoolYear | Format::SchoolYearWord | Format::Free),
        Take::Term => format == Format::Free,
    }
}

fn on_missing(options: &FieldOptions, list: &mut Vec<Broken>) {
    if options.default.is_some() && options.when_missing.is_some() {
        list.push((
            "default",
            ("default 与 when_missing 只能有一个", "default and when_missing exclude each other"),
            ("只留一个", "keep one of them"),
        ));
    }
}
