//! `brain`: the reference platform as a process of its own.

use super::{BrainAnswer, BrainRequest, Context, Failure};
use crate::brain::{Brain, BrainConfig};
use crate::config::Fault;
use crate::finding::Text;

/// Serves until it is stopped.
pub(super) fn run(context: &Context<'_>, request: &BrainRequest) -> Result<BrainAnswer, Failure> {
    let mut config = match &request.config {
        Some(file) => read(file)?,
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

fn read(file: &std::path::Path) -> Result<BrainConfig, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::io(&file.display().to_string(), &e))?;
    let parsed: Result<BrainConfig, _> = toml_edit::de::from_str(&text);
    parsed.map_err(|error| {
        let before = error.span().map_or("", |span| text.get(..span.start).unwrap_or_default());
        let what = error.message().lines().next().unwrap_or_default().to_owned();
        let place = Fault {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            what: Text::new(&what, &what),
            remedy: Text::new(
                "按 deploy/README.md 中平台设置的说明更正",
                "mend it as deploy/README.md describes the platform's settings",
            ),
        };
        Failure::Settings(vec![place])
    })
}
