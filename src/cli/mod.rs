//! The command line: arguments, texts, exit codes. What the commands do is in [`crate::app`].

mod args;
mod exit;
mod help;
mod lang;
mod output;
mod progress;
mod render;
mod standard;
mod usage;
mod width;

pub use args::{Cli, Command, DriftAction, Global, LangArg, QuarantineAction, RowFilter, StandardAction, UpstreamArg};
pub use exit::Exit;
pub use output::Output;

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use clap::FromArgMatches;

use crate::app::{
    self, AcceptRequest, ApproveRequest, BrainRequest, CheckRequest, Context, DemoRequest, DemoUpstream, ExportRequest, Failure,
    GoneRequest, InitRequest, QuarantineRequest, RekeyRequest, ReleaseRequest, ResendRequest, RunRequest, SystemRequest,
    TakeoverRequest, TryRequest,
};
use crate::finding::Text;
use crate::{fault::Classified, telemetry};

/// Runs one command line to its end.
pub fn main(args: impl IntoIterator<Item = OsString>) -> Exit {
    let args: Vec<OsString> = args.into_iter().collect();
    let lang = lang::choose(&args, |name| std::env::var(name).ok());
    let parsed = help::command(lang).try_get_matches_from(args).and_then(|matches| Cli::from_arg_matches(&matches));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return usage::print(&error, lang),
    };
    let output = Output { lang, json: cli.global.json };
    let progress = progress::for_terminal(lang, output.json);
    let context = Context {
        settings: cli.global.settings.clone(),
        data: cli.global.data.clone(),
        schemas: cli.global.schemas.clone(),
        lang,
        progress: progress.as_ref(),
    };
    // `run` logs as its settings say, once they are read.
    if !matches!(cli.command, Command::Run { .. }) {
        let shared = progress.share();
        telemetry::start(telemetry::Config::QUIET, Arc::new(move |line| shared.log(line)), None);
    }
    match dispatch(&context, output, cli.command) {
        Ok(exit) => exit,
        Err(Ended::Failed(failure)) => report(output, &failure),
        Err(Ended::Output(error)) => closed(&error),
    }
}

