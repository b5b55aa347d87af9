//! The protocols as generated from `proto/`, and the security of the channels that carry them.

pub mod kafka;
pub mod tls;

/// Between a hub and a central platform: `proto/smartbrain/v1`.
pub mod smartbrain {
    /// Version 1.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated; what the fields mean stands in the protocol files"
    )]
    pub mod v1 {
        tonic::include_proto!("smartbrain.v1");
    }
}

/// The hub's own face, to vendors' systems and the school's applications: `proto/schoolhub/v1`.
pub mod schoolhub {
    /// Version 1.
    #[allow(
        missing_docs,
        clippy::all,
        clippy::allow_attributes_without_reason,
        reason = "generated; what the fields mean stands in the protocol files"
    )]
    pub mod v1 {
        tonic::include_proto!("schoolhub.v1");
    }
}

/// The descriptors of all protocol files, a serialised `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
