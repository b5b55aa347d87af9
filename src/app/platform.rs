//! `brain`: the reference platform as a process of its own.

use super::{BrainAnswer, BrainRequest, Context, Failure};
use crate::brain::{Brain, BrainConfig};
use crate::config;
use crate::finding::Text;

/// Serves until it is stopped.
pub(super) fn run(context: &Context<'_>, request: &BrainRequest) -> Result<BrainAnswer, Failure> {
    let mut config = match &request.config {
        Some(file) => config::load_single(file, &BrainConfig::schema()).map_err(Failure::Settings)?,
        // An open sandbox: one well-known account that may report for any school.
        None => BrainConfig::sandbox(""),
    };
    config.listen = request.listen;
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
        super::service::asked_to_stop().await;
        let batches = brain.batches().await.map_err(|e| Failure::part(&e))?;
        let stored = batches.iter().map(|b| b.storage_num.max(0) as u64).sum();
        let received: u64 = batches.iter().map(|b| b.collect_num.max(0) as u64).sum();
        brain.stop().await.map_err(|e| Failure::part(&e))?;
        Ok(BrainAnswer { url, stored, refused: received.saturating_sub(stored) })
    })
}
