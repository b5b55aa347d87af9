//! What staff did: appraisals, further training, work in enterprises, papers.

use super::super::days::{after, short, spelt};
use super::super::sheet::{BROKEN_BYTE, Encoding, Home, Sheet, cells};
use super::super::world::{UNITS, World};

/// A comma-separated file of the personnel system.
const fn personnel(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Gb18030, delimiter: ',', preamble: &[] }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![reviews(world), training(world), practice(world), papers(world)]
}

fn reviews(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/kaohe.csv"),
        &["教工号", "姓名", "考核类别", "考核日期", "部门号", "部门名称", "单位考核结果"],
        &["ODS_JSKHSJ"],
    );
    for (i, p) in world.staff.iter().enumerate().take(200) {
        let (unit, name) = UNITS[p.unit];
        s.row(cells![
            p.number,
            p.name.zh,
            "平时考核",
            spelt(world.days[40 + i % 5]),
            unit,
            name,
            if i % 7 == 0 { "优秀" } else { "称职" }
        ]);
    }
    s.spoil(3, "单位考核结果", "7", "code_set");
    s.spoil(2, "部门名称", "无", "required");
    s.spoil(2, "姓名", &format!("陈{BROKEN_BYTE}"), "encoding");
    s
}

fn training(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/jinxiu.csv"),
        &[
            "教工号",
            "姓名",
            "地点",
            "编号",
            "名称",
            "开始",
            "截止",
            "出国日期",
            "目的",
            "派出单位",
            "审批单位",
            "审批日期",
            "应回国",
        ],
        &["ODS_XXJXSJ"],
    );
    for (i, p) in world.staff.iter().enumerate().take(120) {
        let (from, to) = (world.days[10 + i % 20], world.days[32 + i % 20]);
        let abroad = i % 20 == 6;
        let when = |text: String| if abroad { text } else { String::new() };
        s.row(cells![
            p.number,
            p.name.zh,
            if abroad { "国外进修培训" } else { "国内进修培训" },
            format!("JX2024{i:04}"),
            "职业教育教学能力提升研修",
            short(from),
            short(to),
            when(short(from)),
            when("进修".to_owned()),
            when("云枢职业技术学院".to_owned()),
            when("示例市教育局".to_owned()),
            when(short(world.days[8])),
            when(short(to))
        ]);
    }
    s.spoil(3, "地点", "国外进修培训", "required");
    s.bend(2, "截止", "2024-9-3");
    s.spoil(1, "名称", "", "required");
    s
}

fn practice(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/qiyeshijian.csv"),
        &["教工号", "姓名", "类型", "企业代码", "企业名称", "开始", "终止", "岗位"],
        &["ODS_JSQYJZSJSJ"],
    );
    for (i, p) in world.staff.iter().enumerate().take(160).step_by(2) {
        let firm = &world.firms[i % 60];
        s.row(cells![
            p.number,
            p.name.zh,
            if i % 6 == 0 { "企业兼职" } else { "企业实践" },
            firm.credit,
            firm.name,
            short(world.days[4 + i % 9]),
            short(world.days[60]),
            "技术指导"
        ]);
    }
    s.spoil(2, "企业名称", "", "required");
    s.spoil(2, "岗位", "--", "required");
    s
}

fn papers(world: &World) -> Sheet {
    let mut s = Sheet::new(personnel("rs/lunwen.csv"), &["编号", "题名", "发表日期", "刊物", "第一作者工号"], &["ODS_LWFBSJ"]);
    for i in 0..100 {
        let p = &world.staff[i * 2 % 200];
        s.row(cells![
            format!("LW{:04}", i + 1),
            format!("{}教学改革研究", world.majors[i % 20].name),
            after(world.days[0], i as u32 % 70).strftime("%Y.%m.%d"),
            "示例职业教育学报",
            p.number
        ]);
    }
    s.spoil(2, "刊物", "\\N", "required");
    s.spoil(2, "发表日期", "待刊", "coercion");
    s
}
