//! A receiver over mutual TLS that acknowledges each batch and does nothing else, as a process of its own, and a bare client to it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming};
use xiaoshu::wire::smartbrain::v1::report_service_client::ReportServiceClient;
use xiaoshu::wire::smartbrain::v1::report_service_server::{ReportService, ReportServiceServer};
use xiaoshu::wire::smartbrain::v1::{
    Batch, GetStandardRequest, GetStandardResponse, GetTableDigestRequest, GetTableDigestResponse, Hello, ReportRequest,
    ReportResponse, Verdicts, Welcome, report_request, report_response,
};
use xiaoshu::wire::tls::{Acceptor, Alive, ClientTls, Dialer, ServerTls};

use super::csv::{EDITION, cpu_of};

/// The platform's own flow control.
const WINDOW: u32 = 4 << 20;
const ALIVE: Alive = Alive { every: Duration::from_secs(20), within: Duration::from_secs(20) };

/// The receiver's process: asked for its count by a line, it answers with one. It ends with this one.
pub struct Receiver {
    child: Child,
    asking: ChildStdin,
    answers: BufReader<ChildStdout>,
    pub url: String,
}

impl Receiver {
    /// Starts it, with certificates made for it and for a hub in the folder.
    pub fn start(dir: &Path) -> Self {
        certificates(dir);
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        let mut child = command.arg("receive").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("started");
        let (asking, answers) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let mut one = Self { child, asking, answers: BufReader::new(answers), url: String::new() };
        one.url = one.line();
        one
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    /// Waits until so many records were acknowledged.
    pub fn until(&mut self, records: u64, mut each: impl FnMut()) {
        loop {
            each();
            writeln!(self.asking, "how many").expect("asked");
            if self.line().parse::<u64>().expect("a number") >= records {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Its CPU so far, in seconds.
    pub fn cpu(&self) -> f64 {
        cpu_of(self.child.id()).expect("it runs").as_secs_f64()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    std::fs::write(dir.join("ca.pem"), authority.pem()).expect("written");
    for name in ["platform", "hub"] {
        let mut params = CertificateParams::new(vec![format!("{name}.example")]).expect("parameters");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let own = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&own, &authority).expect("a certificate");
        std::fs::write(dir.join(format!("{name}.pem")), cert.pem()).expect("written");
        std::fs::write(dir.join(format!("{name}.key")), own.serialize_pem()).expect("written");
    }
}

/// Stores nothing, judges nothing, counts.
struct Acknowledging(Arc<AtomicU64>);

#[tonic::async_trait]
impl ReportService for Acknowledging {
    type ReportStream = Pin<Box<dyn Stream<Item = Result<ReportResponse, Status>> + Send>>;

    async fn report(&self, request: Request<Streaming<ReportRequest>>) -> Result<Response<Self::ReportStream>, Status> {
        let count = Arc::clone(&self.0);
        let answer = move |request: Result<ReportRequest, Status>| -> Option<Result<ReportResponse, Status>> {
            let message = match request.ok()?.message? {
                report_request::Message::Hello(hello) => report_response::Message::Welcome(Welcome {
                    edition: EDITION.to_owned(),
                    max_unsettled_records: hello.max_unsettled_records,
                    heartbeat_millis: 10_000,
                    ..Welcome::default()
                }),
                report_request::Message::Batch(batch) => {
                    count.fetch_add(batch.records.len() as u64, Ordering::Relaxed);
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

/// The receiver's own main: says where it is, then answers each line with its count until there are no more.
pub async fn receive(dir: &Path) {
    let path = |name: &str| dir.join(name);
    let tls = ServerTls { cert: path("platform.pem"), key: path("platform.key"), client_ca: Some(path("ca.pem")) };
    let acceptor = Acceptor::new(Some(&tls), ALIVE).expect("certificates");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("https://{}", listener.local_addr().expect("bound"));
    let count = Arc::new(AtomicU64::new(0));
    let service = ReportServiceServer::new(Acknowledging(Arc::clone(&count))).max_decoding_message_size(32 << 20);
    let mut server = acceptor.server().initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOW * 2);
    tokio::spawn(server.add_service(service).serve_with_incoming(acceptor.incoming(listener)));
    let asked = tokio::task::spawn_blocking(move || {
        for _ in std::io::stdin().lock().lines() {
            println!("{}", count.load(Ordering::Relaxed));
        }
    });
    asked.await.expect("asked");
}

/// Hands over messages made before, until all are acknowledged.
pub async fn bare(url: &str, dir: &Path, messages: Vec<Batch>) {
    let path = |name: &str| Some(dir.join(name));
    let tls = ClientTls {
        ca: path("ca.pem"),
        cert: path("hub.pem"),
        key: path("hub.key"),
        domain: Some("platform.example".to_owned()),
    };
    let channel = Dialer::new(url, &tls, Duration::from_secs(10), ALIVE).expect("settings").connect().await.expect("connected");
    let wanted = messages.len() + 1;
    let (queue, queued) = tokio::sync::mpsc::channel(4);
    let mut client = ReportServiceClient::new(channel);
    let reading = async {
        let mut answers = client.report(ReceiverStream::new(queued)).await.expect("a stream").into_inner();
        for _ in 0..wanted {
            answers.message().await.expect("a message").expect("an answer");
        }
    };
    let sending = async {
        let hello = report_request::Message::Hello(Hello { edition: EDITION.to_owned(), ..Hello::default() });
        for message in std::iter::once(hello).chain(messages.into_iter().map(report_request::Message::Batch)) {
            queue.send(ReportRequest { message: Some(message) }).await.expect("sent");
        }
        // Open until all is acknowledged, as a hub's stream is.
        queue
    };
    tokio::join!(reading, sending);
}
