use super::{Scenario, measure};
use std::time::Duration;

#[test]
fn a_viewer_on_a_clean_path_reaches_the_best_layer() {
    let figures = measure(Scenario::Ramp, 1, Duration::from_secs(7)).unwrap();
    assert!(figures.ramp_s.is_some_and(|ramp_s| ramp_s <= 4.0), "{}", figures.line());
    assert_eq!((figures.broken, figures.concealed_pct), (Some(0.0), Some(0.0)), "{}", figures.line());
}

#[test]
fn equal_viewers_behind_one_address_stay_equal() {
    let figures = measure(Scenario::Fair4, 1, Duration::from_secs(90)).unwrap();
    assert!(figures.jain.is_some_and(|jain| jain >= 0.9), "{}", figures.line());
    assert!(figures.freeze_ms_max.is_some_and(|freeze_ms| freeze_ms < 500.0), "{}", figures.line());
}

#[test]
fn a_viewer_beside_tcp_gets_a_part_and_leaves_one() {
    // On 16 and 17 he once stayed a step too low: the next one asked for more than his part. On 25 the other was once taken for none.
    for seed in [1, 16, 17, 25] {
        let figures = measure(Scenario::Tcp, seed, Duration::from_secs(90)).unwrap();
        assert!(figures.jain.is_some_and(|jain| jain >= 0.9), "{seed}: {}", figures.line());
        assert!(figures.freeze_ms_max.is_some_and(|freeze_ms| freeze_ms < 2_000.0), "{seed}: {}", figures.line());
    }
}

#[test]
fn a_narrow_path_that_lets_datagrams_through_in_heaps_does_not_look_wide() {
    // With these a cluster once looked like room enough for the next layer.
    for seed in [6, 7] {
        let figures = measure(Scenario::Held, seed, Duration::from_secs(120)).unwrap();
        assert_eq!((figures.switches_per_min, figures.freeze_ms_max), (Some(0.0), Some(0.0)), "{}", figures.line());
    }
}

#[test]
fn a_slow_viewer_behind_the_same_address_costs_the_others_nothing() {
    // All viewers of the simulator come from one address.
    let figures = measure(Scenario::OneSlow, 1, Duration::from_secs(8)).unwrap();
    assert_eq!((figures.switches_per_min, figures.freeze_ms_max), (Some(0.0), Some(0.0)), "{}", figures.line());
}

#[test]
fn a_screen_stays_sharp_on_a_narrow_path_and_moves() {
    for (scenario, updates_per_s) in [(Scenario::Screen, 4.5), (Scenario::Screen400, 2.0)] {
        let figures = measure(scenario, 1, Duration::from_secs(15)).unwrap();
        assert!(figures.sharp_pct.is_some_and(|sharp_pct| sharp_pct >= 95.0), "{}", figures.line());
        assert!(figures.updates_per_s.is_some_and(|seen| seen >= updates_per_s), "{}", figures.line());
        assert!(figures.still_ms_max.is_some_and(|still_ms| still_ms <= 1_000.0), "{}", figures.line());
        assert_eq!(figures.broken, Some(0.0), "{}", figures.line());
    }
}

#[test]
fn a_screen_of_more_than_a_path_carries_does_not_stand_still() {
    let figures = measure(Scenario::ScreenOver, 1, Duration::from_secs(40)).unwrap();
    assert!(figures.still_ms_max.is_some_and(|still_ms| still_ms <= 8_000.0), "{}", figures.line());
    assert_eq!(figures.broken, Some(0.0), "{}", figures.line());
}
