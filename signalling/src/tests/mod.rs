//! The signalling as its users see it: through the router, with a stand-in for the media engine. Sockets are in memory and the clock
//! is Tokio's, paused: whole minutes pass in no time, and nothing sleeps.

mod abuse;
mod access;
mod announcements;
mod audience;
mod egress;
mod http;
mod identity;
mod layouts;
mod moderate;
mod quality;
mod rates;
mod relay;
mod resume;
mod snapshots;
mod talk;
mod tokens;
mod whip;
mod world;
