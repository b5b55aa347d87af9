//! `check`: every problem of settings, mappings, sources and upstreams, with its remedy.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::incremental;
use super::plan::{HUB_SOURCE, Plan, mapping_fault};
use super::unfilled;
use super::{CheckAnswer, CheckRequest, CheckStep, Context, Failure, Target};
use crate::config::Fault;
use crate::finding::Text;
use crate::normalize::{Derivation, DeriveContext, MappingContext, MappingDocument, MappingPlan};
use crate::record::Namespace;
use crate::source::{self, Begin, ReadSpec, SourcePlace};
use crate::store::postgres::PostgresStore;
use crate::wire::tls::{Acceptor, Alive};

/// Looks at everything that was asked for; what is found is the answer.
pub(super) fn answer(context: &Context<'_>, request: &CheckRequest) -> Result<CheckAnswer, Failure> {
    let plan = match Plan::load(context) {
        Ok(plan) => plan,
        Err(Failure::Settings(faults)) => return Ok(CheckAnswer { faults, ..CheckAnswer::default() }),
        Err(other) => return Err(other),
    };
    let mapped: BTreeSet<&str> = plan.active().map(|(_, table)| &*table.name).collect();
    let reported = plan.standard.tables().iter().filter(|t| !t.edition.is_core());
    let mut answer = CheckAnswer {
        mapped: (reported.clone().filter(|t| mapped.contains(&*t.name)).count(), reported.count()),
        ..CheckAnswer::default()
    };
    answer.faults = unfilled::school(&plan);
    answer.faults.extend(unmakeable(&plan)?);
    answer.faults.extend(incremental::unable(&plan).into_iter().map(mapping_fault));
    answer.steps.extend(unfilled::fields(&plan));
    unsealed(&plan, &mut answer);
    unowned(context, &plan, request, &mut answer);
    if request.connect {
        store(&plan, &mut answer)?;
        connect(&plan, &mut answer);
    }
    if request.upstream {
        super::upstreams::check_upstreams(&plan, &mut answer)?;
    }
    Ok(answer)
}

/// Settings that are well-formed, and of which an upstream or the listener cannot be made all the same: certificates that do not
/// fit their keys, settings that contradict each other.
fn unmakeable(plan: &Plan) -> Result<Vec<Fault>, Failure> {
    let mut faults = Vec::new();
    let place = |section: &str| {
        Text::new(
            format!("更正 {section} 中所指的设置或文件"),
            format!("mend the setting or the file that is named, in {section}"),
        )
    };
    for (name, opened) in super::upstreams::open_upstreams(plan)? {
        if let Err(error) = opened {
            let section = format!("[upstreams.{name}]");
            faults.push(plan.loaded.fault(&["upstreams", &name], error.text, place(&section)));
        }
    }
    let Some(grpc) = &plan.loaded.settings.serve.grpc else { return Ok(faults) };
    if grpc.is_exposed() {
        faults.push(plan.loaded.fault(
            &["serve", "grpc", "plaintext"],
            Text::new("plaintext 不完整，或日期不存在", "plaintext is not filled in, or its date is none"),
            Text::new(
                "写成 plaintext = { by = \"姓名\", date = \"2025-09-01\", reason = \"原因\" }，或设置 tls",
                "write plaintext = { by = \"name\", date = \"2025-09-01\", reason = \"why\" }, or set tls",
            ),
        ));
    }
    let tls = grpc.tls.clone().map(|tls| tls.below(&plan.loaded.base));
    if let Err(error) = Acceptor::new(tls.as_ref(), Alive::default()) {
        faults.push(plan.loaded.fault(&["serve", "grpc", "tls"], error.text(), place("[serve.grpc] tls")));
    }
    Ok(faults)
}

/// Fields that must be sealed before they leave, mapped, and no method is set: they would go out empty.
fn unsealed(plan: &Plan, answer: &mut CheckAnswer) {
    for (name, upstream) in &plan.loaded.settings.upstreams {
        let methods = upstream.settings.expose().pointer("/rows/seal").and_then(serde_json::Value::as_object);
        let set = |table: &str, field: &str| {
            let names = [format!("{table}.{field}"), field.to_owned(), "*".to_owned()];
            methods.is_some_and(|methods| names.iter().any(|name| methods.contains_key(name)))
        };
        for (document, table) in plan.active().filter(|(_, table)| !table.edition.is_core()) {
            let sealed = table.fields.iter().filter(|field| field.sealed && !document.columns_of(&field.name).is_empty());
            for field in sealed.filter(|field| !set(&table.name, &field.name)) {
                answer.steps.push(CheckStep {
                    target: Target::Upstream(name.clone()),
                    what: Text::new("报送前加密", "sealing before reporting"),
                    ok: None,
                    found: Text::new(
                        format!(
                            "{}.{}（{}）须加密后报送，尚未设置方法：必填时该行暂缓，选填时报空值",
                            table.name, field.name, field.label
                        ),
                        format!(
                            "{}.{} must be sealed and no method is set: rows wait where it is mandatory, else it goes out empty",
                            table.name, field.name
                        ),
                    ),
                    remedy: Some(Text::new(
                        format!("在 [upstreams.{name}.rows.seal] 中设置；最好在首次报送之前，之后设置则已报空值的行自动重报"),
                        format!(
                            "set it in [upstreams.{name}.rows.seal], best before the first report; set later, rows stored \
                             without the value go again by themselves"
                        ),
                    )),
                });
            }
        }
    }
}

