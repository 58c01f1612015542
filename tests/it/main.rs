//! Black-box tests against a real server on a free port. One binary; a module a topic.

#![expect(
    clippy::unwrap_used,
    reason = "tests measure waiting, and one that cannot go on should fail there"
)]

mod age;
mod app;
mod app_session;
mod auth;
mod behavior;
mod behavior_data;
mod captures;
mod calibration;
mod conversation;
mod double;
mod errors;
mod feedback;
mod health;
mod kill;
mod limits;
mod live;
mod logs;
mod phone_numbers;
mod policies;
mod process;
mod recordings;
mod server;
mod sources;
mod stop;
mod subjects;
mod texts;
mod tls;
mod train;
mod usage;
