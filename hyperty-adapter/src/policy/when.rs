//! The time as people say it.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use thiserror::Error;

/// Why there is no such zone.
#[derive(Debug, Error)]
#[error(
    "{name:?} is no time zone of this machine: write one as \"Europe/Lisbon\", or \"UTC\"; the zones come with the package tzdata"
)]
pub struct NoZone {
    name: String,
}

/// Where it is what time.
#[derive(Debug, Clone)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// A minute, as policies see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Minute {
    /// Since midnight.
    pub(super) of_day: i64,
    pub(super) weekday: &'static str,
    /// 20261123
    pub(super) date: i64,
}

impl Zone {
    /// The zone of a name, as `Europe/Lisbon`.
    ///
    /// # Errors
    /// [`NoZone`].
    pub fn named(name: &str) -> Result<Self, NoZone> {
        if name == "UTC" {
            return Ok(Self::default());
        }
        TimeZone::get(name).map(Self).map_err(|_| NoZone { name: name.to_owned() })
    }

    pub(super) fn minute(&self, now_ms: i64) -> Minute {
        // A clock that is beyond all calendars is at their beginning.
        let time = Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(self.0.clone());
        let weekday = match time.weekday() {
            Weekday::Monday => "monday",
            Weekday::Tuesday => "tuesday",
            Weekday::Wednesday => "wednesday",
            Weekday::Thursday => "thursday",
            Weekday::Friday => "friday",
            Weekday::Saturday => "saturday",
            Weekday::Sunday => "sunday",
        };
        let date = i64::from(time.year()) * 10_000 + i64::from(time.month()) * 100 + i64::from(time.day());
        Minute { of_day: i64::from(time.hour()) * 60 + i64::from(time.minute()), weekday, date }
    }
}
