//! Bodies and replies of the five calls.

use serde::Deserialize;
use serde_json::Value;

use super::settings::Parameters;

/// Login reply: `code` is a number, names may come in camelCase.
#[derive(Deserialize)]
pub(super) struct TokenReply {
    #[serde(default, alias = "returnCode")]
    pub(super) code: Value,
    #[serde(default, alias = "message", alias = "returnMessage")]
    pub(super) msg: Option<String>,
    #[serde(default, alias = "returnData")]
    pub(super) data: Option<TokenData>,
}

#[derive(Deserialize)]
pub(super) struct TokenData {
    #[serde(alias = "accessToken")]
    pub(super) access_token: String,
    #[serde(default, alias = "refreshToken")]
    pub(super) refresh_token: Option<String>,
    #[serde(default, alias = "expiresIn")]
    pub(super) expires_in: Value,
    #[serde(default, alias = "refreshExpiresIn")]
    pub(super) refresh_expires_in: Value,
    #[serde(default, alias = "clientSecret")]
    pub(super) client_secret: Option<String>,
    #[serde(default, alias = "appSecret")]
    pub(super) app_secret: Option<String>,
    #[serde(default, alias = "appKey")]
    pub(super) app_key: Option<String>,
}

/// Data reply: `returnCode` is a text; some answer as the token calls do.
#[derive(Deserialize)]
pub(super) struct DataReply {
    #[serde(default, rename = "returnCode", alias = "code")]
    pub(super) code: Value,
    #[serde(default, rename = "returnMessage", alias = "msg", alias = "message")]
    pub(super) message: Option<String>,
    #[serde(default, rename = "returnData", alias = "data")]
    pub(super) data: Value,
    #[serde(default, rename = "returnCount")]
    pub(super) count: Value,
}

/// A code as text, whether it came as a number or as a text; empty when absent.
pub(super) fn code_text(code: &Value) -> String {
    match code {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A whole number, whether it came as a number or as a text.
pub(super) fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64)),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The plaintext of a submit. `fileds` is the interface's own spelling.
pub(super) fn submit_plain(table: &str, rows: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.iter().map(|r| r.len() + 1).sum::<usize>() + table.len() + 40);
    out.extend_from_slice(b"{\"dataObjName\":");
    crate::record::json_string(table, &mut out);
    out.extend_from_slice(b",\"fileds\":[");
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(row);
    }
    out.extend_from_slice(b"]}");
    out
}

/// The parameters of a login as one text.
pub(super) fn parameter_text(fields: &[(&str, &str)], style: Parameters) -> String {
    match style {
        Parameters::Form => {
            let mut url = reqwest::Url::parse("http://localhost/").ok();
            url.as_mut().map_or_else(String::new, |url| {
                url.query_pairs_mut().extend_pairs(fields);
                url.query().unwrap_or_default().to_owned()
            })
        }
        Parameters::Raw => fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"),
        Parameters::Json => {
            let map: serde_json::Map<String, Value> =
                fields.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
            Value::Object(map).to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plaintext_is_spelled_as_printed() {
        let rows = vec![b"{\"A\":1}".to_vec(), b"{\"A\":null}".to_vec()];
        assert_eq!(
            String::from_utf8(submit_plain("ODS_X", &rows)).unwrap(),
            r#"{"dataObjName":"ODS_X","fileds":[{"A":1},{"A":null}]}"#
        );
    }

    #[test]
    fn parameters_in_three_forms() {
        let fields = [("username", "a b"), ("password", "x&y=")];
        assert_eq!(parameter_text(&fields, Parameters::Form), "username=a+b&password=x%26y%3D");
        assert_eq!(parameter_text(&fields, Parameters::Raw), "username=a b&password=x&y=");
        assert_eq!(parameter_text(&fields, Parameters::Json), r#"{"username":"a b","password":"x&y="}"#);
    }

    #[test]
    fn replies_come_in_either_case() {
        for text in [
            r#"{"code":200,"msg":"ok","data":{"access_token":"t","expires_in":7199,"app_secret":"s"}}"#,
            r#"{"code":"200","data":{"accessToken":"t","expiresIn":"7199","appSecret":"s"}}"#,
        ] {
            let reply: TokenReply = serde_json::from_str(text).unwrap();
            assert_eq!(code_text(&reply.code), "200");
            let data = reply.data.unwrap();
            assert_eq!((data.access_token.as_str(), whole(&data.expires_in)), ("t", Some(7199)));
            assert_eq!(data.app_secret.as_deref(), Some("s"));
        }
    }
}
