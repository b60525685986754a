//! What the command line can ask for besides running the server.

pub(crate) mod audit;
pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod mixer;
pub(crate) mod room;
pub(crate) mod stream;
pub(crate) mod token;
