//! Tests of the store as its callers see it, and as somebody with the file in hand does.

mod adaptation;
mod age_class;
mod behavior;
mod erasure;
mod feedback;
pub(in crate::store::sqlite) mod fixture;
mod group;
mod phone_numbers;
mod policies;
mod profiles;
mod sources;
mod tamper;

pub(crate) use fixture::{Fixture, subject, tamper, tenant};
