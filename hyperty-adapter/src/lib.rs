//! The reTHINK world of this server: a message node that original, unmodified reTHINK clients can live in.
//!
//! Everything that clients send is an [`envelope`]: JSON with a sender, one or more receivers, a type and a body. The [`node`] routes
//! envelopes between sessions, keeps who is subscribed to what, and answers for its own components (sessions, subscriptions,
//! allocation of addresses). It is sans-IO: it is told what came and what time it is, and gives what is to be sent. The [`wire`]s carry
//! messages on the paths and in the framing of each of the original nodes.
//!
//! Sources: reTHINK `specs:messages`, `specs:datamodel`, and what original clients and nodes were seen to send.

pub mod address;
pub mod backbone;
pub mod catalogue;
pub mod clock;
pub mod envelope;
pub mod global;
pub mod identity;
pub mod node;
pub mod policy;
pub mod registry;
pub mod wire;
