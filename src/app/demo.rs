//! `demo`: the sample school, the hub and the reference platform in one process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde_json::value::RawValue;

use super::clock::Shifted;
use super::hub::Hub;
use super::plan::Plan;
use super::reporting::Reporting;
use super::service::Logging;
use super::{Compared, Context, Counts, DemoAnswer, DemoRequest, DemoUpstream, Failure, quarantine, view};
use crate::brain::{Account, Brain, BrainConfig, BrainHandle, EditionJudge, GrpcConfig, Judged, KafkaConfig, RowJudge};
use crate::finding::Text;
use crate::sample::{self, Sample};
use crate::source::load_script;
use crate::standard::{EditionId, Standard};
use crate::store::{Millis, ReadModels, RunRow};

/// Where the demo keeps its state unless told otherwise.
const FOLDER: &str = "xiaoshu-demo";
/// 2024-11-20 10:00 in China: the morning of the sample school's day.
const MORNING: Millis = 1_732_068_000_000;

/// Runs the demo.
pub(super) fn answer(context: &Context<'_>, request: &DemoRequest) -> Result<DemoAnswer, Failure> {
    let began = Instant::now();
    let folder = context.data.clone().unwrap_or_else(|| PathBuf::from(FOLDER));
    std::fs::create_dir_all(&folder).map_err(|e| Failure::io(&folder.display().to_string(), &e))?;
    let first = !folder.join("school.written").exists();
    let clock = Shifted::resume(&folder.join("clock"), MORNING)?;
    context.progress.begin(Text::new("生成样例学校", "making the sample school"), None);
    let sample = school(&folder, first)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    let brain = runtime.block_on(platform(context, &folder, &sample, clock, &request.upstream))?;
    connect(&sample, &brain, &request.upstream)?;
    let inner = Context {
        settings: sample.settings.clone(),
        data: Some(folder.join("hub")),
        schemas: context.schemas.clone(),
        ..*context
    };
    let plan = Plan::load(&inner)?;
    let jobs = plan.active().count() as u64;
    let since = clock.millis();
    let hub = Hub::open(&inner, plan, Arc::new(move || clock.millis()), Arc::new(Logging(context.progress.share())))?;
    let writes = runtime.block_on(writes(&brain))?;
    context.progress.begin(Text::new("读取、转换、校验", "reading, mapping, validating"), Some(jobs));
    hub.pipeline.collect(&|| false).map_err(super::hub::pipeline_failure)?;
    context.progress.begin(Text::new("上报并等待结果", "reporting, waiting for verdicts"), None);
    let reporting = Reporting::new(&hub, Arc::new(clock))?;
    hub.runtime.block_on(reporting.drain()).map_err(|e| Failure::part(&e))?;
    context.progress.end();
    let sent = runtime.block_on(self::writes(&brain))? - writes;
    let mut answer = gather(&hub, &sample, since, first, sent)?;
    answer.data = folder;
    answer.brain = brain.url();
    answer.millis = began.elapsed().as_millis() as u64;
    if !request.once {
        context.progress.note(Text::new(
            format!("平台在 {} 上继续运行；按 Ctrl-C 结束", brain.url()),
            format!("the platform goes on at {}; end with Ctrl-C", brain.url()),
        ));
        runtime.block_on(super::service::asked_to_stop());
    }
    runtime.block_on(brain.stop()).map_err(|e| Failure::part(&e))?;
    Ok(answer)
}

/// Writes the school once; later runs find it as it was, or as the user changed it.
fn school(folder: &Path, first: bool) -> Result<Sample, Failure> {
    let written = folder.join("school.written");
    let place = if first { folder.join("school") } else { folder.join("school.again") };
    let mut sample = sample::write(&place, &sample::Options::default()).map_err(|e| Failure::part(&e))?;
    if first {
        load_script(&sample.teaching_database, &sample.teaching_sql).map_err(|e| Failure::part(&e))?;
        std::fs::write(&written, "").map_err(|e| Failure::io(&written.display().to_string(), &e))?;
    } else {
        // Made only for its numbers.
        std::fs::remove_dir_all(&place).map_err(|e| Failure::io(&place.display().to_string(), &e))?;
        sample.settings = folder.join("school").join("xiaoshu.toml");
    }
    Ok(sample)
}

