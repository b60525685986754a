//! Numbers as people read them: no more digits than mean something, thousands set apart, a unit that fits.

/// A figure to three digits or so.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    let rounded = if size >= 100.0 || value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else if size >= 0.001 {
        format!("{value:.3}")
    } else {
        return format!("{value:.1e}");
    };
    thousands(&rounded)
}

/// A ratio to two decimals, with its sign.
pub(super) fn times(value: f64) -> String {
    if value.abs() >= 100.0 { format!("{}\u{a0}×", number(value)) } else { format!("{value:.2}\u{a0}×") }
}

/// A time in the unit that fits.
pub(super) fn time_ns(ns: f64) -> String {
    let (value, unit) = match ns.abs() {
        size if size < 1e3 => (ns, "ns"),
        size if size < 1e6 => (ns / 1e3, "µs"),
        size if size < 1e9 => (ns / 1e6, "ms"),
        _ => (ns / 1e9, "s"),
    };
    format!("{}\u{a0}{unit}", number(value))
}

/// A number of an axis: thousands and millions by a letter, as there is little room.
pub(super) fn short(value: f64) -> String {
    let trimmed = |value: f64, unit: &str| {
        let text = format!("{value:.3}");
        format!("{}{unit}", text.trim_end_matches('0').trim_end_matches('.'))
    };
    match value.abs() {
        size if size >= 1e9 => format!("{value:.0e}"),
        size if size >= 1e6 => trimmed(value / 1e6, "\u{a0}M"),
        size if size >= 1e4 => trimmed(value / 1e3, "\u{a0}k"),
        size if size >= 1e3 => thousands(&format!("{value:.0}")),
        _ => trimmed(value, ""),
    }
}

fn thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, rest) = digits.split_once('.').map_or((digits, None), |(whole, rest)| (whole, Some(rest)));
    let mut text = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(rest) = rest {
        text.push('.');
        text.push_str(rest);
    }
    text
}

/// Seconds since 1970 as a date and a time of day, UTC. Years of four digits; what lies beyond is told as it is.
pub(super) fn date(unix_s: u64) -> String {
    // The last second of the year 9999.
    const LAST: u64 = 253_402_300_799;
    if unix_s > LAST {
        return format!("{unix_s} s after 1970");
    }
    let (mut day, of_day) = (unix_s / 86_400, unix_s % 86_400);
    let mut year = 1970_u64;
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while day >= 365 + u64::from(leap(year)) {
        day -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    format!("{year}-{month:02}-{:02} {:02}:{:02} UTC", day + 1, of_day / 3_600, of_day / 60 % 60)
}

/// How long something took.
pub(super) fn duration(s: f64) -> String {
    if s < 120.0 { format!("{}\u{a0}s", number(s)) } else { format!("{}\u{a0}min", number(s / 60.0)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_mean_something() {
        let read: Vec<String> =
            [0.0, 1.0, 0.25, 1.5, 12.345, 123.45, 1_234_567.8, -1_234.0, 0.00012].map(number).to_vec();
        assert_eq!(read, ["0", "1", "0.250", "1.50", "12.3", "123", "1,234,568", "-1,234", "1.2e-4"]);
        assert_eq!(times(1.416), "1.42\u{a0}×");
        assert_eq!(
            [950.0, 1_200.0, 2.5e6, 3e9].map(time_ns),
            ["950\u{a0}ns", "1,200\u{a0}ns", "2.50\u{a0}ms", "3\u{a0}s"]
                .map(|t| t.replace("1,200\u{a0}ns", "1.20\u{a0}µs"))
        );
        assert_eq!([0.5, 1_500.0, 20_000.0, 2.5e6].map(short), ["0.5", "1,500", "20\u{a0}k", "2.5\u{a0}M"]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let days = [0, 951_782_400, 1_709_164_800, 1_795_276_800, 253_402_300_799].map(date);
        assert_eq!(
            days,
            [
                "1970-01-01 00:00 UTC",
                "2000-02-29 00:00 UTC",
                "2024-02-29 00:00 UTC",
                "2026-11-21 16:00 UTC",
                "9999-12-31 23:59 UTC"
            ]
        );
        assert!(date(u64::MAX).contains("after 1970"));
    }
}
