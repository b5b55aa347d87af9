//! The composition root: what each command does, put together from the parts.
//!
//! The command line calls these functions and nothing else; requests and answers are plain data, so that the same
//! commands can be offered elsewhere. Nothing here prints.

mod answer;
mod approvals;
mod catalogue;
mod checking;
mod clock;
mod failure;
mod hub;
mod progress;
mod quarantine;
mod request;
mod service;
mod status;
mod trying;
mod view;

pub use answer::{
    ApproveAnswer, BrainAnswer, CauseLine, CheckAnswer, CheckStep, Compared, Counts, DeletionLine, DemoAnswer, DomainName,
    DomainSection, ExportAnswer, ImbalanceLine, QuarantineList, QuarantineRow, RampLine, RefusalLine, RekeyAnswer, ReleaseAnswer,
    RetryAnswer, RunAnswer, RunLine, StatusAnswer, StatusLine, TableLine, Target, TryAnswer, TryRow, TryVerdict, UpstreamStock,
    ViolationLine,
};
pub use failure::Failure;
pub use progress::{Progress, Silent};
pub use request::{
    ApproveRequest, BrainRequest, CheckRequest, Context, DemoRequest, ExportRequest, Part, QuarantineRequest, RampTarget,
    RekeyRequest, ReleaseRequest, RunRequest, TryRequest,
};

/// Runs the embedded sample school against an embedded central platform.
///
/// # Errors
/// What keeps the demo from ending. Numbers that differ from the expected ones are part of the answer.
pub fn demo(_: &Context<'_>, _: &DemoRequest) -> Result<DemoAnswer, Failure> {
    Err(Failure::not_wired("demo"))
}

/// Looks for every problem of settings, mappings, sources and upstreams.
///
/// # Errors
/// What keeps the check from being made. What it finds is part of the answer.
pub fn check(_: &Context<'_>, _: &CheckRequest) -> Result<CheckAnswer, Failure> {
    Err(Failure::not_wired("check"))
}

/// Reads some rows of a table and shows them before and after; nothing lands, nothing is sent.
///
/// # Errors
/// What keeps the rows from being read.
pub fn try_table(_: &Context<'_>, _: &TryRequest) -> Result<TryAnswer, Failure> {
    Err(Failure::not_wired("try"))
}

/// The service: collects and reports until it is stopped, or once.
///
/// # Errors
/// What keeps the service from running.
pub fn run(_: &Context<'_>, _: &RunRequest) -> Result<RunAnswer, Failure> {
    Err(Failure::not_wired("run"))
}

/// Where every table stands.
///
/// # Errors
/// What keeps the store from being read.
pub fn status(_: &Context<'_>) -> Result<StatusAnswer, Failure> {
    Err(Failure::not_wired("status"))
}

/// Quarantined rows and their causes.
///
/// # Errors
/// What keeps the store from being read.
pub fn quarantine_list(_: &Context<'_>, _: &QuarantineRequest) -> Result<QuarantineList, Failure> {
    Err(Failure::not_wired("quarantine list"))
}

/// One quarantined row with its raw input and every fault.
///
/// # Errors
/// [`Failure`] when there is no such row.
pub fn quarantine_show(_: &Context<'_>, _id: i64) -> Result<QuarantineRow, Failure> {
    Err(Failure::not_wired("quarantine show"))
}

/// Runs quarantined rows again, and offers refused records again.
///
/// # Errors
/// What keeps them from being run.
pub fn quarantine_retry(_: &Context<'_>, _: &QuarantineRequest) -> Result<RetryAnswer, Failure> {
    Err(Failure::not_wired("quarantine retry"))
}

/// Writes quarantined rows with their faults as CSV, for the department that owns them.
///
/// # Errors
/// What keeps the file from being written.
pub fn quarantine_export(_: &Context<'_>, _: &ExportRequest) -> Result<ExportAnswer, Failure> {
    Err(Failure::not_wired("quarantine export"))
}

/// Shows the ramp of every (upstream, table), or moves it on.
///
/// # Errors
/// What keeps it from being moved.
pub fn release(_: &Context<'_>, _: &ReleaseRequest) -> Result<ReleaseAnswer, Failure> {
    Err(Failure::not_wired("release"))
}

/// Lists what a changed natural key orphans and, when approved, lets the table go on.
///
/// # Errors
/// What keeps it from being done.
pub fn rekey(_: &Context<'_>, _: &RekeyRequest) -> Result<RekeyAnswer, Failure> {
    Err(Failure::not_wired("rekey"))
}

/// Shows the deletions that wait for approval, or approves a table's.
///
/// # Errors
/// What keeps them from being approved.
pub fn approve(_: &Context<'_>, _: &ApproveRequest) -> Result<ApproveAnswer, Failure> {
    Err(Failure::not_wired("approve"))
}

/// The reference central platform; comes back when it is stopped.
///
/// # Errors
/// What keeps it from starting.
pub fn brain(_: &Context<'_>, _: &BrainRequest) -> Result<BrainAnswer, Failure> {
    Err(Failure::not_wired("brain"))
}
