//! mediasoup, which cannot be had from the registries that this project builds from. It is named all the same, so that a report tells
//! of it.

use super::{Placement, Running, System};
use anyhow::{Result, bail};
use std::sync::Arc;

/// Why there is none.
const WHY: &str = "its worker is built with libuv, OpenSSL and a libsrtp fork that its build fetches from their own sites, \
or comes ready-made from a release page: no package registry has it. \
Where a server with mediasoup runs that speaks WHIP and WHEP, measure it with --system whip=PUBLISH_URL,WATCH_URL";

/// mediasoup.
#[derive(Debug)]
pub(super) struct Mediasoup;

impl System for Mediasoup {
    fn name(&self) -> &'static str {
        "mediasoup"
    }

    fn absent(&self) -> Option<String> {
        Some(WHY.to_owned())
    }

    fn start(&self, _place: &Placement) -> Result<Arc<dyn Running>> {
        bail!(WHY)
    }
}
