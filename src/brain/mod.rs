//! The reference central platform, `xiaoshu brain`.
//!
//! It receives what schools report, as the Ministry's platform does: it checks account, address, clock, signature and
//! cipher, judges each row by the edition, keeps the good rows by their record key, and gives its verdict later, in a
//! result query. It is the sandbox that no school has, and the double that the hub is tested against; therefore every
//! point on which the real platform's clients disagree is a setting, every trouble it may give is a scripted
//! [`Fault`], and what it holds can be read and counted.
//!
//! A platform that runs as a process is scripted and read over `/brain/…`, from its own machine only, in JSON:
//!
//! | path | does |
//! |---|---|
//! | `POST /brain/control/faults` | adds a [`Fault`]: `{"call": "submit", "table": "ODS_…", "nth": 2, "action": {"kind": "lose_answer"}}` |
//! | `GET`, `DELETE /brain/control/faults` | lists them, takes them away |
//! | `GET`, `POST /brain/control/clock` | shows the clock, moves it: `{"advance_ms": 60000}` |
//! | `POST /brain/control/tokens/expire` | ends all tokens |
//! | `POST /brain/control/results` | adds a result of somebody else, a [`Foreign`] |
//! | `GET /brain/effects?table=`, `/brain/writes?table=` | what was written, with effect or all |
//! | `GET /brain/counts`, `/brain/digest` | rows held, writes, effects by table; a digest over all that is held |
//! | `POST /brain/control/demand` | asks a hub, on its stream or the return topic: `{"school": "…", "resend": "T"}`, or `"reconcile": "T"` (empty for all) |
//! | `GET /brain/schools` | each school: connected, last seen, tables with their freshness, accepted share |
//! | `GET /brain/batches`, `/brain/calls`, `/brain/accounts` | batches with their verdicts; calls counted; accounts without secrets |
//!
//! One folder an interface (`digital_base`: the Ministry's HTTP calls, `grpc`: streams, `kafka`: topics); all interfaces write through
//! `effects`, streams by key and seq, so that nothing has an effect twice. It shares the standard and the validation with the hub and no delivery code.

mod accounts;
mod clock;
mod config;
mod control;
mod digest;
mod digital_base;
mod effects;
mod error;
mod faults;
mod grpc;
mod handle;
mod judge;
mod kafka;
mod line;
mod platform;

pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{
    Account, BrainConfig, CipherCode, DateTimes, EffectsConfig, GateConfig, GrpcConfig, KafkaConfig, LoginConfig,
    LoginParameters, LoginStyle, PageStyle, ResultsBody, ResultsConfig, RowsConfig, RsaPadding, SealedFields, Secret, Sm4KeyCut,
    TextCode, TokenHeader, ZoneStyle,
};
pub use effects::{Counts, Effect, HeldRow, Operation, ReportedBatch};
pub use error::BrainError;
pub use faults::{Action, Call, Fault};
pub use grpc::{SchoolTable, SchoolView};
pub use handle::{Brain, BrainHandle, CallCount, Foreign};
pub use judge::{EditionJudge, Judged, RowJudge};
