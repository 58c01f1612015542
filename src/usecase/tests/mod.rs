//! The use-cases together.

mod phone_numbers;
mod rhythm;
mod store;
mod world;

mod age;
mod behavior;
mod constant;
mod conversation;
mod enroll;
mod export;
mod feedback;
mod identify;
mod identify_live;
mod live;
mod policies;
mod session_captures;
mod sessions;
mod subjects;
mod verify;
