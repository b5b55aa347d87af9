//! Why a log cannot be followed, or no longer: in words, with what to do.

use crate::finding::Text;

/// What is not as it has to be at the server. Settings there mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) enum Unfit {
    /// Older than what is used.
    Version,
    /// A standby keeps no log of its own.
    Standby,
    /// The server's `wal_level`.
    Level(String),
    /// The account may not read the log.
    Right(String),
    /// Not a table whose rows the server keeps itself.
    NoTable,
    /// A column of the key that is not there.
    NoColumn(String),
    /// Neither a key in the mapping nor a primary one.
    NoKey,
    /// There is no such publication.
    NoPublication(String),
    /// The table or a part of it is not in the publication.
    NotPublished(String),
    /// Some kinds of change, rows or columns are left out.
    PublishedInPart(String),
    /// Changes do not say which row.
    NoIdentity,
    /// Changes do not say the columns of the key.
    KeyNotTold,
    /// All places for slots are taken.
    Full,
}

impl Unfit {
    /// What is wrong.
    pub fn what(&self) -> Text {
        match self {
            Self::Version => {
                Text::new("读取变更日志需要 PostgreSQL 12 或更新版本", "the log of changes needs PostgreSQL 12 or newer")
            }
            Self::Standby => Text::new(
                "该服务器是备库，不能在其上建立复制槽",
                "the server is a standby, on which no replication slot can be made",
            ),
            Self::Level(level) => Text::new(
                format!("wal_level 为 {level}，变更日志需要 logical"),
                format!("wal_level is {level}, and the log of changes needs logical"),
            ),
            Self::Right(user) => Text::new(
                format!("账号 {user} 没有 REPLICATION 属性"),
                format!("the account {user} lacks the attribute REPLICATION"),
            ),
            Self::NoTable => Text::new(
                "不是本库中的普通表或分区表（视图、外部表没有变更日志），或账号看不到它",
                "it is no table or partitioned table of this database (views and foreign tables have no log), or the account cannot see it",
            ),
            Self::NoColumn(column) => {
                Text::new(format!("键列 {column} 不在表中"), format!("the key's column {column} is not in the table"))
            }
            Self::NoKey => {
                Text::new("表没有主键，映射也没有写明键", "the table has no primary key, and the mapping names no key")
            }
            Self::NoPublication(name) => Text::new(format!("没有发布 {name}"), format!("there is no publication {name}")),
            Self::NotPublished(name) => Text::new(
                format!("表或其某个分区不在发布 {name} 中"),
                format!("the table or one of its partitions is not in the publication {name}"),
            ),
            Self::PublishedInPart(name) => Text::new(
                format!("发布 {name} 略去了某类变更（须含 insert、update、delete、truncate），或只含部分行、列"),
                format!(
                    "the publication {name} leaves out a kind of change (insert, update, delete and truncate are needed), rows or columns"
                ),
            ),
            Self::NoIdentity => Text::new(
                "表既无主键也无 REPLICA IDENTITY；它在发布中时，业务系统的修改与删除会被数据库拒绝",
                "the table has neither a primary key nor a REPLICA IDENTITY; while it is in a publication the database refuses the \
                 application's own updates and deletions",
            ),
            Self::KeyNotTold => Text::new(
                "映射的键列不在表的 REPLICA IDENTITY 之内，键被改动时看不出来",
                "the mapping's key is not within the table's REPLICA IDENTITY, so a changed key would not be seen",
            ),
            Self::Full => Text::new(
                "服务器没有空闲的复制槽（max_replication_slots）",
                "the server has no free replication slot (max_replication_slots)",
            ),
        }
    }

