//! What the sample school consists of: majors, classes, courses, people. Sheets are made from it.

use jiff::civil::{Date, date};

use super::days::{TeachingDay, days_until, teaching_days_until};
use super::draw::{Draw, Name, credit_code, identity_number};

/// A major.
#[derive(Debug, Clone)]
pub(super) struct Major {
    pub(super) number: String,
    pub(super) code: &'static str,
    pub(super) name: &'static str,
    pub(super) unit: usize,
}

/// A class of one major and one year of entry.
#[derive(Debug, Clone)]
pub(super) struct Class {
    pub(super) number: String,
    pub(super) name: String,
    pub(super) major: usize,
    pub(super) entry: u32,
    pub(super) tutor: String,
}

/// A course.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) number: String,
    pub(super) name: String,
    /// The major and the year of entry it is for; none for all.
    pub(super) of: Option<(usize, u32)>,
    pub(super) hours: u32,
}

/// A student.
#[derive(Debug, Clone)]
pub(super) struct Student {
    pub(super) number: String,
    pub(super) name: Name,
    pub(super) class: usize,
    pub(super) woman: bool,
    pub(super) birth: Date,
    pub(super) division: &'static str,
    pub(super) id: String,
}

/// A member of staff.
#[derive(Debug, Clone)]
pub(super) struct Staff {
    pub(super) number: String,
    pub(super) name: Name,
    pub(super) unit: usize,
    pub(super) woman: bool,
    pub(super) teaches: bool,
    pub(super) birth: Date,
    pub(super) division: &'static str,
    pub(super) id: String,
}

/// An enterprise.
#[derive(Debug, Clone)]
pub(super) struct Firm {
    pub(super) number: String,
    pub(super) name: String,
    pub(super) credit: String,
    pub(super) industry: &'static str,
}

/// Everything that sheets are made from.
pub(super) struct World {
    pub(super) majors: Vec<Major>,
    pub(super) classes: Vec<Class>,
    pub(super) courses: Vec<Course>,
    pub(super) students: Vec<Student>,
    pub(super) staff: Vec<Staff>,
    pub(super) firms: Vec<Firm>,
    /// Days from the start of the term to today.
    pub(super) days: Vec<Date>,
    /// Days with lessons, tomorrow's included.
    pub(super) lessons: Vec<TeachingDay>,
    pub(super) today: Date,
    pub(super) draw: Draw,
}

/// Departments that teach come first.
pub(super) const UNITS: &[(&str, &str)] = &[
    ("200100", "信息工程学院"),
    ("200200", "智能制造学院"),
    ("200300", "财经商贸学院"),
    ("200400", "建筑工程学院"),
    ("200500", "医药健康学院"),
    ("200600", "文化旅游与教育学院"),
    ("200700", "马克思主义学院"),
    ("300100", "教务处"),
    ("300200", "学生工作处"),
    ("300300", "人事处"),
    ("300400", "信息中心"),
    ("300500", "图书馆"),
    ("300600", "后勤保障处"),
    ("300700", "校企合作处"),
    ("300800", "资产管理处"),
];
const MAJORS: &[(&str, &str, usize)] = &[
    ("510201", "计算机应用技术", 0),
    ("510203", "软件技术", 0),
    ("510206", "云计算技术应用", 0),
    ("510209", "人工智能技术应用", 0),
    ("460103", "数控技术", 1),
    ("460301", "机电一体化技术", 1),
    ("460305", "工业机器人技术", 1),
    ("460702", "新能源汽车技术", 1),
    ("530302", "大数据与会计", 2),
    ("530605", "市场营销", 2),
    ("530701", "电子商务", 2),
    ("530802", "现代物流管理", 2),
    ("440301", "建筑工程技术", 3),
    ("440501", "工程造价", 3),
    ("520201", "护理", 4),
    ("520301", "药学", 4),
    ("540101", "旅游管理", 5),
    ("540106", "酒店管理与数字化运营", 5),
    ("570102", "学前教育", 5),
    ("510215", "动漫制作技术", 0),
];
pub(super) const DIVISIONS: &[(&str, &str)] = &[
    ("410702", "河南新乡"),
    ("410721", "河南新乡"),
    ("410724", "河南获嘉"),
    ("410725", "河南原阳"),
    ("410726", "河南延津"),
    ("410727", "河南封丘"),
    ("410781", "河南卫辉"),
    ("410782", "河南辉县"),
    ("411702", "河南驻马店"),
    ("411721", "河南西平"),
    ("411722", "河南上蔡"),
    ("411727", "河南汝南"),
];
const PUBLIC: &[&str] = &[
    "思想道德与法治",
    "毛泽东思想和中国特色社会主义理论体系概论",
    "形势与政策",
    "高职英语",
    "高等数学",
    "体育与健康",
    "信息技术基础",
    "大学生心理健康教育",
    "军事理论",
    "劳动教育",
    "中国传统文化",
    "职业生涯规划",
];
const TOPICS: &[&str] = &["基础", "应用实务", "综合实训", "项目实践"];
const STAGES: &[(u32, &str)] = &[(2022, "高级"), (2023, "专业"), (2024, "入门")];
const FIRMS: &[&str] = &["云杉", "远帆", "启衡", "禾川", "瑞恒", "星澜", "博泰", "金穗", "中原", "望岳", "牧野", "卫水"];
const TRADES: &[(&str, &str)] = &[
    ("信息技术有限公司", "I"),
    ("智能装备有限公司", "C"),
    ("商贸有限公司", "F"),
    ("建设工程有限公司", "E"),
    ("医药有限公司", "C"),
    ("酒店管理有限公司", "H"),
];

