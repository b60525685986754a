//! Behaviour on a simulated bottleneck, in virtual time.

mod coupled;
mod fairness;
mod hostile;
mod link;
mod pacing;
mod plot;
mod scenarios;
mod tcp;
mod viewer;
mod world;
