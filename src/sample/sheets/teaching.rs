//! Calendar, majors, plans, courses, classes, text books: tables of the teaching-affairs database.

use super::super::days::{after, short, spelt};
use super::super::draw::credit_code;
use super::super::sheet::{Home, Sheet, cells};
use super::super::world::{UNITS, World};
use jiff::civil::date;

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![
        school(world),
        calendar(),
        grades(),
        majors(world),
        recognised(world),
        plans(world),
        courses(world),
        classes(world),
        planned(world),
        textbooks(world),
    ]
}

fn school(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_xxgk"),
        &[
            "xxmc", "xydm", "jxny", "jbzmc", "jbzxz", "jbzjb", "xxxz", "gspxz", "gspjb", "zyqs:n", "bxlx", "jzgs:n", "zjg:n",
            "glg:n", "gqg:n", "xss", "tsxts:n", "ckdk:n", "zgwdk:n", "yxjr:n", "wxjr:n", "dmtjs:n",
        ],
        &["ODS_XXJBSJ"],
    );
    s.row(cells![
        "云枢职业技术学院",
        credit_code("12", 99_001),
        "1985.09",
        "云溪市人民政府",
        "教育部门",
        "地市级政府",
        "理工院校",
        "高水平专业群建设单位",
        "省部级",
        4,
        "高职",
        world.staff.len(),
        200,
        34,
        6,
        "2,400",
        3,
        10_000,
        40_000,
        3_200,
        1_150,
        96
    ]);
    s
}

fn calendar() -> Sheet {
    let mut s = Sheet::new(Home::Sql("jw_xl"), &["xnxq", "xqmc", "qsrq", "jsrq", "dqxq", "zs:n", "dyz"], &["CORE_XL"]);
    s.row(cells!["2023-2024学年第一学期", "23秋", "2023-9-1", "2024-1-19", "0", 20, "2023-9-4"]);
    s.row(cells!["2023-2024学年第二学期", "24春", "2024-2-26", "2024-7-12", "0", 20, "2024-2-26"]);
    s.row(cells!["2024-2025学年第一学期", "24秋", "2024-9-1", "2025-1-17", "1", 20, "2024-9-2"]);
    s
}

fn grades() -> Sheet {
    let mut s = Sheet::new(Home::Sql("jw_nj"), &["nj", "njmc", "sfzd"], &["CORE_NJ"]);
    for year in 2022..=2024 {
        s.row(cells![year, format!("{year}级"), "是"]);
    }
    s
}

fn majors(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_zy"),
        &["zyh", "zydm", "zymc", "xz", "xydm", "xymc", "zyqmc", "pzny", "sczs", "zdzy", "zxf", "cc"],
        &["CORE_ZY", "ODS_ZYSZSJ"],
    );
    for (i, m) in world.majors.iter().enumerate() {
        let founded = date(1998 + i as i16, 3, 1);
        s.row(cells![
            m.number,
            m.code,
            m.name,
            if i % 7 == 6 { "3年" } else { "三年制" },
            UNITS[m.unit].0,
            UNITS[m.unit].1,
            format!("{}群", m.name),
            founded.strftime("%Y-%-m"),
            after(founded, 190).strftime("%Y年%-m月"),
            if i % 5 == 0 { "是" } else { "否" },
            "140",
            "专科"
        ]);
    }
    s.extras_follow();
    for i in 0..5 {
        s.row(cells![
            2001 + i,
            "510202",
            format!("计算机网络技术（停招{i}）"),
            "三年制",
            "200100",
            "信息工程学院",
            "",
            "2003-3",
            "2003年9月",
            "否",
            "140",
            "专科"
        ]);
    }
    s.spoil_in("ODS_ZYSZSJ", 1, "cc", "中专", "code_set");
    s.spoil(1, "zymc", "无", "required");
    s.spoil_in("CORE_ZY", 1, "xydm", "209900", "reference");
    s.spoil(1, "pzny", "二〇〇三年", "coercion");
    s
}

fn recognised(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("jw_zyjs"), &["zymc", "jb", "lx", "syrq", "bz"], &["ODS_ZYJSQKSJ"]);
    for (i, m) in world.majors.iter().enumerate().filter(|(i, _)| i % 2 == 0) {
        let day = world.days[10 + i % 5];
        s.row(cells![
            m.name,
            if i % 4 == 0 { "省级" } else { "国家级" },
            ["品牌", "特色", "高水平"][i % 3],
            spelt(day),
            format!("{}认定", day.year())
        ]);
    }
    s.spoil(2, "syrq", "2024-09-31", "coercion");
    s
}

