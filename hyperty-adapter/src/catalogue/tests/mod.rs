//! The catalogue from outside: over a loopback socket, and with real files.

mod changes;
mod own;
mod rest;
mod signatures;
mod support;
