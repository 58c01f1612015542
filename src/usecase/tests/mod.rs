//! The use-cases together.

mod store;
mod world;

mod age;
mod enroll;
mod identify;
mod live;
mod subjects;
mod verify;
