//! Compiles the protocol files to Rust, without `protoc` on the machine.

use std::path::PathBuf;

use prost::Message;

const FILES: [&str; 4] =
    ["smartbrain/v1/report.proto", "schoolhub/v1/ingest.proto", "schoolhub/v1/records.proto", "schoolhub/v1/status.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("proto");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files = protox::compile(FILES, [&root])?;
    // Server reflection and the test against breaking changes read the same descriptors as the generated code.
    std::fs::write(out.join("descriptors.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure().bytes(".").compile_fds(files)?;
    Ok(())
}
