//! Departments, staff, campuses, buildings, rooms, systems: exports of personnel and assets.

use super::super::days::{after, compact, iso, short, spelt};
use super::super::draw::{Draw, identity_number, thousands, wrong_check};
use super::super::sheet::{BROKEN_BYTE, Encoding, Home, Sheet, cells};
use super::super::world::{DIVISIONS, Staff, UNITS, World};
use jiff::civil::date;

/// A comma-separated file of the personnel system.
const fn personnel(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Gb18030, delimiter: ',', preamble: &[] }
}

/// A comma-separated file of the asset register.
const fn assets(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Utf8, delimiter: ',', preamble: &[] }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![units(world), staff(world), campuses(world), buildings(), rooms(), systems(world)]
}

fn units(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/bumen.csv"),
        &["部门号", "部门名称", "上级部门号", "是否实体", "是否有效", "负责人教工号", "联系电话"],
        &["CORE_DW"],
    );
    let head = &world.staff[200].number;
    // The head of the tree names itself: no other number would be one of a unit.
    s.row(cells!["100000", "云枢职业技术学院", "100000", "是", "是", head, "0373-5990000"]);
    for (i, (number, name)) in UNITS.iter().enumerate() {
        let head = &world.staff[i * 9].number;
        s.row(cells![number, name, "100000", if i % 5 == 4 { "Y" } else { "是" }, "√", head, format!("0373-59900{:02}", i + 1)]);
    }
    s.extras_follow();
    s.row(cells!["900100", "（未命名）", "100000", "是", "是", head, ""]);
    s.spoil(1, "部门名称", "无", "required");
    s
}

fn staff_row(s: &mut Sheet, draw: &Draw, p: &Staff) {
    let home = DIVISIONS.iter().find(|(code, _)| *code == p.division).map_or("", |(_, name)| name);
    let came = after(p.birth, 9_200 + draw.int(0, 900));
    let posts: (&str, &str) = if p.teaches { ("教学类", "专任教师") } else { ("行政类", "行政人员") };
    let title = ["讲师", "副教授", "助教", "教授"][p.unit % 4];
    s.row(cells![
        p.number,
        p.name.zh,
        p.name.pinyin,
        "居民身份证",
        p.id,
        spelt(p.birth),
        if p.woman { "女" } else { "男" },
        if draw.percent(3) { "回族" } else { "汉族" },
        if draw.percent(80) { "已婚" } else { "未婚" },
        if draw.percent(40) { "党员" } else { "群众" },
        home,
        p.division,
        p.division,
        "非农业集体户口",
        "云枢职业技术学院教工公寓",
        "453003",
        came.strftime("%Y.%m"),
        came.strftime("%Y%m"),
        posts.0,
        posts.1,
        if p.teaches { "专业课" } else { "其它" },
        "否",
        if draw.percent(45) { "是" } else { "否" },
        "在职",
        format!("1990000{}", &p.number[2..]),
        format!("t{}@yunshu.example", p.number),
        came.strftime("%Y年%-m月"),
        "是",
        if p.teaches { "教师" } else { "科员" },
        UNITS[p.unit].0,
        title,
        if draw.percent(60) { "硕士研究生毕业" } else { "大学本科毕业" }
    ]);
}

fn staff(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/jzg.csv"),
        &[
            "教工号",
            "姓名",
            "姓名拼音",
            "证件类型",
            "证件号码",
            "出生日期",
            "性别",
            "民族",
            "婚姻状况",
            "政治面貌",
            "籍贯",
            "出生地",
            "户口所在地",
            "户口性质",
            "现住址",
            "邮编",
            "参加工作时间",
            "来校时间",
            "编制类别",
            "人员类别",
            "岗位类别",
            "是否兼职教师",
            "是否双师型",
            "当前状态",
            "手机",
            "电子邮箱",
            "岗位起始",
            "是否在岗",
            "职务",
            "部门号",
            "专业技术职务",
            "最高学历",
        ],
        &["CORE_JZG"],
    );
    for p in &world.staff {
        staff_row(&mut s, &world.draw, p);
    }
    s.extras_follow();
    for i in 0..17 {
        let mut p = world.staff[i].clone();
        p.number = format!("0190{i:02}");
        // No second bearer of a name that a look-up by name is to find.
        p.name.zh.push('甫');
        p.birth = date(1990, 1, 1 + i as i8);
        p.id = identity_number(p.division, &compact(p.birth), p.woman);
        staff_row(&mut s, &world.draw, &p);
    }
    s.spoil(3, "证件号码", &wrong_check(&identity_number("410702", "19900203", true)), "id_number");
    s.spoil(2, "性别", "3", "code_set");
    s.spoil(2, "姓名", &format!("王{BROKEN_BYTE}"), "encoding");
    s.spoil(2, "出生日期", "1990年2月30日", "coercion");
    s.spoil(2, "籍贯", "", "required");
    s.spoil(2, "邮编", "--", "required");
    s.contradict(2, "现住址", "云枢职业技术学院旧址");
    s.repeat(2);
    s
}

