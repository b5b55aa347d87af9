//! Invented persons and numbers, drawn from a seed.

use std::cell::RefCell;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generator of everything that looks accidental.
pub(super) struct Draw(RefCell<ChaCha8Rng>);

/// A person's name, and how it is read.
#[derive(Debug, Clone)]
pub(super) struct Name {
    pub(super) zh: String,
    pub(super) pinyin: String,
}

const SURNAMES: &[(&str, &str)] = &[
    ("王", "Wang"),
    ("李", "Li"),
    ("张", "Zhang"),
    ("刘", "Liu"),
    ("陈", "Chen"),
    ("杨", "Yang"),
    ("赵", "Zhao"),
    ("黄", "Huang"),
    ("周", "Zhou"),
    ("吴", "Wu"),
    ("徐", "Xu"),
    ("孙", "Sun"),
    ("胡", "Hu"),
    ("朱", "Zhu"),
    ("高", "Gao"),
    ("林", "Lin"),
    ("何", "He"),
    ("郭", "Guo"),
    ("马", "Ma"),
    ("罗", "Luo"),
    ("梁", "Liang"),
    ("宋", "Song"),
    ("郑", "Zheng"),
    ("谢", "Xie"),
    ("韩", "Han"),
    ("唐", "Tang"),
    ("冯", "Feng"),
    ("董", "Dong"),
    ("萧", "Xiao"),
    ("程", "Cheng"),
    ("欧阳", "Ouyang"),
    ("㛃", "Jie"),
];
const GIVEN: &[(&str, &str)] = &[
    ("子", "zi"),
    ("涵", "han"),
    ("宇", "yu"),
    ("轩", "xuan"),
    ("欣", "xin"),
    ("怡", "yi"),
    ("浩", "hao"),
    ("然", "ran"),
    ("思", "si"),
    ("琪", "qi"),
    ("雨", "yu"),
    ("桐", "tong"),
    ("嘉", "jia"),
    ("铭", "ming"),
    ("梓", "zi"),
    ("萱", "xuan"),
    ("博", "bo"),
    ("文", "wen"),
    ("佳", "jia"),
    ("慧", "hui"),
    ("志", "zhi"),
    ("远", "yuan"),
    ("晓", "xiao"),
    ("彤", "tong"),
    ("俊", "jun"),
    ("杰", "jie"),
    ("婷", "ting"),
    ("瑶", "yao"),
    ("昊", "hao"),
    ("天", "tian"),
    ("静", "jing"),
    ("雯", "wen"),
    ("立", "li"),
    ("诚", "cheng"),
    ("美", "mei"),
    ("玲", "ling"),
    ("泽", "ze"),
    ("宁", "ning"),
    ("若", "ruo"),
    ("曦", "xi"),
    ("明", "ming"),
    ("哲", "zhe"),
    ("诗", "shi"),
    ("韵", "yun"),
    ("建", "jian"),
    ("国", "guo"),
    ("海", "hai"),
    ("燕", "yan"),
    ("一", "yi"),
    ("鸣", "ming"),
    ("可", "ke"),
    ("馨", "xin"),
    ("润", "run"),
    ("泉", "quan"),
    ("春", "chun"),
    ("晖", "hui"),
];

impl Draw {
    /// A generator; the same seed draws the same school.
    pub(super) fn new(seed: u64) -> Self {
        Self(RefCell::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// A whole number, both ends included.
    pub(super) fn int(&self, from: u32, to: u32) -> u32 {
        self.0.borrow_mut().random_range(from..=to)
    }

    /// True so many times of a hundred.
    pub(super) fn percent(&self, n: u32) -> bool {
        self.int(0, 99) < n
    }

    /// One of several.
    pub(super) fn of<'a, T>(&self, from: &'a [T]) -> &'a T {
        &from[self.0.borrow_mut().random_range(0..from.len())]
    }

    /// A number with one decimal between two whole numbers.
    pub(super) fn tenths(&self, from: u32, to: u32) -> String {
        let tenths = self.int(from * 10, to * 10);
        format!("{}.{}", tenths / 10, tenths % 10)
    }

    /// An amount of money as reports print it: commas between thousands, two decimals.
    pub(super) fn money(&self, from: u32, to: u32) -> String {
        format!("{}.{:02}", thousands(self.int(from, to)), self.int(0, 99))
    }

    /// A name.
    pub(super) fn name(&self) -> Name {
        let (surname, read) = *self.of(SURNAMES);
        let (first, first_read) = *self.of(GIVEN);
        let (second, second_read) = if self.percent(85) { *self.of(GIVEN) } else { ("", "") };
        let mut given = format!("{first_read}{second_read}");
        if let Some(head) = given.get_mut(0..1) {
            head.make_ascii_uppercase();
        }
        Name { zh: format!("{surname}{first}{second}"), pinyin: format!("{read} {given}") }
    }
}

/// A number with commas between thousands.
pub(super) fn thousands(n: u32) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A resident identity number with a right check character that nobody holds: sequence number 000 is never given
/// out, and 999 was kept for the very old.
pub(super) fn identity_number(division: &str, birth: &str, woman: bool) -> String {
    let body = format!("{division}{birth}{}", if woman { "000" } else { "999" });
    let sum: u32 =
        body.bytes().zip([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]).map(|(b, w)| u32::from(b - b'0') * w).sum();
    let check = b"10X98765432"[(sum % 11) as usize] as char;
    format!("{body}{check}")
}

/// The same number with a wrong check character.
pub(super) fn wrong_check(id: &str) -> String {
    let (body, last) = id.split_at(id.len() - 1);
    format!("{body}{}", if last == "1" { "2" } else { "1" })
}

/// A unified social credit code with right check characters, of a registrar that does not exist.
pub(super) fn credit_code(department: &str, serial: u32) -> String {
    const SYMBOLS: &[u8] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";
    const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];
    let organisation = format!("MA9{serial:05}");
    let sum: u32 = organisation.bytes().zip([3, 7, 9, 10, 5, 8, 4, 2]).map(|(b, w)| value_of(b) * w).sum();
    let check = match 11 - sum % 11 {
        10 => 'X',
        11 => '0',
        n => char::from(b'0' + n as u8),
    };
    let body = format!("{department}410199{organisation}{check}");
    let place = |b: u8| SYMBOLS.iter().position(|s| *s == b).unwrap_or(0) as u32;
    let sum: u32 = body.bytes().zip(WEIGHTS).map(|(b, w)| place(b) * w).sum();
    format!("{body}{}", SYMBOLS[((31 - sum % 31) % 31) as usize] as char)
}

fn value_of(b: u8) -> u32 {
    if b.is_ascii_digit() { u32::from(b - b'0') } else { u32::from(b - b'A') + 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_characters_are_those_of_the_standards_examples() {
        assert_eq!(identity_number("110105", "19491231", true).len(), 18);
        assert_ne!(identity_number("410102", "20050101", true), wrong_check(&identity_number("410102", "20050101", true)));
        assert_eq!(credit_code("91", 7).len(), 18);
    }

    #[test]
    fn the_same_seed_draws_the_same_school() {
        let (a, b) = (Draw::new(7), Draw::new(7));
        assert_eq!(a.name().zh, b.name().zh);
        assert_eq!(a.money(0, 99_999), b.money(0, 99_999));
    }

    #[test]
    fn thousands_are_parted_by_commas() {
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(999), "999");
    }
}