fn plans(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_jxjh"),
        &["jhbh", "nj", "zyh", "zymc", "jhmc", "zxf", "zxs:n", "jlny", "sxrq", "zt", "pymb", "zsmc", "bxxf"],
        &["CORE_JXJH", "ODS_PYFASJ"],
    );
    for (i, class) in world.classes.iter().enumerate() {
        let m = &world.majors[class.major];
        s.row(cells![
            format!("P{:04}", i + 1),
            class.entry,
            m.number,
            m.name,
            format!("{}级{}专业人才培养方案", class.entry, m.name),
            "140",
            2_600 + i,
            format!("{}-6", class.entry),
            format!("{}-09-01", class.entry),
            "执行中",
            format!("面向{}及相关岗位，培养德智体美劳全面发展的高素质技术技能人才。", m.name),
            "计算机等级证书、职业技能等级证书",
            "118.5"
        ]);
    }
    s.extras_follow();
    for i in 0..6 {
        s.row(cells![
            format!("P9{i:03}"),
            2021 - i,
            "1001",
            "计算机应用技术",
            "历年方案",
            "142",
            2_700,
            "2021-6",
            "2021-09-01",
            "已停用",
            "略",
            "",
            "120"
        ]);
    }
    s.spoil_in("ODS_PYFASJ", 2, "pymb", "", "required");
    s.spoil(1, "zxf", "一百四十", "coercion");
    s.spoil(1, "jlny", "2021-13", "coercion");
    s.spoil_in("CORE_JXJH", 1, "zt", "8", "code_set");
    s
}

const COURSE_COLUMNS: &[&str] = &[
    "kch", "kcmc", "kclb", "xz", "kclx", "xf", "zxs:n", "llxs:n", "sjxs:n", "xnfz:n", "kzrt", "xqhz", "xskc", "wz", "szsf",
    "kkdw", "khfs", "skfs", "js",
];

fn courses(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("jw_kc"), COURSE_COLUMNS, &["CORE_KC", "ODS_KCJBSJ"]);
    for (i, c) in world.courses.iter().enumerate() {
        let (kind, nature, class) = match c.of {
            None => ("A类（纯理论课）", "必修", "公共基础课"),
            Some(_) if i % 4 == 1 => ("C类(纯实践课)", "必修", "专业核心课"),
            Some(_) if i % 4 == 2 => ("B类(理论+实践)课", "专业选修", "专业拓展课"),
            Some(_) => ("B类（理论＋实践）课", "必修", "专业基础课"),
        };
        let unit = c.of.map_or(6, |(major, _)| world.majors[major].unit);
        s.row(cells![
            c.number,
            c.name,
            kind,
            nature,
            class,
            format!("{}.0", c.hours / 16),
            c.hours,
            c.hours / 2,
            c.hours / 2,
            if i % 9 == 0 { 8 } else { 0 },
            if i % 6 == 0 { "有" } else { "无此项" },
            if world.draw.percent(20) { "Y" } else { "N" },
            if i % 3 == 0 { "√" } else { "×" },
            if i % 3 == 0 { format!("https://mooc.yunshu.example/course/{}", c.number) } else { "/".to_owned() },
            if i % 10 == 0 { "是" } else { "否" },
            UNITS[unit].0,
            if i % 2 == 0 { "考试" } else { "考查" },
            "面授讲课",
            format!("{}课程介绍。", c.name)
        ]);
    }
    s.extras_follow();
    for i in 0..16 {
        s.row(cells![
            format!("X{:05}", i + 1),
            format!("公共选修课{}", i + 1),
            "A类（纯理论课）",
            "公选",
            "公共基础课",
            "2.0",
            32,
            32,
            0,
            0,
            "无此项",
            "N",
            "×",
            "",
            "否",
            "300100",
            "考查",
            "面授讲课",
            "选修"
        ]);
    }
    s.spoil_in("ODS_KCJBSJ", 2, "kclb", "D类", "code_set");
    s.spoil(2, "kcmc", "NULL", "required");
    s.spoil_in("CORE_KC", 2, "kkdw", "209900", "reference");
    s.spoil_in("ODS_KCJBSJ", 1, "wz", "见学习通", "format");
    s.spoil_in("CORE_KC", 1, "js", &"课程内容详见课程标准。".repeat(24), "length");
    s.spoil(1, "kcmc", "大学\u{FFFD}文", "encoding");
    s.contradict(2, "kcmc", "公共选修课（旧名）");
    s
}

