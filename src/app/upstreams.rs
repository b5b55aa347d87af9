//! The upstreams as settings make them: their parts' settings, who the hub is to them, reaching them for `check`.

use std::sync::Arc;

use rand::RngCore as _;

use super::checking::step;
use super::hub::Hub;
use super::plan::Plan;
use super::{CheckAnswer, Failure, Target};
use crate::finding::Text;
use crate::report;
use crate::store::Millis;

/// The settings of reporting, as its part wants them.
pub(super) fn report_config(plan: &Plan) -> Result<report::Config, Failure> {
    let settings = &plan.loaded.settings;
    let mut config = report::Config::default();
    for (name, upstream) in &settings.upstreams {
        let parsed = report::UpstreamConfig::from_value(upstream.settings.expose()).map_err(|what| Failure::Part {
            class: crate::fault::FaultClass::Configuration,
            message: format!("upstream {name}: {what}"),
        })?;
        config.upstreams.insert(name.clone(), parsed);
    }
    config.calendar.terms = settings
        .calendar
        .terms
        .iter()
        .map(|term| report::TermConfig {
            school_year: term.school_year.clone(),
            term: term.term.clone(),
            from: term.from.to_string(),
            to: term.to.to_string(),
        })
        .collect();
    Ok(config)
}

/// Who this hub is to its upstreams.
pub(super) async fn identity(hub: &Hub) -> Result<report::Identity, crate::store::StoreError> {
    let mut fresh = [0u8; 16];
    rand::rng().fill_bytes(&mut fresh);
    let instance = hub.store.init_meta("instance", hex::encode_upper(fresh).as_bytes()).await?;
    let standard = &hub.plan.standard;
    Ok(report::Identity {
        school: hub.plan.loaded.settings.school.code.as_str().into(),
        instance: String::from_utf8_lossy(&instance).into(),
        epoch: u64::from(hub.store.generation().await?),
        edition: standard.edition().as_str().into(),
        standard_digest: standard.digest().into(),
    })
}

/// Reaches every upstream without sending rows.
pub(super) fn check_upstreams(plan: &Plan, answer: &mut CheckAnswer) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
    for (name, opened) in open_upstreams(plan)? {
        let target = Target::Upstream(name);
        let what = Text::new("连接平台", "reaching the platform");
        // What cannot be made is told as a fault of the settings.
        let Ok(transport) = opened else { continue };
        match runtime.block_on(transport.check()) {
            Ok(lines) => answer.steps.extend(lines.into_iter().map(|line| step(&target, what.clone(), Some(true), line))),
            Err(error) => answer.steps.push(step(&target, what.clone(), Some(false), error.text)),
        }
        answer.steps.extend(transport.warnings().into_iter().map(|text| step(&target, what.clone(), None, text)));
    }
    Ok(())
}

/// An upstream's transport, or what is wrong with its settings.
type Opened = Result<Arc<dyn report::Transport>, report::SettingsError>;

/// Makes the transports of all upstreams; connects to nothing.
pub(super) fn open_upstreams(plan: &Plan) -> Result<Vec<(String, Opened)>, Failure> {
    let config = report_config(plan)?;
    // No store is opened for a check, so nobody reports here: the platform gets no rows under this identity.
    let identity = Arc::new(report::Identity {
        school: plan.loaded.settings.school.code.as_str().into(),
        instance: "".into(),
        epoch: 0,
        edition: plan.standard.edition().as_str().into(),
        standard_digest: plan.standard.digest().into(),
    });
    let mut all = Vec::new();
    for (name, upstream) in &config.upstreams {
        let context = report::TransportContext {
            name: name.as_str().into(),
            clock: Arc::new(report::SystemClock),
            dice: Arc::new(report::SystemDice),
            base: plan.loaded.base.clone(),
            identity: Arc::clone(&identity),
            lease: None,
        };
        if let Some(kind) = report::kind(&upstream.kind) {
            all.push((name.clone(), kind.open(&serde_json::Value::Object(upstream.settings.clone()), context)));
        }
    }
    Ok(all)
}

impl Plan {
    /// By when a table's changes must have been reported, and when that period began.
    pub(super) fn due(&self, plan: &crate::standard::TablePlan, now: Millis) -> Option<(String, Millis)> {
        let config = report_config(self).ok()?;
        let calendar = report::Calendar::new(&config.calendar).ok()?;
        let due = report::due(plan.frequency, &calendar, now)?;
        Some((report::day_of(due.by - 1).to_string(), due.from))
    }
}