/// Students of a class.
const CLASS_SIZE: u32 = 40;

impl World {
    /// The school as it stands on a day.
    pub(super) fn new(seed: u64, today: Date) -> Self {
        let draw = Draw::new(seed);
        let majors: Vec<Major> = (1001..)
            .zip(MAJORS)
            .map(|(number, (code, name, unit))| Major { number: number.to_string(), code, name, unit: *unit })
            .collect();
        let staff = staff(&draw);
        let classes = classes(&majors, &staff);
        let students = students(&draw, &classes);
        let tomorrow = super::days::after(today, 1);
        Self {
            courses: courses(&majors, &draw),
            firms: firms(),
            days: days_until(today),
            lessons: teaching_days_until(tomorrow),
            majors,
            classes,
            students,
            staff,
            today,
            draw,
        }
    }

    /// The courses that a class takes this term, in a fixed order.
    pub(super) fn courses_of(&self, class: &Class) -> impl Iterator<Item = &Course> {
        let (major, entry) = (class.major, class.entry);
        let open = entry as usize % 3 * 4;
        let public = self.courses.iter().filter(|c| c.of.is_none()).skip(open).take(4);
        self.courses.iter().filter(move |c| c.of == Some((major, entry))).chain(public)
    }

    /// Who teaches: the same person for the same class and place in the list.
    pub(super) fn teacher(&self, class: usize, nth: usize) -> &Staff {
        let teachers = self.staff.iter().filter(|s| s.teaches).count();
        &self.staff[(class * 8 + nth) * 7 % teachers]
    }
}

fn staff(draw: &Draw) -> Vec<Staff> {
    let mut names = std::collections::BTreeSet::new();
    let mut out = Vec::new();
    while out.len() < 240 {
        let name = draw.name();
        // Names of staff differ, so that a name alone finds a person; where two share one is planned below.
        if !names.insert(name.zh.clone()) {
            continue;
        }
        let serial = out.len() as u32 + 1;
        let birth = date(draw.int(1966, 1996) as i16, draw.int(1, 12) as i8, draw.int(1, 28) as i8);
        let (division, _) = *draw.of(DIVISIONS);
        let woman = draw.percent(55);
        let teaches = serial <= 200;
        let unit = if teaches { serial as usize % 7 } else { 7 + serial as usize % 8 };
        let id = identity_number(division, &super::days::compact(birth), woman);
        out.push(Staff { number: format!("01{serial:04}"), name, unit, woman, teaches, birth, division, id });
    }
    // Two teachers of one name.
    out[151].name = out[150].name.clone();
    out
}

fn classes(majors: &[Major], staff: &[Staff]) -> Vec<Class> {
    let mut out = Vec::new();
    for (major, m) in majors.iter().enumerate() {
        for (entry, _) in STAGES {
            let tutor = staff[out.len() * 3 % 200].number.clone();
            let number = format!("{}{}01", entry % 100, m.number);
            out.push(Class { number, name: format!("{entry}级{}1班", m.name), major, entry: *entry, tutor });
        }
    }
    out
}

fn courses(majors: &[Major], draw: &Draw) -> Vec<Course> {
    let mut out = Vec::new();
    for (i, name) in PUBLIC.iter().enumerate() {
        let number = format!("G{:05}", i + 1);
        out.push(Course { number, name: (*name).to_owned(), of: None, hours: 32 });
    }
    for (major, m) in majors.iter().enumerate() {
        for (stage, (entry, level)) in STAGES.iter().enumerate() {
            for (nth, topic) in TOPICS.iter().enumerate() {
                let number = format!("{}{}{}", m.number, stage + 1, nth + 1);
                let name = format!("{}{level}{topic}", m.name);
                out.push(Course { number, name, of: Some((major, *entry)), hours: *draw.of(&[32, 48, 64, 72]) });
            }
        }
    }
    out
}

fn students(draw: &Draw, classes: &[Class]) -> Vec<Student> {
    let mut out = Vec::new();
    for (class, c) in classes.iter().enumerate() {
        for seat in 1..=CLASS_SIZE {
            let number = format!("{}{}", c.entry, &c.number[2..]) + &format!("{seat:02}");
            out.push(student(draw, number, class, c.entry));
        }
    }
    out
}

/// An invented student.
pub(super) fn student(draw: &Draw, number: String, class: usize, entry: u32) -> Student {
    let birth = date((entry - 18 - draw.int(0, 1)) as i16, draw.int(1, 12) as i8, draw.int(1, 28) as i8);
    let (division, _) = *draw.of(DIVISIONS);
    let woman = draw.percent(48);
    let id = identity_number(division, &super::days::compact(birth), woman);
    Student { number, name: draw.name(), class, woman, birth, division, id }
}

fn firms() -> Vec<Firm> {
    let all = FIRMS.iter().flat_map(|stem| TRADES.iter().map(move |trade| (stem, trade)));
    (1..)
        .zip(all.take(60))
        .map(|(serial, (stem, (trade, industry)))| Firm {
            number: format!("QY{serial:04}"),
            name: format!("河南{stem}{trade}"),
            credit: credit_code("91", serial),
            industry,
        })
        .collect()
}
