//! Daily sums: the last days are read again in each run, and what is older stays as it was reported.

use xiaoshu::app::Failure;

use super::school::School;

const VISITS: &str = "ODS_XXHXTFWJLSJ";
const MAPPING: &str = "mappings/ODS_XXHXTFWJLSJ.toml";

/// The sample's sums of visits, of the last seven days alone.
fn school() -> School {
    let school = School::of(&["CORE_XTXX", VISITS]);
    school.edit(MAPPING, "[read]\n", "[read]\ndays = 7\n");
    school.edit(MAPPING, "from xx_fw f\n", "from xx_fw f where date(f.sj) >= :since and date(f.sj) <= :today\n");
    school
}

fn days(rows: &[std::collections::BTreeMap<String, String>]) -> std::collections::BTreeSet<String> {
    rows.iter().map(|row| row["XXHXTFWRQ"].clone()).collect()
}

#[test]
fn the_last_days_are_read_again_and_older_ones_stay() {
    let school = school();
    let first = school.collect();
    let (read, changed, _) = first.counts(VISITS);
    assert!(read > 0 && read == changed);
    let before = first.landed(VISITS);
    let known = days(&before);
    assert!(known.iter().all(|day| ("20241113".."20241121").contains(&day.as_str())), "{known:?}");
    drop(first);

    // A device that was offline brings visits of yesterday and of a day long ago; the source forgets two days that are
    // still within the seven and everything before.
    school.teach(
        "update xx_fw set cs = cs + 100 where date(sj) = '2024-11-19' and xtbh = 'XT01';
         delete from xx_fw where date(sj) <= '2024-11-15';",
    );
    school.clock.advance(std::time::Duration::from_secs(3 * 86_400));
    let second = school.collect();
    let run = second.run(VISITS).expect("a run");
    assert_eq!((run.error.clone(), run.complete), (None, false), "a part of the table proves nothing about the rest");
    let after = second.landed(VISITS);
    assert_eq!(days(&after), known, "nothing is gone");
    let gone = before.iter().filter(|row| row["XXHXTFWRQ"].as_str() <= "20241115");
    assert!(gone.clone().count() > 0 && gone.clone().all(|row| after.contains(row)), "older days stay as reported");
    let mended = |row: &&std::collections::BTreeMap<String, String>| row["XXHXTFWRQ"] == "20241119" && row["XXHXTBH"] == "XT01";
    assert_eq!(second.counts(VISITS).1, before.iter().filter(mended).count() as u64, "only yesterday's changed");
    assert!(before.iter().filter(mended).all(|row| !after.contains(row)));
}

#[test]
fn days_and_the_query_that_names_them_go_together() {
    let school = School::of(&["CORE_XTXX", VISITS]);
    school.edit(MAPPING, "[read]\n", "[read]\ndays = 7\n");
    let Some(Failure::Settings(faults)) = school.try_collect().err() else { panic!("it was not refused") };
    assert!(faults.iter().any(|fault| fault.what.en.contains(":since") && fault.line > 0), "{faults:?}");
}

#[test]
fn no_single_visit_is_kept() {
    let school = school();
    let collected = school.collect();
    let read = collected.counts(VISITS).0;
    let keys: std::collections::BTreeSet<_> = collected
        .landed(VISITS)
        .into_iter()
        .map(|row| (row["XXHXTBH"].clone(), row["FWFSM"].clone(), row["XXHXTFWRQ"].clone()))
        .collect();
    assert_eq!(keys.len() as u64, read, "a row a system, way and day");
}

