//! Channels: TLS, mutual TLS, certificates swapped while all goes on.

use std::path::PathBuf;

use serde_json::json;
use tempfile::TempDir;
use xiaoshu::brain::{BrainConfig, Call, GrpcConfig};
use xiaoshu::wire::tls::ServerTls;

use super::grpc::Grpc;
use super::suite::{TABLE, UpstreamUnderTest, all_stored, settle};
use crate::authority::Authority;
use crate::report::harness::{World, platform};

struct Rig {
    world: World,
    dir: TempDir,
    authority: Authority,
}

impl Rig {
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A platform with a certificate for `platform.example`, a hub with one for `hub.example`.
    async fn new(mutual: bool) -> Self {
        let (dir, authority) = (TempDir::new().unwrap(), Authority::new());
        let path = |name: &str| dir.path().join(name);
        authority.write(&path("ca.pem"));
        authority.issue("platform.example", &path("platform.pem"), &path("platform.key"));
        authority.issue("hub.example", &path("hub.pem"), &path("hub.key"));
        let client_ca = mutual.then(|| path("ca.pem"));
        let tls = ServerTls { cert: path("platform.pem"), key: path("platform.key"), client_ca };
        let mut config = BrainConfig { grpc: GrpcConfig { tls: Some(tls), ..GrpcConfig::local() }, ..platform() };
        config.accounts[0].certificate = mutual.then(|| "hub.example".to_owned());
        let mut world = World::live(&[TABLE], config).await;
        world.settings = Grpc::settings(&world, &world.brain);
        world.settings["tls"] = json!({"ca": path("ca.pem"), "domain": "platform.example"});
        if mutual {
            world.settings["tls"]["cert"] = json!(path("hub.pem"));
            world.settings["tls"]["key"] = json!(path("hub.key"));
        }
        world.land(TABLE, 0..3, &[]).await;
        Self { world, dir, authority }
    }

    /// What keeps the upstream from being served.
    async fn stopped(&self) -> String {
        let report = self.world.reporter().await.drain().await.unwrap();
        report.upstreams[0].stopped.as_ref().expect("the upstream is left").en.clone()
    }
}

#[tokio::test]
async fn records_go_over_tls() {
    let rig = Rig::new(false).await;
    assert!(rig.world.brain.grpc_url().unwrap().starts_with("https://"));
    settle(&rig.world).await;
    all_stored(&rig.world, 3).await;
}

#[tokio::test]
async fn a_platform_whose_certificate_is_another_ones_gets_nothing() {
    let mut rig = Rig::new(false).await;
    rig.world.settings["tls"]["domain"] = json!("elsewhere.example");
    assert!(rig.stopped().await.contains("certificate"), "the reason names the certificate");
    rig.world.settings["tls"]["domain"] = json!("platform.example");
    Authority::new().write(&rig.path("ca.pem"));
    assert!(rig.stopped().await.contains("certificate"));
    assert_eq!(rig.world.brain.calls(Call::Hello).count, 0);
}

#[tokio::test]
async fn mutual_tls_names_the_school() {
    let mut rig = Rig::new(true).await;
    settle(&rig.world).await;
    all_stored(&rig.world, 3).await;
    // A good certificate of another school, with this one's token.
    rig.authority.issue("other.example", &rig.path("hub.pem"), &rig.path("hub.key"));
    rig.world.land(TABLE, 3..5, &[]).await;
    assert!(rig.stopped().await.contains("certificate"), "refused as what it is");
    // None at all.
    rig.world.settings["tls"] = json!({"ca": rig.path("ca.pem"), "domain": "platform.example"});
    rig.stopped().await;
    assert_eq!(rig.world.brain.held(TABLE).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_certificate_is_swapped_without_a_restart() {
    let mut rig = Rig::new(false).await;
    settle(&rig.world).await;
    // The platform's certificate now comes from another authority, which the hub trusts from now on.
    let next = Authority::new();
    next.issue("platform.example", &rig.path("platform.pem"), &rig.path("platform.key"));
    rig.world.land(TABLE, 3..5, &[]).await;
    assert!(rig.stopped().await.contains("certificate"), "the new certificate is shown at once");
    next.write(&rig.path("ca.pem"));
    settle(&rig.world).await;
    all_stored(&rig.world, 5).await;
    // Half a swap, as it may be seen in the midst of one: the former pair holds on.
    std::fs::write(rig.path("platform.pem"), "nothing of the kind").unwrap();
    rig.world.land(TABLE, 5..6, &[]).await;
    settle(&rig.world).await;
    all_stored(&rig.world, 6).await;
    rig.world.settings["delivery"]["drain_failures"] = json!(1);
}
