//! Streams: one suite over all ways to the platform, what is particular to gRPC, channels, the protocol files.

mod demo;
mod digital_base;
mod grpc;
mod protocol;
mod proxy;
pub mod suite;
mod tls;
