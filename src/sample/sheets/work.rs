//! What staff did, internships, and what is done together with enterprises.

use super::super::days::{after, iso, short, spelt};
use super::super::draw::thousands;
use super::super::sheet::{BROKEN_BYTE, Encoding, Home, Sheet, cells};
use super::super::world::{UNITS, World};

/// A comma-separated file of the personnel system.
const fn personnel(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Gb18030, delimiter: ',', preamble: &[] }
}

/// A tab-separated file of the internship platform.
const fn internship(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Utf16, delimiter: '\t', preamble: &[] }
}

/// A comma-separated file of the office for enterprises.
const fn office(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Utf8, delimiter: ',', preamble: &[] }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![
        firms(world), cooperation(world), joint_courses(world), appraisal(world), internships(world), insurance(world), reports(world),
        reviews(world), training(world), practice(world), papers(world),
    ]
}

fn firms(world: &World) -> Sheet {
    let mut s = Sheet::new(
        office("sx/qiye.csv"),
        &["企业编号", "企业名称", "行政区划", "信用代码", "行业", "联系人", "实习基地", "合作状态", "注册资金(万元)"],
        &["CORE_QY"],
    );
    for (i, f) in world.firms.iter().enumerate() {
        s.row(cells![
            f.number, f.name, "410702", f.credit, f.industry, "（略）", if i % 3 == 0 { "否" } else { "是" }, "启用", thousands(500 + i as u32 * 30)
        ]);
    }
    s.extras_follow();
    for i in 0..6 {
        s.row(cells![
            format!("QY9{i:03}"), format!("示例待核企业{i}"), "410702", super::super::draw::credit_code("91", 900 + i), "C", "（略）", "否", "停用", "100"
        ]);
    }
    s.spoil(2, "信用代码", "91410199MA90000124", "credit_code");
    s.spoil(1, "信用代码", "410199000012345", "credit_code");
    s.spoil(1, "企业名称", "", "required");
    s.spoil(1, "注册资金(万元)", "壹佰万", "coercion");
    s
}

fn cooperation(world: &World) -> Sheet {
    let mut s = Sheet::new(
        office("sx/hezuo.csv"),
        &["专业名称", "企业名称", "信用代码", "合作开始", "订单人数", "共建课程", "实习人数", "技术服务收入(元)"],
        &["ODS_CXHZSJ"],
    );
    for (i, f) in world.firms.iter().enumerate() {
        s.row(cells![
            world.majors[i % 20].name, f.name, f.credit, format!("2024年{}月", 9 + i % 3), i % 5 * 10, i % 4, i % 7 * 3, thousands(i as u32 * 21_500)
        ]);
    }
    s.spoil(2, "共建课程", "", "required");
    s.spoil(1, "订单人数", "一个班", "coercion");
    s
}

fn joint_courses(world: &World) -> Sheet {
    let mut s = Sheet::new(
        office("sx/kaifakecheng.csv"),
        &["课程号", "课程名称", "简介", "信用代码", "企业名称", "开始", "结束", "校方负责人号", "校方负责人", "企业负责人"],
        &["ODS_XQHZGTKFKCSJ"],
    );
    for (i, c) in world.courses.iter().filter(|c| c.of.is_some()).step_by(11).enumerate() {
        let (firm, head) = (&world.firms[i], &world.staff[i]);
        s.row(cells![
            c.number, c.name, format!("与企业共同开发的{}。", c.name), firm.credit, firm.name, short(world.days[5]), short(world.days[50]), head.number,
            head.name.zh, "（略）"
        ]);
    }
    s.spoil(1, "结束", "2024-9-1", "date_order");
    s.spoil(1, "校方负责人号", "017777", "reference");
    s
}

fn appraisal(world: &World) -> Sheet {
    let mut s = Sheet::new(
        office("sx/jianding.csv"),
        &["机构名称", "证书名称", "等级", "人数", "年度"],
        &["ODS_ZYJNJDJGSJ"],
    );
    for (i, m) in world.majors.iter().enumerate().take(8) {
        s.row(cells![
            "云枢职业技能鉴定所", format!("{}职业资格证书", m.name), ["初级工（五级）", "中级工(四级)", "高级工【三级】"][i % 3], 60 + i * 5, "2024"
        ]);
    }
    s.spoil(1, "人数", "若干", "coercion");
    s
}

const PLACEMENTS: &[&str] = &[
    "学号", "姓名", "专业号", "专业名称", "班级", "学制", "是否开始", "是否结束", "行业", "内容", "是否对口", "实习安排", "形式", "开始日期", "结束日期",
    "企业名称", "指导教师工号", "指导教师", "报酬", "三方协议", "跨省", "出国", "入学年份",
];

