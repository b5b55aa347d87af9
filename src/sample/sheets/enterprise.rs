//! Enterprises, and what is done together with them.

use super::super::days::short;
use super::super::draw::{credit_code, thousands};
use super::super::sheet::{Encoding, Home, Sheet, cells};
use super::super::world::World;

/// A comma-separated file of the office for enterprises.
const fn office(path: &'static str) -> Home {
    Home::File { path, encoding: Encoding::Utf8, delimiter: ',', preamble: &[] }
}

/// All of them.
pub(super) fn sheets(world: &World) -> Vec<Sheet> {
    vec![firms(world), cooperation(world), joint_courses(world), appraisal(world)]
}

fn firms(world: &World) -> Sheet {
    let mut s = Sheet::new(
        office("sx/qiye.csv"),
        &["企业编号", "企业名称", "行政区划", "信用代码", "行业", "联系人", "实习基地", "合作状态", "注册资金(万元)"],
        &["CORE_QY"],
    );
    for (i, f) in world.firms.iter().enumerate() {
        s.row(cells![
            f.number,
            f.name,
            "410702",
            f.credit,
            f.industry,
            "（略）",
            if i % 3 == 0 { "否" } else { "是" },
            "启用",
            thousands(500 + i as u32 * 30)
        ]);
    }
    s.extras_follow();
    for i in 0..6 {
        s.row(cells![
            format!("QY9{i:03}"),
            format!("示例待核企业{i}"),
            "410702",
            credit_code("91", 900 + i),
            "C",
            "（略）",
            "否",
            "停用",
            "100"
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
            world.majors[i % 20].name,
            f.name,
            f.credit,
            format!("2024年{}月", 9 + i % 3),
            i % 5 * 10,
            i % 4,
            i % 7 * 3,
            thousands(i as u32 * 21_500)
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
            c.number,
            c.name,
            format!("与企业共同开发的{}。", c.name),
            firm.credit,
            firm.name,
            short(world.days[5]),
            short(world.days[50]),
            head.number,
            head.name.zh,
            "（略）"
        ]);
    }
    s.bend(1, "结束", "2024-9-1");
    s.spoil(1, "校方负责人号", "017777", "reference");
    s
}

fn appraisal(world: &World) -> Sheet {
    let mut s = Sheet::new(office("sx/jianding.csv"), &["机构名称", "证书名称", "等级", "人数", "年度"], &["ODS_ZYJNJDJGSJ"]);
    for (i, m) in world.majors.iter().enumerate().take(8) {
        s.row(cells![
            "云枢职业技能鉴定所",
            format!("{}职业资格证书", m.name),
            ["初级工（五级）", "中级工(四级)", "高级工【三级】"][i % 3],
            60 + i * 5,
            "2024"
        ]);
    }
    s.spoil(1, "人数", "若干", "coercion");
    s
}
