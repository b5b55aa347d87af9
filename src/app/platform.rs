//! `brain`: the reference platform as a process of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{BrainAnswer, BrainRequest, Context, Failure};
use crate::brain::{Brain, BrainConfig};
use crate::config::{self, Environment};
use crate::finding::Text;

/// Where the sandbox listens unless told otherwise.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8686);

fn overruled(file: SocketAddr, line: SocketAddr) -> Text {
    Text::new(
        format!("注意：按 --listen 在 {line} 监听，设置文件中的 listen = \"{file}\" 本次不用"),
        format!("note: listening on {line} as --listen says; listen = \"{file}\" of the settings is passed over this time"),
    )
}

/// The settings, with the address to listen on: that of the command line, of the file, or the usual one.
fn settings(context: &Context<'_>, request: &BrainRequest) -> Result<BrainConfig, Failure> {
    let Some(file) = &request.config else {
        // An open sandbox: one well-known account that may report for any school.
        return Ok(BrainConfig { listen: request.listen.unwrap_or(LISTEN), ..BrainConfig::sandbox("") });
    };
    let (schema, env) = (BrainConfig::schema(), Environment::process());
    let value: serde_json::Value = config::load_single(file, &schema, &env).map_err(Failure::Settings)?;
    let said = value.get("listen").is_some();
    let mut config: BrainConfig = config::load_single(file, &schema, &env).map_err(Failure::Settings)?;
    match request.listen {
        Some(listen) if said && listen != config.listen => {
            context.progress.note(overruled(config.listen, listen));
            config.listen = listen;
        }
        Some(listen) => config.listen = listen,
        None if !said => config.listen = LISTEN,
        None => {}
    }
    Ok(config)
}

/// Serves until it is stopped.
pub(super) fn run(context: &Context<'_>, request: &BrainRequest) -> Result<BrainAnswer, Failure> {
    let mut config = settings(context, request)?;
    if let Some(edition) = &request.edition {
        config.edition.clone_from(edition);
    }
    if config.directory.is_none() {
        config.directory.clone_from(&context.data);
    }
    if config.schemas.is_none() {
        config.schemas.clone_from(&context.schemas);
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    runtime.block_on(async {
        let brain = Brain::start(config).await.map_err(|e| Failure::part(&e))?;
        let url = brain.url();
        context.progress.note(Text::new(format!("平台在 {url} 上运行"), format!("the platform is at {url}")));
        if let Some(url) = brain.grpc_url() {
            context.progress.note(Text::new(format!("流式上报（gRPC）在 {url}"), format!("streams (gRPC) are at {url}")));
        }
        super::service::asked_to_stop().await;
        let (received, stored) = brain.totals().await.map_err(|e| Failure::part(&e))?;
        brain.stop().await.map_err(|e| Failure::part(&e))?;
        Ok(BrainAnswer { url, stored, refused: received.saturating_sub(stored) })
    })
}
