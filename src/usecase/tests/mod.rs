//! The use-cases together.

mod memory;
mod world;

mod enroll;
mod identify;
mod live;
mod subjects;
mod verify;
