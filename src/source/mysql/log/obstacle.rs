//! What keeps a log from being used, or makes it of less use, in words with a remedy.

use crate::finding::Text;
use crate::source::Need;

/// What stands in the way of reading the log for a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// The server keeps no binary log.
    LogOff,
    /// The server is a replica that does not log what it replicates.
    SilentReplica,
    /// The log leaves the schema out.
    Filtered { schema: String },
    /// The account may not ask where the log is.
    NotAllowedToAsk,
    /// The account may not read the log.
    NotAllowedToRead,
    /// The server does not send its log.
    NotSent { why: Text },
    /// There is no such table, or the account may not see it.
    NoTable { object: String },
    /// A view, or a table that keeps its history.
    NotATable { object: String, kind: String },
    /// Nothing identifies a row.
    NoKey { object: String },
    /// A column of the key is not there.
    NoColumn { object: String, column: String },
    /// A column of the key is of a type whose values in the log cannot be compared with those in the table.
    KeyType { column: String, declared: String },
    /// Statements are logged, not rows.
    Statements { format: String },
    /// Images of rows may lack the key's columns.
    PartialImages,
    /// Foreign keys change rows without the log.
    ForeignKeys { tables: Vec<String> },
}

impl Obstacle {
    /// Whether the log cannot be used at all; else it can be, and everything is read more often.
    pub fn refuses(&self) -> bool {
        !matches!(self, Self::Statements { .. } | Self::PartialImages | Self::ForeignKeys { .. })
    }

    /// As a check shows it.
    pub fn need(&self, what: Text) -> Need {
        let ok = self.refuses().then_some(false);
        Need { what, ok, found: self.what(), remedy: self.remedy() }
    }

    /// As a run says it.
    pub fn why(&self) -> Text {
        let what = self.what();
        match self.remedy() {
            Some(remedy) => Text::new(format!("{}；{}", what.zh, remedy.zh), format!("{}; {}", what.en, remedy.en)),
            None => what,
        }
    }

    fn what(&self) -> Text {
        match self {
            Self::LogOff => Text::new("服务器没有开启二进制日志", "the server keeps no binary log"),
            Self::SilentReplica => Text::new(
                "该服务器是从库，且不把复制来的变更写入自己的日志",
                "this server is a replica and does not log what it replicates",
            ),
            Self::Filtered { schema } => {
                Text::new(format!("二进制日志不记录数据库 {schema}"), format!("the binary log leaves the database {schema} out"))
            }
            Self::NotAllowedToAsk => Text::new("账号无权查询二进制日志的位置", "the account may not ask where the binary log is"),
            Self::NotAllowedToRead => Text::new("账号无权读取二进制日志", "the account may not read the binary log"),
            Self::NotSent { why } => why.clone(),
            Self::NoTable { object } => Text::new(
                format!("{object} 不存在，或账号看不到它"),
                format!("{object} does not exist, or the account cannot see it"),
            ),
            Self::NotATable { object, kind } => Text::new(
                format!("{object} 不是普通表（{kind}），日志中没有它的行"),
                format!("{object} is no ordinary table ({kind}), and the log has no rows of it"),
            ),
            Self::NoKey { object } => Text::new(
                format!("{object} 没有主键，无法从日志得知是哪一行"),
                format!("{object} has no primary key, so the log cannot tell which row it was"),
            ),
            Self::NoColumn { object, column } => {
                Text::new(format!("{object} 没有列 {column}"), format!("{object} has no column {column}"))
            }
            Self::KeyType { column, declared } => Text::new(
                format!("键列 {column} 的类型 {declared} 无法从日志中对应到行"),
                format!("values of the key column {column} ({declared}) in the log cannot be matched with rows"),
            ),
            Self::Statements { format } => Text::new(
                format!("binlog_format 为 {format}：日志记录语句而不是行，每次本库有变更都要全量读取"),
                format!(
                    "binlog_format is {format}: statements are logged, not rows, and after each change in the database everything is read"
                ),
            ),
            Self::PartialImages => Text::new(
                "binlog_row_image 不是 FULL，而键不是主键：日志中可能缺少键列，缺少时要全量读取",
                "binlog_row_image is not FULL and the key is not the primary key: where the log lacks the key, everything is read",
            ),
            Self::ForeignKeys { tables } => Text::new(
                format!("外键的级联动作不写入日志；{} 中有行被删除或键被修改时要全量读取", tables.join("、")),
                format!(
                    "what foreign keys do by themselves is not logged; when a row of {} is deleted or its key changed, everything is read",
                    tables.join(", ")
                ),
            ),
        }
    }

    fn remedy(&self) -> Option<Text> {
        Some(match self {
            Self::LogOff => Text::new(
                "请管理员以 log_bin 和 binlog_format=ROW 启动服务器，或在 [read.changes] 中改用 by = \"watermark\"",
                "have the server started with log_bin and binlog_format=ROW, or use by = \"watermark\" in [read.changes]",
            ),
            Self::SilentReplica => Text::new(
                "请在从库开启 log_slave_updates（MySQL 8.0.26 起为 log_replica_updates），或改读主库",
                "switch log_slave_updates (log_replica_updates since MySQL 8.0.26) on there, or read the primary server",
            ),
            Self::Filtered { .. } => {
                Text::new("请管理员调整 binlog_do_db、binlog_ignore_db", "have binlog_do_db and binlog_ignore_db changed")
            }
            Self::NotAllowedToAsk => Text::new(
                "请授予 REPLICATION CLIENT（SQL 见 `xiaoshu check --connect`）",
                "grant REPLICATION CLIENT (`xiaoshu check --connect` prints the SQL)",
            ),
            Self::NotAllowedToRead => Text::new(
                "请授予 REPLICATION SLAVE（SQL 见 `xiaoshu check --connect`）",
                "grant REPLICATION SLAVE (`xiaoshu check --connect` prints the SQL)",
            ),
            Self::NotSent { .. } => Text::new("请查看数据库服务器的错误日志", "look at the error log of the database server"),
            Self::NoTable { .. } | Self::NoColumn { .. } => {
                Text::new("请更正 [read] 中的名称或授权", "correct the name in [read], or the grants")
            }
            Self::NotATable { .. } => {
                Text::new("请读取其所依据的表，或改用 by = \"watermark\"", "read the table behind it, or use by = \"watermark\"")
            }
            Self::NoKey { .. } => Text::new(
                "请用 [read.changes] 的 key 指定唯一标识一行的列，或改用 by = \"watermark\"",
                "name columns that identify a row by `key` in [read.changes], or use by = \"watermark\"",
            ),
            Self::KeyType { .. } => Text::new(
                "键列可用整数、DECIMAL、日期时间、CHAR、VARCHAR；请用 key 另行指定，或改用 by = \"watermark\"",
                "keys may be whole numbers, DECIMAL, dates and times, CHAR, VARCHAR; name others by `key`, or use by = \"watermark\"",
            ),
            Self::Statements { .. } => Text::new("请管理员设置 binlog_format=ROW", "have binlog_format set to ROW"),
            Self::PartialImages => Text::new(
                "请设置 binlog_row_image=FULL，或以主键为 key",
                "set binlog_row_image to FULL, or take the primary key as key",
            ),
            Self::ForeignKeys { .. } => return None,
        })
    }
}