/// A log of each kind, with rows of the days from the 4th to `last` of November 2024, and single persons in all of them.
fn logs(last: u32) -> String {
    let mut sql = "create table ykt_xf (sj text, lb text, je real, xh text);
        create table ykt_rz (sj text, cs text, fs text, xh text);
        create table xt_fw (sj text, xtbh text, xtmc text, fs text, sf text);
        create table dz_fw (sj text, lx text);
        create table wl_jl (sj text, ll integer, gj integer, sx integer, xx integer);
        create table wk_xx (sj text, kcbh text, kcmc text, pt text, xh text, fz integer, zy integer, tl integer);
        create table kt_kc (pkh text, kch text, kcmc text, zc integer, xqj integer, jc text, rq text, sj text, yd integer, sd integer);
        create table kt_hd (pkh text, rq text, jc text, lx text, xh text);
        create table xl_zx (sj text, xh text, gjc text, yy integer);
        create table xl_cp (sj text, xh text, zyh text, lbbh text, lbmc text, lx text, sc integer);\n"
        .to_owned();
    let mut add = |row: String| sql.push_str(&format!("insert into {row};\n"));
    for day in 4..=last {
        let at = format!("2024-11-{day:02} 10:00:00");
        for n in 1..=8u32 {
            add(format!("ykt_xf values ('{at}', '{}', {n}.5, 'S{n}')", if n > 5 { "超市" } else { "食堂" }));
            add(format!("ykt_rz values ('{at}', '{}', '刷卡', 'S{n}')", if n > 5 { "校门口" } else { "宿舍楼" }));
            add(format!("xt_fw values ('{at}', 'XT01', '教务系统', '网站', '{}')", if n > 5 { "教师" } else { "学生" }));
            add(format!("dz_fw values ('{at}', '{}')", if n > 5 { "期刊" } else { "图书" }));
            add(format!("wl_jl values ('{at}', {n}, {}, {n}0, {n}00)", n % 2));
            add(format!("wk_xx values ('{at}', 'K1', '机械基础', '网教平台', 'S{n}', 30, 1, 0)"));
            add(format!("kt_hd values ('P1', '2024-11-{day:02}', '1-2', '{}', 'S{n}')", if n > 6 { "发起" } else { "参与" }));
            add(format!("xl_cp values ('{at}', 'S{n}', 'Z1', 'SCL-90', '症状自评量表', '1', 20)"));
        }
        add(format!("kt_kc values ('P1', 'K1', '机械基础', 12, 3, '1-2', '2024-11-{day:02}', '080000', 10, 9)"));
        // Two talks a day, so that no day alone is told of.
        add(format!("xl_zx values ('{at}', 'S1', '情绪困扰,与父亲争吵', 1)"));
        add(format!("xl_zx values ('{at}', 'S2', '学业压力', 1)"));
    }
    sql
}

const SUMS: [&str; 9] = [
    "ODS_XSXFSJ",
    "ODS_YKTRZSJ",
    "ODS_XXHXTFWJLSJ",
    "ODS_FWSZTSGZYSJ",
    "ODS_WLAQGLSJ",
    "ODS_WLKCZXXXJLSJ",
    "ODS_KTHDSJ",
    "ODS_XLZXJLSJ",
    "ODS_XLCPSJ",
];

