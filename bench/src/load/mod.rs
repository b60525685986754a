//! The load harness proper: scenarios, thousands of clients, any server, figures that can be trusted or say that they cannot.
//!
//! [`scenario`] says what is played, [`fleet`] plays the clients, [`system`] is who is measured, [`play`] is one measurement,
//! [`command`] many, [`result`] what is left behind, [`page`] what people see of it.

pub mod command;
pub mod fleet;
pub mod page;
pub mod play;
mod recording;
pub mod result;
pub mod scenario;
pub mod system;
#[cfg(test)]
mod tests;
