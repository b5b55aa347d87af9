//! The composition root: what each command does, put together from the parts.
//!
//! The command line calls these functions and nothing else; requests and answers are plain data, so that the same
//! commands can be offered elsewhere. Nothing here prints.

mod answer;
mod approvals;
mod catalogue;
mod checking;
mod clock;
mod conflicts;
mod counts;
mod demo;
mod drift;
mod failure;
mod gone;
mod hub;
mod incremental;
mod jobs;
mod leases;
mod named;
mod opening;
mod plan;
mod platform;
mod progress;
mod proposing;
mod quarantine;
mod reporting;
mod request;
mod requesting;
mod resend;
mod service;
mod serving;
mod skeleton;
mod standing;
mod status;
mod takeover;
mod trying;
mod unfilled;
mod unowned;
mod upstreams;
mod view;
mod withdrawal;

pub use answer::{
    ApproveAnswer, AskedTable, BrainAnswer, CauseLine, CheckAnswer, CheckStep, Compared, DemoAnswer, DifferingField,
    ExportAnswer, GoneAnswer, GoneLine, ImbalanceLine, LeftLine, QuarantineList, QuarantineRow, RampLine, RefusalLine,
    RefusedRow, RekeyAnswer, ReleaseAnswer, ResendAnswer, ResendLine, RetryAnswer, RunAnswer, RunLine, SystemAnswer,
    TakeoverAnswer, Target, TryAnswer, TryRow, TryVerdict, ViolationLine,
};
pub use conflicts::{ConflictField, ConflictSample, ConflictTable, ConflictsAnswer};
pub use counts::{Counts, DomainName, DomainSection, TableLine};
pub use failure::Failure;
pub use progress::{Progress, Silent};
pub use proposing::{InitAnswer, InitDone, InitDraft, InitLeft, InitLine, InitTable, InitUnread};
pub use request::{
    AcceptRequest, ApproveRequest, BrainRequest, CheckRequest, Context, DemoRequest, DemoUpstream, ExportRequest, GoneRequest,
    InitRequest, Part, QuarantineRequest, RampTarget, RekeyRequest, ReleaseRequest, ResendRequest, RunRequest, SystemRequest,
    TakeoverRequest, TryRequest,
};
pub use service::{AroundStore, Fittings};
pub use standing::{
    ComparedLine, DeletionLine, DifferenceLine, DriftAnswer, GoneCount, LeaseLine, MissedLine, MissingLine, NotedLine,
    NoticeLine, PartLine, PausedLine, ReadingLine, StatusAnswer, StatusLine, UnownedLine, UpstreamStock,
};

/// Runs the embedded sample school against an embedded central platform.
///
/// # Errors
/// What keeps the demo from ending. Numbers that differ from the expected ones are part of the answer.
pub fn demo(context: &Context<'_>, request: &DemoRequest) -> Result<DemoAnswer, Failure> {
    demo::answer(context, request)
}

/// Looks at a source and proposes mappings of it: writes mapping files, and a settings file where there is none.
///
/// # Errors
/// What keeps the source from being looked at, or a file from being written.
pub fn init(context: &Context<'_>, request: &InitRequest) -> Result<InitAnswer, Failure> {
    proposing::answer(context, request)
}

/// Looks for every problem of settings, mappings, sources and upstreams.
///
/// # Errors
/// What keeps the check from being made. What it finds is part of the answer.
pub fn check(context: &Context<'_>, request: &CheckRequest) -> Result<CheckAnswer, Failure> {
    checking::answer(context, request)
}

/// Reads some rows of a table and shows them before and after; nothing lands, nothing is sent.
///
/// # Errors
/// What keeps the rows from being read.
pub fn try_table(context: &Context<'_>, request: &TryRequest) -> Result<TryAnswer, Failure> {
    trying::answer(&trying::hub(context)?, request)
}

/// The service: collects and reports until it is stopped, or once.
///
/// # Errors
/// What keeps the service from running.
pub fn run(context: &Context<'_>, request: &RunRequest) -> Result<RunAnswer, Failure> {
    service::run(context, request, &Fittings::default())
}

/// As [`run`], on other fittings than the machine's.
///
/// # Errors
/// As there.
pub fn run_fitted(context: &Context<'_>, request: &RunRequest, fittings: &Fittings) -> Result<RunAnswer, Failure> {
    service::run(context, request, fittings)
}

/// Where every table stands.
///
/// # Errors
/// What keeps the store from being read.
pub fn status(context: &Context<'_>) -> Result<StatusAnswer, Failure> {
    status::answer(context)
}

/// Quarantined rows and their causes.
///
/// # Errors
/// What keeps the store from being read.
pub fn quarantine_list(context: &Context<'_>, request: &QuarantineRequest) -> Result<QuarantineList, Failure> {
    quarantine::list(&look(context)?, request)
}

/// One quarantined row with its raw input and every fault.
///
/// # Errors
/// [`Failure`] when there is no such row.
pub fn quarantine_show(context: &Context<'_>, id: i64) -> Result<QuarantineRow, Failure> {
    quarantine::show(&look(context)?, id)
}

