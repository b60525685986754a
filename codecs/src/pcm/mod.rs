//! Sound as numbers from -1 to 1 at 48 kHz, interleaved where there are two channels.

mod agc;
mod level;
mod limiter;
mod noise;
mod stretch;
mod sum;

pub use agc::Agc;
pub use level::{level_dbov, peak, rms, to_dbov};
pub use limiter::{CEILING, LIMITER_DELAY_SAMPLES, Limiter};
pub use noise::Noise;
pub use stretch::{MAX_PERIOD_SAMPLES, MIN_STRETCHED_SAMPLES, insert_period, remove_period};
pub use sum::{Weight, add, downmix, fade};
