//! What a column's sampled values look like. Only counts leave this file, and values that are no person's.

use std::collections::BTreeMap;

use super::terms::is_han;
use crate::source::{ColumnKind, TableShape};

/// More different values than these are not listed.
const MOST_DISTINCT: usize = 40;

/// Counts over the samples of one column.
#[derive(Clone, Default)]
pub(super) struct Profile {
    /// Values that are there.
    pub filled: usize,
    /// Different ones.
    pub distinct: usize,
    pub digits: usize,
    pub whole: usize,
    pub han: usize,
    /// With a Chinese character anywhere.
    pub some_han: usize,
    pub resident: usize,
    pub credit: usize,
    pub phone: usize,
    pub mail: usize,
    pub person: usize,
    pub files: usize,
    pub hashes: usize,
    /// Dates with separators.
    pub dates: usize,
    /// The values differ by a number alone: 学号1, 学号2: nobody's data.
    pub is_filler: bool,
    /// School year and term in one.
    pub year_terms: usize,
    pub longest: usize,
    /// The values as they came, for fitting; never shown.
    values: Vec<String>,
}

impl Profile {
    pub fn of(shape: &TableShape, column: usize) -> Self {
        let mut own = Self::default();
        let mut seen = std::collections::HashSet::new();
        for value in shape.samples.column(column).flatten().map(str::trim).filter(|value| !is_nothing(value)) {
            own.filled += 1;
            own.longest = own.longest.max(value.chars().count());
            let digits = value.bytes().all(|b| b.is_ascii_digit());
            own.digits += usize::from(digits);
            own.whole += usize::from(value.parse::<f64>().is_ok());
            own.han += usize::from(value.chars().filter(|c| is_han(*c)).count() * 2 > value.chars().count());
            own.some_han += usize::from(value.chars().any(is_han));
            own.resident += usize::from(is_resident_id(value));
            own.credit += usize::from(is_credit_code(value));
            own.phone += usize::from(is_phone(value));
            own.mail += usize::from(is_mail(value));
            own.person += usize::from(is_person_name(value));
            own.files += usize::from(is_file(value));
            own.hashes += usize::from(value.len() >= 24 && value.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-') && !digits);
            own.dates += usize::from(is_date(value));
            own.year_terms += usize::from(is_year_term(value));
            seen.insert(value.to_owned());
            own.values.push(value.to_owned());
        }
        own.distinct = seen.len();
        let stems: std::collections::HashSet<String> =
            seen.iter().map(|value| value.chars().filter(|c| !c.is_ascii_digit()).collect()).collect();
        own.is_filler = seen.len() >= 3
            && stems.len() == 1
            && stems.iter().any(|stem| stem.chars().all(is_han) && (1..=6).contains(&stem.chars().count()))
            && seen.iter().all(|value| value.ends_with(|c: char| c.is_ascii_digit()));
        own
    }

    /// A count as a share of the values that are there.
    pub fn share(&self, count: usize) -> f32 {
        if self.filled == 0 { 0.0 } else { count as f32 / self.filled as f32 }
    }

    /// The values, for fitting. They must not be shown: see [`Self::listable`].
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().map(String::as_str)
    }

    /// The different values with how often each stands there, where they may be shown: few, short, often repeated, and
    /// of no person's form.
    pub fn listable(&self) -> Option<BTreeMap<&str, usize>> {
        let personal = self.resident + self.phone + self.mail + self.hashes;
        let numbered = self.values().any(|value| value.len() >= 6 && value.bytes().all(|b| b.is_ascii_digit()));
        let repeated = self.distinct * 2 <= self.filled || self.distinct <= 3;
        if personal > 0 || numbered || !repeated || self.distinct > MOST_DISTINCT || self.longest > 16 {
            return None;
        }
        let mut counts = BTreeMap::new();
        for value in self.values() {
            *counts.entry(value).or_default() += 1;
        }
        Some(counts)
    }
}

/// Whether a column numbers rows for the system alone: a whole-number key of a generic name.
pub(super) fn is_surrogate(shape: &TableShape, column: usize, profile: &Profile) -> bool {
    let own = &shape.columns[column];
    let name = own.name.to_ascii_lowercase();
    let is_number = profile.filled == 0 || profile.share(profile.digits) > 0.99;
    let declared = own.declared.to_ascii_lowercase();
    let counted = declared.contains("int") || declared.contains("serial") || own.kind == ColumnKind::Number;
    let named =
        name == "id" || name.ends_with("_id") || name.ends_with("id") && own.name.ends_with(['D', 'd']) && name.len() <= 16;
    let long_hash = profile.share(profile.hashes) > 0.9;
    let said = own.comment.as_deref().is_some_and(|text| {
        let text = text.trim().to_ascii_lowercase();
        text.ends_with("id") || text.contains("主键") || text == "id"
    });
    (long_hash && (named || said))
        || (is_number
            && counted
            && (named
                || said
                || (shape.primary.len() == 1 && shape.primary[0] == *own.name && runs_on(profile) && name.len() <= 4)))
}

/// 1, 2, 3 …: numbers that the database gave.
fn runs_on(profile: &Profile) -> bool {
    let numbers: Vec<i64> = profile.values().filter_map(|value| value.parse().ok()).collect();
    numbers.len() > 2 && numbers.windows(2).all(|pair| pair[1] - pair[0] == 1)
}

fn is_nothing(value: &str) -> bool {
    matches!(value, "" | "-" | "--" | "/" | "NULL" | "null" | "N/A" | "\\N" | "无")
}

