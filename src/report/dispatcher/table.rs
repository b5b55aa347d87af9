//! One table of one upstream.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::fault::FaultClass;
use crate::finding::Text;
use crate::record::RecordKey;
use crate::report::config::{DeliveryConfig, ScopeChoice};
use crate::report::delivery::{Delivery, Phase};
use crate::report::references::Link;
use crate::report::render::{Renderer, Style};
use crate::report::status::Trouble;
use crate::report::window::scope_named;
use crate::standard::{Scope, TablePlan};
use crate::store::{BatchId, Cursor, FeedId, MemberVerdict, Millis};

/// An unsettled batch.
pub(super) struct OpenBatch {
    pub(super) delivery: Delivery,
    pub(super) rows: u32,
    /// When sending began, or the batch was made.
    pub(super) sent: Millis,
    pub(super) mark: Option<String>,
    pub(super) ask_at: Option<Millis>,
    pub(super) keys: HashSet<RecordKey>,
    /// Deletions are among its rows, or may be.
    pub(super) deletes: bool,
    /// What a stream has told of so far.
    pub(super) told: Vec<MemberVerdict>,
}

pub(super) struct Table {
    pub(super) feed: FeedId,
    pub(super) plan: Arc<TablePlan>,
    pub(super) renderer: Renderer,
    pub(super) scope: Scope,
    pub(super) links: Vec<Link>,
    pub(super) cursor: Cursor,
    pub(super) lanes: crate::report::window::Lanes,
    pub(super) open: BTreeMap<BatchId, OpenBatch>,
    /// Nothing is sent before this: the platform's second, or the gate.
    pub(super) not_before: Millis,
    /// Nothing is sent before this: a trouble.
    pub(super) rest_until: Millis,
    pub(super) failures: u32,
    pub(super) trouble: Option<Trouble>,
    /// Looked at, and nothing to send.
    pub(super) idle: bool,
    /// The ramp lets nothing through.
    pub(super) closed: bool,
    /// Deletions wait for those of child tables.
    pub(super) awaits_children: bool,
    /// Outside its sending window until then.
    pub(super) gated: Option<Millis>,
    /// Fields that went out empty and have a way to go now; their rows are still to be put ahead.
    pub(super) given: Vec<String>,
    /// The period whose rows were sent.
    pub(super) period: Option<String>,
    pub(super) unsealed_values: u64,
    pub(super) settled: u64,
    pub(super) outcomes: (u64, u64, u64),
    /// When it was last compared with the platform, and how many records differed.
    pub(super) compared: Option<(Millis, u64)>,
}

impl Table {
    pub(super) fn new(feed: FeedId, plan: Arc<TablePlan>, style: &Style, config: &DeliveryConfig, links: Vec<Link>) -> Self {
        let named = config.scopes.get(&*plan.name).and_then(|word| scope_named(word));
        let scope = named.unwrap_or_else(|| match config.scope {
            ScopeChoice::All => Scope::All,
            ScopeChoice::Edition => plan.scope.clone(),
        });
        Self {
            feed,
            renderer: Renderer::new(Arc::clone(&plan), style),
            plan,
            scope,
            links,
            cursor: Cursor::default(),
            lanes: Default::default(),
            open: BTreeMap::new(),
            not_before: 0,
            rest_until: 0,
            failures: 0,
            trouble: None,
            idle: false,
            closed: false,
            awaits_children: false,
            gated: None,
            given: Vec::new(),
            period: None,
            unsealed_values: 0,
            settled: 0,
            outcomes: (0, 0, 0),
            compared: None,
        }
    }

    /// The batch whose answer was lost: the table stops until it is settled or given up.
    pub(super) fn lost(&self) -> Option<BatchId> {
        self.open.iter().find(|(_, b)| b.delivery.phase == Phase::Lost).map(|(id, _)| *id)
    }

    /// Rows that went out without some fields are to go again, and batches of theirs are still under way: nothing is sent
    /// until these are settled.
    pub(super) fn owes(&self) -> bool {
        !self.given.is_empty() && !self.open.is_empty()
    }

    /// Whether it rests for a trouble that waiting alone does not cure, or that waiting has not cured.
    pub(super) fn parked(&self, now: Millis, patience: u32) -> bool {
        let curable = |t: &Trouble| matches!(t.class, FaultClass::Transient | FaultClass::Throttled) && self.failures < patience;
        self.rest_until > now && !self.trouble.as_ref().is_none_or(curable)
    }

    pub(super) fn stopped(&self) -> Option<Text> {
        if let Some(at) = self.gated {
            let day = crate::report::window::day_of(at);
            return Some(Text::new(
                format!("不在上报时段，{day} 再开始"),
                format!("outside its sending window, which opens on {day}"),
            ));
        }
        if self.lost().is_some() {
            return Some(Text::new(
                "一批数据的应答丢失，查明前本表暂停",
                "the answer to a batch was lost; the table waits until its fate is known",
            ));
        }
        self.closed.then(|| {
            Text::new(
                "本表尚未开放或本阶段额度已用完，等待批准",
                "the table is not open yet, or its step is used up: approval is needed",
            )
        })
    }

    /// The field that a platform's reason names: by identifier, else by label; the longest name that fits.
    pub(super) fn field_in(&self, text: &str) -> Option<String> {
        let upper = text.to_uppercase();
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let by_name = upper.split(|c| !is_word(c)).filter_map(|word| self.plan.find(word)).next();
        let found = by_name.map(|idx| self.plan.field(idx)).or_else(|| {
            let labelled = self.plan.fields.iter().filter(|f| !f.label.is_empty() && text.contains(&*f.label));
            labelled.max_by_key(|f| f.label.len())
        });
        found.map(|f| f.name.to_string())
    }
}
