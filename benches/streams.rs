//! Streams: many schools against one platform, beside what the machine can do at all; and the memory of a hub of which
//! one platform is away.
//!
//! * `cargo bench --bench streams -- [schools] [rows]` (200 schools, 500 rows a table, three tables): hubs with a store
//!   each in one process, the platform in another. Three runs: messages made before and handed to a bare client, to a
//!   server that only acknowledges (the ceiling); hubs to that same server; hubs to the platform.
//! * `cargo bench --bench streams -- away [rows] [waves]` (10,000 rows a table, ten waves): one hub, a platform that
//!   answers, one that waits before each batch, one that is away; all rows change in each wave. Resident memory.
//! * `tests/run.sh --servers=kafka cargo bench --bench streams -- kafka [schools] [rows]`: the first over Kafka: messages made
//!   before and handed to a bare client until the broker has acknowledged them (the ceiling); hubs until it has
//!   acknowledged what they write; hubs until the platform's verdicts are back. With `--servers=postgres,kafka` also hubs and two
//!   platforms in one group, one killed half-way.

#[path = "../tests/it/many/line.rs"]
mod line;
#[path = "../tests/it/many/school.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod school;
#[path = "streams/topics.rs"]
mod topics;

use std::io::{BufRead, BufReader, Read};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use xiaoshu::brain::{Action, Brain, BrainConfig, Call, Fault, GrpcConfig};
use xiaoshu::report::Reporter;
use xiaoshu::standard::Standard;
use xiaoshu::store::sqlite::SqliteOptions;
use xiaoshu::store::{DeliveryStore, Lane, RampStep, ReadModels};
use xiaoshu::wire::smartbrain::v1::report_service_client::ReportServiceClient;
use xiaoshu::wire::smartbrain::v1::report_service_server::{ReportService, ReportServiceServer};
use xiaoshu::wire::smartbrain::v1::{
    Batch, GetStandardRequest, GetStandardResponse, GetTableDigestRequest, GetTableDigestResponse, Hello, Op, Record,
    ReportRequest, ReportResponse, Verdicts, Welcome, report_request, report_response,
};

use school::{EDITION, School, TABLES, account, over_grpc, standard};

const BATCH: u32 = 2_000;
const UNSETTLED: u32 = 20_000;
/// The platform's own flow control.
const WINDOW: u32 = 4 << 20;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let number = |at: usize, otherwise: u32| words.get(at).and_then(|w| w.parse().ok()).unwrap_or(otherwise);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    match words.first().map(String::as_str) {
        Some("platform") => runtime.block_on(platform(number(1, 1), number(2, 0))),
        Some("acknowledge") => runtime.block_on(acknowledge()),
        Some("kafka") => runtime.block_on(topics::many(number(1, 20), number(2, 5_000))),
        Some("reader") => runtime.block_on(topics::reader(
            number(1, 1),
            words.get(2).map_or("", String::as_str),
            words.get(3).map(String::as_str),
        )),
        Some("away") => runtime.block_on(away(number(1, 10_000), number(2, 10))),
        _ => runtime.block_on(many(number(0, 200), number(1, 500))),
    }
}

/// A process of its own that ends with this one.
struct Other {
    child: Child,
    url: String,
}

impl Other {
    fn start(words: &[&str]) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        let mut child = command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut url = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut url).unwrap();
        Self { child, url: url.trim().to_owned() }
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Says where it is, and waits until nobody needs it any more.
async fn serve_as_other(url: &str) {
    println!("{url}");
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    ended.await.unwrap().unwrap();
}

fn code(school: u32) -> String {
    format!("4199{school:06}")
}

async fn platform(schools: u32, slow_ms: u32) {
    let directory = tempfile::tempdir().unwrap();
    let config = BrainConfig {
        accounts: (0..schools).map(|i| account(&code(i))).collect(),
        directory: Some(directory.path().to_owned()),
        grpc: GrpcConfig::local(),
        ..BrainConfig::default()
    };
    let brain = Brain::start(config).await.unwrap();
    if slow_ms > 0 {
        brain.script(Fault::new(Action::Slow { ms: slow_ms.into() }).on(Call::Batch).always());
    }
    serve_as_other(&brain.grpc_url().unwrap()).await;
    brain.stop().await.unwrap();
}

/// Stores nothing, judges nothing.
struct Acknowledging;

#[tonic::async_trait]
impl ReportService for Acknowledging {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<ReportResponse, Status>> + Send>>;

