//! The list of columns, for those who fill them: what each means, whether it has to be there, what values look like.

use super::{Request, WantedColumn, WantedTable};
use crate::finding::Lang;
use crate::standard::{FieldPlan, FieldType, Format, Length, Required};

/// Codes that are written out before the list is cut.
const CODES_SHOWN: usize = 12;

/// The list as CSV in UTF-8 with a byte order mark, which office programs want to see Chinese in it.
///
/// # Errors
/// None that is known: it is written to memory.
pub fn columns_csv(request: &Request, lang: Lang) -> Result<Vec<u8>, csv::Error> {
    let mut out = "\u{feff}".as_bytes().to_vec();
    let mut csv = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(&mut out);
    csv.write_record(header(lang))?;
    for table in &request.tables {
        for column in &table.columns {
            csv.write_record(row(table, column, lang).iter().map(|cell| harmless(cell)))?;
        }
    }
    csv.flush()?;
    drop(csv);
    Ok(out)
}

fn header(lang: Lang) -> Vec<String> {
    let names: [&str; 8] = match lang {
        Lang::Zh => ["视图", "数据表", "列", "含义", "必填", "格式", "取值", "敏感信息"],
        Lang::En => ["view", "table", "column", "meaning", "mandatory", "form", "values", "sensitive"],
    };
    names.map(str::to_owned).to_vec()
}

fn row(table: &WantedTable, column: &WantedColumn, lang: Lang) -> Vec<String> {
    let say = |zh: &'static str, en: &'static str| if lang == Lang::Zh { zh } else { en };
    let fields: Vec<&FieldPlan> = table.fields(column).collect();
    let label = if lang == Lang::Zh { &table.plan.label_zh } else { &table.plan.label_en };
    let each = |describe: &dyn Fn(&FieldPlan) -> String| {
        let mut texts: Vec<String> = fields.iter().map(|field| describe(field)).filter(|text| !text.is_empty()).collect();
        texts.dedup();
        texts.join(say("；", "; "))
    };
    let meaning = match fields.is_empty() {
        true => say("用于选取、识别行", "chooses or names rows").to_owned(),
        false => each(&|field| format!("{} ({})", field.label, field.name)),
    };
    vec![
        table.view(),
        format!("{label} ({})", table.plan.name),
        column.name.clone(),
        meaning,
        each(&|field| mandatory(table, field, lang)),
        each(&|field| form(field, lang)),
        each(&|field| values(field, lang)),
        say(if table.is_sensitive(column) { "是" } else { "" }, if table.is_sensitive(column) { "yes" } else { "" }).to_owned(),
    ]
}

fn mandatory(table: &WantedTable, field: &FieldPlan, lang: Lang) -> String {
    match (&field.required, lang) {
        (Required::Mandatory, Lang::Zh) => "是".to_owned(),
        (Required::Mandatory, Lang::En) => "yes".to_owned(),
        (Required::Optional | Required::Unless(_), _) => String::new(),
        (Required::When(condition), lang) => {
            let other = table.plan.field(condition.field);
            let values = condition.is_one_of.join("/");
            match lang {
                Lang::Zh => format!("{}为 {values} 时", other.label),
                Lang::En => format!("when {} is {values}", other.name),
            }
        }
    }
}

/// What values look like. The hub understands other ways of writing dates and numbers, so this is what is best, and not
/// what is demanded.
fn form(field: &FieldPlan, lang: Lang) -> String {
    let say = |zh: String, en: String| if lang == Lang::Zh { zh } else { en };
    let longest = match field.length {
        Length::AtMost(most) => say(format!("，最多 {most} 字"), format!(", at most {most} characters")),
        Length::Doubtful(_) | Length::Open => String::new(),
    };
    let form = match field.ty {
        FieldType::Integer { digits } => {
            say(format!("整数，最多 {digits} 位"), format!("whole number of at most {digits} digits"))
        }
        FieldType::Decimal { precision, scale } => say(
            format!("数值，共 {precision} 位，小数 {scale} 位"),
            format!("number of {precision} digits, {scale} of them behind the point"),
        ),
        FieldType::Text(_) if field.code_set.is_some() => say("代码或名称".to_owned(), "code or name".to_owned()),
        FieldType::Text(Format::Free) => say(format!("文本{longest}"), format!("text{longest}")),
        FieldType::Text(Format::ResidentId) => {
            say("居民身份证号，18 位".to_owned(), "identity number of 18 characters".to_owned())
        }
        FieldType::Text(format) => format.name().to_owned(),
    };
    if field.unit.is_empty() { form } else { say(format!("{form}（{}）", field.unit), format!("{form} ({})", field.unit)) }
}

fn values(field: &FieldPlan, lang: Lang) -> String {
    let Some(set) = &field.code_set else { return String::new() };
    let codes = set.codes();
    let shown: Vec<String> = codes.iter().take(CODES_SHOWN).map(|code| format!("{} {}", code.code, code.label)).collect();
    let separator = if lang == Lang::Zh { "，" } else { ", " };
    let mut text = shown.join(separator);
    if codes.len() > CODES_SHOWN {
        text.push_str(&match lang {
            Lang::Zh => format!("……共 {} 项，代码集 {}", codes.len(), set.id),
            Lang::En => format!(" … {} in all, code set {}", codes.len(), set.id),
        });
    }
    text
}

/// A cell that no spreadsheet takes for a formula.
fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() }
}
