//! Fetches what normalization and validation ask: names looked up, keys that exist.
//!
//! One query a batch and target, and only for values not known from earlier batches of the run: a roster of some
//! thousand persons is asked for once, not once a batch.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{PipelineError, Surroundings};
use crate::normalize::{LookupAnswers, LookupQuery};
use crate::standard::RefTarget;
use crate::store::FeedId;
use crate::validate::{KeyAnswer, KeyAnswers, KeyQuestion};

/// Values kept a target; beyond that they are asked for again.
const KNOWN_MAX: usize = 200_000;

/// Asks the store, and remembers.
pub(super) struct Answers<'a> {
    around: &'a Surroundings,
    known: HashMap<RefTarget, HashSet<String>>,
    read_once: HashMap<FeedId, bool>,
    unchecked: BTreeSet<u16>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(around: &'a Surroundings) -> Self {
        Self { around, known: HashMap::new(), read_once: HashMap::new(), unchecked: BTreeSet::new() }
    }

    /// Answers the references of a batch.
    pub(super) fn keys(&mut self, questions: &[KeyQuestion], overdue: bool) -> Result<KeyAnswers, PipelineError> {
        let mut answers = KeyAnswers::new();
        answers.overdue = overdue;
        for question in questions {
            let mut answer = KeyAnswer::default();
            for target in &question.targets {
                if let Some(feed) = self.checkable(*target)? {
                    answer.checked.push(*target);
                    self.find(*target, feed, &question.values, &mut answer.existing)?;
                }
            }
            answers.set(question.field, answer);
        }
        self.unchecked.extend(answers.unchecked(questions).map(|field| field.0));
        Ok(answers)
    }

    /// Answers the look-ups of a batch.
    pub(super) fn lookups(&mut self, queries: &[LookupQuery]) -> Result<LookupAnswers, PipelineError> {
        let mut answers = LookupAnswers::new();
        for query in queries {
            let Some(feed) = self.around.feeds.get(&query.table).copied() else { continue };
            let values: Vec<&str> = query.values.iter().map(String::as_str).collect();
            let found = self.around.wait(self.around.store.lookup(feed, query.field, &values, query.give))?;
            answers.set(query, found);
        }
        Ok(answers)
    }

    /// Indices of the reference fields that could not be checked.
    pub(super) fn unchecked(&self) -> &BTreeSet<u16> {
        &self.unchecked
    }

    /// The target's feed, if this school maps it and has read it completely once.
    fn checkable(&mut self, target: RefTarget) -> Result<Option<FeedId>, PipelineError> {
        let Some(feed) = self.around.feeds.get(&target.table).copied() else { return Ok(None) };
        let read = match self.read_once.get(&feed) {
            Some(read) => *read,
            None => {
                let read = self.around.wait(self.around.store.read_once(feed))?;
                self.read_once.insert(feed, read);
                read
            }
        };
        Ok(read.then_some(feed))
    }

    fn find(
        &mut self,
        target: RefTarget,
        feed: FeedId,
        values: &[String],
        existing: &mut HashSet<String>,
    ) -> Result<(), PipelineError> {
        let known = self.known.entry(target).or_default();
        if known.len() > KNOWN_MAX {
            known.clear();
        }
        let (have, ask): (Vec<&str>, Vec<&str>) = values.iter().map(String::as_str).partition(|value| known.contains(*value));
        existing.extend(have.into_iter().map(str::to_owned));
        if !ask.is_empty() {
            let found = self.around.wait(self.around.store.existing(feed, target.field, &ask))?;
            known.extend(found.iter().cloned());
            existing.extend(found);
        }
        Ok(())
    }
}