/// Why a command did not come to its exit code.
enum Ended {
    Failed(Failure),
    Output(io::Error),
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn dispatch(context: &Context<'_>, output: Output, command: Command) -> Result<Exit, Ended> {
    match command {
        Command::Demo { once, upstream, brokers } => {
            demo(context, output, &DemoRequest { once, upstream: way(upstream, brokers)? })
        }
        Command::Init { source, kind, file, url, edition, to, force, show } => {
            init(context, output, &InitRequest { source, kind, file, url, edition, to, force, show })
        }
        Command::Check { connect, upstream } => check(context, output, &CheckRequest { connect, upstream }),
        Command::Try { table, source, rows } => {
            let answer = app::try_table(context, &TryRequest { table, source, rows })?;
            output.print(&answer, |o| render::try_rows(o, &answer))?;
            Ok(Exit::found(answer.rows.iter().all(|row| row.verdict != app::TryVerdict::Rejected)))
        }
        Command::Run { only, once, restored } => {
            let answer = app::run(context, &RunRequest { only, once, restored })?;
            output.print(&answer, |o| render::run(o, &answer))?;
            if answer.left.iter().any(|left| left.table.is_none()) {
                return Ok(Exit::Unreachable);
            }
            let told = answer.left.is_empty() && answer.imbalances.is_empty();
            Ok(Exit::found(told && answer.runs.iter().all(|run| run.error.is_none())))
        }
        Command::Status => status(context, output),
        Command::Standard { action } => standard::run(context, output, action),
        Command::Quarantine { action } => quarantine(context, output, action),
        Command::Release { table, upstream, to } => {
            let table = table.filter(|name| name != "all");
            let answer = app::release(context, &ReleaseRequest { table, upstream, to })?;
            output.print(&answer, |o| render::release(o, &answer))?;
            Ok(Exit::found(answer.ramps.iter().all(|ramp| ramp.refused.is_none())))
        }
        Command::Resend { table, all: _, upstream } => {
            let answer = app::resend(context, &ResendRequest { table, upstream })?;
            output.print(&answer, |o| render::resend(o, &answer))?;
            Ok(Exit::found(answer.lines.iter().all(|line| line.refused.is_none())))
        }
        Command::Rekey { table, approve } => {
            let answer = app::rekey(context, &RekeyRequest { table, approve })?;
            output.print(&answer, |o| render::rekey(o, &answer))?;
            Ok(Exit::found(answer.parked.is_none() || answer.done))
        }
        Command::Approve { table, list } => {
            let answer = app::approve(context, &ApproveRequest { table, list })?;
            output.print(&answer, |o| render::approve(o, &answer))?;
            Ok(Exit::found(answer.refused.is_none() && (answer.approved.is_some() || answer.pending.is_empty())))
        }
        Command::Gone { table, upstream, keys, csv, letter, withdrawn } => {
            gone(context, output, &GoneRequest { table, upstream, keys, csv, letter, withdrawn })
        }
        Command::Drift { action } => drift(context, output, action),
        Command::Conflicts { table } => conflicts(context, output, table.as_deref()),
        Command::Takeover { table, from, to, yes } => takeover(context, output, &TakeoverRequest { table, from, to, yes }),
        Command::Request { system, tables, way, title, account, host, to } => {
            let answer = app::request_system(
                context,
                &SystemRequest { system, tables, way: way.map(Into::into), title, account, host, to },
            )?;
            output.print(&answer, |o| render::system(o, &answer))?;
            Ok(Exit::Ok)
        }
        Command::Brain { listen, config, edition } => {
            let answer = app::brain(context, &BrainRequest { listen, config, edition })?;
            output.print(&answer, |o| render::brain(o, &answer))?;
            Ok(Exit::Ok)
        }
    }
}

/// The demo's way to its platform.
fn way(upstream: UpstreamArg, brokers: Vec<String>) -> Result<DemoUpstream, Failure> {
    match upstream {
        UpstreamArg::Kafka => Ok(DemoUpstream::Kafka { brokers }),
        _ if !brokers.is_empty() => Err(Failure::Unknown(Text::new(
            "--brokers 只用于 --upstream kafka。解决办法：加上 --upstream kafka，或去掉 --brokers",
            "--brokers is for --upstream kafka alone; fix: add --upstream kafka, or leave --brokers out",
        ))),
        UpstreamArg::DigitalBase => Ok(DemoUpstream::DigitalBase),
        UpstreamArg::Grpc => Ok(DemoUpstream::Grpc),
    }
}

fn demo(context: &Context<'_>, output: Output, request: &DemoRequest) -> Result<Exit, Ended> {
    let data = context.data.clone().unwrap_or_else(|| PathBuf::from("xiaoshu-demo"));
    let context = Context { data: Some(data), settings: context.settings.clone(), schemas: context.schemas.clone(), ..*context };
    let answer = app::demo(&context, request)?;
    context.progress.end();
    output.print(&answer, |o| render::demo(o, &answer))?;
    Ok(Exit::found(answer.imbalances.is_empty() && answer.compared.iter().all(app::Compared::agrees)))
}

fn gone(context: &Context<'_>, output: Output, request: &GoneRequest) -> Result<Exit, Ended> {
    let answer = app::gone(context, request)?;
    output.print(&answer, |o| render::gone(o, &answer))?;
    Ok(Exit::found(answer.withdrawn.is_some() || answer.lines.iter().all(|line| line.told)))
}

fn init(context: &Context<'_>, output: Output, request: &InitRequest) -> Result<Exit, Ended> {
    let answer = app::init(context, request)?;
    context.progress.end();
    output.print(&answer, |o| render::init(o, &answer))?;
    Ok(Exit::found(answer.tables.iter().all(|table| table.done != app::InitDone::Faulty)))
}

/// Faults of settings are what `check` looks for: they are its answer, on standard output.
fn check(context: &Context<'_>, output: Output, request: &CheckRequest) -> Result<Exit, Ended> {
    let answer = match app::check(context, request) {
        Err(Failure::Settings(faults)) => app::CheckAnswer { faults, ..app::CheckAnswer::default() },
        other => other?,
    };
    output.print(&answer, |o| {
        if answer.faults.is_empty() { render::check(o, &answer) } else { render::faults(o, &answer.faults) }
    })?;
    let unreachable = |step: &app::CheckStep| {
        step.ok == Some(false) && matches!(step.target, app::Target::Source(_) | app::Target::Upstream(_) | app::Target::Hub)
    };
    Ok(match &answer {
        answer if !answer.faults.is_empty() => Exit::Settings,
        answer if answer.steps.iter().any(unreachable) => Exit::Unreachable,
        answer => Exit::found(answer.steps.iter().all(|step| step.ok != Some(false))),
    })
}

fn status(context: &Context<'_>, output: Output) -> Result<Exit, Ended> {
    let answer = app::status(context)?;
    output.print(&answer, |o| render::status(o, &answer))?;
    let goes_on = |table: &app::StatusLine| table.parked.is_none() && table.paused.is_empty() && !table.overdue;
    Ok(Exit::found(answer.imbalances.is_empty() && answer.tables.iter().all(goes_on)))
}

fn drift(context: &Context<'_>, output: Output, action: DriftAction) -> Result<Exit, Ended> {
    let answer = match action {
        DriftAction::List => app::drift(context)?,
        DriftAction::Accept { table, source } => app::drift_accept(context, &AcceptRequest { table, source })?,
    };
    output.print(&answer, |o| render::drift(o, &answer))?;
    Ok(Exit::found(answer.accepted || answer.paused.is_empty()))
}

fn conflicts(context: &Context<'_>, output: Output, table: Option<&str>) -> Result<Exit, Ended> {
    let answer = app::conflicts(context, table)?;
    output.print(&answer, |o| render::conflicts(o, &answer))?;
    Ok(Exit::found(answer.tables.iter().all(|table| table.records == 0)))
}

fn takeover(context: &Context<'_>, output: Output, request: &TakeoverRequest) -> Result<Exit, Ended> {
    let answer = app::takeover(context, request)?;
    output.print(&answer, |o| render::takeover(o, &answer))?;
    Ok(Exit::Ok)
}

fn quarantine(context: &Context<'_>, output: Output, action: QuarantineAction) -> Result<Exit, Ended> {
    let request =
        |rows: RowFilter, id, limit| QuarantineRequest { table: rows.table, source: rows.source, rule: rows.rule, id, limit };
    match action {
        QuarantineAction::List { rows, limit } => {
            let answer = app::quarantine_list(context, &request(rows, None, limit))?;
            output.print(&answer, |o| render::quarantine_list(o, &answer))?;
        }
        QuarantineAction::Show { id } => {
            let answer = app::quarantine_show(context, id)?;
            output.print(&answer, |o| render::quarantine_row(o, &answer))?;
        }
        QuarantineAction::Retry { id, rows } => {
            let answer = app::quarantine_retry(context, &request(rows, id, 0))?;
            output.print(&answer, |o| render::retried(o, &answer))?;
            return Ok(Exit::found(answer.rejected == 0 && answer.unread == 0));
        }
        QuarantineAction::Export { to, rows } => {
            let answer = app::quarantine_export(context, &ExportRequest { rows: request(rows, None, 0), to })?;
            output.print(&answer, |o| render::exported(o, &answer))?;
        }
    }
    Ok(Exit::Ok)
}

/// A failure on standard error (as JSON, too, when JSON was asked for), and its exit code.
fn report(output: Output, failure: &Failure) -> Exit {
    let mut err = io::stderr().lock();
    let text = match failure {
        Failure::Settings(faults) if output.json => format!("{}\n", serde_json::json!({ "faults": faults })),
        _ if output.json => {
            format!("{}\n", serde_json::json!({ "error": failure.to_string(), "class": failure.fault_class().name() }))
        }
        Failure::Settings(faults) => render::faults(output, faults),
        Failure::Unknown(text) | Failure::Busy(text) => format!("{}\n", output.text(text)),
        Failure::Part { message, .. } => format!("{}{message}\n", output.say("失败：", "failed: ")),
    };
    drop(err.write_all(text.as_bytes()));
    Exit::of(failure)
}

/// Standard output went away. A reader that has seen enough (`| head`) is no fault.
fn closed(error: &io::Error) -> Exit {
    if error.kind() == io::ErrorKind::BrokenPipe { Exit::Ok } else { Exit::Internal }
}