async fn platform(
    context: &Context<'_>,
    folder: &Path,
    sample: &Sample,
    clock: Shifted,
    upstream: &DemoUpstream,
) -> Result<BrainHandle, Failure> {
    let mut config = BrainConfig::sandbox(sample::SCHOOL_CODE);
    config.directory = Some(folder.join("platform"));
    match upstream {
        DemoUpstream::DigitalBase => {}
        DemoUpstream::Grpc => config.grpc = GrpcConfig::local(),
        DemoUpstream::Kafka { brokers } => config.kafka = Some(topics(folder, brokers)?),
    }
    config.schemas.clone_from(&context.schemas);
    let edition = EditionId::new(config.edition.as_str());
    let standard = Standard::load(&edition, context.schemas.as_deref()).map_err(|e| Failure::part(&e))?;
    let judge = Stricter { edition: EditionJudge::new(standard, config.rows.clone()), refusals: sample.refusals };
    Brain::start_with(config, Arc::new(clock), Arc::new(judge)).await.map_err(|e| Failure::part(&e))
}

/// The settings file names the platform: its port is another one at each start.
fn connect(sample: &Sample, brain: &BrainHandle, upstream: &DemoUpstream) -> Result<(), Failure> {
    let io = |e: std::io::Error| Failure::io(&sample.settings.display().to_string(), &e);
    let folder = sample.settings.parent().unwrap_or(Path::new("."));
    let account = Account::sandbox(sample::SCHOOL_CODE);
    for (file, secret) in [
        ("moe.user", account.username.as_str()),
        ("moe.password", account.password.expose()),
        ("moe.app_key", account.app_key.expose()),
        ("moe.token", account.token().expose()),
    ] {
        std::fs::write(folder.join(file), secret).map_err(io)?;
    }
    let text = std::fs::read_to_string(&sample.settings).map_err(io)?;
    let own = text.split("\n# The embedded platform").next().unwrap_or_default();
    let upstream = match upstream {
        DemoUpstream::Kafka { brokers } => {
            let names: Vec<String> = brokers.iter().map(|b| toml_edit::Value::from(b.as_str()).to_string()).collect();
            let data = folder.parent().unwrap_or(folder);
            TOPICS.replace("@BROKERS@", &names.join(", ")).replace("@PREFIX@", &prefix(data)?)
        }
        DemoUpstream::DigitalBase => UPSTREAM.replace("@URL@", &brain.url()),
        DemoUpstream::Grpc => STREAM.replace("@URL@", &brain.grpc_url().unwrap_or_default()),
    };
    std::fs::write(&sample.settings, format!("{own}\n{upstream}")).map_err(io)
}

const UPSTREAM: &str = r#"# The embedded platform. Written anew at each start of the demo.
[upstreams.moe]
kind = "digital_base"
base_url = "@URL@"
username = { file = "moe.user" }
password = { file = "moe.password" }
seal.app_key = { from = "reply", otherwise = { file = "moe.app_key" } }
rows.batch_rows = 5000
rows.batch_bytes = 8388608
plain_http = { by = "demo", date = "2024-11-20", reason = "the platform runs in the same process" }

[upstreams.moe.delivery]
ramp = "open"
verdict_delay = "200ms"
verdict_widest = "2s"
"#;

const STREAM: &str = r#"# The embedded platform. Written anew at each start of the demo.
[upstreams.moe]
kind = "grpc"
url = "@URL@"
token = { file = "moe.token" }
plain_http = { by = "demo", date = "2024-11-20", reason = "the platform runs in the same process" }

[upstreams.moe.delivery]
ramp = "open"
"#;

const TOPICS: &str = r#"# The embedded platform. Written anew at each start of the demo.
[upstreams.moe]
kind = "kafka"
brokers = [@BROKERS@]
security = "plaintext"
plaintext = { by = "demo", date = "2024-11-20", reason = "invented persons only" }
topic_prefix = "@PREFIX@"
create = { partitions = 3, replication = 1 }
return_topic = "@PREFIX@.verdicts"

[upstreams.moe.delivery]
ramp = "open"
"#;

/// The topics of this demo: its own, and the same at each start.
fn prefix(data: &Path) -> Result<String, Failure> {
    let file = data.join("topics");
    let io = |e: std::io::Error| Failure::io(&file.display().to_string(), &e);
    if !file.exists() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        std::fs::write(&file, format!("xiaoshu-demo-{}", now.as_micros())).map_err(io)?;
    }
    std::fs::read_to_string(&file).map_err(io)
}

