//! What an answer means: by the state of the connection, by its status, and by its text.

use reqwest::StatusCode;
use serde::de::DeserializeOwned;

use super::replies::{Call, Replies};
use crate::fault::FaultClass;
use crate::finding::Text;
use crate::report::transport::{Fate, Reach, TransportError};

/// An answer as it came.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// A call that brought no answer.
pub(super) fn http_fault(error: &reqwest::Error) -> TransportError {
    let never_left = error.is_connect() || error.is_builder();
    let what = if error.is_timeout() { ("超时", "timed out") } else { ("中断", "was cut") };
    let (fate, text) = if never_left {
        (
            Fate::NotSent,
            Text::new(
                "无法连接平台：请检查网络、域名解析与防火墙",
                "the platform cannot be reached: check network, name resolution and firewall",
            ),
        )
    } else {
        (
            Fate::Lost,
            Text::new(
                format!("请求{}，平台可能已收到", what.0),
                format!("the call {}; the platform may have received it", what.1),
            ),
        )
    };
    TransportError { fate, class: FaultClass::Transient, reach: Reach::Upstream, text }
}

/// Reads a reply by its status and body.
pub(super) fn read_reply<T: DeserializeOwned>(answer: &Answer) -> Result<T, TransportError> {
    let status = answer.status;
    let error = |fate, class, reach, zh: &str, en: &str| TransportError {
        fate,
        class,
        reach,
        text: Text::new(format!("{zh}（HTTP {}）", status.as_u16()), format!("{en} (HTTP {})", status.as_u16())),
    };
    if status.is_server_error() {
        return Err(error(Fate::Lost, FaultClass::Transient, Reach::Upstream, "平台出错", "the platform failed"));
    }
    match status {
        StatusCode::TOO_MANY_REQUESTS => {
            return Err(error(
                Fate::NotSent,
                FaultClass::Throttled,
                Reach::Upstream,
                "平台要求放慢",
                "the platform asks for less",
            ));
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            return Err(error(
                Fate::Refused,
                FaultClass::Data,
                Reach::Batch,
                "一批太大，将分批重发",
                "the batch is too large; it is sent in parts",
            ));
        }
        _ => {}
    }
    if let Ok(reply) = serde_json::from_slice(&answer.body) {
        return Ok(reply);
    }
    Err(match status {
        StatusCode::UNAUTHORIZED => error(
            Fate::NotSent,
            FaultClass::Credentials,
            Reach::Upstream,
            "平台不认可令牌",
            "the platform does not accept the token",
        ),
        StatusCode::FORBIDDEN => error(
            Fate::NotSent,
            FaultClass::Configuration,
            Reach::Upstream,
            "平台拒绝访问：请核对白名单与账号",
            "the platform refuses access: check white-list and account",
        ),
        s if s.is_success() => {
            error(Fate::Lost, FaultClass::Transient, Reach::Upstream, "应答无法读懂", "the answer cannot be read")
        }
        _ => error(
            Fate::NotSent,
            FaultClass::Configuration,
            Reach::Upstream,
            "地址不对：请核对 base_url、prefix 与 paths",
            "wrong address: check base_url, prefix and paths",
        ),
    })
}

/// A reply that is no success. A text nobody knows with a server's own error may have come after the work was done.
pub(super) fn refused(call: Call, code: &str, message: &str) -> (TransportError, bool) {
    let meaning = Replies::embedded().meaning(call, code, message);
    let fate = match meaning.class {
        _ if meaning.lost => Fate::Lost,
        FaultClass::Data => Fate::Refused,
        _ => Fate::NotSent,
    };
    (TransportError { fate, class: meaning.class, reach: meaning.reach, text: meaning.text }, meaning.login)
}
