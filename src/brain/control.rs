//! The control endpoint `/brain/…`: scripts a platform that runs as a process, and reads what it holds.
//!
//! It answers to this machine only and never shows a row's content or an account's secrets.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::config::BrainConfig;
use super::error::BrainError;
use super::faults::{Call, Fault};
use super::grpc::{Demanded, End};
use super::handle::{Foreign, call_count, import};
use super::line::Peer;
use super::platform::Platform;

type Shared = State<Arc<Platform>>;
type Answer = Result<Response, Trouble>;

pub(super) fn router() -> Router<Arc<Platform>> {
    Router::new()
        .route("/brain/control/faults", get(list_faults).post(add_fault).delete(clear_faults))
        .route("/brain/control/clock", get(read_clock).post(move_clock))
        .route("/brain/control/tokens/expire", post(expire_tokens))
        .route("/brain/control/results", post(add_result))
        .route("/brain/control/demand", post(demand))
        .route("/brain/control/schema", get(async || Json(BrainConfig::schema())))
        .route("/brain/accounts", get(accounts))
        .route("/brain/batches", get(batches))
        .route("/brain/calls", get(calls))
        .route("/brain/counts", get(counts))
        .route("/brain/digest", get(digest))
        .route("/brain/effects", get(effects))
        .route("/brain/schools", get(schools))
        .route("/brain/writes", get(writes))
        .layer(from_fn(this_machine_only))
}

async fn this_machine_only(ConnectInfo(peer): ConnectInfo<Peer>, request: Request, next: Next) -> Response {
    if peer.address.ip().to_canonical().is_loopback() { next.run(request).await } else { StatusCode::NOT_FOUND.into_response() }
}

/// What a control call answers when it cannot do what is asked.
struct Trouble(StatusCode, String);

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

impl From<BrainError> for Trouble {
    fn from(error: BrainError) -> Self {
        let status = match error {
            BrainError::Settings(_) => StatusCode::BAD_REQUEST,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, error.to_string())
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Trouble> {
    serde_json::from_slice(body).map_err(|error| Trouble(StatusCode::BAD_REQUEST, error.to_string()))
}

fn shown<T: Serialize>(value: T) -> Answer {
    Ok(Json(value).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTable {
    table: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockMove {
    advance_ms: i64,
}

async fn list_faults(State(platform): Shared) -> Answer {
    shown(platform.script.list())
}

async fn add_fault(State(platform): Shared, body: Bytes) -> Answer {
    platform.script.add(read::<Fault>(&body)?);
    shown(platform.script.list())
}

async fn clear_faults(State(platform): Shared) -> Answer {
    platform.script.clear();
    shown(platform.script.list())
}

async fn read_clock(State(platform): Shared) -> Answer {
    shown(json!({"now_ms": platform.now()}))
}

async fn move_clock(State(platform): Shared, body: Bytes) -> Answer {
    platform.clock_offset.fetch_add(read::<ClockMove>(&body)?.advance_ms, Ordering::SeqCst);
    shown(json!({"now_ms": platform.now()}))
}

async fn expire_tokens(State(platform): Shared) -> Answer {
    platform.accounts.expire(None, platform.now());
    platform.streams.end(None, End::Expired);
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn add_result(State(platform): Shared, body: Bytes) -> Answer {
    import(&platform, read::<Foreign>(&body)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DemandOf {
    school: String,
    resend: Option<String>,
    reconcile: Option<String>,
}

async fn demand(State(platform): Shared, body: Bytes) -> Answer {
    let of = read::<DemandOf>(&body)?;
    let what = match (of.resend, of.reconcile) {
        (Some(table), None) => Demanded::Resend(table),
        (None, Some(table)) => Demanded::Reconcile(table),
        _ => return Err(Trouble(StatusCode::BAD_REQUEST, "name resend or reconcile".to_owned())),
    };
    if platform.demand(&of.school, what) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Trouble(StatusCode::NOT_FOUND, "the school has neither stream nor return topic".to_owned()))
    }
}

async fn schools(State(platform): Shared) -> Answer {
    shown(super::grpc::schools(&platform).await?)
}

async fn accounts(State(platform): Shared) -> Answer {
    let list: Vec<Value> = platform
        .accounts
        .list()
        .iter()
        .map(|a| {
            json!({"client_id": a.client_id, "username": a.username, "school_code": a.school_code,
                   "system_name": a.system_name, "white_list": a.white_list})
        })
        .collect();
    shown(list)
}

async fn batches(State(platform): Shared) -> Answer {
    shown(platform.effects.batches().await?)
}

async fn calls(State(platform): Shared) -> Answer {
    shown(Call::ALL.map(|call| call_count(&platform, call)))
}

async fn counts(State(platform): Shared) -> Answer {
    shown(platform.effects.counts().await?)
}

async fn digest(State(platform): Shared) -> Answer {
    shown(json!({"digest": platform.effects.digest().await?}))
}

async fn effects(State(platform): Shared, Query(of): Query<OfTable>) -> Answer {
    shown(platform.effects.writes(of.table.as_deref(), true).await?)
}

async fn writes(State(platform): Shared, Query(of): Query<OfTable>) -> Answer {
    shown(platform.effects.writes(of.table.as_deref(), false).await?)
}
