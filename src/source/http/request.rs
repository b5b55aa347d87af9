//! One request before it is sent: address, parameters and where they stand. Pure.

use serde_json::{Map, Value};

use super::settings::{Method, Send};

/// A request without account and signature.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub method: Method,
    pub send: Send,
    /// Address without a query.
    pub url: reqwest::Url,
    pub parameters: Map<String, Value>,
    pub headers: Vec<(String, String)>,
    /// Parameters that go behind the `?` whatever `send` says.
    pub query: Vec<(String, String)>,
}

impl Request {
    /// Puts a parameter where the request's own parameters are. A name that begins with `/` is a place in the JSON body.
    pub fn set(&mut self, name: &str, value: Value) {
        let Some(place) = name.strip_prefix('/').filter(|_| self.send == Send::Json) else {
            self.parameters.insert(name.to_owned(), value);
            return;
        };
        let mut here = &mut self.parameters;
        let mut steps = place.split('/').peekable();
        while let Some(step) = steps.next() {
            if steps.peek().is_none() {
                here.insert(step.to_owned(), value);
                return;
            }
            let inner = here.entry(step).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            let Value::Object(inner) = inner else { return };
            here = inner;
        }
    }

    /// All parameters that a signature covers as names and values, sorted by name.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = self.query.clone();
        if self.send != Send::Json {
            pairs.extend(self.parameters.iter().map(|(name, value)| (name.clone(), text(value))));
        }
        pairs.sort();
        pairs
    }

    /// What stands behind the `?`.
    pub fn query(&self) -> String {
        let mut pairs = self.query.clone();
        if self.send == Send::Query {
            pairs.extend(self.parameters.iter().map(|(name, value)| (name.clone(), text(value))));
        }
        pairs.sort();
        joined(&pairs)
    }

    /// The body with its content type; `None` where there is none.
    pub fn body(&self) -> Option<(&'static str, String)> {
        match self.send {
            Send::Query => None,
            Send::Json => Some(("application/json", Value::Object(self.parameters.clone()).to_string())),
            Send::Form => {
                let pairs: Vec<_> = self.parameters.iter().map(|(name, value)| (name.clone(), text(value))).collect();
                Some(("application/x-www-form-urlencoded", joined(&pairs)))
            }
        }
    }
}

/// A parameter's value as text.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `a=1&b=2`, percent-encoded.
pub(super) fn joined(pairs: &[(String, String)]) -> String {
    let each: Vec<String> = pairs.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    each.join("&")
}

/// Everything but letters, digits and `-._~` as `%XX` (RFC 3986).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_stand_where_they_should() {
        let mut request = Request {
            method: Method::Post,
            send: Send::Json,
            url: reqwest::Url::parse("http://a/b").unwrap(),
            parameters: Map::new(),
            headers: Vec::new(),
            query: vec![("sign".into(), "x y".into())],
        };
        request.set("state", json!(1));
        request.set("/page/no", json!(2));
        request.set("/page/size", json!(50));
        assert_eq!(request.query(), "sign=x%20y");
        assert_eq!(request.body().unwrap().1, r#"{"state":1,"page":{"no":2,"size":50}}"#);
        request.send = Send::Form;
        request.parameters = Map::from_iter([("名".to_owned(), json!("a&b"))]);
        assert_eq!(request.body().unwrap().1, "%E5%90%8D=a%26b");
        assert_eq!(request.pairs(), [("sign".to_owned(), "x y".to_owned()), ("名".to_owned(), "a&b".to_owned())]);
    }
}
