//! Looking at the hub while the service runs, and before it ever ran.

use std::sync::Arc;

use xiaoshu::app::{
    self, ApproveRequest, Context, ExportRequest, Failure, QuarantineRequest, RampTarget, RekeyRequest, ReleaseRequest,
    ResendRequest, Silent, TryRequest, TryVerdict,
};
use xiaoshu::finding::Lang;

use super::school::School;

#[test]
fn commands_that_only_look_work_beside_the_service() {
    let school = School::new(10, 0);
    let good = std::fs::read_to_string(school.path("files/courses.csv")).expect("read");
    school.write("files/courses.csv", &good.replace("K0007,课程7,23", "K0007,课程7,many"));
    school.round();
    let (settings, export) = (school.path("xiaoshu.toml"), school.path("faults.csv"));
    // Asked while the round has the store open.
    let looks = move || {
        let context = Context { settings: settings.clone(), data: None, schemas: None, lang: Lang::En, progress: &Silent };
        let status = app::status(&context).expect("a status");
        assert_eq!(status.tables.iter().map(|t| t.live).sum::<u64>(), 18);
        assert!(status.nothing_yet.is_none() && status.imbalances.is_empty());
        let all = QuarantineRequest { limit: 10, ..QuarantineRequest::default() };
        let rows = app::quarantine_list(&context, &all).expect("a list").rows;
        assert_eq!(rows.len(), 2);
        assert_eq!(app::quarantine_show(&context, rows[0].id).expect("a row").id, rows[0].id);
        let to = ExportRequest { rows: all.clone(), to: export.clone() };
        assert_eq!(app::quarantine_export(&context, &to).expect("a file").rows, 2);
        let text = std::fs::read_to_string(&export).expect("read");
        assert!(text.contains("KCH=K0007") && text.contains("总学时=many") && text.contains("自然主键"), "{text}");
        let tried = app::try_table(&context, &TryRequest { table: "ODS_KCJSSJ".to_owned(), source: None, rows: 10 });
        let verdicts: Vec<_> = tried.expect("rows").rows.iter().map(|row| row.verdict).collect();
        assert_eq!(verdicts.iter().filter(|v| **v == TryVerdict::Rejected).count(), 1, "its course is not there: {verdicts:?}");
        assert_eq!(app::release(&context, &ReleaseRequest::default()).expect("ramps").ramps.len(), 2);
        assert_eq!(app::approve(&context, &ApproveRequest::default()).expect("deletions").approved, None);
        let table = || "ODS_KCJBSJ".to_owned();
        app::rekey(&context, &RekeyRequest { table: table(), approve: false }).expect("a list");

        let close = ReleaseRequest { to: Some(RampTarget::Closed), ..ReleaseRequest::default() };
        for decided in [
            app::release(&context, &close).err(),
            app::approve(&context, &ApproveRequest { table: Some(table()), list: Some("00000000".into()) }).err(),
            app::rekey(&context, &RekeyRequest { table: table(), approve: true }).err(),
            app::quarantine_retry(&context, &all).err(),
            app::resend(&context, &ResendRequest::default()).err(),
        ] {
            let Some(Failure::Busy(text)) = decided else { panic!("{decided:?}") };
            assert!(text.zh.contains("停止服务") && text.en.contains("Stop the service"), "{text:?}");
        }
    };
    let answer = school.try_round(move |store| {
        looks();
        Arc::clone(&store)
    });
    answer.expect("a round");
}

#[test]
fn a_column_that_nobody_mapped_is_not_shown() {
    let school = School::new(3, 0);
    let secret = "not-to-be-seen";
    let text = format!("课程号,课程名称,总学时,密码\nK0001,课程1,32,{secret}\nK0002,课程2,many,{secret}\n");
    school.write("files/courses.csv", &text);
    school.round();
    let context = school.context();
    let tried = app::try_table(&context, &TryRequest { table: "ODS_KCJBSJ".to_owned(), source: None, rows: 10 });
    let tried = format!("{:?}", tried.expect("rows"));
    let courses = QuarantineRequest { table: Some("ODS_KCJBSJ".to_owned()), limit: 10, ..QuarantineRequest::default() };
    let listed = app::quarantine_list(&context, &courses).expect("a list").rows;
    let row = app::quarantine_show(&context, listed[0].id).expect("a row");
    let to = ExportRequest { rows: courses, to: school.path("faults.csv") };
    app::quarantine_export(&context, &to).expect("a file");
    let exported = std::fs::read_to_string(&to.to).expect("read");
    for seen in [tried, format!("{row:?}"), exported] {
        assert!(seen.contains("many") && !seen.contains(secret), "{seen}");
        assert!(seen.contains("密码"), "the column itself is named: {seen}");
    }
}

#[test]
fn before_anything_was_read_the_status_says_so() {
    let school = School::new(1, 0);
    let status = app::status(&school.context()).expect("a status");
    let text = status.nothing_yet.expect("a text");
    assert!(text.en.contains("xiaoshu run") && text.zh.contains("xiaoshu run"), "{text:?}");
    let list = app::quarantine_list(&school.context(), &QuarantineRequest::default());
    assert!(matches!(list, Err(Failure::Unknown(_))), "{list:?}");
    assert!(!school.path("data/xiaoshu.lock").exists() && !school.path("data").exists(), "looking makes nothing");
}

#[test]
fn a_name_that_does_not_exist_is_answered_with_the_nearest_that_does() {
    let school = School::new(3, 0);
    school.round();
    let context = school.context();
    let release = |table: &str, upstream: Option<&str>| {
        let table = Some(table.to_owned());
        app::release(&context, &ReleaseRequest { table, upstream: upstream.map(str::to_owned), to: None }).err()
    };
    let list = |table: Option<&str>, source: Option<&str>| {
        let (table, source) = (table.map(str::to_owned), source.map(str::to_owned));
        app::quarantine_list(&context, &QuarantineRequest { table, source, limit: 5, ..QuarantineRequest::default() }).err()
    };
    let attempt = |table: &str, source: Option<&str>| {
        let request = app::TryRequest { table: table.to_owned(), source: source.map(str::to_owned), rows: 1 };
        app::try_table(&context, &request).err()
    };
    for (failure, hint) in [
        (release("ODS_KCJBJS", None), "ODS_KCJBSJ"),
        (release("ODS_KCJBSJ", Some("meo")), "moe"),
        (list(Some("ODS_KCJBS"), None), "ODS_KCJBSJ"),
        (list(None, Some("wj")), "jw"),
        (attempt("ODS_KCJBSK", None), "ODS_KCJBSJ"),
        (attempt("ODS_KCJBSJ", Some("jv")), "jw"),
        (attempt("ODS_XSXKSJ", None), "ODS_KCJBSJ"),
        (app::rekey(&context, &RekeyRequest { table: "ODS_KCJSS".to_owned(), approve: false }).err(), "ODS_KCJSSJ"),
        (app::quarantine_show(&context, 4711).err(), "quarantine list"),
    ] {
        let Some(Failure::Unknown(text)) = failure else { panic!("{hint}: {failure:?}") };
        assert!(text.zh.contains(hint) && text.en.contains(hint), "{hint}: {text:?}");
        assert!(text.zh.contains("解决办法") && text.en.contains("fix:"), "{text:?}");
    }
}
