//! Tests of the store as its callers see it, and as somebody with the file in hand does.

mod behavior;
mod crash;
mod erasure;
mod fixture;
mod group;
mod tamper;

pub(crate) use fixture::tamper;
