//! One stream, from the Hello to its end.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tonic::{Status, Streaming};

use super::access;
use super::batch::{self, Sender, Tweaks, superseded};
use super::streams::{Demanded, End, Entry};
use crate::brain::accounts::random_hex;
use crate::brain::effects::{KeptVerdict, Opened, Opening};
use crate::brain::faults::{Action, Call, Subject};
use crate::brain::platform::Platform;
use crate::wire::smartbrain::v1::{
    self as wire, Batch, Demand, Heartbeat, Hello, ReportRequest, ReportResponse, TablePosition, Verdicts, Welcome, demand,
    report_request, report_response,
};
use crate::wire::tls::Peer;

type Out = mpsc::Sender<Result<ReportResponse, Status>>;

/// A hub that says nothing at first is left after this.
const HELLO: Duration = Duration::from_secs(10);

/// How long a stream waits for the end of the one before it.
const FORMER: Duration = Duration::from_secs(10);

/// One stream at work, until it ends; its last word is the status.
pub(super) async fn run(platform: Arc<Platform>, account: usize, peer: Peer, mut inbound: Streaming<ReportRequest>, out: Out) {
    let _running = platform.running.read().await;
    let mut stopping = platform.stopping.clone();
    let ended = tokio::select! {
        ended = serve(&platform, account, &peer, &mut inbound, &out) => ended,
        _ = stopping.wait_for(|stop| *stop) => Err(Status::unavailable("the platform is stopping")),
    };
    if let Err(status) = ended {
        // Nobody listens any more when the hub has gone.
        let _ = out.send(Err(status)).await;
    }
}

async fn serve(
    platform: &Platform,
    account: usize,
    peer: &Peer,
    inbound: &mut Streaming<ReportRequest>,
    out: &Out,
) -> Result<(), Status> {
    let first = tokio::time::timeout(HELLO, inbound.message()).await;
    let first = first.map_err(|_| Status::deadline_exceeded("no Hello came"))??;
    let Some(ReportRequest { message: Some(report_request::Message::Hello(hello)) }) = first else {
        return Err(Status::invalid_argument("the first message must be a Hello"));
    };
    let school = access::school(platform.accounts.get(account), &hello.school_code)?.to_owned();
    let taken = platform.script.take(subject(platform, Call::Hello, None, account));
    // A name of its own: the hub's next stream may have begun before this one is seen to be over.
    let stream = format!("{}/{}", platform.holder, random_hex());
    let greeted = greet(platform, &school, &stream, &hello, taken).await;
    platform.calls.count(Call::Hello, greeted.is_err());
    let greeted = greeted?;
    let Entry { number, mut ended, demands, before, over } = platform.streams.enter(&school, peer.address());
    let done = async {
        let (welcome, kept) = match before {
            None => greeted,
            Some(before) => {
                // What it had begun to write is known only when it is over.
                outlive(before, &mut ended).await?;
                greet(platform, &school, &stream, &hello, Vec::new()).await?
            }
        };
        let most = welcome.max_unsettled_records;
        let mut session = Session {
            platform,
            account,
            school: &school,
            hello,
            out,
            most: u64::from(most),
            unsettled: kept.iter().map(|k| u64::from(k.said.rows)).sum(),
            waiting: BTreeMap::new(),
            counted: 0,
            held_back: Vec::new(),
        };
        session.say(report_response::Message::Welcome(welcome)).await;
        for verdict in kept {
            session.answer(verdict, false, false).await;
        }
        session.work(inbound, ended, demands).await
    };
    let done = done.await;
    drop(over);
    if platform.streams.leave(&school, number) {
        platform.effects.close_stream(&school, &stream).await.map_err(broken)?;
    }
    done
}

/// Waits for the end of a stream that this one has replaced.
async fn outlive(mut before: watch::Receiver<()>, ended: &mut watch::Receiver<Option<End>>) -> Result<(), Status> {
    let over = async { while before.changed().await.is_ok() {} };
    tokio::select! {
        status = end(ended) => Err(status),
        over = tokio::time::timeout(FORMER, over) => {
            over.map_err(|_| Status::unavailable("the school's stream before this one is still at work"))
        }
    }
}