fn campuses(world: &World) -> Sheet {
    let mut s = Sheet::new(
        assets("zc/xiaoqu.csv"),
        &["校区代码", "校区名称", "地址", "电话", "负责人", "邮箱", "邮编", "占地面积(平方米)", "主校区"],
        &["CORE_XQ"],
    );
    let head = &world.staff[205].number;
    s.row(cells![
        "01",
        "东校区",
        "云溪市文枢大道1号",
        "0373-5990000",
        head,
        "xb@yunshu.example",
        "453003",
        thousands(486_200),
        "是"
    ]);
    s.row(cells![
        "02",
        "西校区",
        "云溪市书院路18号",
        "0373-5990001",
        head,
        "xb@yunshu.example",
        "453000",
        thousands(132_750),
        "否"
    ]);
    s
}

const BUILDINGS: &[(&str, &str, &str)] = &[
    ("A1", "明德楼", "01"),
    ("A2", "致知楼", "01"),
    ("A3", "笃行楼", "01"),
    ("B1", "实训中心一号楼", "01"),
    ("B2", "实训中心二号楼", "02"),
    ("S1", "学生公寓1号楼", "01"),
    ("S2", "学生公寓2号楼", "01"),
    ("T1", "图书馆", "01"),
];

fn buildings() -> Sheet {
    let mut s = Sheet::new(
        assets("zc/jianzhu.csv"),
        &["楼号", "楼名", "校区", "层数:n", "建筑面积", "使用面积", "教学用房:n", "生活用房:n", "产权证号", "地址"],
        &["CORE_JZW"],
    );
    for (i, (number, name, campus)) in BUILDINGS.iter().enumerate() {
        let size = 6_000 + i as u32 * 731;
        let (teaching, living) = if number.starts_with('S') { (0, size - 900) } else { (size - 900, 0) };
        s.row(cells![
            number,
            name,
            campus,
            5 + i % 3,
            format!("{}.5", thousands(size)),
            thousands(size - 600),
            teaching,
            living,
            format!("云房权证{:06}", i + 1),
            format!("云溪市文枢大道1号{name}")
        ]);
    }
    s
}

fn rooms() -> Sheet {
    let mut s = Sheet::new(
        assets("zc/fangjian.csv"),
        &["房间号", "房间名称", "楼号", "校区代码", "用途", "楼层", "建筑面积", "教室类型", "座位数:n", "网络", "多媒体"],
        &["CORE_FJ", "ODS_JSJBSJ"],
    );
    for (building, name, campus) in BUILDINGS {
        let dorm = building.starts_with('S');
        for room in 0..30 {
            let (floor, door) = (room / 10 + 1, room % 10 + 1);
            let kind = match (dorm, building.starts_with('B'), room % 3) {
                (true, ..) => "",
                (false, true, 0) => "计算机房",
                (false, true, _) => "实验室",
                (false, false, 0) => "普通教室",
                (false, false, _) => "多媒体教室",
            };
            s.row(cells![
                format!("{building}-{floor}{door:02}"),
                format!("{name}{floor}{door:02}室"),
                building,
                campus,
                if dorm { "生活用房" } else { "教学及辅助用房" },
                floor,
                format!("{}.5", 60 + room),
                kind,
                if dorm { String::new() } else { (45 + room % 4 * 15).to_string() },
                if dorm { "" } else { "有" },
                if dorm { "" } else { "是" }
            ]);
            if dorm {
                s.leave_last_out("ODS_JSJBSJ");
            }
        }
    }
    s.extras_follow();
    for i in 0..12 {
        s.row(cells![
            format!("A1-9{i:02}"),
            format!("明德楼9{i:02}室"),
            "A1",
            "01",
            "教学及辅助用房",
            "9",
            "60",
            "普通教室",
            "45",
            "有",
            "否"
        ]);
    }
    s.spoil_in("ODS_JSJBSJ", 3, "座位数", "约45", "coercion");
    s.spoil_in("CORE_FJ", 2, "楼号", "A7", "reference");
    s.spoil(2, "房间名称", "-", "required");
    s.spoil_in("CORE_FJ", 2, "建筑面积", "六十平米", "coercion");
    s
}