fn classes(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_bj"),
        &["bjh", "bjmc", "nj", "zydm", "zyh", "jbny", "bzr", "jxjh", "xydm", "xq", "xz:n", "zt", "dd"],
        &["CORE_BJ"],
    );
    for (i, c) in world.classes.iter().enumerate() {
        let m = &world.majors[c.major];
        s.row(cells![
            c.number,
            c.name,
            c.entry,
            m.code,
            m.number,
            format!("{}年9月", c.entry),
            c.tutor,
            format!("P{:04}", i + 1),
            UNITS[m.unit].0,
            "01",
            3,
            "在读",
            if i % 12 == 0 { "是" } else { "否" }
        ]);
    }
    s.extras_follow();
    for i in 0..5 {
        s.row(cells![
            format!("2199{i:02}01"),
            format!("2021级停办{i}班"),
            2022,
            "510201",
            "1001",
            "2021年9月",
            "",
            "P0001",
            "200100",
            "01",
            3,
            "已撤并",
            "否"
        ]);
    }
    s.spoil(1, "xydm", "", "required");
    s.spoil(1, "nj", "2019", "reference");
    s.spoil(1, "zt", "7", "code_set");
    s
}

fn planned(world: &World) -> Sheet {
    let mut s =
        Sheet::new(Home::Sql("jw_jhkc"), &["zyh", "nj", "kch", "xnxq", "khfs", "hxkc", "skfs", "zjjs"], &["ODS_PYFAKCSJ"]);
    for (at, class) in world.classes.iter().enumerate() {
        for (nth, course) in world.courses_of(class).enumerate() {
            let number = &world.majors[class.major].number;
            let teacher = &world.teacher(at, nth).number;
            let core = if nth % 4 == 1 { "是" } else { "否" };
            s.row(cells![number, class.entry, course.number, "2024-2025学年第一学期", "考试", core, "讲授＋演示", teacher]);
            // The plan goes on; only the term being reported is taken.
            s.row(cells![number, class.entry, course.number, "2024-2025学年第二学期", "考查", core, "", teacher]);
            s.leave_last_out("ODS_PYFAKCSJ");
        }
    }
    s.extras_follow();
    for i in 0..8 {
        s.row(cells![
            1001 + i / 4,
            "2024",
            format!("X{:05}", 13 + i % 4),
            "2024-2025学年第一学期",
            "考查",
            "否",
            "讲授",
            "010001"
        ]);
    }
    s.spoil(2, "kch", "999998", "reference");
    s.spoil(2, "zjjs", "无", "required");
    s.spoil(2, "skfs", "自学", "code_set");
    s
}

fn textbooks(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_jc"),
        &["isbn", "jcbh", "jcmc", "lx", "bc", "cbs", "cbrq", "zz", "dj", "ghjc", "xqhz"],
        &["ODS_JCJBSJ"],
    );
    let names: Vec<String> = world.courses.iter().step_by(2).map(|c| c.name.clone()).collect();
    for (i, name) in names.iter().enumerate() {
        let author = world.draw.name().zh;
        let published = after(date(2019, 1, 5), i as u32 * 14);
        s.row(cells![
            format!("978-7-999-{:05}-{}", i, i % 10),
            format!("JC{:04}", i + 1),
            format!("《{name}》"),
            ["纸质教材", "数字教材", "纸质与数字资源结合教材"][i % 3],
            "第2版",
            "示例教育出版社",
            short(published),
            format!("{author}、李明远"),
            format!("¥{}.80", 29 + i % 30).trim_start_matches('¥'),
            if i % 4 == 0 { "是" } else { "否" },
            if i % 8 == 0 { "有" } else { "无此项" }
        ]);
    }
    s.spoil(2, "lx", "音像", "code_set");
    s.spoil(1, "dj", "三十元", "coercion");
    s.spoil(1, "zz", "—", "required");
    s.contradict(1, "jcmc", "《新编教程》");
    s.repeat(3);

    s
}
