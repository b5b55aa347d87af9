//! What a status, or a failure to connect, means.

use tonic::{Code, Status};

use crate::fault::{Classified, FaultClass};
use crate::finding::Text;
use crate::report::transport::{Fate, Reach, TransportError};
use crate::wire::tls::TlsError;

/// The longest text of the platform's that is shown.
const SHOWN: usize = 200;

fn upstream(class: FaultClass, zh: impl Into<String>, en: impl Into<String>) -> TransportError {
    TransportError { fate: Fate::NotSent, class, reach: Reach::Upstream, text: Text::new(zh, en) }
}

/// A call, or the stream, ended with a status.
pub(super) fn of_status(status: &Status) -> TransportError {
    let said: String = status.message().chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    let (class, zh, en) = match status.code() {
        Code::Unauthenticated => (FaultClass::Credentials, "平台不接受令牌", "the platform does not accept the token"),
        Code::PermissionDenied => (
            FaultClass::Configuration,
            "平台拒绝访问：请核对学校代码、证书与白名单",
            "the platform refuses access: check school code, certificate and white-list",
        ),
        Code::FailedPrecondition => (FaultClass::Configuration, "平台不接受此连接", "the platform does not take this connection"),
        Code::Unimplemented => {
            (FaultClass::Configuration, "该地址没有上报服务：请核对 url", "there is no report service at this address: check url")
        }
        Code::ResourceExhausted => (FaultClass::Throttled, "平台繁忙，要求减少请求", "the platform asks for less"),
        Code::InvalidArgument | Code::OutOfRange => {
            (FaultClass::Bug, "平台不理解请求", "the platform does not understand the request")
        }
        _ => (FaultClass::Transient, "连接中断", "the connection was cut"),
    };
    upstream(class, format!("{zh}（{:?}：{said}）", status.code()), format!("{en} ({:?}: {said})", status.code()))
}

/// The platform could not be reached.
pub(super) fn of_dial(error: &TlsError) -> TransportError {
    upstream(error.fault_class(), format!("无法连接平台：{error}"), format!("the platform cannot be reached: {error}"))
}

/// It did not answer in time.
pub(super) fn late() -> TransportError {
    upstream(FaultClass::Transient, "平台未在时限内应答", "the platform did not answer in time")
}

/// Nothing came from it for too long.
pub(super) fn silent() -> TransportError {
    upstream(FaultClass::Transient, "平台长时间没有回音", "nothing was heard of the platform for too long")
}

/// There is no stream.
pub(super) fn down() -> TransportError {
    upstream(FaultClass::Transient, "尚未连接平台", "the platform is not connected")
}

/// It said something that the protocol does not have.
pub(super) fn astray(en: &str) -> TransportError {
    upstream(FaultClass::Transient, format!("平台的应答不合协议：{en}"), format!("the platform left the protocol: {en}"))
}
