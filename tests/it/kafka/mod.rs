//! Kafka against a real broker: what the hub writes, what it reads back, and what becomes of both when brokers end.

mod brain;
pub mod broker;
mod check;
mod compare;
mod demo;
mod faults;
mod send;
mod sender;
mod source;
#[cfg(feature = "kafka-tls")]
mod tls;
mod upstream;
