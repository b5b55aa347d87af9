//! A small client of the interface, written from its description alone, and a platform to call.

use std::sync::Arc;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sm3::{Digest, Sm3};
use sm4::Sm4;
use sm4::cipher::{Array, BlockCipherEncrypt, KeyInit};
use xiaoshu::brain::{Account, Brain, BrainConfig, BrainHandle, EffectsConfig, Judged, ManualClock, RowJudge, Secret};

use super::Db;

pub const LOGIN: &str = "/api/web/auth/login/interface/oauth";
pub const REFRESH: &str = "/api/web/auth/login/interface/refresh";
pub const RSA: &str = "/api/web/auth/login/getRSA";
pub const SUBMIT: &str = "/api/web/convergence/collect/interface/saveInterfaceData";
pub const RESULTS: &str = "/api/web/convergence/collect/interface/getResultsByTime";

/// 2025-03-01 08:00:00 in China.
pub const NOW: i64 = 1_740_787_200_000;

/// Judges rows `{"K": key, "V": content, "D": "0" = deleted, "bad": reason}` of tables named `T_…`.
pub struct Plain;

impl RowJudge for Plain {
    fn knows(&self, table: &str) -> bool {
        table.starts_with("T_")
    }

    fn judge(&self, _: &str, rows: &[&RawValue], _: &str, _: &str) -> Vec<Judged> {
        let judge = |row: &&RawValue| {
            let row: Value = serde_json::from_str(row.get()).unwrap();
            let text = |name: &str| row[name].as_str().map(str::to_owned);
            let mut digest = [0u8; 16];
            digest.copy_from_slice(&Sm3::digest(row.to_string())[..16]);
            Judged {
                key: text("K"),
                body: row.to_string(),
                digest,
                comparable: digest,
                deletes: row["D"] == "0",
                error: text("bad"),
            }
        };
        rows.iter().map(judge).collect()
    }
}

/// A platform and a client of it, on one clock that stands still.
pub struct Rig {
    pub brain: BrainHandle,
    pub client: Client,
    pub clock: Arc<ManualClock>,
}

pub fn account(username: &str, school_code: &str) -> Account {
    Account {
        token: None,
        certificate: None,
        client_id: "1".into(),
        client_secret: Secret::new("the client secret"),
        username: username.into(),
        password: Secret::new("a+b&c=d%25"),
        app_secret: Secret::new("fedcba9876543210"),
        app_key: Secret::new("appkey01"),
        school_code: school_code.into(),
        white_list: vec![],
        system_name: "测试系统".into(),
    }
}

pub fn config() -> BrainConfig {
    BrainConfig { accounts: vec![account("school-a", "4190000001")], ..BrainConfig::default() }
}

impl Rig {
    /// A platform with one account, logged in.
    pub async fn new(change: impl FnOnce(&mut BrainConfig)) -> Self {
        let mut rig = Self::logged_out(change).await;
        rig.client.log_in().await;
        rig
    }

    /// The same, with its effects in such a database; of SQLite's in memory.
    pub async fn on(db: Db, change: impl FnOnce(&mut BrainConfig)) -> Self {
        let effects = match db {
            Db::Sqlite => EffectsConfig::default(),
            Db::Postgres => super::postgres(),
        };
        Self::new(|config| {
            config.effects = effects;
            change(config);
        })
        .await
    }

