//! How loud it is (RFC 6464, RFC 6465).

/// The largest sample, without its sign. What is no number counts as 0.
#[must_use]
pub fn peak(samples: &[f32]) -> f32 {
    // Eight of them, as in `rms`. What is no number is not larger than anything.
    let larger = |peak: f32, sample: &f32| if sample.abs() > peak { sample.abs() } else { peak };
    let (chunks, rest) = samples.as_chunks::<8>();
    let mut peaks = [0.0_f32; 8];
    for chunk in chunks {
        for (peak, sample) in peaks.iter_mut().zip(chunk) {
            *peak = larger(*peak, sample);
        }
    }
    peaks.iter().chain(rest).fold(0.0, larger)
}

/// The root of the mean square.
#[must_use]
pub fn rms(samples: &[f32]) -> f32 {
    if samples.is_empty() {
        return 0.0;
    }
    // Eight sums, so that they go into a vector; one would be added up in its order.
    let (chunks, rest) = samples.as_chunks::<8>();
    let mut sums = [0.0_f32; 8];
    for chunk in chunks {
        for (sum, sample) in sums.iter_mut().zip(chunk) {
            *sum += sample * sample;
        }
    }
    let total = sums.iter().sum::<f32>() + rest.iter().map(|sample| sample * sample).sum::<f32>();
    (total / samples.len() as f32).sqrt()
}

/// A factor as -dBov, 0 (as loud as can be) to 127 (nothing), rounded.
#[must_use]
pub fn to_dbov(rms: f32) -> u8 {
    // What is 0 becomes infinite, what is no number 0: the cast saturates.
    if rms > 0.0 { (-20.0 * rms.log10()).round().clamp(0.0, 127.0) as u8 } else { 127 }
}

/// The level of a frame in -dBov, as senders tell it (RFC 6464).
#[must_use]
pub fn level_dbov(samples: &[f32]) -> u8 {
    to_dbov(rms(samples))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_the_standard() {
        assert_eq!(level_dbov(&[1.0; 960]), 0);
        assert_eq!(level_dbov(&[0.1; 960]), 20);
        assert_eq!(level_dbov(&[0.0; 960]), 127);
        assert_eq!(level_dbov(&[]), 127);
        assert_eq!(level_dbov(&[f32::NAN; 9]), 127);
        assert_eq!(peak(&[0.5, -0.75, f32::NAN]), 0.75);
        for at in 0..19 {
            let mut samples = [0.25, f32::NAN].repeat(10);
            samples[at] = -0.5;
            assert_eq!(peak(&samples), 0.5, "{at}");
        }
    }
}
