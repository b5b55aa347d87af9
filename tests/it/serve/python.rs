//! The example for vendors and applications, run as it stands.

use std::path::Path;
use std::process::Command;

use super::service::{READER, Service, VENDOR};

fn python() -> String {
    std::env::var("XIAOSHU_TEST_PYTHON").unwrap_or_else(|_| {
        panic!(
            "XIAOSHU_TEST_PYTHON is not set: a Python with grpcio-tools; use tests/run.sh, or tests/run.sh --servers cargo test"
        )
    })
}

/// The example's settings and mapping as they stand, but for the port.
fn example(folder: &Path) -> Service {
    let dir = tempfile::tempdir().unwrap();
    for part in ["mappings", "secrets"] {
        std::fs::create_dir(dir.path().join(part)).unwrap();
    }
    let settings = std::fs::read_to_string(folder.join("xiaoshu.toml")).unwrap();
    assert!(settings.contains("127.0.0.1:50051"));
    std::fs::write(dir.path().join("xiaoshu.toml"), settings.replace("127.0.0.1:50051", "127.0.0.1:0")).unwrap();
    std::fs::copy(folder.join("mappings/ODS_KCJBSJ.toml"), dir.path().join("mappings/ODS_KCJBSJ.toml")).unwrap();
    std::fs::write(dir.path().join("secrets/lms"), VENDOR).unwrap();
    std::fs::write(dir.path().join("secrets/portal"), READER).unwrap();
    Service::over(dir)
}

#[test]
fn the_example_in_python_pushes_and_reads() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = project.join("deploy/examples/grpc");
    let script = folder.join("push_and_watch.py");
    assert!(std::fs::read_to_string(&script).unwrap().lines().count() < 40);
    let promised = std::fs::read_to_string(folder.join("README.md")).unwrap();
    let promised = promised.split_once("```text\n").unwrap().1.split_once("```").unwrap().0.to_owned();
    let service = example(&folder);
    for round in 1..=2 {
        let output = Command::new(python())
            .arg(&script)
            .args([&service.address, VENDOR, READER])
            .env("PYTHONPATH", project.join("proto"))
            .env("PYTHONIOENCODING", "utf-8")
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "round {round}: {complained}");
        assert_eq!(said, promised, "what its README shows");
    }
}

/// Calls health and both versions of reflection as any client does that knows the standard's bytes, and nothing of ours.
const STANDARD: &str = r#"
import sys, grpc
channel = grpc.insecure_channel(sys.argv[1])
check = channel.unary_unary("/grpc.health.v1.Health/Check")
print("whole", check(b"").hex())                                   # HealthCheckResponse { status: SERVING }
print("one", check(b"\x0a\x1bschoolhub.v1.RecordsService").hex())
try:
    check(b"\x0a\x07nothing")
except grpc.RpcError as error:
    print("unknown", error.code().name)
watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
print("watch", next(iter(watch)).hex())
watch.cancel()
for version in ("v1", "v1alpha"):
    info = channel.stream_stream(f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo")
    answers = list(info(iter([b"\x3a\x01*"])))                         # list_services
    print(version, b"schoolhub.v1.IngestService" in answers[0], len(answers))
"#;

#[test]
fn health_and_reflection_speak_the_standard() {
    let service = Service::start();
    let output = Command::new(python()).args(["-c", STANDARD, &service.address]).output().unwrap();
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{complained}");
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines, ["whole 0801", "one 0801", "unknown NOT_FOUND", "watch 0801", "v1 True 1", "v1alpha True 1"]);
}
