//! Replies, and the texts of refusals.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::brain::faults::Call;

/// Why a call is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    AppKeyMissing,
    AppKeyUnauthorised,
    SignMissing,
    SignDifferent,
    TimestampsMissing,
    TimestampsOff { seconds: u64 },
    AddressNotListed(std::net::IpAddr),
    TokenMissing,
    TokenUnknown,
    TokenExpired,
    RefreshUnknown,
    GrantType,
    Client,
    Password,
    Missing(&'static str),
    NotDeciphered,
    NotJson,
    NotForm,
    UnknownTable(String),
    TooManyRows { most: usize },
    Malformed(&'static str),
    Scripted { code: String, message: String },
    Broken,
}

impl Refusal {
    fn code(&self) -> &str {
        match self {
            Self::TokenMissing
            | Self::TokenUnknown
            | Self::TokenExpired
            | Self::RefreshUnknown
            | Self::Client
            | Self::Password => "401",
            Self::AppKeyMissing
            | Self::AppKeyUnauthorised
            | Self::SignMissing
            | Self::SignDifferent
            | Self::TimestampsMissing
            | Self::TimestampsOff { .. }
            | Self::AddressNotListed(_) => "403",
            Self::Scripted { code, .. } => code,
            _ => "500",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::AppKeyMissing => "请求头中缺少app_key".to_owned(),
            Self::AppKeyUnauthorised => "app_key未授权".to_owned(),
            Self::SignMissing => "请求头中缺少sign".to_owned(),
            Self::SignDifferent => "sign签名不一致".to_owned(),
            Self::TimestampsMissing => "请求头中缺少timestamps".to_owned(),
            Self::TimestampsOff { seconds } => format!("timestamps与国家标准时间相差超过{seconds}秒"),
            Self::AddressNotListed(address) => format!("IP地址{address}不在白名单内"),
            Self::TokenMissing => "请求头中缺少Authorization".to_owned(),
            Self::TokenUnknown => "token无效，请重新获取".to_owned(),
            Self::TokenExpired => "token已过期，请重新获取".to_owned(),
            Self::RefreshUnknown => "refresh_token无效或已过期，请重新登录".to_owned(),
            Self::GrantType => "不支持的grant_type".to_owned(),
            Self::Client => "客户端认证失败".to_owned(),
            Self::Password => "用户名或密码错误".to_owned(),
            Self::Missing(name) => format!("缺少参数{name}"),
            Self::NotDeciphered => "cipherText解密失败".to_owned(),
            Self::NotJson => "请求体不是JSON".to_owned(),
            Self::NotForm => "请求体不是表单".to_owned(),
            Self::UnknownTable(table) => format!("数据对象不存在：{table}"),
            Self::TooManyRows { most } => format!("单次提交的数据条数超过最大值{most}"),
            Self::Malformed(name) => format!("参数{name}格式错误"),
            Self::Scripted { message, .. } => message.clone(),
            Self::Broken => "系统异常".to_owned(),
        }
    }

    /// As the call answers: token calls with `code`, `msg`, `data`, the others with `returnCode` ….
    pub(super) fn response(&self, call: Call, show_status: bool) -> Response {
        let code = self.code();
        let status = match code.parse().ok().and_then(|c| StatusCode::from_u16(c).ok()) {
            Some(status) if show_status && (status.is_client_error() || status.is_server_error()) => status,
            _ => StatusCode::OK,
        };
        let body = match call {
            Call::Login | Call::Refresh => {
                let number = code.parse::<i64>().map_or_else(|_| json!(code), |n| json!(n));
                json!({"code": number, "msg": self.message(), "data": null})
            }
            _ => data_reply(code, &self.message(), Value::Null, Value::Null),
        };
        json_response(status, &body)
    }
}

/// What a token call answers.
pub(super) fn token_reply(data: Value) -> Response {
    json_response(StatusCode::OK, &json!({"code": 200, "msg": "ok", "data": data}))
}

/// What a data call answers.
pub(super) fn data_ok(message: &str, data: Value, count: Value) -> Response {
    json_response(StatusCode::OK, &data_reply("200", message, data, count))
}

fn data_reply(code: &str, message: &str, data: Value, count: Value) -> Value {
    json!({"returnCode": code, "returnMessage": message, "returnData": data, "returnCount": count})
}

/// A page as a gateway sends it when what is behind it is down.
pub(super) fn gateway_page(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let body = format!("<html><head><title>{status}</title></head><body><center><h1>{status}</h1></center></body></html>");
    respond(status, "text/html", body)
}

pub(super) fn json_response(status: StatusCode, body: &Value) -> Response {
    respond(status, "application/json;charset=UTF-8", body.to_string())
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
