//! The use-cases together.

mod rhythm;
mod store;
mod world;

mod age;
mod behavior;
mod constant;
mod conversation;
mod enroll;
mod identify;
mod identify_live;
mod live;
mod policies;
mod sessions;
mod subjects;
mod verify;
