//! Made-up scenarios: a few hundred in every run, and any others by `COLLOQUY_SEEDS=1000..2000`; ten thousand by `make sim-long`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds of a run when the environment names none.
const SEEDS: std::ops::Range<u64> = 0..500;

/// Seeds between two lines that tell how far a long run is. Those of every run are too few for one.
const PROGRESS: u64 = 500;

fn seeds() -> std::ops::Range<u64> {
    let Ok(text) = std::env::var("COLLOQUY_SEEDS") else { return SEEDS };
    let range = match text.split_once("..") {
        Some((from, to)) => from.parse().ok().zip(to.parse().ok()).map(|(from, to)| from..to),
        None => text.parse().ok().map(|seed| seed..seed + 1),
    };
    range.expect("COLLOQUY_SEEDS is a seed or a range of seeds, such as 17 or 1000..2000")
}

#[test]
fn made_up_scenarios_keep_every_promise() {
    let seeds = seeds();
    let next = AtomicU64::new(seeds.start);
    let threads = std::thread::available_parallelism().map_or(2, usize::from).min(8);
    let failed: Vec<u64> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut failed = Vec::new();
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= seeds.end || !failed.is_empty() {
                            return failed;
                        }
                        let done = seed - seeds.start;
                        if done > 0 && done.is_multiple_of(PROGRESS) {
                            eprintln!("{done} of {} seeds", seeds.end - seeds.start);
                        }
                        if catch_unwind(AssertUnwindSafe(|| colloquy_tests::scenario::play(seed))).is_err() {
                            eprintln!(
                                "seed {seed} fails; again: COLLOQUY_SEEDS={seed} cargo test -p colloquy-tests --test it \
                                 made_up_scenarios"
                            );
                            failed.push(seed);
                        }
                    }
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_default()).collect()
    });
    assert!(failed.is_empty(), "seeds that fail: {failed:?}");
}

/// Filler that overtook retransmissions that waited, a rate that did not hold and was looked for all the same; an association that
/// waited for another clock; a channel that was opened where the answer to the reset of the last one had got lost.
#[test]
fn seeds_that_failed_once_pass() {
    for seed in [2_439, 2_906, 3_398, 2_323, 1_691] {
        assert!(catch_unwind(|| colloquy_tests::scenario::play(seed)).is_ok(), "seed {seed}");
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    use colloquy_media_core::api::Codec;
    use colloquy_tests::{Link, World};
    use std::time::Duration;
    let play = || {
        let mut world = World::with_seed(77);
        let room = world.room();
        let people = world.meet(room, 3, &[Codec::Opus, Codec::Vp8]);
        world.connect(&people);
        for peer in &people {
            world.set_links(*peer, Link::BAD, Link::BAD);
        }
        world.run(Duration::from_secs(5));
        world.change_address(people[0]);
        world.run(Duration::from_secs(3));
        let totals = world.totals();
        let heard: Vec<_> = people
            .iter()
            .map(|peer| {
                world.person(*peer).heard.iter().map(|(track, heard)| (*track, heard.packets)).collect::<Vec<_>>()
            })
            .collect();
        (heard, totals.forwarded, totals.retransmitted, totals.packets_in, totals.keyframe_requests)
    };
    assert_eq!(play(), play());
}

/// Bytes from a generator, where the fuzzer makes its own: see `tests/fuzz/fuzz_targets/state_machine.rs`.
#[test]
fn made_up_bytes_break_nothing() {
    use rand::{RngExt, SeedableRng};
    let seeds =
        std::env::var("COLLOQUY_CHAOS").ok().and_then(|seed| seed.parse().ok()).map_or(0..60, |seed| seed..seed + 1);
    for seed in seeds {
        let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
        let bytes: Vec<u8> = (0..600).map(|_| rng.random()).collect();
        if catch_unwind(AssertUnwindSafe(|| colloquy_tests::chaos::play(&bytes))).is_err() {
            panic!("seed {seed}; again: COLLOQUY_CHAOS={seed} cargo test -p colloquy-tests --test it made_up_bytes");
        }
    }
}
