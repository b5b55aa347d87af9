//! Starting the platform, and what a test or the command line does with it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::{RwLock, watch};
use tokio::task::JoinHandle;

use super::accounts::{Accounts, random_hex};
use super::clock::{Clock, SystemClock, parse_printed, whole_second};
use super::config::BrainConfig;
use super::control;
use super::digital_base::{self, RsaKey, sm4_key};
use super::effects::{self, Counts, Effect, HeldRow, NewBatch, ReportedBatch, Times};
use super::error::BrainError;
use super::faults::{Call, Fault, Script};
use super::grpc::{self, Demanded, End, Running, SchoolView, Streams};
use super::judge::{EditionJudge, RowJudge};
use super::kafka::{self, Consuming, Demands};
use super::line::{Lines, Peer};
use super::platform::{Calls, Platform};
use crate::standard::{EditionId, Standard};

/// The reference central platform.
#[derive(Debug, Clone, Copy)]
pub struct Brain;

impl Brain {
    /// Starts it with the edition set and the machine's clock; it serves until stopped or dropped.
    ///
    /// # Errors
    /// When settings are wrong, the edition cannot be loaded, or address or directory cannot be used.
    pub async fn start(config: BrainConfig) -> Result<BrainHandle, BrainError> {
        Self::start_at(config, Arc::new(SystemClock)).await
    }

    /// As [`Brain::start`], by another clock.
    ///
    /// # Errors
    /// As there.
    pub async fn start_at(config: BrainConfig, clock: Arc<dyn Clock>) -> Result<BrainHandle, BrainError> {
        let edition = EditionId::new(config.edition.as_str());
        let standard = Standard::load(&edition, config.schemas.as_deref())
            .map_err(|error| BrainError::Edition { edition: config.edition.clone(), why: error.to_string() })?;
        let judge = Arc::new(EditionJudge::new(standard, config.rows.clone()));
        Self::start_with(config, clock, judge).await
    }

    /// As [`Brain::start`], by another clock and another judge of rows.
    ///
    /// # Errors
    /// As there, but for the edition, which is not loaded.
    pub async fn start_with(
        config: BrainConfig,
        clock: Arc<dyn Clock>,
        judge: Arc<dyn RowJudge>,
    ) -> Result<BrainHandle, BrainError> {
        check(&config)?;
        let holder = random_hex();
        let effects = effects::open(&config, &holder).await?;
        let address = config.listen;
        let listen = |source| BrainError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;
        let (stop, stopping) = watch::channel(false);
        let platform = Arc::new(Platform {
            accounts: Accounts::new(config.accounts.clone()),
            judge,
            effects,
            holder,
            streams: Streams::default(),
            demands: Demands::default(),
            script: Script::default(),
            rsa: RsaKey::new(config.login.rsa_bits),
            calls: Calls::default(),
            running: RwLock::default(),
            stopping: stopping.clone(),
            clock,
            clock_offset: AtomicI64::new(0),
            config,
        });
        let streams = grpc::start(&platform, stopping.clone()).await?;
        let consuming = kafka::start(&platform)?;
        let mut router = digital_base::router(&platform);
        if platform.config.control {
            router = router.merge(control::router());
        }
        let service = router.with_state(Arc::clone(&platform)).into_make_service_with_connect_info::<Peer>();
        let mut stopped = stopping;
        let ended = async move {
            // An error means that the handle is gone, which ends the platform just as well.
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let server = tokio::spawn(async move { axum::serve(Lines(listener), service).with_graceful_shutdown(ended).await });
        Ok(BrainHandle { platform, address, streams, consuming, stop, server })
    }
}

fn check(config: &BrainConfig) -> Result<(), BrainError> {
    let wrong = |what: String| Err(BrainError::Settings(what));
    if config.accounts.is_empty() {
        return wrong("no account is set".to_owned());
    }
    if !(config.prefix.is_empty() || config.prefix.starts_with('/')) || config.prefix.contains(['{', '}', '?', '#']) {
        return wrong("prefix must be empty or begin with a slash".to_owned());
    }
    if config.results.num_base > 1 {
        return wrong("results.num_base must be 0 or 1".to_owned());
    }
    if config.effects.postgres.is_some() && config.directory.is_some() {
        return wrong("directory and effects.postgres are both set, and rows are kept in one place: take one away".to_owned());
    }
    if config.effects.postgres.is_some() && config.login.single_session {
        let what = "login.single_session cannot hold with effects.postgres: each process of a shared database knows its own \
                    sessions alone; keep rows in a directory, or leave sessions as they are";
        return wrong(what.to_owned());
    }
    if !(1024..=8192).contains(&config.login.rsa_bits) {
        return wrong("login.rsa_bits must be between 1024 and 8192".to_owned());
    }
    if let Some(what) = config.grpc.fault() {
        return wrong(what.to_owned());
    }
    for (at, account) in config.accounts.iter().enumerate() {
        let name = &account.username;
        if config.accounts[..at].iter().any(|a| a.username == *name) {
            return wrong(format!("two accounts have the username {name}"));
        }
        if sm4_key(account.app_secret.expose(), &config.gate).is_none() {
            return wrong(format!("app_secret of {name} gives no 16 bytes by gate.key_cut and gate.key_code"));
        }
    }
    Ok(())
}

/// How often a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallCount {
    /// The call.
    pub call: Call,
    /// How often it came.
    pub count: u64,
    /// How often it was refused, by a check or by a fault.
    pub refused: u64,
}

