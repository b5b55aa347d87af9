//! Training rooms, equipment, the library.

use super::super::days::{after, compact, iso, short, spelt};
use super::super::draw::{credit_code, thousands};
use super::super::sheet::{Encoding, Home, Sheet, cells};
use super::super::world::{UNITS, World};
use jiff::civil::date;

/// A comma-separated file in UTF-8.
const fn file(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Utf8, delimiter: ',', preamble: &[] }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![bases(world), labs(world), equipment(world), books(world), loans(world), e_library(world)]
}

fn bases(world: &World) -> Sheet {
    let mut s = Sheet::new(
        file("zc/shixunjidi.csv"),
        &["基地编号", "基地名称", "管理单位", "建立日期", "依托单位", "适应专业", "类别"],
        &["ODS_SXJDSJ"],
    );
    let kinds = ["校内虚拟仿真实训中心", "校内生产性实训基地", "其他校内实训基地", "大学生校外实践教学基地"];
    for (i, (_, unit)) in UNITS.iter().take(6).enumerate() {
        let suited: Vec<&str> = world.majors.iter().filter(|m| m.unit == i).map(|m| m.name).collect();
        s.row(cells![
            format!("JD{:02}", i + 1),
            format!("{unit}实训基地"),
            unit,
            spelt(date(2015, 6, 1 + i as i8)),
            unit,
            suited.join("/"),
            kinds[i % 4]
        ]);
    }
    s
}

fn labs(world: &World) -> Sheet {
    let mut s = Sheet::new(
        file("zc/shixunshi.csv"),
        &["实训室号", "实训室名称", "管理单位", "基地编号", "建立日期", "负责人", "工位数", "房间号", "房间名称"],
        &["ODS_SXSJBSJ"],
    );
    for i in 0..36 {
        let room = format!("B{}-{}{:02}", i % 2 + 1, i / 2 / 10 + 1, i / 2 % 10 + 1);
        s.row(cells![
            format!("SX{:03}", i + 1),
            format!("专业实训室{}", i + 1),
            UNITS[i % 6].1,
            format!("JD{:02}", i % 6 + 1),
            short(after(date(2016, 3, 1), i as u32 * 20)),
            world.staff[i * 2].number,
            40 + i % 3 * 10,
            room,
            format!("{room}室")
        ]);
    }
    s.spoil(2, "工位数", "四十个", "coercion");
    s.spoil(1, "基地编号", "JD99", "reference");
    s
}

fn equipment(world: &World) -> Sheet {
    let mut s = Sheet::new(
        file("zc/shebei.csv"),
        &[
            "资产编号",
            "名称",
            "使用状况",
            "型号",
            "出厂日期",
            "国别",
            "购置日期",
            "厂家",
            "出厂号",
            "单据号",
            "图片",
            "房间号",
            "房间名称",
            "负责人",
            "负责人姓名",
            "技术指标",
            "配置",
            "单价",
            "供货商",
            "保修截止",
            "来源",
            "捐赠企业代码",
            "贵重",
        ],
        &["ODS_YQSBJBSJ"],
    );
    for i in 0..600u32 {
        let keeper = &world.staff[i as usize % 200];
        let bought = after(date(2014, 3, 3), i * 5);
        let room = format!("B{}-{}{:02}", i % 2 + 1, i % 3 + 1, i % 10 + 1);
        let given = i % 50 == 7;
        s.row(cells![
            format!("SB{:06}", i + 1),
            ["台式计算机", "数控车床", "工业机器人工作站", "投影机"][i as usize % 4],
            "使用",
            format!("YS-{}", 100 + i % 40),
            iso(after(date(2013, 9, 3), i * 5)),
            "中国",
            short(bought),
            "示例装备制造有限公司",
            format!("{:08}", 7_000_000 + i),
            format!("DJ{:06}", i / 3),
            "无图片",
            room,
            format!("{room}室"),
            keeper.number,
            keeper.name.zh,
            "见说明书",
            "标准配置",
            world.draw.money(3_000, 260_000),
            "示例供货有限公司",
            iso(after(bought, 1_095)),
            if given { "捐赠" } else { "外购" },
            if given { credit_code("91", 1 + i / 50) } else { String::new() },
            if i % 60 == 0 { "是" } else { "否" }
        ]);
    }
    s.spoil(3, "国别", "巴基斯坦", "ambiguous");
    s.spoil(3, "单价", "面议", "coercion");
    s.spoil(3, "来源", "捐赠", "required");
    s.spoil(2, "购置日期", "2019-2-29", "coercion");
    s.spoil(2, "房间号", "Z9-909", "reference");
    s.spoil(2, "单价", "12,000.12345", "range");
    s
}