async fn greet(
    platform: &Platform,
    school: &str,
    stream: &str,
    hello: &Hello,
    actions: Vec<Action>,
) -> Result<(Welcome, Vec<KeptVerdict>), Status> {
    for action in actions {
        match action {
            Action::Slow { ms } => slow(platform, ms).await,
            Action::Refuse { message, .. } => return Err(Status::failed_precondition(message)),
            Action::ExpireTokens => return Err(Status::unauthenticated("the token has expired")),
            Action::Cut | Action::LoseAnswer | Action::Status { .. } => return Err(Status::unavailable("scripted")),
            _ => {}
        }
    }
    if hello.edition != platform.config.edition {
        let (theirs, ours) = (&hello.edition, &platform.config.edition);
        return Err(Status::failed_precondition(format!("edition {theirs} is not taken, {ours} is")));
    }
    let unsettled: Vec<(u64, Vec<u8>)> = hello.unsettled_batches.iter().map(|b| (b.id, b.digest.to_vec())).collect();
    let opening = Opening {
        school,
        instance: &hello.instance,
        epoch: hello.epoch,
        edition: &hello.edition,
        software: &hello.software,
        holder: Some(stream),
        unsettled: &unsettled,
        oldest: hello.oldest_unsettled_batch,
        at: platform.now(),
    };
    let opened = platform.effects.open_stream(&opening).await.map_err(broken)?;
    let (positions, known) = match opened {
        Opened::Superseded { epoch } => return Err(superseded(epoch)),
        Opened::Ready { positions, known } => (positions, known),
    };
    let own = platform.config.grpc.max_unsettled;
    let welcome = Welcome {
        edition: platform.config.edition.clone(),
        standard_digest: platform.judge.standard().map(|s| s.digest().to_owned()).unwrap_or_default(),
        max_unsettled_records: if hello.max_unsettled_records == 0 { own } else { own.min(hello.max_unsettled_records) },
        heartbeat_millis: platform.config.grpc.heartbeat_ms,
        positions: positions.into_iter().map(|(table, seq)| TablePosition { table, seq }).collect(),
        known_batches: known.iter().map(|k| k.id).collect(),
    };
    Ok((welcome, known))
}

fn broken(error: crate::brain::error::BrainError) -> Status {
    tracing::error!(%error, "a stream could not be served");
    Status::unavailable("the platform's database does not answer")
}

fn subject<'a>(platform: &'a Platform, call: Call, table: Option<&'a str>, account: usize) -> Subject<'a> {
    Subject { call, table, username: Some(&platform.accounts.get(account).username) }
}

/// Waits, but not past the platform's end.
async fn slow(platform: &Platform, ms: u64) {
    let mut stopping = platform.stopping.clone();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

/// Why a stream is ended from outside.
async fn end(ended: &mut watch::Receiver<Option<End>>) -> Status {
    match ended.wait_for(Option::is_some).await.ok().and_then(|end| *end) {
        Some(End::Expired) => Status::unauthenticated("the token has expired"),
        _ => Status::aborted("another stream of this school has begun"),
    }
}

struct Session<'a> {
    platform: &'a Platform,
    account: usize,
    school: &'a str,
    hello: Hello,
    out: &'a Out,
    most: u64,
    unsettled: u64,
    /// Verdicts whose time has not come.
    waiting: BTreeMap<(Instant, u64), (KeptVerdict, bool)>,
    counted: u64,
    /// Verdicts to be said after a later one.
    held_back: Vec<Verdicts>,
}

