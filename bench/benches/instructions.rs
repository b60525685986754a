//! What callgrind counts: 200 packets to 50 viewers. `scripts/instructions.sh` runs it; by itself it only says what was forwarded.

use colloquy_bench::steps::Lab;

const VIEWERS: usize = 50;
const PACKETS: usize = 200;

fn main() -> anyhow::Result<()> {
    let mut lab = Lab::new(VIEWERS)?;
    let mut counted = 0;
    for _ in 0..PACKETS {
        let mut media = lab.media()?;
        let before = lab.forwarded();
        lab.forward(&mut media);
        lab.deliver();
        counted += lab.forwarded() - before;
    }
    anyhow::ensure!(counted == (VIEWERS * PACKETS) as u64, "{counted} packets are not what was to be forwarded");
    println!("forwarded {counted}");
    Ok(())
}