fn is_resident_id(value: &str) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let bytes = value.as_bytes();
    if bytes.len() != 18 || !bytes[..17].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let sum: u32 = bytes.iter().zip(WEIGHTS).map(|(b, weight)| u32::from(b - b'0') * weight).sum();
    "10X98765432".as_bytes()[(sum % 11) as usize] == bytes[17].to_ascii_uppercase()
}

fn is_credit_code(value: &str) -> bool {
    const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    let place = |b: u8| ALPHABET.iter().position(|own| *own == b.to_ascii_uppercase());
    let Some(places) = value.bytes().map(place).collect::<Option<Vec<usize>>>().filter(|places| places.len() == 18) else {
        return false;
    };
    let mut weight = 1;
    let mut sum = 0;
    for own in &places[..17] {
        sum += own * weight;
        weight = weight * 3 % 31;
    }
    (31 - sum % 31) % 31 == places[17]
}

fn is_phone(value: &str) -> bool {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    let plain = value.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | ' ' | '(' | ')' | '*'));
    let mobile = digits.len() == 11 && digits.starts_with('1') && !digits[1..].starts_with(['0', '1', '2']);
    let fixed = value.starts_with('0') && value.contains('-') && (10..=12).contains(&digits.len());
    let masked = value.contains('*') && value.len() == 11 && value.starts_with('1');
    plain && (mobile || fixed || masked)
}

fn is_mail(value: &str) -> bool {
    value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains(['@', ' ']))
}

/// Whether a value has the form of a person's name or of an address. It may still be a word: a label such as 高级.
pub(super) fn is_personal(value: &str) -> bool {
    let places = value.chars().filter(|c| "省市县区镇乡村路街巷号室栋".contains(*c)).count();
    is_person_name(value) || places >= 2
}

/// A Chinese name by its form: a family name in front of one or two characters, or dots between parts.
fn is_person_name(value: &str) -> bool {
    const FAMILY: &str = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳\
                          酆鲍史唐费廉岑薛雷贺倪汤滕殷罗毕郝邬安常乐于时傅皮卞齐康伍余元卜顾孟平黄和穆萧尹姚邵湛汪祁毛禹狄米贝明臧计伏成戴谈宋茅庞熊纪舒\
                          屈项祝董梁杜阮蓝闵席季麻强贾路娄危江童颜郭梅盛林刁钟徐邱骆高夏蔡田樊胡凌霍虞万支柯管卢莫房裘缪干解应宗丁宣邓洪包诸左石崔吉龚程\
                          邢裴陆荣翁荀羊甄曲家封芮储靳松井段富巫乌焦巴弓牧隗山谷车侯宓蓬全郗班仰秋仲伊宫宁仇栾暴甘厉戎祖武符刘景詹束龙叶幸司韶黎薄白\
                          印宿怀蒲邰从鄂索咸籍赖卓蔺屠蒙池乔阴郁胥能苍双闻莘党翟谭贡劳逄姬申扶堵冉宰郦雍却璩桑桂濮牛寿通边扈燕冀郏浦尚农温别庄晏柴瞿阎充慕\
                          连茹习宦艾鱼容向古易慎戈廖庾终暨居衡步都耿满弘匡国文寇广禄阙东欧殳沃利蔚越夔隆师巩厍聂晁勾敖融冷訾辛阚那简饶空曾毋沙乜养鞠须丰巢\
                          关蒯相查后荆红游竺权逑盖益桓公肖付闫仝覃佟麦苟逯帅代买么练佘墨岳海晋楚鹿鲜铁迟揭涂但令呼候展";
    let chars: Vec<char> = value.chars().collect();
    let dotted = value.contains('·') && chars.iter().all(|c| is_han(*c) || *c == '·') && chars.len() <= 20;
    dotted || ((2..=4).contains(&chars.len()) && chars.iter().all(|c| is_han(*c)) && FAMILY.contains(chars[0]))
}

fn is_date(value: &str) -> bool {
    let head: Vec<&str> = value.split([' ', 'T']).next().unwrap_or_default().split(['-', '/', '.']).collect();
    let number = |part: &str, most: usize| part.parse::<usize>().is_ok_and(|n| (1..=most).contains(&n));
    matches!(head[..], [year, month, day] if year.len() == 4 && number(year, 2999) && number(month, 12) && number(day, 31))
}

fn is_year_term(value: &str) -> bool {
    let parts: Vec<&str> = value.split('-').collect();
    let year = |text: &str| text.len() == 4 && text.parse::<u16>().is_ok();
    matches!(parts[..], [first, second, term] if year(first) && year(second) && term.len() == 1)
        || (value.contains("学年") && value.contains("学期"))
}

fn is_file(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    [".jpg", ".jpeg", ".png", ".gif", ".pdf", ".doc", ".docx", ".zip", ".mp4"].iter().any(|end| lower.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_told_by_their_checks() {
        assert!(is_resident_id("810000199408230021") && !is_resident_id("810000199408230022"));
        assert!(is_credit_code("9144030071526726XG") && !is_credit_code("911100001000013428"));
        assert!(is_phone("0371-60000001") && !is_phone("20230301001"));
        assert!(is_mail("a@b.cn") && !is_mail("a@b"));
        assert!(
            is_person_name("张三") && is_person_name("党伟") && is_person_name("买买提·艾力") && !is_person_name("教务处办公室")
        );
    }
}
