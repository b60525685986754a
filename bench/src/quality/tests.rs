use super::{Scenario, measure};
use std::time::Duration;

#[test]
fn a_viewer_on_a_clean_path_reaches_the_best_layer() {
    let figures = measure(Scenario::Ramp, 1, Duration::from_secs(7)).unwrap();
    assert!(figures.ramp_s.is_some_and(|ramp_s| ramp_s <= 4.0), "{}", figures.line());
    assert_eq!((figures.broken, figures.concealed_pct), (Some(0.0), Some(0.0)), "{}", figures.line());
}