    pub async fn logged_out(change: impl FnOnce(&mut BrainConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        let clock = Arc::new(ManualClock::new(NOW));
        let prefix = config.prefix.clone();
        let brain = Brain::start_with(config, clock.clone(), Arc::new(Plain)).await.unwrap();
        let client = Client::new(format!("{}{prefix}", brain.url()), clock.clone());
        Self { brain, client, clock }
    }

    /// The results of the last hour and the next, one page of a hundred.
    pub async fn results(&self) -> Vec<Value> {
        let reply = self.client.ask("", 1, 100).await;
        assert_eq!(reply["returnCode"], "200", "{reply}");
        reply["returnData"].as_array().unwrap().clone()
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }
}

pub struct Client {
    http: reqwest::Client,
    pub base: String,
    pub username: String,
    pub token: String,
    pub key: [u8; 16],
    pub clock: Arc<ManualClock>,
}

/// A sealed call before it is sent.
pub struct Letter {
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Letter {
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self = self.without(name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self
    }
}

impl Client {
    pub fn new(base: String, clock: Arc<ManualClock>) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, base, username: "school-a".into(), token: String::new(), key: *b"fedcba9876543210", clock }
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(String, String)], body: String) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { status, headers, body: response.text().await? })
    }

    pub async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Value {
        let headers = [("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())];
        self.send(Method::POST, path, &headers, encoded(fields)).await.unwrap().json()
    }

    pub fn login_fields(&self) -> [(&str, &str); 4] {
        [("grant_type", "password"), ("client_id", "1"), ("username", &self.username), ("password", "a+b&c=d%25")]
    }

    pub async fn log_in(&mut self) {
        let reply = self.form(LOGIN, &self.login_fields()).await;
        assert_eq!(reply["code"], 200, "{reply}");
        self.token = reply["data"]["access_token"].as_str().unwrap().to_owned();
    }

    /// Sealed and signed, ready to be sent or spoiled.
    pub fn letter(&self, plain: &str) -> Letter {
        let timestamps = xiaoshu::brain::Clock::now_ms(&*self.clock).to_string();
        let sign = sm3(&[plain, &timestamps, "aB3x"]);
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("authorization", self.token.clone()),
            ("app_key", "appkey01".to_owned()),
            ("timestamps", timestamps),
            ("random", "aB3x".to_owned()),
            ("sign", sign),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Letter { headers, body: json!({"cipherText": hex::encode(sm4(&self.key, plain.as_bytes()))}).to_string() }
    }

    pub async fn post(&self, path: &str, letter: Letter) -> reqwest::Result<Answer> {
        self.send(Method::POST, path, &letter.headers, letter.body).await
    }

    pub async fn call(&self, path: &str, plain: &Value) -> Value {
        self.post(path, self.letter(&plain.to_string())).await.unwrap().json()
    }

    pub async fn submit(&self, table: &str, rows: Value) -> Value {
        self.call(SUBMIT, &submission(table, &rows)).await
    }

    /// Submits and expects the rows to be taken.
    pub async fn submitted(&self, table: &str, rows: Value) -> String {
        let reply = self.submit(table, rows).await;
        assert_eq!(reply["returnCode"], "200", "{reply}");
        reply["returnData"]["time"].as_str().unwrap().to_owned()
    }

    pub async fn ask(&self, table: &str, page: u32, limit: u32) -> Value {
        self.call(RESULTS, &query(table, json!(page), json!(limit))).await
    }
}

pub fn submission(table: &str, rows: &Value) -> Value {
    json!({"dataObjName": table, "fileds": rows})
}

pub fn query(table: &str, page: Value, limit: Value) -> Value {
    json!({"startTime": "2025-03-01 07:00:00", "endTime": "2025-03-01 09:00:00", "page": page, "limit": limit, "tableName": table})
}

pub fn encoded(fields: &[(&str, &str)]) -> String {
    let mut url = reqwest::Url::parse("http://localhost").unwrap();
    url.query_pairs_mut().extend_pairs(fields);
    url.query().unwrap().to_owned()
}

pub fn sm3(parts: &[&str]) -> String {
    hex::encode(Sm3::digest(parts.concat()))
}

pub fn sm4(key: &[u8; 16], plain: &[u8]) -> Vec<u8> {
    let cipher = Sm4::new(&Array(*key));
    let pad = 16 - plain.len() % 16;
    let mut padded = plain.to_vec();
    padded.resize(plain.len() + pad, pad as u8);
    for chunk in padded.chunks_exact_mut(16) {
        let mut block = Array::<u8, _>([0u8; 16]);
        block.copy_from_slice(chunk);
        cipher.encrypt_block(&mut block);
        chunk.copy_from_slice(&block);
    }
    padded
}

pub fn row(key: &str, content: &str) -> Value {
    json!({"K": key, "V": content})
}