/// Records whose source no mapping reads any more. A store that cannot be looked at says nothing here; one in a database is asked
/// only where connections are wanted.
fn unowned(context: &Context<'_>, plan: &Plan, request: &CheckRequest, answer: &mut CheckAnswer) {
    if super::opening::postgres(plan).is_some() && !request.connect {
        return;
    }
    let Ok(runtime) = tokio::runtime::Runtime::new() else { return };
    let Ok(Some(store)) = super::opening::open_store_to_read(context, plan, &runtime) else { return };
    let Ok(lines) = runtime.block_on(super::unowned::lines(plan, store.as_ref())) else { return };
    answer.steps.extend(lines.into_iter().map(|line| CheckStep {
        target: Target::Mapping(format!("{} ({})", line.table, line.source)),
        what: Text::new(format!("{} 的记录", line.table), format!("records of {}", line.table)),
        ok: Some(false),
        found: Text::new(
            format!("{} 条记录由 {} 采集，该来源已不再映射：现在无人负责，内容不再更新", line.records, line.source),
            format!(
                "{} records were collected from {}, which no mapping reads any more: they are nobody's now and stay as they are",
                line.records, line.source
            ),
        ),
        remedy: Some(line.remedy),
    }));
}

/// Reaches the database of the store, and changes nothing there.
fn store(plan: &Plan, answer: &mut CheckAnswer) -> Result<(), Failure> {
    let Some(options) = super::opening::postgres(plan) else { return Ok(()) };
    let what = Text::new("存储数据库", "database of the store");
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    let found = match runtime.block_on(PostgresStore::look(&options)) {
        Ok((version, true)) => {
            step(&Target::Hub, what, Some(true), Text::new(format!("PostgreSQL {version}"), format!("PostgreSQL {version}")))
        }
        Ok((version, false)) => CheckStep {
            remedy: Some(Text::new(
                format!("授予该账号在模式 {} 中建表的权限", options.schema),
                format!("grant the account the right to create tables in the schema {}", options.schema),
            )),
            ..step(
                &Target::Hub,
                what,
                Some(false),
                Text::new(
                    format!("PostgreSQL {version}：账号不能建表"),
                    format!("PostgreSQL {version}: the account may not create tables"),
                ),
            )
        },
        Err(error) => {
            let text = Failure::part(&error).to_string();
            CheckStep {
                remedy: Some(Text::new(
                    "核对 [data] 的 url、账号与网络，以及数据库是否在运行",
                    "see to url and account in [data], the network, and that the database runs",
                )),
                ..step(&Target::Hub, what, Some(false), Text::new(&text, &text))
            }
        }
    };
    answer.steps.push(found);
    Ok(())
}

fn connect(plan: &Plan, answer: &mut CheckAnswer) {
    for (name, settings) in &plan.loaded.settings.sources {
        let Some(connector) = source::connector(&settings.kind).filter(|c| c.kind() != HUB_SOURCE) else { continue };
        let shared: Arc<str> = name.as_str().into();
        let place = SourcePlace { name: &shared, settings: settings.settings.expose(), base: &plan.loaded.base };
        let target = Target::Source(name.clone());
        match connector.check(&place) {
            Ok(checked) => {
                answer.steps.push(step(
                    &target,
                    Text::new("连接", "connection"),
                    Some(true),
                    Text::new(&checked.about, &checked.about),
                ));
                answer.steps.extend(checked.notes.into_iter().map(|note| step(&target, Text::new("提示", "note"), None, note)));
                if checked.can_write {
                    answer.steps.extend(reader_account(plan, connector, &place, name));
                }
            }
            Err(error) => {
                let text = error.to_string();
                answer.steps.push(step(&target, Text::new("连接", "connection"), Some(false), Text::new(&text, &text)));
                continue;
            }
        }
        answer.steps.extend(needs(plan, connector, &place, name));
        let own = plan.active().filter(|(document, _)| document.source() == name);
        for (document, _) in own {
            fit(plan, connector, &place, document, answer);
        }
    }
}