    async fn report(&self, request: Request<Streaming<ReportRequest>>) -> Result<Response<Self::ReportStream>, Status> {
        let answer = |request: Result<ReportRequest, Status>| -> Option<Result<ReportResponse, Status>> {
            let message = match request.ok()?.message? {
                report_request::Message::Hello(hello) => report_response::Message::Welcome(Welcome {
                    edition: EDITION.to_owned(),
                    max_unsettled_records: hello.max_unsettled_records,
                    heartbeat_millis: 10_000,
                    ..Welcome::default()
                }),
                report_request::Message::Batch(batch) => {
                    report_response::Message::Verdicts(Verdicts { batch_id: batch.id, rest_stored: true, verdicts: Vec::new() })
                }
                report_request::Message::Heartbeat(_) => return None,
            };
            Some(Ok(ReportResponse { message: Some(message) }))
        };
        Ok(Response::new(Box::pin(request.into_inner().filter_map(answer))))
    }

    async fn get_standard(&self, _: Request<GetStandardRequest>) -> Result<Response<GetStandardResponse>, Status> {
        Ok(Response::new(GetStandardResponse { edition: EDITION.to_owned(), ..GetStandardResponse::default() }))
    }

    async fn get_table_digest(&self, _: Request<GetTableDigestRequest>) -> Result<Response<GetTableDigestResponse>, Status> {
        Err(Status::unimplemented("nothing is held"))
    }
}

async fn acknowledge() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener)
        .map(|stream| stream.inspect(|stream| stream.set_nodelay(true).unwrap()));
    let mut server = Server::builder().initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 2);
    let service = ReportServiceServer::new(Acknowledging).max_decoding_message_size(32 << 20);
    tokio::spawn(server.add_service(service).serve_with_incoming(incoming));
    serve_as_other(&url).await;
}

/// User and system time of a process so far.
fn cpu(pid: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // By place: not all of these fields are numbers without a sign, that of the terminal is -1 where there is none.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    // The kernel counts in hundredths of a second on every Linux that this runs on.
    Duration::from_millis(ticks * 10)
}

/// One run: what it took, in all.
struct Spent {
    wall: f64,
    own: f64,
    other: f64,
}

async fn measured(pid: &str, work: impl Future<Output = ()>) -> Spent {
    let (began, own, theirs) = (Instant::now(), cpu("self"), cpu(pid));
    work.await;
    Spent {
        wall: began.elapsed().as_secs_f64(),
        own: (cpu("self") - own).as_secs_f64(),
        other: (cpu(pid) - theirs).as_secs_f64(),
    }
}

async fn many(schools: u32, rows: u32) {
    let standard = standard();
    let records = f64::from(schools) * f64::from(rows) * TABLES.len() as f64;
    println!("{schools} schools, {rows} rows in each of {} tables: {records} records", TABLES.len());
    let all = furnished(schools, rows, &standard).await;
    let messages = messages(&all[0]).await;
    let payload: usize = messages.iter().map(|b| b.records.iter().map(|r| r.payload.len()).sum::<usize>()).sum();
    println!("{:.0} bytes a record", payload as f64 * f64::from(schools) / records);
    println!("{:<36} {:>9} {:>12} {:>14} {:>18} {:>14}", "run", "wall s", "records/s", "sender µs", "platform µs", "both µs");
    let plain = Other::start(&["acknowledge"]);
    let ceiling = measured(&plain.pid(), bare(&plain.url, schools, &messages)).await;
    show("bare client, acknowledged", records, &ceiling);
    let alone = measured(&plain.pid(), hubs(&all, "plain", &plain.url)).await;
    show("hubs, acknowledged", records, &alone);
    let brain = Other::start(&["platform", &schools.to_string()]);
    let whole = measured(&brain.pid(), hubs(&all, "platform", &brain.url)).await;
    show("hubs, platform", records, &whole);
    let both = |s: &Spent| s.own + s.other;
    println!(
        "of the ceiling's speed: hubs, acknowledged {:.2}; hubs, platform {:.2}; CPU of both sides, times the ceiling's: {:.1}, {:.1}",
        ceiling.wall / alone.wall,
        ceiling.wall / whole.wall,
        both(&alone) / both(&ceiling),
        both(&whole) / both(&ceiling),
    );
}

fn show(name: &str, records: f64, spent: &Spent) {
    let each = |seconds: f64| seconds * 1e6 / records;
    let (own, other) = (each(spent.own), each(spent.other));
    println!("{name:<36} {:>9.2} {:>12.0} {own:>14.2} {other:>18.2} {:>14.2}", spent.wall, records / spent.wall, own + other);
}

async fn furnished(schools: u32, rows: u32, standard: &Standard) -> Vec<School> {
    let mut all = Vec::new();
    for i in 0..schools {
        let options = SqliteOptions { cache_mib: 2, readers: 1, ..SqliteOptions::default() };
        let school = School::open(&code(i), standard, options).await;
        school.land(0..rows, 0).await;
        all.push(school);
    }
    all
}

