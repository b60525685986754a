//! Policies: who may send what to whom, in files of the operator's, in [Cedar](https://www.cedarpolicy.com).
//!
//! [`Policies`] is a [`Gate`](crate::node::Gate) of the node: it is asked about each message after the node's own rules (whose address is whose) have let it
//! pass, and answers at once: it reads no file and waits for nobody. What a message is in a policy's eyes is in `facts`; what policies can
//! speak of is in `schema.cedarschema`. Where no policy is for a type of message, nothing is looked at; otherwise what was decided is
//! remembered by all that the policies in question look at.
//!
//! It fails closed: a message whose body cannot be read, or a policy that cannot be evaluated, is no.

mod cache;
mod facts;
mod folder;
mod identities;
mod metrics;
mod needs;
mod policies;
mod rules;
mod when;

pub use folder::BadPolicies;
pub use identities::{Claim, Identities, NoIdentities, User};
pub use metrics::PolicyMetrics;
pub use policies::{Figures, LOOK_EVERY, Otherwise, Policies, Settings};
pub use when::{NoZone, Zone};
