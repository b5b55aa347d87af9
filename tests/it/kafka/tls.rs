//! Encrypted lines, certificates and SCRAM accounts, at every end that has a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use xiaoshu::brain::{Account, Brain, BrainConfig};
use xiaoshu::fault::FaultClass;
use xiaoshu::report::Fate;
use xiaoshu::source::{Begin, ReadSpec, SourcePlace, connector};
use xiaoshu::store::Op;

use super::broker::{self, shared, unique};
use super::sender::{SCHOOL, Sender, TABLE, key, settings};

const UP: Op = Op::Upsert;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is set by tests/run.sh"))
}

fn certificate(name: &str) -> String {
    PathBuf::from(variable("XIAOSHU_TEST_KAFKA_CERTIFICATES")).join(name).display().to_string()
}

/// Whoever connects trusts the test's authority; the listener asks for nothing.
fn tls() -> Value {
    json!({"brokers": [variable("XIAOSHU_TEST_KAFKA_TLS")], "security": "ssl", "ca": certificate("ca.pem")})
}

/// The listener demands a certificate, and gets one.
fn mutual() -> Value {
    json!({"brokers": [variable("XIAOSHU_TEST_KAFKA_MUTUAL")], "security": "ssl", "ca": certificate("ca.pem"),
        "cert": certificate("client.crt"), "key": certificate("client.key")})
}

fn scram(hash: &str) -> Value {
    let (address, password) = broker::account_of("XIAOSHU_TEST_KAFKA_SASL_TLS");
    json!({"brokers": [address], "security": "sasl_scram", "scram": hash, "user": "xiaoshu", "password": password,
        "ca": certificate("ca.pem")})
}

/// `connection` in the place of the one that `settings` has.
fn over(mut settings: Value, connection: &Value) -> Value {
    let map = settings.as_object_mut().unwrap();
    map.retain(|name, _| !["brokers", "security", "plaintext"].contains(&name.as_str()));
    map.extend(connection.as_object().unwrap().clone());
    settings
}

