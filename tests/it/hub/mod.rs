//! The whole hub against the reference platform.

mod adopt;
mod again;
mod balance;
mod beside;
mod crash;
mod crashing;
mod kill;
mod logs;
mod school;
mod serve;
mod shared;
mod shipped;
mod standing;
mod story;
mod traces;
