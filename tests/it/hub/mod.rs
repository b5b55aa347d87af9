//! The whole hub against the reference platform.

mod adopt;
mod again;
mod balance;
mod beside;
mod binlog;
mod crash;
mod crashing;
mod cut;
mod incremental;
mod kill;
mod live;
mod logs;
mod lost;
mod manners;
mod restored;
pub mod school;
mod serve;
mod shared;
mod sharing;
mod shipped;
mod standing;
mod story;
mod traces;