/// How the embedded platform consumes them.
fn topics(data: &Path, brokers: &[String]) -> Result<KafkaConfig, Failure> {
    let prefix = prefix(data)?;
    let settings = serde_json::json!({
        "brokers": brokers,
        "security": "plaintext",
        "plaintext": {"by": "demo", "date": "2024-11-20", "reason": "invented persons only"},
        "topic_prefix": prefix,
        "group": prefix,
        "return_topic": format!("{prefix}.verdicts"),
    });
    serde_json::from_value(settings).map_err(|e| Failure::io("--brokers", &std::io::Error::other(e)))
}

/// The edition's judge, and a few values that the platform refuses although the print allows them.
struct Stricter {
    edition: EditionJudge,
    refusals: &'static [sample::Refusal],
}

impl RowJudge for Stricter {
    fn knows(&self, table: &str) -> bool {
        self.edition.knows(table)
    }

    fn standard(&self) -> Option<Arc<Standard>> {
        self.edition.standard()
    }

    fn judge(&self, table: &str, rows: &[&RawValue], school: &str, today: &str) -> Vec<Judged> {
        let mut judged = self.edition.judge(table, rows, school, today);
        for refusal in self.refusals.iter().filter(|refusal| refusal.table == table) {
            for (row, judged) in rows.iter().zip(&mut judged) {
                let fields: BTreeMap<String, serde_json::Value> = serde_json::from_str(row.get()).unwrap_or_default();
                let value = fields.get(refusal.field).and_then(serde_json::Value::as_str);
                if value.is_some_and(|value| refusal.values.contains(&value)) && judged.error.is_none() {
                    judged.error = Some(refusal.error.to_owned());
                }
            }
        }
        judged
    }
}

async fn writes(brain: &BrainHandle) -> Result<u64, Failure> {
    let batches = brain.batches().await.map_err(|e| Failure::part(&e))?;
    Ok(batches.iter().map(|batch| batch.collect_num.max(0) as u64).sum())
}

fn gather(hub: &Hub, sample: &Sample, since: Millis, first: bool, sent: u64) -> Result<DemoAnswer, Failure> {
    let read = async {
        let runs: Vec<RunRow> = hub.store.runs(0).await?.into_iter().filter(|run| run.began >= since).collect();
        let (stock, tables) = (hub.store.stock().await?, hub.store.table_rows().await?);
        let imbalances = view::imbalances(ReadModels::audit(hub.store.as_ref()).await?);
        Ok::<_, crate::store::StoreError>((runs, stock, tables, imbalances))
    };
    let (runs, stock, tables, imbalances) = hub.runtime.block_on(read).map_err(|e| Failure::part(&e))?;
    let domains = view::domains(&hub.plan.standard, &runs, &stock, &tables);
    let compared = compare(sample, &domains, first, sent);
    Ok(DemoAnswer {
        data: PathBuf::new(),
        brain: String::new(),
        first,
        millis: 0,
        sent,
        causes: quarantine::causes(hub)?,
        refusals: quarantine::by_text(&quarantine::refused(hub, None)?),
        compared,
        domains,
        imbalances,
    })
}

/// Every number that the generator knows, table by table, against what came out.
fn compare(sample: &Sample, domains: &[super::DomainSection], first: bool, sent: u64) -> Vec<Compared> {
    let mut compared = Vec::new();
    let mut add = |table: &str, zh: &str, en: &str, expected: u64, found: u64| {
        compared.push(Compared { what: Text::new(format!("{table} {zh}"), format!("{table} {en}")), expected, found });
    };
    let found: BTreeMap<&str, Counts> = domains.iter().flat_map(|d| &d.tables).map(|t| (t.table.as_str(), t.counts)).collect();
    for (table, expected) in sample.expected.tables() {
        let counts = found.get(table).copied().unwrap_or_default();
        let (changed, unchanged) = if first { (expected.changed, 0) } else { (0, expected.unchanged_again) };
        add(table, "读取", "read", expected.read, counts.read);
        add(table, "变更", "changed", changed, counts.changed);
        add(table, "未变", "unchanged", unchanged, counts.unchanged);
        add(table, "重复", "duplicate", expected.duplicate, counts.duplicate);
        add(table, "过滤", "filtered", expected.filtered, counts.filtered);
        add(table, "隔离", "quarantined", expected.quarantined_rows(), counts.quarantined);
        add(table, "入库", "stored", expected.stored, counts.stored);
        add(table, "被拒", "refused", expected.refused, counts.refused);
        add(table, "暂缓", "held", expected.held, counts.held);
    }
    let total = sample.expected.total();
    add("*", "发送", "sent", if first { total.stored + total.refused } else { 0 }, sent);
    compared
}
