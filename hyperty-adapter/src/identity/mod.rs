//! Who somebody is.
pub mod jose;
pub mod secret;