/// A result that did not come through this interface: a portal import, another client's batch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// User name of the account whose school it belongs to.
    pub username: String,
    /// The table.
    pub table: String,
    /// `yyyy-MM-dd HH:mm:ss` in +08:00; now when absent.
    #[serde(default)]
    pub time: Option<String>,
    /// `type` of the result.
    #[serde(default = "portal")]
    pub kind: String,
    /// Rows received.
    pub collect_num: i64,
    /// Rows stored.
    pub storage_num: i64,
    /// The named errors, as they are to show.
    #[serde(default)]
    pub remark: Option<String>,
    /// The state.
    #[serde(default)]
    pub state: Option<String>,
}

fn portal() -> String {
    "门户导入".to_owned()
}

/// A running platform. Dropping it ends it as well, without waiting.
pub struct BrainHandle {
    platform: Arc<Platform>,
    address: SocketAddr,
    streams: Option<Running>,
    consuming: Option<Consuming>,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
}

impl BrainHandle {
    /// `http://address:port`, without the prefix.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `http(s)://address:port` of streams, where they are served.
    pub fn grpc_url(&self) -> Option<String> {
        let running = self.streams.as_ref()?;
        Some(format!("{}://{}", if running.secure { "https" } else { "http" }, running.address))
    }

    /// What is known of each school.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn schools(&self) -> Result<Vec<SchoolView>, BrainError> {
        grpc::schools(&self.platform).await
    }

    /// Asks a school's hub for a table once more, on its stream or the return topic; `false` when there is neither.
    pub fn ask_to_resend(&self, school: &str, table: &str) -> bool {
        self.platform.demand(school, Demanded::Resend(table.to_owned()))
    }

    /// Asks a school's hub for a comparison of a table, or of all where it is empty, likewise.
    pub fn ask_to_reconcile(&self, school: &str, table: &str) -> bool {
        self.platform.demand(school, Demanded::Reconcile(table.to_owned()))
    }

    /// The address listened on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds a scripted fault.
    pub fn script(&self, fault: Fault) {
        self.platform.script.add(fault);
    }

    /// Takes all scripted faults away.
    pub fn clear_script(&self) {
        self.platform.script.clear();
    }

    /// The scripted faults that have not done all they are to do.
    pub fn scripted(&self) -> Vec<Fault> {
        self.platform.script.list()
    }

    /// How often a call came.
    pub fn calls(&self, call: Call) -> CallCount {
        call_count(&self.platform, call)
    }

    /// Writes that changed what is held, in order; of one table or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn effects(&self, table: Option<&str>) -> Result<Vec<Effect>, BrainError> {
        self.platform.effects.writes(table, true).await
    }

    /// All accepted rows, in order; of one table or of all.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn writes(&self, table: Option<&str>) -> Result<Vec<Effect>, BrainError> {
        self.platform.effects.writes(table, false).await
    }

    /// Rows held, writes and effects of each table.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn counts(&self) -> Result<Vec<Counts>, BrainError> {
        self.platform.effects.counts().await
    }

    /// The rows of one table, by key.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held(&self, table: &str) -> Result<Vec<HeldRow>, BrainError> {
        self.platform.effects.held(table).await
    }

    /// A digest over all rows held; when they were collected makes no difference.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn digest(&self) -> Result<String, BrainError> {
        self.platform.effects.digest().await
    }

    /// All batches with their verdicts, also those that no query shows yet.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn batches(&self) -> Result<Vec<ReportedBatch>, BrainError> {
        self.platform.effects.batches().await
    }

    /// Rows received and rows accepted, in all; of a shared database by all its processes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn totals(&self) -> Result<(u64, u64), BrainError> {
        let rows = self.platform.effects.received().await?;
        let sum = |rows: i64, of: i64| rows.saturating_add(of.max(0));
        let (received, accepted) = rows.iter().fold((0, 0), |(r, a), (_, t)| (sum(r, t.received), sum(a, t.accepted)));
        Ok((received.unsigned_abs(), accepted.unsigned_abs()))
    }

    /// Adds a result of somebody else.
    ///
    /// # Errors
    /// When the account or the time is not known, or the database fails.
    pub async fn import(&self, foreign: Foreign) -> Result<(), BrainError> {
        import(&self.platform, foreign).await
    }

    /// Ends all access tokens, and all streams, now.
    pub fn expire_tokens(&self) {
        self.platform.accounts.expire(None, self.platform.now());
        self.platform.streams.end(None, End::Expired);
    }

    /// Stops serving; calls under way are finished first.
    ///
    /// # Errors
    /// When the database cannot be closed.
    pub async fn stop(self) -> Result<(), BrainError> {
        // The server's own task holds a receiver, so this reaches it.
        let _ = self.stop.send(true);
        match self.server.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(BrainError::Internal(error.to_string())),
            Err(error) => return Err(BrainError::Internal(error.to_string())),
        }
        if let Some(streams) = self.streams {
            let ended = streams.server.await.map_err(|error| BrainError::Internal(error.to_string()))?;
            ended.map_err(|error| BrainError::Internal(error.to_string()))?;
        }
        if let Some(consuming) = self.consuming {
            let ended = tokio::task::spawn_blocking(|| consuming.join()).await;
            ended.map_err(|error| BrainError::Internal(error.to_string()))??;
        }
        // Calls whose client has hung up go on without a connection.
        let _ended = self.platform.running.write().await;
        self.platform.effects.close().await
    }
}

pub(super) fn call_count(platform: &Platform, call: Call) -> CallCount {
    let (count, refused) = platform.calls.of(call);
    CallCount { call, count, refused }
}

pub(super) async fn import(platform: &Platform, foreign: Foreign) -> Result<(), BrainError> {
    let unknown = || BrainError::Settings("no account has this username".to_owned());
    let account = platform.accounts.get(platform.accounts.by_username(&foreign.username).ok_or_else(unknown)?);
    let received = match &foreign.time {
        None => whole_second(platform.now()),
        Some(text) => parse_printed(text).ok_or_else(|| BrainError::Settings("time is no yyyy-MM-dd HH:mm:ss".to_owned()))?,
    };
    let school = if account.school_code.is_empty() { &account.username } else { &account.school_code };
    let batch = NewBatch {
        batch_id: random_hex(),
        school: school.clone(),
        username: String::new(),
        system_name: foreign.kind.clone(),
        kind: foreign.kind,
        table: foreign.table,
        times: Times { received, visible: 0, hidden_for: 0 },
        collect_num: foreign.collect_num,
        storage_num: foreign.storage_num,
        remark: foreign.remark,
        state: foreign.state,
        state_info: None,
    };
    platform.effects.add_batch(&batch).await
}
