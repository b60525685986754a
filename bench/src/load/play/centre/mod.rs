//! A contact centre while it is measured: somebody is always changing who hears and sees whom, and every packet that comes is held
//! against what was allowed when it came.
//!
//! What is allowed is asked of the audience matrix itself, which the server has to obey: whether the matrix is right is tested elsewhere,
//! here it is whether anything gets past it, under load, between one change and the next.

mod director;
mod judge;
mod ledger;
mod plan;

pub(super) use director::{Director, Order, Player};
pub(super) use judge::judge;