/// Runs quarantined rows again, and offers refused records again.
///
/// # Errors
/// What keeps them from being run.
pub fn quarantine_retry(context: &Context<'_>, request: &QuarantineRequest) -> Result<RetryAnswer, Failure> {
    quarantine::retry(&open(context)?, request)
}

/// Writes quarantined rows with their faults as CSV, for the department that owns them.
///
/// # Errors
/// What keeps the file from being written.
pub fn quarantine_export(context: &Context<'_>, request: &ExportRequest) -> Result<ExportAnswer, Failure> {
    quarantine::export(&look(context)?, request)
}

/// Shows the ramp of every (upstream, table), or moves it on.
///
/// # Errors
/// What keeps it from being moved.
pub fn release(context: &Context<'_>, request: &ReleaseRequest) -> Result<ReleaseAnswer, Failure> {
    let hub = if request.to.is_some() { open(context)? } else { look(context)? };
    approvals::release(&hub, request)
}

/// Puts stored records ahead again.
///
/// # Errors
/// [`Failure`] when there is no such table or upstream.
pub fn resend(context: &Context<'_>, request: &ResendRequest) -> Result<ResendAnswer, Failure> {
    resend::resend(&open(context)?, request)
}

/// Lists what a changed natural key orphans and, when approved, lets the table go on.
///
/// # Errors
/// What keeps it from being done.
pub fn rekey(context: &Context<'_>, request: &RekeyRequest) -> Result<RekeyAnswer, Failure> {
    let hub = if request.approve { open(context)? } else { look(context)? };
    approvals::rekey(&hub, request)
}

/// Shows the deletions that wait for approval, or approves a table's.
///
/// # Errors
/// What keeps them from being approved.
pub fn approve(context: &Context<'_>, request: &ApproveRequest) -> Result<ApproveAnswer, Failure> {
    let hub = if request.list.is_some() { open(context)? } else { look(context)? };
    approvals::approve(&hub, request)
}

/// The tables that pause because their sources show something else than before, and what changed without harm.
///
/// # Errors
/// What keeps the store from being read.
pub fn drift(context: &Context<'_>) -> Result<DriftAnswer, Failure> {
    drift::list(&look(context)?)
}

/// Lets a table go on with what its source shows now.
///
/// # Errors
/// [`Failure`] when it does not pause there.
pub fn drift_accept(context: &Context<'_>, request: &AcceptRequest) -> Result<DriftAnswer, Failure> {
    drift::accept(&open(context)?, request)
}

/// Lists the records that are gone at the source and still stand upstream, writes the letter that asks for their withdrawal, or
/// marks them as withdrawn.
///
/// # Errors
/// What keeps the store from being read, or a file from being written.
pub fn gone(context: &Context<'_>, request: &GoneRequest) -> Result<GoneAnswer, Failure> {
    let hub = if request.withdrawn.is_some() { open(context)? } else { look(context)? };
    gone::answer(&hub, request, context.lang)
}

/// Shows what goes over when a source takes the records of a table over from another one, or does it.
///
/// # Errors
/// [`Failure`] when there is no such table, or the source that is to take over does not map it.
pub fn takeover(context: &Context<'_>, request: &TakeoverRequest) -> Result<TakeoverAnswer, Failure> {
    let hub = if request.yes { open(context)? } else { look(context)? };
    takeover::answer(&hub, request)
}

/// Where the sources of merged tables say different things about the same record.
///
/// # Errors
/// What keeps the store from being read; [`Failure`] when there is no such table, or it is not merged.
pub fn conflicts(context: &Context<'_>, table: Option<&str>) -> Result<ConflictsAnswer, Failure> {
    conflicts::answer(&look(context)?, table)
}

/// Writes what a school sends to the keeper of a system, so that the hub can read it: letter, columns, views, grants.
///
/// # Errors
/// What keeps the files from being written: an unknown table or system, a file that is there already.
pub fn request_system(context: &Context<'_>, request: &SystemRequest) -> Result<SystemAnswer, Failure> {
    requesting::answer(context, request)
}

/// The reference central platform; comes back when it is stopped.
///
/// # Errors
/// What keeps it from starting.
pub fn brain(context: &Context<'_>, request: &BrainRequest) -> Result<BrainAnswer, Failure> {
    platform::run(context, request)
}

/// The hub as it stands, for commands that only look: they work beside the service, which has the store's lock.
fn look(context: &Context<'_>) -> Result<hub::Hub, Failure> {
    let plan = plan::Plan::load(context)?;
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    match opening::open_store_to_read(context, &plan, &runtime)? {
        Some(store) => hub::Hub::looked_at(plan, runtime, store, hub::system_clock()),
        None => Err(Failure::Unknown(opening::nothing_yet(context, &plan))),
    }
}

/// The hub with its store to itself, for commands that decide something or need the jobs.
fn open(context: &Context<'_>) -> Result<hub::Hub, Failure> {
    let plan = plan::Plan::load(context)?;
    hub::Hub::open(context, plan, hub::system_clock(), std::sync::Arc::new(crate::pipeline::Silent))
}
