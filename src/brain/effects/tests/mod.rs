//! What every database of the effects promises: one suite, run over each; and what several processes on one may rely on.

mod processes;
mod streams;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Effects, NewBatch, StreamBatch, StreamRow, Taken, Times, open};
use crate::brain::config::{BrainConfig, EffectsConfig, Secret};
use crate::brain::error::BrainError;
use crate::brain::judge::Judged;

pub(super) const SCHOOL: &str = "4199000001";
pub(super) const TABLE: &str = "T_A";

/// Where effects are kept, opened again and again.
pub(super) struct Place {
    config: BrainConfig,
    _dir: Option<tempfile::TempDir>,
}

impl Place {
    fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = BrainConfig { directory: Some(dir.path().to_owned()), ..BrainConfig::default() };
        Self { config, _dir: Some(dir) }
    }

    fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let schema = format!("effects_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let url = std::env::var("XIAOSHU_TEST_POSTGRES_URL");
        let url = url.expect("XIAOSHU_TEST_POSTGRES_URL is not set: run tests/run.sh --servers=postgres");
        let effects = EffectsConfig { postgres: Some(Secret::new(url)), schema, connections: 6 };
        Self { config: BrainConfig { effects, ..BrainConfig::default() }, _dir: None }
    }

    async fn open_as(&self, holder: &str) -> Result<Arc<dyn Effects>, BrainError> {
        open(&self.config, holder).await
    }

    async fn open(&self) -> Arc<dyn Effects> {
        self.open_as("one").await.unwrap()
    }
}

/// A version of a record: what it holds follows from its seq.
fn version(key: &str, seq: u64) -> StreamRow {
    let digest = u128::from(seq).to_be_bytes();
    let (body, deletes) = (format!("{{\"seq\":{seq}}}"), seq.is_multiple_of(7));
    let judged = Judged { key: Some(key.to_owned()), body, digest, comparable: digest, deletes, error: None };
    StreamRow { seq, judged }
}

fn shown(school: &str) -> NewBatch {
    NewBatch {
        batch_id: "b".into(),
        school: school.into(),
        username: "u".into(),
        system_name: "s".into(),
        kind: "gRPC".into(),
        table: TABLE.into(),
        times: Times { received: 1_000, visible: 2_000, hidden_for: 0 },
        collect_num: 0,
        storage_num: 0,
        remark: None,
        state: None,
        state_info: None,
    }
}

/// Rows of a school at an epoch, with a name or without.
async fn take(effects: &dyn Effects, school: &str, epoch: u64, name: Option<u64>, rows: &[StreamRow]) -> Taken {
    let batch = StreamBatch {
        instance: "hub",
        epoch,
        name: name.map(|id| (id, [id as u8; 16])),
        rows,
        lost: &[],
        silent: &[],
        shown: shown(school),
    };
    effects.take_batch(&batch).await.unwrap()
}
