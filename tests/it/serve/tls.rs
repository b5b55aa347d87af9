//! The listener's channel: TLS, mutual TLS, certificates swapped while all goes on.

use std::path::Path;
use std::time::Duration;

use tonic::transport::Channel;
use xiaoshu::wire::schoolhub::v1::ListRecordsRequest;
use xiaoshu::wire::schoolhub::v1::records_service_client::RecordsServiceClient;
use xiaoshu::wire::tls::{Alive, ClientTls, Dialer};

use super::service::{COURSES, READER, Service, furnish, with};
use crate::authority::Authority;

struct Rig {
    service: Service,
    authority: Authority,
}

impl Rig {
    /// A service with a certificate for `hub.example`, and an application with one for `portal.example`.
    fn new(mutual: bool) -> Self {
        let (dir, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let path = |name: &str| dir.path().join(name);
        authority.write(&path("ca.pem"));
        authority.issue("hub.example", &path("hub.pem"), &path("hub.key"));
        authority.issue("portal.example", &path("portal.pem"), &path("portal.key"));
        let asks = if mutual { r#", client_ca = "ca.pem""# } else { "" };
        let tls = format!("[serve.grpc]\ntls = {{ cert = \"hub.pem\", key = \"hub.key\"{asks} }}");
        furnish(dir.path(), |text| text.replace("[serve.grpc]", &tls));
        Self { service: Service::over(dir), authority }
    }

    fn dir(&self) -> &Path {
        self.service.dir.path()
    }

    /// A new connection: with the authority of this file, and the certificate of this name.
    async fn connect(&self, ca: &str, own: Option<&str>) -> Result<Channel, String> {
        let file = |name: &str| Some(self.dir().join(name));
        let tls = ClientTls {
            ca: file(ca),
            cert: own.and_then(|own| file(&format!("{own}.pem"))),
            key: own.and_then(|own| file(&format!("{own}.key"))),
            domain: Some("hub.example".into()),
        };
        let url = format!("https://{}", self.service.address);
        let dialer = Dialer::new(&url, &tls, Duration::from_secs(10), Alive::default()).unwrap();
        dialer.connect().await.map_err(|error| error.to_string())
    }
}

/// Asks for the courses, as one who may read them: only the channel can be in the way.
async fn ask(channel: Channel) -> Result<(), tonic::Status> {
    let asked = ListRecordsRequest { table: COURSES.into(), ..Default::default() };
    RecordsServiceClient::new(channel).list_records(with(READER, asked)).await.map(drop)
}

/// Nothing was answered: the connection did not come about, or broke before a word was heard.
async fn is_turned_away(connected: Result<Channel, String>) -> bool {
    match connected {
        Err(_) => true,
        Ok(channel) => ask(channel).await.is_err(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_tls_plaintext_is_refused_and_the_certificate_is_looked_at() {
    let rig = Rig::new(false);
    ask(rig.connect("ca.pem", None).await.unwrap()).await.unwrap();
    let plain = Channel::from_shared(format!("http://{}", rig.service.address)).unwrap().connect().await;
    assert!(is_turned_away(plain.map_err(|error| error.to_string())).await, "a token went in the open");
    Authority::new().write(&rig.dir().join("other.pem"));
    let stranger = rig.connect("other.pem", None).await.unwrap_err();
    assert!(stranger.contains("certificate"), "{stranger}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_mutual_tls_only_clients_of_the_authority_come_in() {
    let rig = Rig::new(true);
    ask(rig.connect("ca.pem", Some("portal")).await.unwrap()).await.unwrap();
    assert!(is_turned_away(rig.connect("ca.pem", None).await).await, "a client without a certificate");
    let dir = rig.dir();
    Authority::new().issue("portal.example", &dir.join("forged.pem"), &dir.join("forged.key"));
    assert!(is_turned_away(rig.connect("ca.pem", Some("forged")).await).await, "a certificate of another authority");
    ask(rig.connect("ca.pem", Some("portal")).await.unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_swapped_without_a_restart() {
    let rig = Rig::new(true);
    let dir = rig.dir();
    let before = rig.connect("ca.pem", Some("portal")).await.unwrap();
    ask(before.clone()).await.unwrap();
    // The hub's own certificate now comes from another authority; clients keep theirs.
    let next = Authority::new();
    next.write(&dir.join("next.pem"));
    next.issue("hub.example", &dir.join("hub.pem"), &dir.join("hub.key"));
    assert!(rig.connect("ca.pem", Some("portal")).await.unwrap_err().contains("certificate"), "the new one is shown at once");
    ask(rig.connect("next.pem", Some("portal")).await.unwrap()).await.unwrap();
    ask(before).await.expect("a connection that stands goes on");
    // Another authority of clients: the former's are turned away from the next connection on.
    next.write(&dir.join("ca.pem"));
    assert!(is_turned_away(rig.connect("next.pem", Some("portal")).await).await);
    next.issue("portal.example", &dir.join("portal.pem"), &dir.join("portal.key"));
    ask(rig.connect("next.pem", Some("portal")).await.unwrap()).await.unwrap();
    // Half a swap: what was in force stays in force.
    std::fs::write(dir.join("hub.pem"), "nothing of the kind").unwrap();
    ask(rig.connect("next.pem", Some("portal")).await.unwrap()).await.unwrap();
    rig.authority.issue("hub.example", &dir.join("hub.pem"), &dir.join("hub.key"));
    assert!(rig.connect("next.pem", Some("portal")).await.is_err(), "and the next good one holds");
}
