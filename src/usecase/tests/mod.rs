//! The use-cases together.

mod rhythm;
mod store;
mod world;

mod adapt_voice;
mod age;
mod app_token;
mod behavior;
mod constant;
mod conversation;
mod enroll;
mod export;
mod feedback;
mod identify;
mod identify_live;
mod live;
mod phone_numbers;
mod policies;
mod recalibrate;
mod session_age;
mod session_captures;
mod sessions;
mod sources;
mod subjects;
mod verify;
