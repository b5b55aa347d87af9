//! The Ministry's HTTP interface (职业院校数字基座).
//!
//! Login by password, rows as SM4-encrypted and SM3-signed JSON, results asked for later. What the standard leaves
//! open is a setting ([`Settings`]).

mod call;
mod client;
mod login;
mod offset;
mod replies;
mod reply;
mod results;
mod seal;
mod session;
mod settings;
mod wire;

pub use client::Client;
pub use offset::ClockOffset;
pub use replies::{Call, Replies, ReplyMeaning};
pub use results::{format_time, parse_results, parse_time};
pub use seal::{KeyCut, KeyFault, SealFault, Sealer, TextCode, sm3_hex, sm4_decrypt_ecb, sm4_encrypt_ecb};
pub use settings::Settings;

use std::sync::Arc;

use super::{SettingsError, Transport, TransportContext, TransportKind};

/// The kind `digital_base`.
#[derive(Debug, Clone, Copy)]
pub struct DigitalBase;

impl TransportKind for DigitalBase {
    fn kind(&self) -> &'static str {
        "digital_base"
    }

    fn settings_schema(&self) -> &'static str {
        include_str!("settings.schema.json")
    }

    fn open(&self, settings: &serde_json::Value, context: TransportContext) -> Result<Arc<dyn Transport>, SettingsError> {
        let settings = Settings::read(settings).map_err(|text| SettingsError { upstream: Arc::clone(&context.name), text })?;
        let name = Arc::clone(&context.name);
        let client = Client::new(settings, context).map_err(|text| SettingsError { upstream: name, text })?;
        Ok(Arc::new(client))
    }
}
