//! Bytes over the last moments, as a rate.

/// A bucket's time.
const BUCKET_US: u64 = 10_000;
/// Buckets, a power of two: 640 ms, of which a rate may look at 500.
const BUCKETS: usize = 64;

/// Bytes by the time they were sent or arrived. Times may be out of order by as much as the window is long.
#[derive(Debug)]
pub(super) struct RateWindow {
    bytes: [u32; BUCKETS],
    /// The first and the newest bucket, counted since time began.
    span: Option<(u64, u64)>,
}

impl RateWindow {
    pub(super) fn new() -> Self {
        Self { bytes: [0; BUCKETS], span: None }
    }

    fn slot(bucket: u64) -> usize {
        bucket as usize & (BUCKETS - 1)
    }

    /// Counts bytes at a time.
    #[inline]
    pub(super) fn add(&mut self, at_us: u64, bytes: u32) {
        let bucket = at_us / BUCKET_US;
        let Some((first, newest)) = self.span else {
            self.bytes = [0; BUCKETS];
            self.span = Some((bucket, bucket));
            self.bytes[Self::slot(bucket)] = bytes;
            return;
        };
        if bucket > newest {
            self.advance(first, newest, bucket);
        } else if newest - bucket >= BUCKETS as u64 {
            return;
        }
        let sum = &mut self.bytes[Self::slot(bucket)];
        *sum = sum.saturating_add(bytes);
    }

    /// Empties the buckets between.
    #[inline]
    fn advance(&mut self, first: u64, newest: u64, bucket: u64) {
        if bucket - newest >= BUCKETS as u64 {
            self.bytes = [0; BUCKETS];
        } else {
            (newest + 1..=bucket).for_each(|between| self.bytes[Self::slot(between)] = 0);
        }
        self.span = Some((first, bucket));
    }

    /// Lets time pass without bytes.
    pub(super) fn pass(&mut self, at_us: u64) {
        self.add(at_us, 0);
    }

    /// Bits/s over the last `window_us` (up to 500 ms) of whole buckets; `None` before there are 50 ms.
    pub(super) fn bps(&self, window_us: u64) -> Option<f64> {
        let (first, newest) = self.span?;
        let buckets = (window_us / BUCKET_US).min(BUCKETS as u64 - 1).min(newest - first);
        if buckets < 5 {
            return None;
        }
        let sum: u64 = (newest - buckets..newest).map(|bucket| u64::from(self.bytes[Self::slot(bucket)])).sum();
        Some(sum as f64 * 8.0 * 1e6 / (buckets * BUCKET_US) as f64)
    }
}
