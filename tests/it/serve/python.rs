//! The example for vendors and applications, run as it stands.

use std::path::Path;
use std::process::Command;

use super::service::{READER, Service, VENDOR};

#[test]
fn the_example_in_python_pushes_and_reads() {
    let python = std::env::var("XIAOSHU_TEST_PYTHON").unwrap_or_else(|_| {
        panic!(
            "XIAOSHU_TEST_PYTHON is not set: a Python with grpcio-tools; use tests/run.sh, or tests/run.sh --servers cargo test"
        )
    });
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let example = project.join("deploy/examples/grpc/push_and_watch.py");
    assert!(std::fs::read_to_string(&example).unwrap().lines().count() < 40);
    let service = Service::start();
    for round in 1..=2 {
        let output = Command::new(&python)
            .arg(&example)
            .args([&service.address, VENDOR, READER])
            .env("PYTHONPATH", project.join("proto"))
            .env("PYTHONIOENCODING", "utf-8")
            .output()
            .unwrap();
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "round {round}: {complained}");
        assert!(said.contains("row 1: ") && said.contains("应为"), "{said}");
        assert!(said.contains("高等数学") && !said.contains("英语"), "{said}");
    }
}
