//! Bad networks in user space: pure lanes for a virtual clock, and a UDP relay that is made of them for real sockets.

mod air;
mod bottleneck;
mod command;
mod control;
mod hold;
mod link;
mod relay;
#[cfg(test)]
mod tests;
mod wish;

pub use air::{Air, Flying};
pub use bottleneck::{Bottleneck, Queue, RateStep};
pub use command::{ImpairArgs, run};
pub use hold::Hold;
pub use link::{Arrivals, Burst, Lane, LaneCounts, Link, WIRE_OVERHEAD_BYTES};
pub use relay::{ClientCounts, DirectionCounts, Relay, RelayOptions};
pub use wish::{BurstWish, HoldWish, LinkWish, RateAfter, Wish};
