//! Policies, asked by a node without a socket.

mod examples;
mod facts;
mod live;
mod support;
