//! Who may come in, how often, and how many at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch::Receiver;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::metadata::MetadataMap;
use tonic::{Code, Status};

use crate::finding::Text;
use crate::serve::{Client, Clients, GrpcConfig};

/// So many seconds' worth of calls may come at once.
const BURST_SECONDS: f64 = 10.0;

/// The door.
pub(super) struct Door {
    clients: Clients,
    guests: HashMap<String, Guest>,
    per_second: f64,
    stop: Receiver<bool>,
}

/// What is known of a client's calls.
struct Guest {
    /// Calls that it may still make now, and since when that holds.
    left: Mutex<(f64, Instant)>,
    at_once: Arc<Semaphore>,
}

/// A client that was let in, for as long as its call lasts.
pub(super) struct Caller {
    pub(super) client: Arc<Client>,
    _place: OwnedSemaphorePermit,
}

impl Door {
    pub(super) fn new(config: &GrpcConfig, stop: Receiver<bool>) -> Self {
        let clients = Clients::new(&config.clients);
        let per_second = f64::from(config.limits.calls_per_second.max(1));
        let places = config.limits.calls_at_once.max(1) as usize;
        let guest = || Guest {
            left: Mutex::new((per_second * BURST_SECONDS, Instant::now())),
            at_once: Arc::new(Semaphore::new(places)),
        };
        let guests = clients.iter().map(|client| (client.name.clone(), guest())).collect();
        Self { clients, guests, per_second, stop }
    }

    /// Lets a call in.
    pub(super) fn enter(&self, metadata: &MetadataMap) -> Result<Caller, Status> {
        if *self.stop.borrow() {
            return Err(stopping());
        }
        let shown = metadata.get("authorization").and_then(|value| value.to_str().ok());
        let Some(client) = self.clients.who(shown) else {
            return Err(refusal(
                Code::Unauthenticated,
                &Text::new("缺少令牌或令牌无效：authorization: Bearer …", "no token, or an unknown one: authorization: Bearer …"),
            ));
        };
        let crowded = || refusal(Code::ResourceExhausted, &Text::new("调用过多，请稍后再试", "too many calls, try again later"));
        let guest = self.guests.get(&client.name).ok_or_else(crowded)?;
        if !guest.takes_one(self.per_second) {
            return Err(crowded());
        }
        let place = Arc::clone(&guest.at_once).try_acquire_owned().map_err(|_| crowded())?;
        Ok(Caller { client: Arc::clone(client), _place: place })
    }

    /// Becomes true when the service ends.
    pub(super) fn stop(&self) -> Receiver<bool> {
        self.stop.clone()
    }
}

impl Guest {
    fn takes_one(&self, per_second: f64) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.duration_since(left.1).as_secs_f64() * per_second;
        *left = ((left.0 + gained).min(per_second * BURST_SECONDS), now);
        if left.0 < 1.0 {
            return false;
        }
        left.0 -= 1.0;
        true
    }
}

/// A refusal in both languages.
pub(super) fn refusal(code: Code, text: &Text) -> Status {
    Status::new(code, format!("{} / {}", text.en, text.zh))
}

/// The service ends.
pub(super) fn stopping() -> Status {
    refusal(
        Code::Unavailable,
        &Text::new("服务正在停止，请稍后从原位置继续", "the service is stopping; go on from your position later"),
    )
}

/// A scope that the client lacks.
pub(super) fn lacks(scope: &str) -> Status {
    refusal(Code::PermissionDenied, &Text::new(format!("令牌没有权限 {scope}"), format!("the token lacks the scope {scope}")))
}

/// A fault of ours: the log has it, the caller does not.
pub(super) fn failed(error: &(impl std::error::Error + crate::fault::Classified)) -> Status {
    use crate::fault::FaultClass;
    tracing::error!(class = error.fault_class().name(), %error, "a call failed");
    match error.fault_class() {
        FaultClass::Transient | FaultClass::Throttled => {
            refusal(Code::Unavailable, &Text::new("暂时无法处理，请重发", "this cannot be done just now; send it again"))
        }
        _ => refusal(Code::Internal, &Text::new("枢纽内部错误，见其日志", "the hub failed; its log says more")),
    }
}

/// A single answer within its time.
pub(super) async fn within<T>(deadline: Duration, answer: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    tokio::time::timeout(deadline, answer)
        .await
        .unwrap_or_else(|_| Err(refusal(Code::DeadlineExceeded, &Text::new("未能按时完成", "it could not be done in time"))))
}
