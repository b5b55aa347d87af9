//! The hub's store: opened to write or only to look, and what it knows of the school and its tables.

use std::collections::HashMap;
use std::sync::Arc;

use rand::RngCore;
use tokio::runtime::Runtime;

use super::plan::{HUB_SOURCE, Plan, feed_spec};
use super::{Context, Failure, named};
use crate::config::StoreKind;
use crate::finding::Text;
use crate::normalize::Merge;
use crate::pipeline::School;
use crate::record::Namespace;
use crate::standard::TableId;
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{FeedId, Store, StoreError};

/// Opens the store of the settings.
pub(super) fn open_store(context: &Context<'_>, plan: &Plan, runtime: &Runtime) -> Result<Arc<dyn Store>, Failure> {
    if let Some(options) = postgres(plan) {
        let store = runtime.block_on(PostgresStore::open(options)).map_err(|e| unreachable(&e))?;
        return Ok(Arc::new(store));
    }
    let dir = plan.data_dir(context);
    named::folder(&dir)?;
    match runtime.block_on(SqliteStore::open(&dir, SqliteOptions::default())) {
        Ok(store) => Ok(Arc::new(store)),
        Err(StoreError::Locked { path, lock }) => Err(busy(&path, &lock)),
        Err(error) => Err(Failure::part(&error)),
    }
}

/// Opens the store of the settings for reading only, beside the service if one runs; `None` when there is none yet.
pub(super) fn open_store_to_read(
    context: &Context<'_>,
    plan: &Plan,
    runtime: &Runtime,
) -> Result<Option<Arc<dyn Store>>, Failure> {
    if let Some(options) = postgres(plan) {
        return match runtime.block_on(PostgresStore::open_read_only(options)) {
            Ok(store) => Ok(Some(Arc::new(store))),
            Err(StoreError::Absent(_)) => Ok(None),
            Err(error) => Err(unreachable(&error)),
        };
    }
    let dir = plan.data_dir(context);
    named::folder(&dir)?;
    match runtime.block_on(SqliteStore::open_read_only(&dir, SqliteOptions::default())) {
        Ok(store) => Ok(Some(Arc::new(store))),
        Err(StoreError::Absent(_)) => Ok(None),
        Err(error) => Err(Failure::part(&error)),
    }
}

/// How to open the PostgreSQL store, where the settings want one.
pub(super) fn postgres(plan: &Plan) -> Option<PostgresOptions> {
    let data = &plan.loaded.settings.data;
    let url = data.url.as_ref().filter(|_| data.store == StoreKind::Postgres)?;
    Some(PostgresOptions { schema: data.schema.clone(), connections: data.connections, ..PostgresOptions::new(url.expose()) })
}

/// The store in the database cannot be opened.
pub(super) fn unreachable(error: &StoreError) -> Failure {
    let Failure::Part { class, message } = Failure::part(error) else { return Failure::part(error) };
    let message = format!(
        "{message}；请核对 [data] 的 url、账号与数据库是否在运行 / see to url and account in [data], and that the database runs"
    );
    Failure::Part { class, message }
}

/// What to say where nothing has been read yet.
pub(super) fn nothing_yet(context: &Context<'_>, plan: &Plan) -> Text {
    let (zh, en) = match postgres(plan) {
        Some(options) => (format!("数据库（模式 {}）", options.schema), format!("the database (schema {})", options.schema)),
        None => {
            let dir = plan.data_dir(context);
            (format!("数据目录 {}", dir.display()), format!("the data folder {}", dir.display()))
        }
    };
    Text::new(
        format!("{zh} 中还没有任何数据：先运行 `xiaoshu run`（或 `xiaoshu run --once --only collect`）"),
        format!("nothing is in {en} yet: start `xiaoshu run` (or `xiaoshu run --once --only collect`) first"),
    )
}

fn busy(path: &str, lock: &str) -> Failure {
    Failure::Busy(Text::new(
        format!(
            "数据目录 {path} 正由另一个进程写入（锁文件 {lock}）。请先停止服务（如 `systemctl stop xiaoshu`）再执行，\
             或用 `--data` 指定另一个目录。仅查看的命令（status、try、drift list、quarantine list/show/export、不带操作的 release、approve、rekey、takeover）无需停止服务"
        ),
        format!(
            "the store {path} is in use by another process (lock file {lock}). Stop the service first (for instance \
             `systemctl stop xiaoshu`), or name another folder with `--data`. Commands that only look (status, try, drift list, \
             quarantine list/show/export, and release, approve, rekey and takeover that decide nothing) work beside it"
        ),
    ))
}

/// The school, with the namespace and the secret of its record keys, which are fixed at the first start.
pub(super) async fn school(plan: &Plan, store: &dyn Store) -> Result<School, StoreError> {
    let code: Arc<str> = plan.loaded.settings.school.code.as_str().into();
    let name = store.init_meta("key_namespace", code.as_bytes()).await?;
    let mut secret = [0u8; 32];
    rand::rng().fill_bytes(&mut secret);
    let secret = store.init_meta("school_secret", &secret).await?;
    let namespace = Namespace { name: String::from_utf8_lossy(&name).into(), secret: secret.into() };
    Ok(School { code, namespace })
}

/// Opens the feed of every mapped table. A table whose key changed is parked; the others go on.
pub(super) async fn open_feeds(
    plan: &Plan,
    store: &dyn Store,
) -> Result<(HashMap<TableId, FeedId>, Vec<(Arc<str>, String)>), StoreError> {
    let indexed = plan.indexed();
    let mut feeds = HashMap::new();
    let mut parked = Vec::new();
    for (document, table) in plan.active() {
        if feeds.contains_key(&table.id) {
            continue;
        }
        let spec = feed_spec(document, table, indexed.get(&table.id));
        match store.open_feed(&spec).await {
            Ok(feed) => {
                feeds.insert(table.id, feed);
            }
            // Not read yet, and this process only looks.
            Err(StoreError::Absent(_)) => {}
            Err(StoreError::Inconsistent(why)) => parked.push((table.name.clone(), why)),
            Err(error) => return Err(error),
        }
    }
    // Records put together without one of their parts would lose what it gives.
    let lacks = |merge: &&Merge| merge.parts().iter().any(|part| parked.iter().any(|(name, _)| *name == part.plan.name));
    for merge in plan.merges.iter().filter(lacks) {
        feeds.remove(&merge.table().id);
    }
    Ok((feeds, parked))
}

/// Settings of the connector over the hub's own records: a view a table, the ledger, and the catalogue of mappings.
pub(super) async fn hub_settings(
    plan: &Plan,
    store: &dyn Store,
    feeds: &HashMap<TableId, FeedId>,
) -> Result<serde_json::Value, StoreError> {
    let mut plans: Vec<_> = feeds.iter().map(|(table, feed)| (Some(*feed), Arc::clone(plan.table(*table)))).collect();
    // A part that was never read gives nothing; one that is parked leaves its table without a job.
    let parts = plan.merges.iter().flat_map(Merge::parts).map(|part| &part.plan);
    plans.extend(parts.filter(|part| !feeds.contains_key(&part.id)).map(|part| (None, Arc::clone(part))));
    plans.extend(plan.unmapped_inputs().filter(|table| !feeds.contains_key(&table.id)).map(|table| (None, Arc::clone(table))));
    let (database, mut prelude) = store.views(&plans).await?;
    prelude.extend(super::catalogue::sql(plan));
    Ok(serde_json::json!({ "kind": HUB_SOURCE, "database": database, "prelude": prelude }))
}
