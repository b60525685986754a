//! Who somebody is.
pub mod assertion;
pub mod authz;
pub mod jose;
pub mod persona;
pub mod secret;
pub mod trust;