    /// What to do.
    pub fn remedy(&self) -> Text {
        match self {
            Self::Version | Self::Standby => Text::new(
                "改为从主库读取，或在 [read.changes] 中用 by = \"watermark\"",
                "read from the primary, or use by = \"watermark\" in [read.changes]",
            ),
            Self::Level(_) => Text::new(
                "请管理员执行 ALTER SYSTEM SET wal_level = logical，并重启数据库",
                "have the administrator run ALTER SYSTEM SET wal_level = logical and restart the server",
            ),
            Self::Right(user) => {
                let sql = format!("ALTER ROLE \"{}\" REPLICATION", user.replace('"', "\"\""));
                Text::new(format!("请管理员执行 {sql}"), format!("have the administrator run {sql}"))
            }
            Self::NoTable | Self::NoColumn(_) => Text::new("核对 [read] 的 object 与键", "correct object and key in [read]"),
            Self::NoKey => Text::new(
                "在 [read.changes] 中写明 key，并将 REPLICA IDENTITY 设为 FULL",
                "name the key in [read.changes], and set the REPLICA IDENTITY to FULL",
            ),
            Self::NoPublication(_) | Self::NotPublished(_) | Self::PublishedInPart(_) => Text::new(
                "请管理员按 `xiaoshu check --connect` 打印的 SQL 建立或修改发布",
                "have the administrator make or alter the publication by the SQL that `xiaoshu check --connect` prints",
            ),
            Self::NoIdentity => Text::new(
                "立即执行 ALTER TABLE … REPLICA IDENTITY FULL，或将该表移出发布",
                "run ALTER TABLE … REPLICA IDENTITY FULL at once, or take the table out of the publication",
            ),
            Self::KeyNotTold => Text::new(
                "改用主键作键，或执行 ALTER TABLE … REPLICA IDENTITY FULL",
                "use the primary key as key, or run ALTER TABLE … REPLICA IDENTITY FULL",
            ),
            Self::Full => Text::new(
                "请管理员调大 max_replication_slots，或删除不再使用的复制槽",
                "have the administrator raise max_replication_slots, or drop slots that nobody uses",
            ),
        }
    }
}

/// Why what changed cannot be taken from the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// The server is not set up for it.
    Unfit(Unfit),
    /// The mark was written by another version of the hub.
    Unreadable,
    /// Another server answers at the address.
    OtherServer,
    /// The server was failed over, or restored to an earlier time.
    OtherTimeline,
    /// The server's log ends before the place the hub has.
    ServerOlder,
    /// The table was made anew, rebuilt or emptied, or the publication changed.
    TableChanged,
    /// The slot is not there.
    SlotGone,
    /// The server threw away what the slot kept.
    SlotLost,
    /// The slot is ahead of the hub, whose store is an older one.
    SlotAhead,
    /// The server had to keep too much for the slot, in MiB kept and allowed; the slot was dropped.
    Budget(u64, u64),
    /// Open transactions kept a slot from being made.
    Busy,
}

impl Why {
    /// In words, with what to do where something is to be done.
    pub fn text(&self) -> Text {
        match self {
            Self::Unfit(unfit) => {
                let (what, remedy) = (unfit.what(), unfit.remedy());
                Text::new(
                    format!("变更日志不可用，改为每次全部读取：{}；{}", what.zh, remedy.zh),
                    format!("the log of changes cannot be used and everything is read each time: {}; {}", what.en, remedy.en),
                )
            }
            Self::Unreadable => again("记下的日志位置是另一版本写的", "the place noted in the log is of another version"),
            Self::OtherServer => again(
                "该地址上的数据库已不是原来那一个（系统标识不同）",
                "another server answers at this address (its system identifier differs)",
            ),
            Self::OtherTimeline => {
                again("数据库发生过切换或恢复（时间线不同）", "the server was failed over or restored (its timeline differs)")
            }
            Self::ServerOlder => {
                again("数据库的日志比记下的位置旧，它恢复过备份", "the server's log ends before the place noted: it was restored")
            }
            Self::TableChanged => again(
                "表被重建、改写或清空，或发布有改动",
                "the table was rebuilt, rewritten or emptied, or the publication changed",
            ),
            Self::SlotGone => again("复制槽已被删除", "the replication slot was dropped"),
            Self::SlotLost => again(
                "数据库已丢弃复制槽所需的日志（max_slot_wal_keep_size 过小，或本系统停得太久）",
                "the server threw away the log that the slot needs (max_slot_wal_keep_size is too small, or the hub was down for too long)",
            ),
            Self::SlotAhead => again(
                "复制槽的位置在本系统存储之后：存储恢复过备份，或另一个系统用了同一个复制槽",
                "the slot is ahead of the hub's store: the store was restored, or another hub uses the same slot",
            ),
            Self::Budget(kept, most) => Text::new(
                format!(
                    "为复制槽保留的日志达 {kept} MiB，超过 log.max_retained（{most} MiB），已删除复制槽，暂时每次全部读取；一天后再试"
                ),
                format!(
                    "the server kept {kept} MiB of log for the slot, more than log.max_retained ({most} MiB): the slot was dropped and \
                     everything is read each time; the log is tried again after a day"
                ),
            ),
            Self::Busy => Text::new(
                "有事务长时间未结束，暂时无法建立复制槽，本次全部读取，下次再试",
                "transactions stay open for long, so no slot could be made yet: everything is read, and it is tried again next time",
            ),
        }
    }
}

fn again(zh: &str, en: &str) -> Text {
    Text::new(format!("{zh}，全部重新读取"), format!("{en}: everything is read again"))
}
