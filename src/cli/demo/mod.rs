//! `vouch demo`: the main job on real recordings, through the real server and a real client.

mod report;
mod script;
mod voices;
