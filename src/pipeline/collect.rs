//! One collection: all jobs, parents first, sources side by side; then what waited and can go on.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use super::companions;
use super::order::levels;
use super::retry::{Retried, rerun, retry_ready, turn};
use super::run::run_job;
use super::{Job, PipelineError, RunOutcome, Surroundings};
use crate::fault::{Classified, FaultClass};
use crate::store::QuarantinedRow;

/// All jobs of a hub.
pub struct Pipeline {
    jobs: Vec<Job>,
    levels: Vec<Vec<usize>>,
    around: Surroundings,
    /// One a pushed source: messages of a source go one after the other, and so does what is re-run of it.
    gates: HashMap<Arc<str>, Arc<Gate>>,
}

/// Whoever has it may land rows of a pushed source.
type Gate = tokio::sync::Mutex<()>;

/// What became of one job.
#[derive(Debug)]
pub struct JobReport {
    /// The source's name.
    pub source: Arc<str>,
    /// The table's name.
    pub table: Arc<str>,
    /// What it did, or what stopped it.
    pub outcome: Result<RunOutcome, PipelineError>,
}

/// What one collection did.
#[derive(Debug, Default)]
pub struct CollectReport {
    /// Every run, in the order they ended: one of each job, and more where a source had more to give; none of those whose
    /// source is left alone at this time of day.
    pub jobs: Vec<JobReport>,
    /// Quarantined rows that were re-run because what they waited for arrived, and how many of them landed.
    pub retried: (u64, u64),
}

impl CollectReport {
    /// The class of the worst error, if any job failed: a bug before configuration before the rest. A pause that was told
    /// when it began is none.
    pub fn worst(&self) -> Option<FaultClass> {
        let rank = |class: FaultClass| match class {
            FaultClass::Bug => 0,
            FaultClass::Configuration => 1,
            FaultClass::Credentials => 2,
            FaultClass::Data => 3,
            FaultClass::Throttled => 4,
            FaultClass::Transient => 5,
        };
        let errors = self.jobs.iter().filter_map(|job| job.outcome.as_ref().err()).filter(|error| !is_told(error));
        errors.map(Classified::fault_class).min_by_key(|c| rank(*c))
    }
}

impl Pipeline {
    /// Orders the jobs.
    pub fn new(jobs: Vec<Job>, around: Surroundings) -> Self {
        let tables: Vec<(Arc<str>, BTreeSet<Arc<str>>)> =
            jobs.iter().map(|job| (job.plan.name.clone(), job.needs.clone())).collect();
        let pushed = jobs.iter().filter(|job| job.connector.is_pushed());
        let gates = pushed.map(|job| (Arc::clone(&job.source), Arc::default())).collect();
        Self { levels: levels(&tables), jobs, around, gates }
    }

    /// What serialises the landings of a pushed source; `None` when no such source is mapped.
    pub(super) fn gate(&self, source: &str) -> Option<Arc<Gate>> {
        self.gates.get(source).cloned()
    }

    /// The jobs of a pushed source, parents first.
    pub(super) fn pushed_jobs(&self, source: &str) -> impl Iterator<Item = &Job> {
        let all = self.levels.iter().flatten().map(|at| &self.jobs[*at]);
        all.filter(move |job| &*job.source == source && job.connector.is_pushed())
    }

    /// The jobs.
    pub fn jobs(&self) -> &[Job] {
        &self.jobs
    }

    /// What surrounds them.
    pub fn around(&self) -> &Surroundings {
        &self.around
    }

    /// Runs every job once, but for those whose rows are pushed; again at once while its source says that there is more. A job that fails stops no other; a table whose parents failed is still read, and rows whose
    /// parents are missing wait. Blocking: call it from a thread that is not the runtime's. `stop` is asked between jobs.
    ///
    /// # Errors
    /// Only when the store fails while waiting rows are re-run; what the jobs did is in the report of the next status.
    pub fn collect(&self, stop: &(dyn Fn() -> bool + Sync)) -> Result<CollectReport, PipelineError> {
        self.collect_of(&|_| true, stop)
    }

