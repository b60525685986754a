//! Several nodes that listen, and clients on their sockets. One suite for each way between nodes.

mod suite;
mod ways;
