//! Code generated from `proto/vouch/v1`; the proto files carry the documentation.

#![expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::large_enum_variant,
    reason = "generated code"
)]

tonic::include_proto!("vouch.v1");

/// All files of the package as an encoded `FileDescriptorSet`, for reflection.
pub const DESCRIPTORS: &[u8] = tonic::include_file_descriptor_set!("vouch_descriptor");