    /// The same for the jobs of these sources alone: other hubs read the others.
    ///
    /// # Errors
    /// As there.
    pub fn collect_of(
        &self,
        ours: &(dyn Fn(&str) -> bool + Sync),
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<CollectReport, PipelineError> {
        let done = Mutex::new(Vec::new());
        for level in &self.levels {
            let mut by_source: BTreeMap<&str, Vec<&Job>> = BTreeMap::new();
            let own = |i: &&usize| ours(&self.jobs[**i].source) && !self.jobs[**i].connector.is_pushed();
            for &i in level.iter().filter(own) {
                by_source.entry(&self.jobs[i].source).or_default().push(&self.jobs[i]);
            }
            std::thread::scope(|scope| {
                for jobs in by_source.values() {
                    let side_by_side = jobs.first().map_or(1, |job| job.guest().connections()).min(jobs.len());
                    let waiting = Arc::new(Mutex::new(jobs.iter().copied().collect::<VecDeque<&Job>>()));
                    for _ in 0..side_by_side {
                        let (waiting, done) = (Arc::clone(&waiting), &done);
                        scope.spawn(move || self.run_in_turn(&waiting, stop, done));
                    }
                }
            });
        }
        let mut jobs = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        let own = |job: &&Job| ours(&job.source) && !job.connector.is_pushed();
        let all: Vec<&Job> = self.jobs.iter().filter(own).collect();
        companions::settle(&all, &mut jobs, &self.around)?;
        let again = self.merge_again(&all, &jobs, stop);
        if !again.is_empty() {
            jobs.extend(again);
            companions::settle(&all, &mut jobs, &self.around)?;
        }
        let retried = if stop() { (0, 0) } else { retry_ready(self, ours)? };
        Ok(CollectReport { jobs, retried })
    }

    /// Puts tables together once more of whose parts something was deleted when the collection had ended well, after they had been
    /// put together.
    fn merge_again(&self, all: &[&Job], done: &[JobReport], stop: &(dyn Fn() -> bool + Sync)) -> Vec<JobReport> {
        let deleted = |report: &JobReport| report.outcome.as_ref().is_ok_and(|outcome| outcome.summary.deleted > 0);
        let of = |job: &Job, report: &JobReport| job.needs.contains(&report.table) && job.merges(&report.source);
        let again = |job: &&&Job| done.iter().any(|report| deleted(report) && of(job, report));
        let reports = Mutex::new(Vec::new());
        all.iter().filter(again).take_while(|_| !stop()).for_each(|job| {
            self.run_once(job, &reports);
        });
        reports.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs quarantined rows again, those of each job together. Rows of tables that are no longer mapped stay as they are,
    /// and so do rows that the source could not give whole.
    ///
    /// # Errors
    /// When mapping or store fail; rows of jobs done before stay done.
    pub fn retry(&self, rows: &[QuarantinedRow]) -> Result<Retried, PipelineError> {
        let mut total = Retried::default();
        for job in &self.jobs {
            let own = rows.iter().filter(|row| row.feed == job.feed && row.source == job.source).cloned().collect();
            let Some(_turn) = turn(self, job)? else { continue };
            let Retried { tried, landed, unread } = rerun(job, &self.around, own, false)?;
            total.tried += tried;
            total.landed += landed;
            total.unread += unread;
        }
        Ok(total)
    }

    fn run_in_turn(&self, waiting: &Mutex<VecDeque<&Job>>, stop: &(dyn Fn() -> bool + Sync), done: &Mutex<Vec<JobReport>>) {
        let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        while let Some(job) = next() {
            if stop() {
                return;
            }
            if let Some(wait) = job.guest().closed_for((self.around.clock)()) {
                let minutes = wait.as_secs().div_ceil(60);
                tracing::info!(source = %job.source, table = %job.plan.name, minutes, "left alone until its hours begin (guest.hours)");
                continue;
            }
            while self.run_once(job, done) && !stop() {}
        }
    }

    /// One run of a job; says whether there is more to be read at once.
    fn run_once(&self, job: &Job, done: &Mutex<Vec<JobReport>>) -> bool {
        let outcome = run_job(job, &self.around);
        if let Err(error) = &outcome
            && !is_told(error)
        {
            tracing::warn!(source = %job.source, table = %job.plan.name, class = error.fault_class().name(), %error, "a run was stopped");
        }
        self.around.observer.ended(job, &outcome);
        let more = outcome.as_ref().is_ok_and(|outcome| outcome.more);
        let report = JobReport { source: job.source.clone(), table: job.plan.name.clone(), outcome };
        done.lock().unwrap_or_else(PoisonError::into_inner).push(report);
        more
    }
}

/// Whether it is a pause that goes on: it was told when it began.
fn is_told(error: &PipelineError) -> bool {
    matches!(error, PipelineError::Paused(paused) if !paused.news)
}
