//! The Ministry's HTTP interface: five calls.
//!
//! Each call is prepared (checked, opened, parsed; nothing changes), then meets the scripted faults, then is
//! processed. It runs in a task of its own, so that a client that hangs up in the middle changes nothing.

mod access;
mod gate;
mod reply;
mod results;
mod seal;
mod submit;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};

use self::reply::Refusal;
pub(super) use self::seal::{RsaKey, sm4_key};
use super::clock::http_date;
use super::faults::{Action, Call, Subject};
use super::line::Peer;
use super::platform::Platform;

/// The five calls below the prefix set.
pub(super) fn router(platform: &Arc<Platform>) -> Router<Arc<Platform>> {
    let prefix = platform.config.prefix.trim_end_matches('/');
    let mut router = Router::new();
    for call in Call::HTTP {
        router = router.route(&format!("{prefix}{}", path(call)), route(call));
    }
    router.layer(DefaultBodyLimit::max(platform.config.gate.body_bytes))
}

fn path(call: Call) -> &'static str {
    match call {
        Call::Login => "/api/web/auth/login/interface/oauth",
        Call::Refresh => "/api/web/auth/login/interface/refresh",
        Call::RsaKey => "/api/web/auth/login/getRSA",
        Call::Submit => "/api/web/convergence/collect/interface/saveInterfaceData",
        // Steps of a stream have no path here.
        Call::Results | Call::Hello | Call::Batch => "/api/web/convergence/collect/interface/getResultsByTime",
    }
}

fn route(call: Call) -> MethodRouter<Arc<Platform>> {
    let handler = move |State(platform): State<Arc<Platform>>, ConnectInfo(peer): ConnectInfo<Peer>, headers, body| {
        let incoming = Incoming { call, peer, headers, body };
        async move {
            match tokio::spawn(answer(platform, incoming)).await {
                Ok(response) => response,
                Err(_) => reply::gateway_page(500),
            }
        }
    };
    if call == Call::RsaKey { get(handler) } else { post(handler) }
}

/// A call as it came.
struct Incoming {
    call: Call,
    peer: Peer,
    headers: HeaderMap,
    body: Bytes,
}

/// A call checked and opened, ready to be processed.
enum Ready {
    Login(access::Login),
    Refresh(access::Renewal),
    RsaKey,
    Submit(submit::Submission),
    Results(results::Query),
}

/// What scripted faults change in the processing of a submit.
#[derive(Default)]
struct Tweaks {
    lost: Vec<usize>,
    refused: Vec<(usize, String)>,
    collect: i64,
    stored: i64,
    late_queries: u32,
    late_seconds: u64,
}

async fn answer(platform: Arc<Platform>, incoming: Incoming) -> Response {
    let _running = platform.running.read().await;
    let prepared = prepare(&platform, &incoming).await;
    let actions = platform.script.take(subject(&platform, incoming.call, prepared.as_ref().ok()));
    let mut tweaks = Tweaks::default();
    let mut lose_answer = false;
    let mut skew = 0i64;
    let mut instead = None;
    for action in actions {
        match action {
            Action::Slow { ms } => slow(&platform, ms).await,
            Action::Cut => {
                incoming.peer.cut();
                instead = instead.or(Some(reply::gateway_page(500)));
            }
            Action::Status { status } => instead = instead.or(Some(reply::gateway_page(status))),
            Action::Refuse { code, message } => {
                let refusal = Refusal::Scripted { code, message };
                instead = instead.or(Some(refusal.response(incoming.call, platform.config.refusal_status)));
            }
            Action::ExpireTokens => {
                platform.accounts.expire(account(&platform, prepared.as_ref().ok()), platform.now());
                if matches!(incoming.call, Call::Submit | Call::Results) {
                    let refusal = Refusal::TokenExpired;
                    instead = instead.or(Some(refusal.response(incoming.call, platform.config.refusal_status)));
                }
            }
            Action::LoseAnswer => lose_answer = true,
            Action::AnswerLate { queries, seconds } => {
                tweaks.late_queries += queries;
                tweaks.late_seconds += seconds;
            }
            Action::DropRows { rows } => tweaks.lost.extend(rows),
            Action::RefuseRows { rows, error } => tweaks.refused.extend(rows.into_iter().map(|row| (row, error.clone()))),
            Action::WrongCounts { collect, stored } => {
                tweaks.collect += collect;
                tweaks.stored += stored;
            }
            Action::SkewDate { ms } => skew += ms,
            Action::TakePart { .. }
            | Action::WithholdVerdicts { .. }
            | Action::SwallowRows { .. }
            | Action::RepeatAnswer
            | Action::ReorderAnswer => {}
        }
    }
    let refused = instead.is_some() || prepared.is_err();
    let mut response = match instead {
        Some(response) => response,
        None => finish(&platform, incoming.call, prepared, tweaks).await,
    };
    platform.calls.count(incoming.call, refused);
    if lose_answer {
        incoming.peer.cut();
    }
    date(&mut response, platform.now().saturating_add(skew));
    response
}

async fn prepare(platform: &Platform, incoming: &Incoming) -> Result<Ready, Refusal> {
    Ok(match incoming.call {
        Call::Login => Ready::Login(access::login(platform, incoming).await?),
        Call::Refresh => Ready::Refresh(access::renewal(platform, incoming).await?),
        Call::RsaKey => Ready::RsaKey,
        Call::Submit => Ready::Submit(submit::read(platform, incoming).await?),
        Call::Results | Call::Hello | Call::Batch => Ready::Results(results::read(platform, incoming).await?),
    })
}

async fn finish(platform: &Platform, call: Call, prepared: Result<Ready, Refusal>, tweaks: Tweaks) -> Response {
    let done = match prepared {
        Ok(Ready::Login(login)) => Ok(access::issue(platform, &login)),
        Ok(Ready::Refresh(renewal)) => Ok(access::renew(platform, &renewal)),
        Ok(Ready::RsaKey) => access::rsa_key(platform).await,
        Ok(Ready::Submit(submission)) => submit::process(platform, submission, tweaks).await,
        Ok(Ready::Results(query)) => results::process(platform, &query).await,
        Err(refusal) => Err(refusal),
    };
    done.unwrap_or_else(|refusal| refusal.response(call, platform.config.refusal_status))
}

fn account(platform: &Platform, ready: Option<&Ready>) -> Option<usize> {
    // One account alone is meant even by a call that was refused before it was known who calls.
    let alone = (platform.accounts.list().len() == 1).then_some(0);
    match ready {
        Some(Ready::Login(login)) => Some(login.account),
        Some(Ready::Refresh(renewal)) => Some(renewal.account),
        Some(Ready::Submit(submission)) => Some(submission.account),
        Some(Ready::Results(query)) => Some(query.account),
        Some(Ready::RsaKey) | None => alone,
    }
}

fn subject<'a>(platform: &'a Platform, call: Call, ready: Option<&'a Ready>) -> Subject<'a> {
    let table = match ready {
        Some(Ready::Submit(submission)) => Some(submission.table.as_str()),
        Some(Ready::Results(query)) => Some(query.table.as_str()),
        _ => None,
    };
    let username = account(platform, ready).map(|at| platform.accounts.get(at).username.as_str());
    Subject { call, table, username }
}

/// Waits, but not past the platform's end.
async fn slow(platform: &Platform, ms: u64) {
    let mut stopping = platform.stopping.clone();
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(ms)) => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

fn date(response: &mut Response, ms: i64) {
    if let Some(value) = http_date(ms).and_then(|text| HeaderValue::from_str(&text).ok()) {
        response.headers_mut().insert(header::DATE, value);
    }
}
