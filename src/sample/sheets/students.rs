//! Students and what is recorded about them: tables of the student-affairs side of the same database.

use super::super::days::{compact, iso, short, spelt, spreadsheet};
use super::super::draw::{Draw, wrong_check};
use super::super::sheet::{Home, Sheet, cells};
use super::super::world::{Class, DIVISIONS, Major, Student, World, student};

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![
        roster(world),
        grades(world),
        poverty(world),
        aid(world),
        fitness(world),
        clubs(world),
        members(world),
        certificates(world),
    ]
}

const ROSTER: &[&str] = &[
    "xh", "xm", "xmpy", "zjlx", "sfzh", "xb", "csrq", "csd", "jg", "mz", "hyzk", "zzmm", "hkszd", "hklb", "ldrk", "rxny", "xslb",
    "xz", "xsdqzt", "rxfs", "xsly", "jdfs", "jtzz", "jtlxr", "bjh", "zydm",
];

fn roster_row(s: &mut Sheet, draw: &Draw, p: &Student, class: &Class, major: &Major) {
    let home = DIVISIONS.iter().find(|(code, _)| *code == p.division).map_or("", |(_, name)| name);
    let birth = if p.class.is_multiple_of(4) { short(p.birth) } else { compact(p.birth) };
    // Full-width digits as an older form lets them through.
    let entered = if p.class.is_multiple_of(5) { format!("{}０９", class.entry) } else { format!("{}-9", class.entry) };
    s.row(cells![
        p.number,
        p.name.zh,
        p.name.pinyin,
        "居民身份证",
        p.id,
        if p.woman { "女" } else { "男" },
        birth,
        p.division,
        home,
        if draw.percent(4) { "03" } else { "汉族" },
        "未婚",
        if draw.percent(85) { "共青团员" } else { "群众" },
        p.division,
        if draw.percent(60) { "农业家庭户口" } else { "非农业家庭户口" },
        "否",
        entered,
        "41101",
        "3",
        "在读",
        "1",
        "101",
        if draw.percent(92) { "住校" } else { "走读" },
        format!("{home}示例路{}号", draw.int(1, 200)),
        "（略）",
        class.number,
        major.code
    ]);
}

fn roster(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("jw_xs"), ROSTER, &["CORE_XS"]);
    for p in &world.students {
        let class = &world.classes[p.class];
        roster_row(&mut s, &world.draw, p, class, &world.majors[class.major]);
    }
    s.extras_follow();
    let mut first = String::new();
    for i in 0..60 {
        let class = world.classes[i].clone();
        let p = student(&world.draw, format!("{}{}9{i:02}", class.entry, &class.number[2..]), i, class.entry);
        if first.is_empty() {
            first.clone_from(&p.id);
        }
        roster_row(&mut s, &world.draw, &p, &class, &world.majors[class.major]);
    }
    s.spoil(10, "sfzh", &wrong_check(&first), "id_number");
    s.spoil(5, "sfzh", "4.10702E+17", "lossy");
    s.spoil(5, "xb", "3", "code_set");
    s.spoil(5, "csrq", "2005-02-30", "coercion");
    s.spoil(5, "xm", "", "required");
    s.spoil(5, "zydm", "599999", "reference");
    s.spoil(3, "jtzz", &"云溪市文枢大道".repeat(30), "length");
    s.contradict(6, "jtlxr", "（另一位）");
    s.repeat(12);
    s
}

fn grades(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("xg_zhcj"),
        &["xn", "xq", "zymc", "xh", "xm", "gxf", "jxf", "hxf", "txf", "gcj", "jcj", "hcj", "tcj", "lrsj"],
        &["ODS_ZHCJYPJSJ"],
    );
    let entered = world.days[world.days.len().saturating_sub(9)];
    for p in &world.students {
        let major = &world.majors[world.classes[p.class].major];
        let d = &world.draw;
        let credits: [String; 4] = std::array::from_fn(|_| format!("{}.0", d.int(4, 16)));
        let marks: [String; 4] = std::array::from_fn(|_| d.tenths(58, 99));
        let [a, b, c, e] = &credits;
        let [f, g, h, i] = &marks;
        let year = if p.class % 2 == 0 { "2024-2025" } else { "2024-2025学年" };
        s.row(cells![
            year,
            "秋季学期",
            major.name,
            p.number,
            p.name.zh,
            a,
            b,
            c,
            e,
            f,
            g,
            h,
            i,
            format!("{} 00:00:00", iso(entered))
        ]);
    }
    s.spoil(12, "gcj", "九十", "coercion");
    s.spoil(10, "jcj", "88.88", "range");
    s.spoil(8, "hcj", "缓考", "coercion");
    s.spoil(6, "lrsj", "2024-11-31 00:00:00", "coercion");
    s.spoil(5, "tcj", "-", "required");
    s.spoil(4, "xh", "202499999902", "reference");
    s
}

fn poverty(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("xg_pks"), &["xh", "dj", "zt", "rdrq", "bz"], &["ODS_PKSRDSJ"]);
    let day = world.days[25];
    for p in world.students.iter().step_by(8) {
        let level = ["一级", "二级", "三级"][world.draw.int(0, 2) as usize];
        s.row(cells![p.number, level, "已认定", spreadsheet(day), ""]);
    }
    s.spoil(3, "dj", "特", "code_set");
    s.spoil(2, "zt", "", "required");
    s.spoil(2, "xh", "202499999903", "reference");
    s.contradict(2, "dj", "其他");
    s
}