/// An authority that nobody has heard of.
fn stranger(folder: &TempDir) -> String {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let file = folder.path().join("stranger.pem");
    std::fs::write(&file, params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
    file.display().to_string()
}

/// Leads to a broker under an address that its certificate does not name, until the test ends.
fn under_another_name(address: String) -> String {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    let carry = |mut from: TcpStream, mut to: TcpStream| {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = from.read(&mut buffer) {
            if to.write_all(&buffer[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    };
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let Ok(far) = TcpStream::connect(&address) else { continue };
            let (back, forth) = (far.try_clone().unwrap(), near.try_clone().unwrap());
            std::thread::spawn(move || carry(near, far));
            std::thread::spawn(move || carry(back, forth));
        }
    });
    own
}

#[tokio::test(flavor = "multi_thread")]
async fn records_go_and_verdicts_come_over_encrypted_lines() {
    let prefix = unique();
    let verdicts = format!("{prefix}.verdicts");
    for domain in ["basic", "major", "course", "student", "teacher", "enterprise"] {
        broker::make(&shared(), &format!("{prefix}.{domain}"), 1, true);
    }
    broker::make(&shared(), &verdicts, 1, false);
    let mut kafka = mutual();
    kafka["topic_prefix"] = prefix.as_str().into();
    kafka["group"] = prefix.as_str().into();
    kafka["return_topic"] = verdicts.as_str().into();
    let config = BrainConfig {
        accounts: vec![Account::sandbox(SCHOOL)],
        kafka: Some(serde_json::from_value(kafka).unwrap()),
        ..BrainConfig::default()
    };
    let brain = Brain::start(config).await.unwrap();
    let mut base = settings(&shared(), &prefix);
    base["return_topic"] = verdicts.as_str().into();
    for (id, connection) in [(1, tls()), (2, mutual()), (3, scram("sha256")), (4, scram("sha512"))] {
        let sender = Sender::new(&over(base.clone(), &connection));
        sender.submit(id, &[(1, 10 + id, UP)]).await.unwrap();
        let story = sender.story(|lines| lines.len() > 1).await;
        // The rows are none that the edition knows, so each is refused, with a verdict that came back.
        assert!(story[0] == format!("{id} accepted") && story[1].starts_with(&format!("{id}/0 refused")), "{story:?}");
    }
    assert!(brain.calls(xiaoshu::brain::Call::Batch).count >= 4);
    brain.stop().await.unwrap();

    // The same topic as a source.
    for connection in [tls(), mutual(), scram("sha512")] {
        let mut settings = connection;
        settings["kind"] = "kafka".into();
        let name = "bus".into();
        let place = SourcePlace { name: &name, settings: &settings, base: std::path::Path::new("/") };
        let read = ReadSpec { object: Some(format!("{prefix}.course")), ..ReadSpec::default() };
        let mut source = connector("kafka").unwrap().open(&place, &read, Begin::AFRESH).unwrap();
        let batch = source.next_batch(10).unwrap().unwrap();
        assert_eq!((batch.len(), batch.cell(0, 0)), (1, Some(key(1).as_str())), "the newest of {TABLE}'s only key");
        assert!(connector("kafka").unwrap().check(&place).unwrap().notes.is_empty(), "nothing to warn of");
    }
}

/// The example of a consumer, with the settings of its client in a file.
#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_reads_over_encrypted_lines() {
    let prefix = unique();
    let sender = Sender::new(&over(settings(&shared(), &prefix), &tls()));
    for domain in ["basic", "major", "course", "student", "teacher", "enterprise"] {
        broker::make(&shared(), &format!("{prefix}.{domain}"), 1, true);
    }
    sender.submit(1, &[(1, 11, UP), (2, 12, UP)]).await.unwrap();
    sender.story(|lines| lines.len() == 2).await;
    let (by_account, password) = broker::account_of("XIAOSHU_TEST_KAFKA_SASL_TLS");
    let ca = certificate("ca.pem");
    let clients = [
        (
            by_account,
            json!({"security.protocol": "sasl_ssl", "ssl.ca.location": ca, "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": "xiaoshu", "sasl.password": password}),
        ),
        (
            variable("XIAOSHU_TEST_KAFKA_MUTUAL"),
            json!({"security.protocol": "ssl", "ssl.ca.location": ca,
            "ssl.certificate.location": certificate("client.crt"), "ssl.key.location": certificate("client.key")}),
        ),
    ];
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("deploy/examples/streams/consume.py");
    for (address, client) in clients {
        let folder = TempDir::new().unwrap();
        let (file, settings) = (folder.path().join("region.sqlite"), folder.path().join("client.json"));
        std::fs::write(&settings, client.to_string()).unwrap();
        let mut command = Command::new(variable("XIAOSHU_TEST_PYTHON"));
        command.arg(&script).arg(address).arg(&file).arg(&prefix).arg("--once").env("KAFKA_SETTINGS", settings);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let url = format!("sqlite://{}", file.display());
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
        let read: Vec<(String, i64)> =
            sqlx::query_as("SELECT key, seq FROM record ORDER BY key").fetch_all(&mut connection).await.unwrap();
        assert_eq!(read, [(key(1).to_string(), 11), (key(2).to_string(), 12)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_names_and_passwords_that_do_not_do_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let prefix = unique();
    let with = |mut connection: Value, name: &str, value: Value| {
        connection[name] = value;
        connection
    };
    let without = |mut connection: Value| {
        connection.as_object_mut().unwrap().retain(|name, _| name != "cert" && name != "key");
        connection
    };
    let elsewhere = under_another_name(variable("XIAOSHU_TEST_KAFKA_TLS"));
    use FaultClass::{Configuration, Credentials, Transient};
    let cases = [
        (with(tls(), "ca", stranger(&folder).into()), Configuration, "broker certificate could not be verified"),
        (with(tls(), "brokers", json!([elsewhere])), Configuration, "TLS handshake failed"),
        (with(tls(), "brokers", json!([shared()])), Transient, "connecting to a PLAINTEXT broker listener"),
        (with(tls(), "ca", "/no/such.pem".into()), Configuration, "cannot be used"),
        (without(mutual()), Transient, "client certificate, set cert and key"),
        (with(scram("sha256"), "password", "not-the-password".into()), Credentials, "account was not accepted"),
        (with(scram("sha512"), "password", "not-the-password".into()), Credentials, "account was not accepted"),
        (with(scram("sha512"), "user", "nobody".into()), Credentials, "account was not accepted"),
        (with(scram("sha512"), "ca", stranger(&folder).into()), Configuration, "TLS handshake failed"),
    ];
    for (connection, class, words) in cases {
        let error = Sender::new(&over(settings(&shared(), &prefix), &connection)).transport.check().await.unwrap_err();
        assert_eq!(error.fate, Fate::NotSent);
        let all = format!("{error} {error:?}");
        let (_, password) = broker::account_of("XIAOSHU_TEST_KAFKA_SASL_TLS");
        assert!(!all.contains("not-the-password") && !all.contains(&password), "a secret shows");
        assert!(error.class == class && error.text.en.contains(words), "{all}");
    }
    for connection in [tls(), mutual(), scram("sha256"), scram("sha512")] {
        let notes = Sender::new(&over(settings(&shared(), &prefix), &connection)).transport.check().await.unwrap();
        assert_eq!(notes.len(), 7, "a line for each topic, and one on comparisons");
    }
}