#[test]
fn the_examples_of_daily_sums_give_sums_and_keep_no_person() {
    let school = School::example("daily");
    xiaoshu::source::load_script(&school.path("logs.db"), &logs(20)).expect("loaded");
    let first = school.collect();
    for table in SUMS {
        let (read, changed, _) = first.counts(table);
        assert!(read > 0 && read == changed, "{table}: {read} read, {changed} changed");
        for row in first.landed(table) {
            let told = row
                .iter()
                .filter(|(field, _)| *field != "ZJSJWYXBS")
                .any(|(_, value)| value.contains("S1") || value.contains("父亲"));
            assert!(!told, "{table} tells of a person");
        }
    }
    // Wednesday is the 20th: from the 13th, eight days; two kinds of payment, of place, one of the rest.
    let rows = |collected: &super::school::Collected| SUMS.map(|table| collected.landed(table).len());
    assert_eq!(rows(&first), [16, 16, 8, 8, 8, 8, 8, 5, 17]);
    let talks = first.landed("ODS_XLZXJLSJ");
    let (dates, counts): (Vec<_>, Vec<_>) = talks.iter().map(|row| (row["ZXRQ"].as_str(), row["ZXRC"].as_str())).unzip();
    assert_eq!(
        dates,
        ["20241106", "20241109", "20241113", "20241116", "20241120"],
        "three days together, the rest of a week stays here"
    );
    assert!(counts.iter().all(|count| *count == "6") && talks[0]["GJC"] == "学业压力、情绪困扰", "{talks:?}");
    let payments = first.landed("ODS_XSXFSJ");
    let canteen = payments.iter().find(|row| row["XFRQ"] == "20241120" && row["XFLBM"] == "1").expect("a sum");
    assert_eq!((canteen["XFZE"].parse::<f64>().ok(), &*canteen["XFRC"]), (Some(17.5), "5"));
    let lesson = &first.landed("ODS_KTHDSJ")[0];
    let share = |field: &str| lesson[field].parse::<f64>().ok();
    assert_eq!((&*lesson["KTHDFQZCS"], &*lesson["XSCYZCS"], share("XSCYL"), share("CQL")), ("2", "6", Some(60.0), Some(90.0)));
    let before = SUMS.map(|table| first.landed(table));
    drop(first);

    // A day later the logs begin later: what was reported stays, and one day is new.
    school.clock.advance(std::time::Duration::from_secs(86_400));
    xiaoshu::source::load_script(&school.path("logs.db"), &logs(21)).expect("loaded");
    let second = school.collect();
    for (table, before) in SUMS.iter().zip(&before) {
        let after = second.landed(table);
        assert!(before.iter().all(|row| after.contains(row)), "{table} lost or changed a day that was reported");
    }
    assert_eq!(rows(&second), [18, 18, 9, 9, 9, 9, 9, 5, 18]);
}

#[test]
fn single_talks_stop_the_read_and_nothing_of_them_is_kept() {
    let school = School::example("daily");
    xiaoshu::source::load_script(&school.path("logs.db"), &logs(20)).expect("loaded");
    school.edit(
        "mappings/ODS_XLZXJLSJ.toml",
        "count(*) AS rc, sum(yy) AS yy, group_concat(gjc, '、') AS gjc",
        "1 AS rc, yy, gjc",
    );
    school.edit("mappings/ODS_XLZXJLSJ.toml", "GROUP BY date(sj)", "");
    let collected = school.collect();
    let error = collected.run("ODS_XLZXJLSJ").and_then(|run| run.error.clone()).expect("stopped");
    assert!(error.contains("只接受汇总数据") && error.contains("groups only"), "{error}");
    assert!(collected.landed("ODS_XLZXJLSJ").is_empty());
    let run = collected.run("ODS_XLZXJLSJ").expect("a run");
    assert_eq!((run.counts.read, run.counts.quarantined), (0, 0), "not even as rows that wait");
}

#[test]
fn a_mapping_without_groups_is_refused_before_anything_is_read() {
    let school = School::example("daily");
    xiaoshu::source::load_script(&school.path("logs.db"), &logs(5)).expect("loaded");
    school.edit("mappings/ODS_XLZXJLSJ.toml", "[groups]\ncount = \"rc\"\ndate = \"rq\"\nwithin = \"week\"\nsum = [\"yy\"]\n", "");
    school.edit("mappings/ODS_XLZXJLSJ.toml", "[groups.words]", "#");
    school.edit("mappings/ODS_XLZXJLSJ.toml", "gjc = [\"", "#");
    let answer = xiaoshu::app::check(&school.context(), &xiaoshu::app::CheckRequest::default()).expect("an answer");
    let texts: Vec<String> = answer.faults.iter().map(|fault| format!("{} {}", fault.what.zh, fault.what.en)).collect();
    assert!(texts.iter().any(|text| text.contains("只上报汇总数据") && text.contains("in groups only")), "{texts:?}");
    assert!(school.try_collect().is_err());
}
