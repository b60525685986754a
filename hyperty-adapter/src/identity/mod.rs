//! Who somebody is: the identity provider of a domain, and the checks of what other providers say.
//!
//! Begin with [`Provider`]: accounts, sessions, OpenID Connect, assertions, each as one function that is told the time, with what [`colloquy_storage`]
//! keeps. [`http`] is its doors: pages for people, OpenID Connect for programs, [IdP proxies](proxy) for browsers and reTHINK runtimes. Below it the
//! rules, pure: [`oidc`] (requests, decisions, claims), [`account`] (addresses, passwords, throttling), [`jose`] (signed tokens and their keys).
//!
//! Media and message nodes need only the other half, also pure: [`assertion::Verifier`] says for whom an assertion speaks and whether it is for these
//! DTLS fingerprints, [`message::Senders`] who sent a reTHINK message, [`trust::trust`] how far a name is to be trusted, in a colour and in words, and
//! [`authz::allowed`] who may do what. [`external`] is this server as a client of other OpenID Connect providers.
//!
//! No private key, secret or password is ever logged or leaves this module, but for the links of mails where the configuration has them logged.

pub mod account;
pub mod assertion;
pub mod authz;
pub mod config;
pub mod external;
pub mod http;
pub mod jose;
pub mod mail;
pub mod message;
pub mod oidc;
pub mod persona;
pub mod provider;
pub mod proxy;
pub mod secret;
pub mod trust;
mod vouched;

pub use config::Config;
pub use provider::{Parts, Provider, ProviderFault, StartFault};
pub use vouched::Vouched;
