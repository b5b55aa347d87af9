//! The hub's own face to others in the school: vendors' systems that push rows, applications that read records, whoever
//! watches over it. It reads the store, and writes through the pipeline's handle alone.

mod auth;
mod config;
mod grpc;

pub use auth::{Client, Clients, Scope};
pub use config::{ClientConfig, Config, GrpcConfig, LimitConfig};
pub use grpc::{Parts, Running, ServeError, ServedTable, StatusSource, start};
