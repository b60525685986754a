//! The one task of the signalling: it handles the engine's events, and what time brings about. It ends with the [`Signalling`].

use super::{Signalling, now, unix_now_s};
use crate::authn::CLOCK_LEEWAY_S;
use crate::events::EventIntake;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Weak;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often sessions are looked through for those whose time is over.
const TICK: Duration = Duration::from_secs(1);

pub(super) async fn run(signalling: Weak<Signalling>, intake: EventIntake) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            waiting = intake.next() => {
                let Some(signalling) = signalling.upgrade() else { return };
                for event in &waiting.events {
                    guarded(&signalling, || signalling.with(|house, fx| house.happened(event, fx)));
                }
                for room in waiting.overrun {
                    tracing::error!(%room, "events of this room were lost: ending it");
                    guarded(&signalling, || signalling.with(|house, fx| house.overrun(room, fx)));
                }
            }
            _ = tick.tick() => {
                let Some(signalling) = signalling.upgrade() else { return };
                let expired = signalling.config.end_sessions_at_token_expiry;
                let before = expired.then(|| unix_now_s().saturating_sub(CLOCK_LEEWAY_S));
                guarded(&signalling, || {
                    signalling.with(|house, fx| {
                        house.tell_time(unix_now_s());
                        house.tick(now(), before, fx);
                    });
                });
            }
        }
    }
}

/// A defect in the handling of one event must not end the handling of all others.
fn guarded(signalling: &Signalling, handle: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(handle)).is_err() {
        signalling.metrics.defects.inc();
        tracing::error!("a defect while handling an event of the media engine");
    }
}
