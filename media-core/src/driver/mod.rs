//! The edge: sockets, threads, clocks.
