//! The suite over the Ministry's HTTP interface.

use serde_json::{Value, json};
use xiaoshu::brain::{BrainConfig, BrainHandle, Call};

use super::suite::{UpstreamUnderTest, conformance};
use crate::report::harness::World;

struct DigitalBase;

impl UpstreamUnderTest for DigitalBase {
    const ROWS: Call = Call::Submit;
    const LIVE: bool = false;

    fn brain(config: BrainConfig) -> BrainConfig {
        config
    }

    fn settings(world: &World, _: &BrainHandle) -> Value {
        let mut settings = world.settings.clone();
        settings["network"] = json!({"timeout": "200ms"});
        settings
    }
}

conformance!(DigitalBase);
