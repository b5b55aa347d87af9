//! The hub's gRPC face: a real client over a real socket, against the service as `run` puts it together.
#![cfg(unix)]

mod face;
mod landing;
mod push;
mod python;
mod records;
mod service;
mod settings;
