//! What is said of changes, in both languages. Names of columns and types stand in the texts, never a value.

use super::change::Change;
use super::form::Reprint;
use super::retyped::Step;
use super::successor::Candidate;
use crate::finding::Text;

/// More changes than these are counted, not listed.
const LISTED: usize = 12;

/// Several changes as one text.
pub(super) fn joined<'a>(changes: impl Iterator<Item = &'a Change>) -> Text {
    let texts: Vec<&Text> = changes.map(|change| &change.text).collect();
    let more = texts.len().saturating_sub(LISTED);
    let list = |of: fn(&Text) -> &str, by: &str| texts.iter().take(LISTED).map(|text| of(text)).collect::<Vec<_>>().join(by);
    let (mut zh, mut en) = (list(|text| &text.zh, "；"), list(|text| &text.en, "; "));
    if more > 0 {
        zh.push_str(&format!("；另有 {more} 处"));
        en.push_str(&format!("; and {more} more"));
    }
    Text::new(zh, en)
}

/// Adds which fields depend on it.
pub(super) fn with_fields(text: Text, fields: &[(String, String)]) -> Text {
    if fields.is_empty() {
        return text;
    }
    let names: Vec<String> = fields.iter().map(|(name, label)| format!("{name} {label}")).collect();
    Text::new(
        format!("{}（涉及字段：{}）", text.zh, names.join("、")),
        format!("{} (fields: {})", text.en, fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")),
    )
}

/// A vanished column that nobody uses.
pub(super) fn dropped(name: &str) -> Text {
    Text::new(format!("未使用的列“{name}”没有了"), format!("the column {name}, which is not used, is gone"))
}

/// A vanished column that is used.
pub(super) fn gone(name: &str, likely: &[Candidate]) -> Text {
    let (mut zh, mut en) = (format!("列“{name}”没有了"), format!("the column {name} is gone"));
    match likely {
        [] => {}
        [only] => {
            zh.push_str(&format!("，很可能改名为“{}”（{}）", only.name, only.why.zh));
            en.push_str(&format!("; it is probably {} now ({})", only.name, only.why.en));
        }
        [first, second, ..] => {
            zh.push_str(&format!("，可能改名为“{}”（{}）或“{}”（{}）", first.name, first.why.zh, second.name, second.why.zh));
            en.push_str(&format!("; it may be {} ({}) or {} ({}) now", first.name, first.why.en, second.name, second.why.en));
        }
    }
    Text::new(zh, en)
}

/// A column that nobody uses yet.
pub(super) fn added(name: &str) -> Text {
    Text::new(format!("新增列“{name}”"), format!("the column {name} is new"))
}

/// A name that two columns have.
pub(super) fn doubled(name: &str) -> Text {
    Text::new(
        format!("现在有多列名为“{name}”，无法确定原来的是哪一列"),
        format!("several columns are named {name} now; which of them it was is not known"),
    )
}

/// Values that were in another column.
pub(super) fn moved(name: &str, from: &str) -> Text {
    Text::new(
        format!("列“{name}”中现在是原来列“{from}”的内容，数据可能错位"),
        format!("the column {name} holds now what {from} held; the data has probably shifted"),
    )
}

/// Another number of columns where places are all there is.
pub(super) fn counted(name: &str, before: usize, now: usize) -> Text {
    Text::new(
        format!("列“{name}”没有自己的列名，只按位置读取，而列数由 {before} 变为 {now}"),
        format!(
            "the column {name} has no name of its own and is read by its place, and there are {now} columns instead of {before}"
        ),
    )
}

/// Values of another form where places are all there is.
pub(super) fn unlike(name: &str) -> Text {
    Text::new(
        format!("列“{name}”没有自己的列名，只按位置读取，而其内容的形式与以前不同"),
        format!(
            "the column {name} has no name of its own and is read by its place, and its values have another form than before"
        ),
    )
}

/// A field that rows no longer have.
pub(super) fn emptied(name: &str) -> Text {
    Text::new(
        format!("以前几乎每行都有的“{name}”现在一行都没有"),
        format!("{name}, which nearly every row had, is in none of them now"),
    )
}

/// A column whose values print otherwise.
pub(super) fn reprinted(name: &str, reprint: Reprint) -> Text {
    let (zh, en) = match reprint {
        Reprint::ZerosLost => {
            ("开头的 0 丢失了（多半是用 Excel 打开并保存过）", "zeros in front are lost, as when Excel has saved a file")
        }
        Reprint::Exponents => {
            ("编号变成了科学计数法，末尾的数字已丢失", "numbers are written with an exponent, and their last digits are lost")
        }
        Reprint::Dates => ("日期变成了数字，或数字变成了日期", "dates have become numbers, or numbers dates"),
    };
    Text::new(format!("列“{name}”的写法变了：{zh}"), format!("the values of {name} are written otherwise: {en}"))
}

/// A column of another type.
pub(super) fn retyped(name: &str, (before, now): (&str, &str), step: Step) -> Text {
    let (zh, en) = match step {
        Step::Same | Step::Wider => ("只是放宽", "it is wider"),
        Step::Shorter(_) => ("变短，较长的值可能被截断", "it is shorter, so that longer values may be cut off"),
        Step::Narrower => ("范围变小，较大的值可能放不下", "it is narrower, so that larger values may not fit"),
        Step::Decimals(_) => {
            ("小数位数变了，数的写法不同", "it has another number of decimals, so that numbers are written otherwise")
        }
        Step::Floating(_) => {
            ("变为浮点数，编号和金额可能失真", "it is floating point now, so that numbers of things and amounts may not be exact")
        }
        Step::Exact => ("不再是浮点数，数值可能被舍入", "it is floating point no longer, so that numbers may be rounded"),
        Step::Numbers => ("文本变为数字，编号开头的 0 会丢失", "texts have become numbers, so that zeros in front are lost"),
        Step::Texts => ("数字变为文本，写法可能不同", "numbers have become texts, which may be written otherwise"),
        Step::Dates => ("日期的类型变了，写法不同", "the type of dates has changed, so that they are written otherwise"),
        Step::Other => ("值的写法可能不同", "values may be written otherwise"),
    };
    Text::new(
        format!("列“{name}”的类型由 {before} 变为 {now}：{zh}"),
        format!("the type of {name} was {before} and is {now}: {en}"),
    )
}

/// A change that the values read show to be none.
pub(super) fn safe(text: Text) -> Text {
    Text::new(format!("{}；读到的值与以前一致", text.zh), format!("{}; the values read are as before", text.en))
}

/// A column that nobody uses has another type.
pub(super) fn other_type(name: &str) -> Text {
    Text::new(format!("未使用的列“{name}”的类型变了"), format!("the type of the column {name}, which is not used, has changed"))
}

/// Another encoding.
pub(super) fn encoded(name: &str, (before, now): (&str, &str)) -> Text {
    Text::new(format!("列“{name}”的字符集由 {before} 变为 {now}"), format!("the encoding of {name} was {before} and is {now}"))
}

/// Another collation.
pub(super) fn collated(name: &str, (before, now): (&str, &str), orders: bool) -> Text {
    let (zh, en) = if orders { ("，而读取按该列排序", ", and rows are read in its order") } else { ("", "") };
    Text::new(
        format!("列“{name}”的排序规则由 {before} 变为 {now}{zh}"),
        format!("the collation of {name} was {before} and is {now}{en}"),
    )
}

/// Whether values may be missing.
pub(super) fn nullable(name: &str, may: bool) -> Text {
    match may {
        true => Text::new(format!("列“{name}”现在可以为空"), format!("the column {name} may be without a value now")),
        false => Text::new(format!("列“{name}”现在不可为空"), format!("the column {name} may no longer be without a value")),
    }
}

/// Another order.
pub(super) fn reordered() -> Text {
    Text::new("列的次序变了", "the columns stand in another order")
}

/// A view of another text with the same values.
pub(super) fn same_view() -> Text {
    Text::new("视图的定义变了；读到的值与以前一致", "the view has another definition; the values read are as before")
}

/// A view of another text whose values prove nothing.
pub(super) fn view(columns: &[&str]) -> Text {
    Text::new(
        format!("视图的定义变了，读到的值不足以证明这些列含义未变：{}", columns.join("、")),
        format!(
            "the view has another definition, and the values read do not prove that these columns mean the same: {}",
            columns.join(", ")
        ),
    )
}