fn aid(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("xg_jzd"),
        &["xh", "xm", "xmmc", "zl", "bz", "zzdw", "zjly", "sqrq", "spsj", "spzt"],
        &["ODS_JZDSQSJ"],
    );
    let kinds = [
        ("国家奖学金", "奖学金", "8000元/年"),
        ("国家助学金", "助学金", "3300元/年"),
        ("生源地信用助学贷款", "助学贷款", "12000元/年"),
    ];
    for (i, p) in world.students.iter().enumerate().skip(3).step_by(8) {
        let (name, kind, rate) = kinds[i % 3];
        let asked = world.days[20 + i % 10];
        let settled = world.days[35 + i % 10];
        s.row(cells![
            p.number,
            p.name.zh,
            name,
            kind,
            rate,
            "国家",
            "中央财政",
            short(asked),
            format!("{} 16:30:00", iso(settled)),
            "通过"
        ]);
    }
    s.spoil(3, "spzt", "3", "code_set");
    s.spoil(3, "bz", "无", "required");
    s.spoil(2, "spsj", "已批", "coercion");
    s.spoil(2, "xmmc", &"国家励志奖学金补充名额".repeat(6), "length");
    s
}

fn fitness(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("xg_tc"), &["xh", "xmmc", "csrq", "cj", "dj"], &["ODS_TZCSCJSJ"]);
    for (i, p) in world.students.iter().enumerate().filter(|(_, p)| p.class % 3 != 0) {
        let day = world.days[30 + i % 12];
        let item = ["50米跑", "坐位体前屈", "立定跳远"][i % 3];
        s.row(cells![p.number, item, spelt(day), world.draw.tenths(60, 99), ["优秀", "良好", "及格"][i % 3]]);
    }
    s.spoil(8, "cj", "合格", "coercion");
    s.spoil(6, "cj", "77.25", "range");
    s.spoil(6, "dj", "中", "code_set");
    s.spoil(4, "xh", "202499999904", "reference");
    s.refuse("ODS_TZCSCJSJ", 6, "xmmc", "跳绳");
    s
}

const CLUBS: &[(&str, &str)] = &[
    ("程序设计协会", "学术科技类"),
    ("机器人社", "学术科技类"),
    ("青年志愿者协会", "志愿公益类"),
    ("理论学习社", "思想政治类"),
    ("创业俱乐部", "创新创业类"),
    ("篮球社", "体育竞技类"),
    ("羽毛球社", "体育竞技类"),
    ("合唱团", "文化艺术类"),
    ("书画社", "文化艺术类"),
    ("汉服社", "其它"),
    ("心理协会", "志愿公益类"),
    ("摄影社", "文化艺术类"),
];

fn clubs(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("tw_st"),
        &["stbh", "stmc", "lx", "clrq", "gkdw", "fzrxh", "fzrxm", "zdjs", "jsrq"],
        &["ODS_STXHJBSJ"],
    );
    for (i, (name, kind)) in CLUBS.iter().enumerate() {
        let head = &world.students[i * 50 + 7];
        s.row(cells![
            format!("ST{:02}", i + 1),
            name,
            kind,
            format!("20{:02}年5月4日", 10 + i),
            "共青团委员会",
            head.number,
            head.name.zh,
            world.staff[i * 5].name.zh,
            ""
        ]);
    }
    s.extras_follow();
    for i in 0..4 {
        let head = &world.students[i * 60 + 9];
        s.row(cells![
            format!("ST9{i}"),
            format!("筹备社团{i}"),
            "其他",
            "2020年5月4日",
            "",
            head.number,
            head.name.zh,
            world.staff[3].name.zh,
            ""
        ]);
    }
    // The adviser's name is borne by two teachers; a name alone does not tell them apart.
    s.spoil(2, "zdjs", &world.staff[150].name.zh, "ambiguous");
    s.spoil(1, "zdjs", "查无此人", "reference");
    s.spoil(1, "stmc", "", "required");
    s
}

fn members(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("tw_styd"), &["stbh", "stmc", "xh", "xm", "cjrq", "tcrq", "zw"], &["ODS_XSCYSTSJ"]);
    for (i, p) in world.students.iter().enumerate().skip(2).step_by(5) {
        let (name, _) = CLUBS[i % CLUBS.len()];
        let left = if i % 40 == 2 { iso(world.days[60]) } else { String::new() };
        s.row(cells![format!("ST{:02}", i % CLUBS.len() + 1), name, p.number, p.name.zh, iso(world.days[15]), left, "社员"]);
    }
    s.bend(4, "tcrq", "2024-09-01");
    s.spoil(3, "stbh", "ST77", "reference");
    s.spoil(2, "xm", "", "required");
    s
}

fn certificates(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("jw_zs"),
        &["xh", "xm", "zyh", "zsh", "zsmc", "dj", "fzjgbm", "fzjgmc", "lx", "dd", "fzrq", "dzzs", "xzcs:n"],
        &["ODS_GZXZSSJ", "ODS_XSJNZSSJ"],
    );
    for (i, p) in world.students.iter().enumerate().filter(|(_, p)| p.class % 3 == 0).step_by(3) {
        let class = &world.classes[p.class];
        s.row(cells![
            p.number,
            p.name.zh,
            world.majors[class.major].number,
            format!("YSZS2024{i:06}"),
            format!("{}职业技能等级证书", world.majors[class.major].name),
            ["初级", "中级", "高级"][i % 3],
            "YS000001",
            "示例职业技能评价中心",
            "职业技能等级证书",
            if i % 2 == 0 { "校内" } else { "校外" },
            iso(world.days[12]),
            "支持",
            world.draw.int(0, 5)
        ]);
    }
    s.spoil(3, "zsmc", "无", "required");
    s.spoil_in("ODS_GZXZSSJ", 2, "dd", "3", "code_set");
    s.spoil_in("ODS_XSJNZSSJ", 3, "xh", "202499999905", "reference");
    s.spoil_in("ODS_XSJNZSSJ", 2, "xzcs", "若干", "coercion");
    s
}