/// All rows of a school as batches, of the hub's size.
async fn messages(school: &School) -> Vec<Batch> {
    let upstream = school.store.open_upstream("ceiling").await.unwrap();
    let mut out = Vec::new();
    for row in school.store.table_rows().await.unwrap() {
        school.store.attach(upstream, row.feed, RampStep::Open).await.unwrap();
        let pending = school.store.pending(upstream, row.feed, Lane::Live, u32::MAX, u64::MAX >> 2, i64::MAX).await.unwrap();
        for rows in pending.chunks(BATCH as usize) {
            let record = |r: &xiaoshu::store::FeedRow| Record {
                key: r.record_key.to_string(),
                seq: r.seq,
                op: Op::Upsert.into(),
                hash: r.hash.0.to_vec().into(),
                payload: r.payload.clone().into(),
            };
            let id = out.len() as u64 + 1;
            let records = rows.iter().map(record).collect();
            out.push(Batch { id, table: row.table.clone(), edition: EDITION.to_owned(), records });
        }
    }
    out
}

/// One stream a school, each with all messages of a school, until all are acknowledged.
async fn bare(url: &str, schools: u32, messages: &[Batch]) {
    let mut streams = JoinSet::new();
    for _ in 0..schools {
        let endpoint: Endpoint = url.parse::<Endpoint>().unwrap().tcp_nodelay(true);
        let hello = report_request::Message::Hello(Hello { edition: EDITION.to_owned(), ..Hello::default() });
        let batches = messages.iter().cloned().map(report_request::Message::Batch);
        let all: Vec<ReportRequest> = std::iter::once(hello).chain(batches).map(|m| ReportRequest { message: Some(m) }).collect();
        streams.spawn(one_bare(endpoint, all));
    }
    while let Some(ended) = streams.join_next().await {
        ended.unwrap();
    }
}

async fn one_bare(endpoint: Endpoint, all: Vec<ReportRequest>) {
    let channel: Channel = endpoint.connect().await.unwrap();
    let wanted = all.len();
    // Open until all is acknowledged, as a hub's stream is.
    let (queue, queued) = tokio::sync::mpsc::channel(4);
    let mut client = ReportServiceClient::new(channel);
    let reading = async {
        let mut answers = client.report(ReceiverStream::new(queued)).await.unwrap().into_inner();
        for _ in 0..wanted {
            answers.message().await.unwrap().expect("an answer");
        }
    };
    let sending = async {
        for message in all {
            queue.send(message).await.unwrap();
        }
    };
    tokio::join!(reading, sending);
}

/// Every hub delivers everything to an upstream of this name.
async fn hubs(all: &[School], name: &str, url: &str) {
    let mut hubs = JoinSet::new();
    for school in all {
        let settings = over_grpc(url, &school.code, BATCH, UNSETTLED);
        let mut reporter: Reporter = school.reporter(&[(name, settings)]).await;
        hubs.spawn(async move {
            let report = reporter.drain().await.unwrap();
            assert!(report.is_settled(), "{report:?}");
        });
    }
    while let Some(ended) = hubs.join_next().await {
        ended.unwrap();
    }
    for school in all {
        let stock = school.stock(name).await;
        assert_eq!(stock.stored, stock.live, "{stock:?}");
    }
}

fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
}

async fn away(rows: u32, waves: u32) {
    let (fast, slow, absent) =
        (Other::start(&["platform", "1"]), Other::start(&["platform", "1", "300"]), Other::start(&["platform", "1"]));
    let line = line::Line::start().await;
    let school = School::open(&code(0), &standard(), SqliteOptions::default()).await;
    school.land(0..rows, 0).await;
    let to = |url: &str| over_grpc(url, &school.code, BATCH, UNSETTLED);
    let upstreams = [("fast", to(&fast.url)), ("slow", to(&slow.url)), ("away", to(&line.url()))];
    let reporter = school.reporter(&upstreams).await;
    let handle = reporter.handle();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(reporter.run(async move { drop(stopped.await) }));
    println!("{:<28} {:>10} {:>16} {:>16} {:>10}", "after", "live", "behind: slow", "behind: away", "MiB");
    for wave in 1..=waves {
        settled(&school, "fast").await;
        tell(&format!("wave {wave}"), &school).await;
        if wave < waves {
            school.land(0..rows, wave).await;
            handle.wake();
        }
    }
    line.lead_to(Some(&absent.url));
    settled(&school, "away").await;
    settled(&school, "slow").await;
    tell("all have everything", &school).await;
    drop(stop);
    running.await.unwrap();
}

async fn settled(school: &School, upstream: &str) {
    loop {
        let stock = school.stock(upstream).await;
        if stock.stored == stock.live {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn tell(after: &str, school: &School) {
    let (slow, away) = (school.stock("slow").await, school.stock("away").await);
    let behind = |s: &xiaoshu::store::Stock| s.live - s.stored;
    println!("{after:<28} {:>10} {:>16} {:>16} {:>10.0}", slow.live, behind(&slow), behind(&away), resident_mib());
}