/// What the mappings' ways of reading need of a source.
fn needs(plan: &Plan, connector: &dyn source::Connector, place: &SourcePlace<'_>, name: &str) -> Vec<CheckStep> {
    let own = plan.active().filter(|(document, _)| document.source() == name);
    let reads: Vec<&source::ReadSpec> = own.map(|(document, _)| document.read()).collect();
    let target = Target::Source(name.to_owned());
    match connector.needs(place, &reads) {
        Ok(needs) => needs
            .into_iter()
            .map(|need| CheckStep { remedy: need.remedy, ..step(&target, need.what, need.ok, need.found) })
            .collect(),
        Err(error) => {
            let text = error.to_string();
            vec![step(&target, Text::new("读取方式", "way of reading"), Some(false), Text::new(&text, &text))]
        }
    }
}

/// The SQL of an account that can read what the mappings of a source name, and do nothing else.
fn reader_account(plan: &Plan, connector: &dyn source::Connector, place: &SourcePlace<'_>, name: &str) -> Option<CheckStep> {
    let own = || plan.active().filter(|(document, _)| document.source() == name).map(|(document, _)| document.read());
    let objects: BTreeSet<String> = own().filter_map(|read| read.object.clone()).collect();
    let queries = own().filter(|read| read.query.is_some()).count();
    let sql = connector.account_sql(place, &objects.into_iter().collect::<Vec<_>>())?;
    let found = match queries {
        0 => Text::new("请管理员按下列 SQL 建立只读账号", "have the administrator make a read-only account with this SQL"),
        n => Text::new(
            format!("请管理员按下列 SQL 建立只读账号；另有 {n} 个查询，其中的表也须逐一授权"),
            format!(
                "have the administrator make a read-only account with this SQL; the tables of {n} queries need grants as well"
            ),
        ),
    };
    Some(CheckStep {
        remedy: Some(Text::new(&sql, &sql)),
        ..step(&Target::Source(name.to_owned()), Text::new("只读账号", "read-only account"), None, found)
    })
}

/// Opens what a mapping reads and holds the mapping against the columns found.
fn fit(
    plan: &Plan,
    connector: &dyn source::Connector,
    place: &SourcePlace<'_>,
    document: &Arc<MappingDocument>,
    answer: &mut CheckAnswer,
) {
    let target = Target::Mapping(document.file().to_owned());
    let what = Text::new(format!("{} 的列", document.table()), format!("columns of {}", document.table()));
    let today = crate::report::day_of(jiff::Timestamp::now().as_millisecond());
    let since = document.read().since(today).map(|since| document.reads_since(since));
    let dated = document.read().on(since, today, &|day| connector.written_day(day));
    // Reading by parts or by what changed would ask for much, or make something at the server.
    let read = ReadSpec { changes: None, chunks: None, ..dated };
    let source = match connector.open(place, &read, Begin::AFRESH) {
        Ok(source) => source,
        Err(error) => {
            let text = error.to_string();
            answer.steps.push(step(&target, what, Some(false), Text::new(&text, &text)));
            return;
        }
    };
    answer.faults.extend(incremental::unfit(connector, place, document, source.columns()).into_iter().map(mapping_fault));
    let settings = &plan.loaded.settings;
    let code: Arc<str> = settings.school.code.as_str().into();
    let context = MappingContext {
        namespace: Namespace { name: Arc::clone(&code), secret: Arc::from([].as_slice()) },
        school_code: code,
        system: settings.sources.get(document.source()).and_then(|s| s.system.as_deref()).unwrap_or_default().into(),
        missing: MappingContext::default_missing(),
        adopted: super::jobs::adopted(plan, document).unwrap_or_default(),
    };
    let privacy = &settings.privacy;
    let derive = DeriveContext {
        today: today.strftime("%Y%m%d").to_string(),
        shown: privacy.portraits.clone(),
        smallest_group: privacy.smallest_group,
        ..DeriveContext::default()
    };
    let derived = Derivation::compile(document, &plan.standard, source.columns(), &derive);
    let fits = derived.and_then(|made| {
        let columns = made.as_ref().map_or(source.columns(), Derivation::columns);
        MappingPlan::compile(document, &plan.standard, columns, context)
    });
    match fits {
        Ok(_) => {
            let count = source.columns().len();
            answer.steps.push(step(&target, what, Some(true), Text::new(format!("{count} 列"), format!("{count} columns"))));
        }
        Err(faults) => answer.faults.extend(faults.into_iter().map(mapping_fault)),
    }
}

/// A step without a remedy of its own: what was found says it.
pub(super) fn step(target: &Target, what: Text, ok: Option<bool>, found: Text) -> CheckStep {
    CheckStep { target: target.clone(), what, ok, found, remedy: None }
}
