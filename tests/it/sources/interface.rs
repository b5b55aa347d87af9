//! A JSON interface over HTTP on this machine, which answers as a test says.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::Value;
use tokio::sync::oneshot;

/// One call as it came.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: String,
    pub path: String,
    /// What stood behind the `?`, as it was.
    pub raw_query: String,
    pub query: BTreeMap<String, String>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Call {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A parameter that is a number, 0 when it is not there.
    pub fn number(&self, name: &str) -> usize {
        self.query.get(name).map_or(0, |text| text.parse().expect("a number"))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("JSON")
    }
}

/// What to answer.
pub enum Reply {
    /// A whole answer.
    Whole { status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    /// The beginning of an answer, then the line breaks.
    Cut(String),
    /// Never.
    Hang,
}

impl Reply {
    pub fn json(value: &Value) -> Self {
        Self::text(value.to_string())
    }

    pub fn text(text: impl Into<String>) -> Self {
        Self::Whole { status: 200, headers: Vec::new(), body: text.into().into_bytes() }
    }

    pub fn status(status: u16) -> Self {
        Self::Whole { status, headers: Vec::new(), body: Vec::new() }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }
}

/// A running interface; ends when dropped.
pub struct Interface {
    port: u16,
    calls: Arc<Mutex<Vec<Call>>>,
    stop: Option<oneshot::Sender<()>>,
}

impl Interface {
    pub fn start(answer: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let port = listener.local_addr().unwrap().port();
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let (shared, answer) = (calls.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let app = Router::new().fallback(move |request: Request| {
                    let (calls, answer) = (shared.clone(), answer.clone());
                    async move {
                        let call = read(request).await;
                        calls.lock().unwrap().push(call.clone());
                        respond(answer(&call)).await
                    }
                });
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = async { axum::serve(listener, app).await } => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { port, calls, stop: Some(stop) }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

impl Drop for Interface {
    fn drop(&mut self) {
        drop(self.stop.take());
    }
}

async fn read(request: Request) -> Call {
    let (parts, body) = request.into_parts();
    let raw_query = parts.uri.query().unwrap_or_default().to_owned();
    let pairs = reqwest::Url::parse(&format!("http://x/?{raw_query}")).unwrap();
    let query = pairs.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    Call {
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        raw_query,
        query,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}

async fn respond(reply: Reply) -> Response {
    match reply {
        Reply::Whole { status, headers, body } => {
            let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Reply::Cut(start) => {
            let parts = [Ok(Bytes::from(start)), Err(std::io::Error::other("cut"))];
            Response::new(Body::from_stream(futures_util::stream::iter(parts)))
        }
        Reply::Hang => std::future::pending().await,
    }
}
