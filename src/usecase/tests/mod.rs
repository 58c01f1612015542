//! The use-cases together.

mod store;
mod world;

mod age;
mod enroll;
mod identify;
mod identify_live;
mod live;
mod subjects;
mod verify;
