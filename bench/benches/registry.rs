//! A domain registry with 100,000 registrations in a file: `cargo bench -p colloquy-bench --bench registry`. What is measured, and how, is in
//! `colloquy_bench::registry`, since `colloquy-bench node` measures it too.

use colloquy_bench::registry::{Figures, measure};

fn main() {
    let Figures { p99_ms, reads_per_s, writes_per_s, expire_s, expiring_p99_ms } = measure().expect("a registry");
    println!(
        "RESULT registry_p99_ms_100k={p99_ms:.3} registry_reads_per_s={reads_per_s:.0} registry_writes_per_s={writes_per_s:.0} \
         registry_expire_50k_s={expire_s:.2} registry_p99_ms_expiring={expiring_p99_ms:.3}"
    );
}