/// Number, name, short name, class, built by, department, in charge, featured.
const SYSTEMS: &[(&str, &str, &str, &str, &str, usize, &str)] = &[
    ("XT01", "教务与学工一体化管理系统", "教务学工", "2", "3", 7, "是"),
    ("XT02", "人事管理系统", "人事", "3", "3", 9, "否"),
    ("XT03", "校园一卡通系统", "一卡通", "3", "3", 10, "否"),
    ("XT04", "岗位实习管理平台", "实习平台", "2", "3", 13, "是"),
    ("XT05", "图书管理系统", "图书", "4", "3", 11, "否"),
    ("XT06", "资产管理系统", "资产", "3", "3", 14, "否"),
    ("XT07", "校本数据中心", "数据中心", "6", "1", 10, "否"),
    ("XT08", "统一身份认证平台", "统一认证", "6", "1", 10, "否"),
    ("XT09", "网络教学平台", "网教平台", "2", "2", 7, "否"),
    ("XT10", "一网通办平台", "一网通办", "3", "1", 10, "是"),
    ("XT11", "虚拟仿真实训平台", "虚仿平台", "2", "4", 1, "否"),
    ("XT12", "网络安全态势感知平台", "态势感知", "5", "3", 10, "否"),
];

/// How many of the systems the data centre reads: all but every sixth.
pub(super) const LINKED: u64 = 10;

const SYSTEM_COLUMNS: &[&str] = &[
    "系统编号",
    "系统全称",
    "简称",
    "分类码",
    "建设类型码",
    "部门号",
    "部门名称",
    "业务负责人",
    "访问地址",
    "上线日期",
    "运行状态",
    "等保级别",
    "统一认证",
    "接入数据中心",
    "特色系统",
    "接入方式",
    "说明",
];

fn systems(world: &World) -> Sheet {
    let mut s = Sheet::new(assets("zc/xitong.csv"), SYSTEM_COLUMNS, &["CORE_XTXX", "ODS_XXHXTJSSJ"]);
    for (i, (number, name, brief, class, built, unit, featured)) in SYSTEMS.iter().enumerate() {
        let online = date(2018, 3, 1 + i as i8 * 2);
        s.row(cells![
            number,
            name,
            brief,
            class,
            built,
            UNITS[*unit].0,
            UNITS[*unit].1,
            world.staff[200 + i].number,
            format!("https://{}.yunshu.example/", number.to_ascii_lowercase()),
            short(online),
            "正式运行",
            if i % 4 == 0 { "第三级" } else { "第二级" },
            "是",
            if i % 6 == 5 { "否" } else { "是" },
            featured,
            if *featured == "是" { "2" } else { "" },
            format!("{name}，{}上线", iso(online))
        ]);
    }
    s.extras_follow();
    for i in 0..4 {
        s.row(cells![
            format!("XT9{i}"),
            "停用系统",
            "停用",
            "9",
            "9",
            "300400",
            "信息中心",
            world.staff[210].number,
            "http://old.yunshu.example/",
            "2015-9-1",
            "已下线",
            "未定级",
            "否",
            "否",
            "否",
            "",
            "历史系统"
        ]);
    }
    s.spoil(1, "访问地址", "内网访问", "format");
    s.spoil_in("ODS_XXHXTJSSJ", 1, "特色系统", "是", "required");
    s.spoil(1, "分类码", "12", "code_set");
    s.spoil_in("CORE_XTXX", 1, "部门号", "888800", "reference");
    s
}