impl Session<'_> {
    async fn work(
        &mut self,
        inbound: &mut Streaming<ReportRequest>,
        mut ended: watch::Receiver<Option<End>>,
        mut demands: mpsc::Receiver<Demanded>,
    ) -> Result<(), Status> {
        let every = Duration::from_millis(u64::from(self.platform.config.grpc.heartbeat_ms));
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut patience = Instant::now() + every * 3;
        loop {
            let next = self.waiting.keys().next().map(|(at, _)| *at);
            tokio::select! {
                status = end(&mut ended) => return Err(status),
                message = inbound.message() => {
                    let Some(message) = message? else { return Ok(()) };
                    match message.message {
                        Some(report_request::Message::Batch(batch)) => self.batch(batch).await?,
                        Some(report_request::Message::Heartbeat(beat)) => self.sign(&beat).await?,
                        Some(report_request::Message::Hello(_)) => return Err(Status::invalid_argument("a second Hello")),
                        None => {}
                    }
                    patience = Instant::now() + every * 3;
                }
                () = tokio::time::sleep_until(next.unwrap_or(patience)), if next.is_some() => self.say_due().await,
                demanded = demands.recv() => self.demand(demanded).await,
                _ = beat.tick() => {
                    self.release_held_back().await;
                    let at_unix_millis = self.platform.now();
                    let beat = Heartbeat { at_unix_millis, health: None, oldest_unsettled_batch: 0 };
                    self.say(report_response::Message::Heartbeat(beat)).await;
                }
                () = tokio::time::sleep_until(patience) => return Err(Status::deadline_exceeded("nothing was heard for too long")),
            }
        }
    }

    async fn batch(&mut self, batch: Batch) -> Result<(), Status> {
        let (mut tweaks, mut lose, mut twice, mut later) = (Tweaks::default(), false, false, false);
        let actions = self.platform.script.take(subject(self.platform, Call::Batch, Some(&batch.table), self.account));
        for action in actions {
            match &action {
                Action::Slow { ms } => slow(self.platform, *ms).await,
                Action::Cut | Action::Status { .. } => {
                    self.platform.calls.count(Call::Batch, true);
                    return Err(Status::unavailable("scripted"));
                }
                Action::ExpireTokens => {
                    self.platform.calls.count(Call::Batch, true);
                    return Err(Status::unauthenticated("the token has expired"));
                }
                Action::LoseAnswer => lose = true,
                Action::RepeatAnswer => twice = true,
                Action::ReorderAnswer => later = true,
                other => tweaks.add(other),
            }
        }
        lose |= tweaks.take.is_some();
        self.unsettled += batch.records.len() as u64;
        if self.unsettled > self.most {
            return Err(Status::resource_exhausted("more records are unsettled than was agreed"));
        }
        let from = Sender { account: self.account, school: self.school, instance: &self.hello.instance, epoch: self.hello.epoch };
        let kept = batch::take(self.platform, &from, batch, tweaks).await;
        self.platform.calls.count(Call::Batch, kept.is_err());
        let kept = kept?;
        if lose {
            return Err(Status::unavailable("scripted"));
        }
        self.answer(kept, twice, later).await;
        Ok(())
    }

    /// Says a verdict, or keeps it for its time.
    async fn answer(&mut self, kept: KeptVerdict, twice: bool, later: bool) {
        let wait = kept.visible.saturating_sub(self.platform.now());
        if let Ok(wait) = u64::try_from(wait)
            && wait > 0
        {
            self.counted += 1;
            self.waiting.insert((Instant::now() + Duration::from_millis(wait), self.counted), (kept, twice));
            return;
        }
        let message = batch::message(&kept);
        self.unsettled = self.unsettled.saturating_sub(u64::from(kept.said.rows) - kept.said.silent.len() as u64);
        if later {
            return self.held_back.push(message);
        }
        if twice {
            self.say(report_response::Message::Verdicts(message.clone())).await;
        }
        self.say(report_response::Message::Verdicts(message)).await;
        self.release_held_back().await;
    }

    async fn say_due(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
            let (mut kept, twice) = entry.remove();
            kept.visible = i64::MIN;
            Box::pin(self.answer(kept, twice, false)).await;
        }
    }

    async fn release_held_back(&mut self) {
        for message in std::mem::take(&mut self.held_back) {
            self.say(report_response::Message::Verdicts(message)).await;
        }
    }

    async fn demand(&self, demanded: Option<Demanded>) {
        let demand = match demanded {
            Some(Demanded::Resend(table)) => demand::Demand::Resend(wire::ResendTable { table }),
            Some(Demanded::Reconcile(table)) => demand::Demand::Reconcile(wire::ReconcileTable { table }),
            None => return,
        };
        self.say(report_response::Message::Demand(Demand { demand: Some(demand) })).await;
    }

    async fn sign(&self, beat: &Heartbeat) -> Result<(), Status> {
        let health = beat.health.as_ref().map(|h| {
            serde_json::json!({
                "tables": h.tables, "overdue_tables": h.overdue_tables, "live": h.live, "stored": h.stored,
                "in_flight": h.in_flight, "waiting": h.waiting, "refused": h.refused, "unknown": h.unknown,
                "held": h.held, "quarantined": h.quarantined,
            })
            .to_string()
        });
        let (at, oldest) = (self.platform.now(), beat.oldest_unsettled_batch);
        self.platform.effects.note_sign(self.school, at, oldest, health.as_deref()).await.map_err(broken)
    }

    async fn say(&self, message: report_response::Message) {
        // When the hub has gone, the next read says so.
        let _ = self.out.send(Ok(ReportResponse { message: Some(message) })).await;
    }
}
