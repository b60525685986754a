//! The edge: sockets, threads, clocks.

mod runs;
mod socket;
mod sys;
#[cfg(test)]
mod testing;

pub use socket::{Arrivals, SendOutcome, SocketOptions, UdpReceiver, UdpSender, UdpSocket};
