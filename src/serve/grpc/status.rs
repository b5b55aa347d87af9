//! `StatusService`: where the hub stands.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tonic::{Request, Response, Status};

use super::DEADLINE;
use super::door::{Door, failed, lacks, within};
use crate::store::StoreError;
use crate::wire::schoolhub::v1::status_service_server::StatusService;
use crate::wire::schoolhub::v1::{GetStatusRequest, GetStatusResponse};

/// The whole store is recounted at most this often.
const RECOUNT: Duration = Duration::from_secs(60);
/// Other answers are good for so long.
const FRESH: Duration = Duration::from_secs(1);

/// Says where the hub stands.
#[async_trait::async_trait]
pub trait StatusSource: Send + Sync {
    /// The status now; with `recount` the equations are recounted.
    ///
    /// # Errors
    /// When the store cannot be read.
    async fn status(&self, recount: bool) -> Result<GetStatusResponse, StoreError>;
}

type Last = Option<(Instant, GetStatusResponse)>;

/// The service.
pub(super) struct StatusFace {
    door: Arc<Door>,
    source: Arc<dyn StatusSource>,
    /// The last answers, plain and recounted. One is made at a time; who comes meanwhile gets the same.
    plain: Mutex<Last>,
    recounted: Mutex<Last>,
}

impl StatusFace {
    pub(super) fn new(door: Arc<Door>, source: Arc<dyn StatusSource>) -> Self {
        Self { door, source, plain: Mutex::default(), recounted: Mutex::default() }
    }

    async fn answer(&self, recount: bool) -> Result<GetStatusResponse, Status> {
        let (last, good) = if recount { (&self.recounted, RECOUNT) } else { (&self.plain, FRESH) };
        let mut last = last.lock().await;
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| at.elapsed() < good) {
            return Ok(answer.clone());
        }
        let answer = self.source.status(recount).await.map_err(|error| failed(&error))?;
        *last = Some((Instant::now(), answer.clone()));
        Ok(answer)
    }
}

#[tonic::async_trait]
impl StatusService for StatusFace {
    async fn get_status(&self, request: Request<GetStatusRequest>) -> Result<Response<GetStatusResponse>, Status> {
        let caller = self.door.enter(request.metadata())?;
        if !caller.client.may_see_status() {
            return Err(lacks("status"));
        }
        let recount = request.into_inner().recount;
        // A recount of a large store takes its time.
        let deadline = if recount { DEADLINE * 10 } else { DEADLINE };
        within(deadline, self.answer(recount)).await.map(Response::new)
    }
}
