//! Who somebody is.
pub mod account;
pub mod assertion;
pub mod authz;
pub mod config;
pub mod external;
pub mod http;
pub mod jose;
pub mod mail;
pub mod oidc;
pub mod persona;
pub mod provider;
pub mod proxy;
pub mod secret;
pub mod trust;
