//! Black-box tests against a real server on a free port. One binary; a module a topic.

mod app;
mod auth;
mod double;
mod errors;
mod health;
mod limits;
mod live;
mod logs;
mod server;
mod stop;
mod tls;
