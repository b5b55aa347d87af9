//! The hub put together: plan, store, jobs.

use std::sync::Arc;

use tokio::runtime::Runtime;

use super::jobs::jobs;
use super::opening::{hub_settings, open_feeds, open_store, school};
use super::plan::{Plan, mapping_fault};
use super::{Context, Failure, unowned};
use crate::pipeline::{BatchRoom, Observer, Pipeline, School, Silent, Surroundings};
use crate::record::Namespace;
use crate::store::{Millis, Store};

/// Tells the time.
pub(super) type Clock = Arc<dyn Fn() -> Millis + Send + Sync>;

/// The system's clock.
pub(super) fn system_clock() -> Clock {
    Arc::new(|| jiff::Timestamp::now().as_millisecond())
}

/// A hub with its store open.
pub(super) struct Hub {
    pub(super) plan: Arc<Plan>,
    pub(super) runtime: Runtime,
    pub(super) store: Arc<dyn Store>,
    pub(super) pipeline: Arc<Pipeline>,
    pub(super) clock: Clock,
    /// Tables that cannot be read until somebody decides: table and why.
    pub(super) parked: Vec<(Arc<str>, String)>,
}

impl Hub {
    /// Opens the store and puts the jobs together.
    pub(super) fn open(context: &Context<'_>, plan: Plan, clock: Clock, observer: Arc<dyn Observer>) -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(|e| Failure::io("the runtime", &e))?;
        let store = open_store(context, &plan, &runtime)?;
        Self::with_store(plan, runtime, store, clock, observer)
    }

    /// The same over a store that is open already.
    pub(super) fn with_store(
        plan: Plan,
        runtime: Runtime,
        store: Arc<dyn Store>,
        clock: Clock,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, Failure> {
        let school = runtime.block_on(school(&plan, store.as_ref())).map_err(|e| Failure::part(&e))?;
        let (feeds, parked) = runtime.block_on(open_feeds(&plan, store.as_ref())).map_err(|e| Failure::part(&e))?;
        let hub_settings = runtime.block_on(hub_settings(&plan, store.as_ref(), &feeds)).map_err(|e| Failure::part(&e))?;
        let around = Surroundings {
            store: Arc::clone(&store),
            standard: Arc::clone(&plan.standard),
            school,
            feeds,
            runtime: runtime.handle().clone(),
            clock: Arc::clone(&clock),
            observer,
            room: BatchRoom::default(),
            likeness: super::drift::likeness(&plan.standard),
        };
        let jobs = jobs(&plan, &around, &hub_settings, None)?;
        let now = clock();
        runtime.block_on(unowned::hold(&plan, store.as_ref(), now)).map_err(|e| Failure::part(&e))?;
        Ok(Self { plan: Arc::new(plan), runtime, store, pipeline: Arc::new(Pipeline::new(jobs, around)), clock, parked })
    }

    /// A hub to look at, over a store that is open for reading only: it has no jobs and writes nothing.
    pub(super) fn looked_at(plan: Plan, runtime: Runtime, store: Arc<dyn Store>, clock: Clock) -> Result<Self, Failure> {
        let (feeds, parked) = runtime.block_on(open_feeds(&plan, store.as_ref())).map_err(|e| Failure::part(&e))?;
        let code: Arc<str> = plan.loaded.settings.school.code.as_str().into();
        // Without jobs no record key is made, so the namespace stays out.
        let namespace = Namespace { name: Arc::clone(&code), secret: Arc::from([].as_slice()) };
        let around = Surroundings {
            store: Arc::clone(&store),
            standard: Arc::clone(&plan.standard),
            school: School { code, namespace },
            feeds,
            runtime: runtime.handle().clone(),
            clock: Arc::clone(&clock),
            observer: Arc::new(Silent),
            room: BatchRoom::default(),
            likeness: super::drift::likeness(&plan.standard),
        };
        Ok(Self { plan: Arc::new(plan), runtime, store, pipeline: Arc::new(Pipeline::new(Vec::new(), around)), clock, parked })
    }
}

/// A run's error as a command's failure; mapping faults are listed one by one.
pub(super) fn pipeline_failure(error: crate::pipeline::PipelineError) -> Failure {
    match error {
        crate::pipeline::PipelineError::Mapping { faults, .. } => {
            Failure::Settings(faults.into_iter().map(mapping_fault).collect())
        }
        other => Failure::part(&other),
    }
}
