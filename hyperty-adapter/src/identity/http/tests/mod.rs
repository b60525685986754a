//! The provider as browsers and clients meet it: over sockets, with cookies.

mod accounts;
mod assertions;
mod authorize;
mod external;
mod tokens;
mod world;
