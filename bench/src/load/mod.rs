//! The load harness proper: scenarios, thousands of clients, any server, figures that can be trusted or say that they cannot.
//!
//! [`scenario`] says what is played, [`fleet`] plays the clients, [`system`] is who is measured, [`result`] what is left behind.

pub mod fleet;
pub mod result;
pub mod scenario;
pub mod system;
