//! Daily life: absence, leave, dormitory, card, access, network.

use super::super::days::{after, compact, iso, short};
use super::super::draw::thousands;
use super::super::sheet::{Encoding, Home, Sheet, cells};
use super::super::world::World;

/// A file of the card system, as its report program writes it.
const fn card(path: &'static str) -> Home {
    Home::File {
        path, encoding: Encoding::Utf8Bom, delimiter: ',', preamble: &["云枢职业技术学院一卡通报表", "统计口径：按日"]
    }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![absence(world), leave(world), dormitory(world), spending(world), gates(world), visits(world), network(world)]
}

fn absence(world: &World) -> Sheet {
    let mut s =
        Sheet::new(Home::Sql("xg_qq"), &["id:n", "xh", "xnxq", "qqrq", "qqlx", "kqlx", "yy", "sprq", "spr"], &["ODS_XSQQSJ"]);
    let kinds = ["病假", "事假", "迟到早退", "旷课"];
    for i in 0..1_500 {
        let p = &world.students[i * 7 % world.students.len()];
        let day = world.days[(i * 13 + i / 60) % (world.days.len() - 3)];
        let tutor = &world.classes[p.class].tutor;
        s.row(cells![
            i + 1,
            p.number,
            "2024-2025-1",
            short(day),
            kinds[i % 4],
            if i % 3 == 0 { "点名考勤" } else { "签到考勤" },
            "",
            compact(after(day, 1)),
            tutor
        ]);
    }
    s.spoil(6, "qqlx", "5", "code_set");
    s.spoil(6, "spr", "", "required");
    s.spoil(5, "sprq", "待批", "coercion");
    s.spoil(5, "xh", "202499999906", "reference");
    s.spoil(4, "xnxq", "2024-2026-1", "coercion");
    s.repeat(8);
    s
}

fn leave(world: &World) -> Sheet {
    let mut s = Sheet::new(
        Home::Sql("xg_qj"),
        &["xh", "xnxq", "lx", "ksrq", "jsrq", "tj", "yy", "ts", "sprq", "spr", "cx", "xj", "xjrq"],
        &["ODS_XSQJSJ"],
    );
    for i in 0..800 {
        let p = &world.students[i * 3 + 1];
        let from = world.days[i * 11 % (world.days.len() - 8)];
        let days = world.draw.int(1, 4);
        let back = i % 9 != 0;
        s.row(cells![
            p.number,
            "2024-2025-1",
            ["病假", "事假", "公假"][i % 3],
            iso(from),
            iso(after(from, days - 1)),
            if i % 2 == 0 { "线上" } else { "线下" },
            "家中有事",
            days,
            iso(from),
            world.classes[p.class].tutor,
            if i % 2 == 0 { "出" } else { "不出" },
            if back { "是" } else { "否" },
            if back { iso(after(from, days)) } else { String::new() }
        ]);
    }
    s.bend(5, "jsrq", "2024-09-01");
    s.spoil(4, "ts", "两天", "coercion");
    s.spoil(4, "ts", "1.5", "lossy");
    s.spoil(4, "yy", &"回家探亲".repeat(40), "length");
    s.spoil(3, "cx", "2", "code_set");
    s
}

fn dormitory(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("xg_cq"), &["xh", "bjmc", "ssh", "cqsj", "cqr", "zt", "sm"], &["ODS_XSZSCQSJ"]);
    let nights = world.days.len().saturating_sub(1);
    for night in nights.saturating_sub(50)..nights {
        let day = world.days[night];
        for i in 0..100 {
            let p = &world.students[i * 23];
            let state = if world.draw.percent(93) {
                "在寝"
            } else if i % 2 == 0 {
                "请假"
            } else {
                "未归"
            };
            s.row(cells![
                p.number,
                world.classes[p.class].name,
                format!("S{}-{}{:02}", i % 2 + 1, i / 2 % 3 + 1, i / 6 % 10 + 1),
                format!("{} 22:{:02}:{:02}", iso(day), world.draw.int(0, 59), world.draw.int(0, 59)),
                world.staff[200 + i % 30].number,
                state,
                ""
            ]);
        }
    }
    s.spoil(25, "zt", "5", "code_set");
    s.spoil(20, "ssh", "", "required");
    s.spoil(20, "cqr", "018888", "reference");
    s.spoil(15, "bjmc", "级\u{FFFD}班", "encoding");
    s.contradict(10, "zt", "其他");
    s.repeat(20);
    s
}

fn spending(world: &World) -> Sheet {
    let mut s = Sheet::new(card("ykt/xiaofei.csv"), &["日期", "类别", "金额(元)", "人次"], &["ODS_XSXFSJ"]);
    for day in &world.days {
        for (kind, most) in [("食堂", 96_000), ("超市", 31_000), ("图书馆", 900), ("其它", 4_000)] {
            s.row(cells![short(*day), kind, world.draw.money(most / 2, most), thousands(world.draw.int(most / 30, most / 12))]);
        }
    }
    s.spoil(3, "金额(元)", "约3万", "coercion");
    s.spoil(2, "人次", "--", "required");
    s.repeat(4);
    s
}

fn gates(world: &World) -> Sheet {
    let mut s = Sheet::new(card("ykt/renzheng.csv"), &["认证日期", "场所", "方式", "人次"], &["ODS_YKTRZSJ"]);
    for day in &world.days {
        for place in ["食堂", "宿舍", "教室", "校门", "图书馆"] {
            for way in ["卡", "面部"] {
                s.row(cells![iso(*day), place, way, thousands(world.draw.int(120, 5_200))]);
            }
        }
    }
    s.spoil(4, "人次", "1,2O4", "coercion");
    s.spoil(3, "人次", "999,999,999", "range");
    s.repeat(6);
    s
}

/// Single log lines; the mapping's query adds them up by system, way and day.
fn visits(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("xx_fw"), &["id:n", "xtbh", "fs", "sj", "js", "cs:n"], &[]);
    let mut id = 0;
    for day in &world.days {
        for number in VISITED {
            for (way, role) in [("网站", "教师"), ("网站", "学生"), ("小程序", "教师"), ("小程序", "学生")] {
                id += 1;
                s.row(cells![id, number, way, format!("{} 0{}:00:00", iso(*day), id % 9), role, world.draw.int(20, 2_200)]);
            }
        }
    }
    s
}

/// The systems whose log is kept.
const VISITED: [&str; 4] = ["XT01", "XT05", "XT09", "XT10"];

/// How many sums the query over the log gives.
pub(super) fn visit_sums(world: &World) -> u64 {
    (world.days.len() * VISITED.len() * 2) as u64
}

fn network(world: &World) -> Sheet {
    let mut s = Sheet::new(Home::Sql("xx_wlaq"), &["rq", "jls", "ll", "gj", "sx", "xx"], &["ODS_WLAQGLSJ"]);
    for day in &world.days {
        let d = &world.draw;
        s.row(cells![
            short(*day),
            thousands(d.int(900_000, 3_000_000)),
            d.int(800, 4_000),
            d.int(10, 900),
            "812Mbps",
            "4200Mbps"
        ]);
    }
    s.spoil(2, "ll", "很大", "coercion");
    s.spoil(1, "gj", "无攻击", "coercion");
    s
}
