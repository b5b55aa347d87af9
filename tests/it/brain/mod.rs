//! The reference platform, called by a client that shares no code with it.

mod access;
mod client;
mod control;
mod editions;
mod faults;
mod gate;
mod results;
mod rows;
mod several;

use std::sync::atomic::{AtomicU32, Ordering};

use xiaoshu::brain::{BrainConfig, EffectsConfig, Secret};

/// Which database the platform keeps its effects in.
#[derive(Debug, Clone, Copy)]
pub enum Db {
    Sqlite,
    Postgres,
}

/// A place in such a database that no other test has.
pub struct Place {
    effects: EffectsConfig,
    dir: Option<tempfile::TempDir>,
}

impl Place {
    pub fn new(db: Db) -> Self {
        match db {
            Db::Sqlite => Self { effects: EffectsConfig::default(), dir: Some(tempfile::tempdir().unwrap()) },
            Db::Postgres => Self { effects: postgres(), dir: None },
        }
    }

    /// Has the platform keep its effects here.
    pub fn set(&self, config: &mut BrainConfig) {
        config.effects = self.effects.clone();
        config.directory = self.dir.as_ref().map(|dir| dir.path().join("brain"));
    }
}

/// A schema of its own in the PostgreSQL that `tests/run.sh` starts.
pub fn postgres() -> EffectsConfig {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("platform_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    EffectsConfig { postgres: Some(Secret::new(crate::store::home::postgres_url())), schema, connections: 4 }
}

/// Runs each promise over each database: one test a pair.
macro_rules! over_each_database {
    ($($module:ident :: $promise:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test] async fn $promise() { super::$module::$promise(super::Db::Sqlite).await; })*
        }
        mod postgres {
            $(#[tokio::test] async fn $promise() { super::$module::$promise(super::Db::Postgres).await; })*
        }
    };
}

over_each_database!(
    rows::rows_are_held_by_key_and_only_changes_are_effects,
    rows::whether_a_deleted_row_lives_again_is_a_setting,
    rows::a_key_belongs_to_one_school,
    rows::what_is_held_survives_a_restart,
    rows::the_digest_tells_states_apart_and_not_the_way_there,
    rows::thousands_of_rows_go_in_one_submit,
    results::a_verdict_has_the_printed_shape,
    results::good_rows_are_stored_and_bad_ones_named,
    results::the_verdict_comes_after_the_delay_set,
    results::results_are_paged_and_the_table_name_is_fuzzy,
    results::order_and_page_size_are_settings,
    results::the_window_holds_both_its_ends,
    results::results_of_others_are_mixed_in,
    control::a_process_is_scripted_and_read_over_http,
    control::clock_tokens_and_foreign_results_are_at_hand,
    faults::a_lost_answer_leaves_the_rows_held_and_the_client_in_doubt,
    faults::a_slow_platform_processes_even_when_the_client_hangs_up,
    faults::a_late_verdict_comes_after_so_many_queries_or_seconds,
    faults::dropped_rows_are_missing_and_unnamed,
    faults::counts_are_wrong_while_the_rows_are_held,
);