fn internships(world: &World) -> Sheet {
    let mut s = Sheet::new(internship("sx/shixi.tsv"), PLACEMENTS, &["ODS_SXJCSJ"]);
    let interns = world.students.iter().filter(|p| world.classes[p.class].entry == 2022);
    for (i, p) in interns.enumerate() {
        let class = &world.classes[p.class];
        let (firm, tutor) = (&world.firms[i % 60], &world.staff[i % 150]);
        let from = world.days[i % 20];
        s.row(cells![
            p.number, p.name.zh, world.majors[class.major].number, world.majors[class.major].name, class.name, "三年制", "是", "否", firm.industry,
            "按实习计划轮岗，\"以师带徒\"", if i % 8 == 0 { "不对口" } else { "对口" }, if i % 5 == 0 { "自主联系" } else { "学校统一安排" }, "校外实习",
            spelt(from), iso(after(from, 150)), firm.name, tutor.number, tutor.name.zh, thousands(2_200 + i as u32 % 9 * 100), "已签", "否", "否", "2022"
        ]);
    }
    s.extras_follow();
    for (i, p) in world.students.iter().filter(|p| world.classes[p.class].entry == 2023).take(20).enumerate() {
        let class = &world.classes[p.class];
        let from = world.days[i];
        s.row(cells![
            p.number, p.name.zh, world.majors[class.major].number, world.majors[class.major].name, class.name, "三年制", "是", "否", "C", "认识实习", "对口",
            "学校统一安排", "校外实习", spelt(from), iso(after(from, 30)), world.firms[i].name, world.staff[i].number, world.staff[i].name.zh, "1,000", "已签",
            "否", "否", "2023"
        ]);
    }
    s.spoil(4, "是否对口", "基本对口", "code_set");
    s.spoil(3, "结束日期", "2024-08-20", "date_order");
    s.spoil(3, "报酬", "3,000-3,500", "coercion");
    s.spoil(3, "指导教师工号", "016666", "reference");
    s.spoil(2, "内容", "\u{FFFD}实习内容", "encoding");
    s.spoil(2, "入学年份", "23级", "coercion");
    s
}

fn insurance(world: &World) -> Sheet {
    let mut s = Sheet::new(
        internship("sx/baoxian.tsv"),
        &["学号", "姓名", "险种", "保单号", "出资方", "购买日期", "购买方", "保险种类"],
        &["ODS_SXBXGMQKSJ"],
    );
    for (i, p) in world.students.iter().filter(|p| world.classes[p.class].entry == 2022).enumerate() {
        s.row(cells![
            p.number, p.name.zh, "实习责任险", format!("YSBX2024{i:06}"), "云枢职业技术学院", short(world.days[3]), "学校", "学生实习责任保险"
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
                i * 2 + nth + 1, p.number, p.name.zh, world.firms[i % 60].name, ["技术员", "助理", "操作员"][i % 3], kind, "完成本期实习任务",
                "本期在师傅指导下完成了规定的实习任务。", short(world.days[30 + nth * 20 + i % 10]), if i % 4 == 0 { "未阅" } else { "已阅" }
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

fn reviews(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/kaohe.csv"),
        &["教工号", "姓名", "考核类别", "考核日期", "部门号", "部门名称", "单位考核结果"],
        &["ODS_JSKHSJ"],
    );
    for (i, p) in world.staff.iter().enumerate().take(200) {
        let (unit, name) = UNITS[p.unit];
        s.row(cells![p.number, p.name.zh, "平时考核", spelt(world.days[40 + i % 5]), unit, name, if i % 7 == 0 { "优秀" } else { "称职" }]);
    }
    s.spoil(3, "单位考核结果", "合格", "code_set");
    s.spoil(2, "部门名称", "无", "required");
    s.spoil(2, "姓名", &format!("陈{BROKEN_BYTE}"), "encoding");
    s
}

fn training(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/jinxiu.csv"),
        &["教工号", "姓名", "地点", "编号", "名称", "开始", "截止", "出国日期", "目的", "派出单位", "审批单位", "审批日期", "应回国"],
        &["ODS_XXJXSJ"],
    );
    for (i, p) in world.staff.iter().enumerate().take(120) {
        let (from, to) = (world.days[10 + i % 20], world.days[32 + i % 20]);
        let abroad = i % 20 == 6;
        let when = |text: String| if abroad { text } else { String::new() };
        s.row(cells![
            p.number, p.name.zh, if abroad { "国外进修培训" } else { "国内进修培训" }, format!("JX2024{i:04}"), "职业教育教学能力提升研修", short(from), short(to),
            when(short(from)), when("进修".to_owned()), when("云枢职业技术学院".to_owned()), when("示例市教育局".to_owned()), when(short(world.days[8])),
            when(short(to))
        ]);
    }
    s.spoil(3, "地点", "国外进修培训", "required");
    s.spoil(2, "截止", "2024-9-3", "date_order");
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
            p.number, p.name.zh, if i % 6 == 0 { "企业兼职" } else { "企业实践" }, firm.credit, firm.name, short(world.days[4 + i % 9]), short(world.days[60]),
            "技术指导"
        ]);
    }
    s.spoil(2, "企业名称", "", "required");
    s.spoil(2, "岗位", "--", "required");
    s
}

fn papers(world: &World) -> Sheet {
    let mut s = Sheet::new(
        personnel("rs/lunwen.csv"),
        &["编号", "题名", "发表日期", "刊物", "第一作者工号"],
        &["ODS_LWFBSJ"],
    );
    for i in 0..100 {
        let p = &world.staff[i * 2 % 200];
        s.row(cells![
            format!("LW{:04}", i + 1), format!("{}教学改革研究", world.majors[i % 20].name), after(world.days[0], i as u32 % 70).strftime("%Y.%m.%d"),
            "示例职业教育学报", p.number
        ]);
    }
    s.spoil(2, "刊物", "\\N", "required");
    s.spoil(2, "发表日期", "待刊", "coercion");
    s
}
