//! A stream to a regional or central platform: `proto/smartbrain/v1`.
//!
//! One bidirectional stream an upstream. Batches go into a bounded queue that HTTP/2 flow control empties; verdicts come
//! back as they fall. The stream is brought up, and up again after a cut, by [`Transport::resume`], which the
//! dispatcher calls at its own pace; what a cut left unsettled is asked for in the Hello.

mod client;
mod encode;
mod faults;
mod session;
mod settings;
mod standard;
mod unsettled;

pub use settings::Settings;

use std::sync::Arc;

use super::{SettingsError, Transport, TransportContext, TransportKind};
use crate::finding::Text;

/// The kind `grpc`.
#[derive(Debug, Clone, Copy)]
pub struct Grpc;

impl TransportKind for Grpc {
    fn kind(&self) -> &'static str {
        "grpc"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.schema.json")
    }

    fn tells_deletions(&self) -> bool {
        true
    }

    fn no_read_back(&self) -> Option<Text> {
        None
    }

    fn open(&self, settings: &serde_json::Value, context: TransportContext) -> Result<Arc<dyn Transport>, SettingsError> {
        let name = Arc::clone(&context.name);
        let wrong = |text| SettingsError { upstream: Arc::clone(&name), text };
        let settings = Settings::read(settings).map_err(wrong)?;
        Ok(Arc::new(client::Client::new(settings, &context).map_err(wrong)?))
    }
}