fn books(world: &World) -> Sheet {
    let mut s = Sheet::new(
        file("ts/tushu.csv"),
        &["图书编号", "条码", "书名", "ISBN", "作者", "价格", "文献类型", "分类号", "出版社", "出版日期", "页数", "状态"],
        &["ODS_TSJBSJ"],
    );
    for i in 0..2_400u32 {
        let author = world.draw.name().zh;
        let topic = world.majors[i as usize % 20].name;
        s.row(cells![
            format!("TS{:06}", i / 2 + 1),
            format!("{:010}", 1_000_000 + i),
            format!("{topic}\"案例\"教程，第{}版", i % 5 + 1),
            format!("978-7-998-{:05}-{}", i / 2, i / 2 % 10),
            author,
            format!("{}.50", 20 + i % 60),
            "专著",
            ["TP31", "F275", "G71", "R47"][i as usize % 4],
            "示例大学出版社",
            spelt(after(date(2010, 1, 10), i)),
            thousands(180 + i),
            if i % 9 == 0 { "在借" } else { "在库" }
        ]);
    }
    s.extras_follow();
    for i in 0..40u32 {
        s.row(cells![
            format!("TS9{i:05}"),
            format!("9{i:09}"),
            format!("待编目图书{i}"),
            "978-7-998-99999-9",
            "佚名",
            "30.00",
            "专著",
            "G71",
            "示例大学出版社",
            "2020年1月1日",
            "200",
            "在库"
        ]);
    }
    s.refuse("ODS_TSJBSJ", 5, "分类号", "ZZ99");
    s.refuse("ODS_TSJBSJ", 3, "分类号", "XX00");
    s.spoil(6, "文献类型", "书", "code_set");
    s.spoil(6, "价格", "30元整", "coercion");
    s.spoil(5, "作者", "/", "required");
    s.spoil(4, "ISBN", &"978-7-998-99999-9、".repeat(6), "length");
    s.contradict(4, "书名", "（书名有误）");
    s
}

fn loans(world: &World) -> Sheet {
    let mut s = Sheet::new(
        file("ts/jieyue.csv"),
        &["流水号", "读者号", "姓名", "读者类别", "图书编号", "借出", "应还", "归还"],
        &["ODS_TSJYSJ"],
    );
    for i in 0..2_500usize {
        let p = &world.students[i * 17 % world.students.len()];
        let out = world.days[i % (world.days.len() - 20)];
        let back = if i % 11 == 0 { String::new() } else { iso(after(out, world.draw.int(3, 19))) };
        s.row(cells![
            i + 1,
            p.number,
            p.name.zh,
            "学生",
            format!("TS{:06}", i * 7 % 1_200 + 1),
            short(out),
            iso(after(out, 30)),
            back
        ]);
    }
    s.spoil(8, "读者类别", "读者", "code_set");
    s.bend(6, "归还", "2024-09-01");
    s.spoil(6, "图书编号", "TS888888", "reference");
    s.spoil(5, "应还", "一个月后", "coercion");
    s.repeat(10);
    s
}

fn e_library(world: &World) -> Sheet {
    let mut s = Sheet::new(file("ts/shuzi.csv"), &["日期", "期刊访问", "图书访问"], &["ODS_FWSZTSGZYSJ"]);
    for day in &world.days {
        s.row(cells![compact(*day), thousands(world.draw.int(200, 2_900)), thousands(world.draw.int(90, 1_400))]);
    }
    s.spoil(2, "期刊访问", "服务器故障", "coercion");
    s
}
