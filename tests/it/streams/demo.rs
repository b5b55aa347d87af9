//! The sample school over a stream.

use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

fn demo(folder: &TempDir) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_xiaoshu"))
        .args(["demo", "--once", "--upstream", "grpc", "--json", "--data"])
        .arg(folder.path().join("demo"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The generator's own numbers are those that come out; the program ends with another status when one differs.
#[test]
fn the_sample_school_has_the_same_numbers_over_grpc() {
    let folder = TempDir::new().unwrap();
    let first = demo(&folder);
    assert!(first["sent"].as_u64().unwrap() > 5_000, "{}", first["sent"]);
    let again = demo(&folder);
    assert_eq!(again["sent"], 0, "a second run has nothing to say");
}
