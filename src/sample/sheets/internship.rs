//! Internships: placements, insurance, reports.

use super::super::days::{after, iso, short, spelt};
use super::super::draw::thousands;
use super::super::sheet::{Encoding, Home, Sheet, cells};
use super::super::world::World;

/// A tab-separated file of the internship platform.
const fn internship(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Utf16, delimiter: '\t', preamble: &[] }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![internships(world), insurance(world), reports(world)]
}

const PLACEMENTS: &[&str] = &[
    "学号",
    "姓名",
    "专业号",
    "专业名称",
    "班级",
    "学制",
    "是否开始",
    "是否结束",
    "行业",
    "内容",
    "是否对口",
    "实习安排",
    "形式",
    "开始日期",
    "结束日期",
    "企业名称",
    "指导教师工号",
    "指导教师",
    "报酬",
    "三方协议",
    "跨省",
    "出国",
    "入学年份",
];

fn internships(world: &World) -> Sheet {
    let mut s = Sheet::new(internship("sx/shixi.tsv"), PLACEMENTS, &["ODS_SXJCSJ"]);
    let interns = world.students.iter().filter(|p| world.classes[p.class].entry == 2022);
    for (i, p) in interns.enumerate() {
        let class = &world.classes[p.class];
        let (firm, tutor) = (&world.firms[i % 60], &world.staff[i % 150]);
        let from = world.days[i % 20];
        s.row(cells![
            p.number,
            p.name.zh,
            world.majors[class.major].number,
            world.majors[class.major].name,
            class.name,
            "三年制",
            "是",
            "否",
            firm.industry,
            "按实习计划轮岗，\"以师带徒\"",
            if i % 8 == 0 { "不对口" } else { "对口" },
            if i % 5 == 0 { "自主联系" } else { "学校统一安排" },
            "校外实习",
            spelt(from),
            iso(after(from, 150)),
            firm.name,
            tutor.number,
            tutor.name.zh,
            thousands(2_200 + i as u32 % 9 * 100),
            "已签",
            "否",
            "否",
            "2022"
        ]);
    }
    s.extras_follow();
    younger(world, &mut s);
    s.spoil(4, "是否对口", "半", "code_set");
    s.bend(3, "结束日期", "2024-08-20");
    s.spoil(3, "报酬", "3,000-3,500", "coercion");
    s.spoil(3, "指导教师工号", "016666", "reference");
    s.spoil(2, "内容", "\u{FFFD}实习内容", "encoding");
    s.spoil(2, "入学年份", "23级", "coercion");
    s
}

/// Placements of the year below, which the mapping leaves out.
fn younger(world: &World, s: &mut Sheet) {
    for (i, p) in world.students.iter().filter(|p| world.classes[p.class].entry == 2023).take(20).enumerate() {
        let class = &world.classes[p.class];
        let from = world.days[i];
        s.row(cells![
            p.number,
            p.name.zh,
            world.majors[class.major].number,
            world.majors[class.major].name,
            class.name,
            "三年制",
            "是",
            "否",
            "C",
            "认识实习",
            "对口",
            "学校统一安排",
            "校外实习",
            spelt(from),
            iso(after(from, 30)),
            world.firms[i].name,
            world.staff[i].number,
            world.staff[i].name.zh,
            "1,000",
            "已签",
            "否",
            "否",
            "2023"
        ]);
    }
}

fn insurance(world: &World) -> Sheet {
    let mut s = Sheet::new(
        internship("sx/baoxian.tsv"),
        &["学号", "姓名", "险种", "保单号", "出资方", "购买日期", "购买方", "保险种类"],
        &["ODS_SXBXGMQKSJ"],
    );
    for (i, p) in world.students.iter().filter(|p| world.classes[p.class].entry == 2022).enumerate() {
        s.row(cells![
            p.number,
            p.name.zh,
            "实习责任险",
            format!("YSBX2024{i:06}"),
            "云枢职业技术学院",
            short(world.days[3]),
            "学校",
            "学生实习责任保险"
        ]);
    }
    s.spoil(4, "出资方", "", "required");
    s.spoil(3, "购买方", "家长", "code_set");
    s.spoil(3, "购买日期", "2024.13.1", "coercion");
    s
}

fn reports(world: &World) -> Sheet {
    let mut s = Sheet::new(
        internship("sx/baogao.tsv"),
        &["报告ID", "学号", "姓名", "企业名称", "岗位", "类别", "摘要", "正文", "提交日期", "批阅"],
        &["ODS_SXBGJLSJ"],
    );
    for (i, p) in world.students.iter().filter(|p| world.classes[p.class].entry == 2022).enumerate() {
        for nth in 0..2 {
            let kind = if nth == 0 { "周报" } else { "月报" };
            s.row(cells![
                i * 2 + nth + 1,
                p.number,
                p.name.zh,
                world.firms[i % 60].name,
                ["技术员", "助理", "操作员"][i % 3],
                kind,
                "完成本期实习任务",
                "本期在师傅指导下完成了规定的实习任务。",
                short(world.days[30 + nth * 20 + i % 10]),
                if i % 4 == 0 { "未阅" } else { "已阅" }
            ]);
        }
    }
    s.spoil(8, "类别", "日报", "code_set");
    s.spoil(6, "摘要", "", "required");
    s.spoil(5, "提交日期", "2024年11月", "coercion");
    s.refuse("ODS_SXBGJLSJ", 7, "岗位", "待定岗位");
    s.refuse("ODS_SXBGJLSJ", 5, "岗位", "其他岗位");
    s.repeat(6);
    s
}
