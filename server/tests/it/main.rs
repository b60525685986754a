//! The tests of the server, in one binary: linking it once is what takes time.

mod audit;
mod cli;
mod egress;
mod identity;
mod layers;
mod rethink;
mod rtp;
mod serve;
mod support;
mod turn;
