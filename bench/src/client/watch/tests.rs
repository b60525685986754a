use super::*;

const FRAME: Duration = Duration::from_millis(33);

/// A picture of one packet without temporal layers.
fn picture(number: u32, key: bool) -> Glimpse {
    Glimpse {
        sequence: u64::from(number),
        timestamp: number * 3000,
        marker: true,
        first: true,
        key,
        frame: number,
        lineage: Lineage { needs: (!key).then(|| number.wrapping_sub(1)), ..Lineage::default() },
        info: None,
    }
}

fn watch_all(packets: impl Iterator<Item = (Instant, Glimpse)>) -> Watch {
    let mut watch = Watch::default();
    packets.for_each(|(at, packet)| watch.take(at, packet));
    watch
}

#[test]
fn a_gap_is_a_freeze_when_it_is_long_against_the_mean() {
    let start = Instant::now();
    let late = |number: u32, by: u64| if number >= 30 { Duration::from_millis(by) } else { Duration::ZERO };
    for (by, freezes) in [(100, 0), (160, 1)] {
        let at = |n: u32| start + FRAME * n + late(n, by);
        let watch = watch_all((0..60).map(|n| (at(n), picture(n, n == 0))));
        let stats = watch.stats(at(59));
        assert_eq!((stats.shown, stats.freezes), (60, freezes), "{by} ms");
        // The numbers of `None` are the truth: nothing breaks.
        assert_eq!((stats.broken, stats.holes), (0, 0));
    }
}

#[test]
fn what_a_lost_picture_takes_along_waits_for_it_or_for_a_key_frame() {
    let start = Instant::now();
    let at = |n: u32| start + FRAME * n;
    let mut watch = watch_all((0..20).filter(|n| *n != 10).map(|n| (at(n), picture(n, n == 0))));
    assert_eq!(watch.stats(at(19)).shown, 10);
    assert!(watch.asks(at(21)), "stuck since the tenth");
    assert!(!watch.asks(at(22)), "it was just asked");
    watch.take(at(22), picture(10, false));
    assert_eq!(watch.stats(at(22)).shown, 20, "it came again, and all the others with it");
    watch.take(at(30), picture(25, true));
    assert_eq!(watch.stats(at(30)).shown, 21, "a key frame needs nothing");
    assert_eq!(watch.stats(at(80)).freezes, 3, "one that goes on is one");
}

#[test]
fn switches_between_encodings_are_seen() {
    let start = Instant::now();
    let of = |n: u32| {
        let mut packet = picture(n, n.is_multiple_of(10));
        packet.lineage.encoding = (n / 10 % 2) as u8;
        packet
    };
    let watch = watch_all((0..40).map(|n| (start + FRAME * n, of(n))));
    assert_eq!((watch.stats(start).switches, watch.seen().len()), (3, 4));
}

#[test]
fn a_forwarder_that_hides_a_missing_picture_is_found_out() {
    use colloquy_codecs::payload::{PayloadFormat, layer_info};
    let start = Instant::now();
    let mut watch = Watch::default();
    for (n, (id, tl0)) in [(1_u16, 1_u8), (2, 2), (3, 3)].into_iter().enumerate() {
        let key = n == 0;
        let mut payload = vec![0x90, 0xe0, 0x80, id as u8, tl0, 0];
        payload.extend_from_slice(if key { &[0x10, 2, 0, 0x9d, 1, 0x2a, 0, 1, 0, 1] } else { &[0x11, 2, 0] });
        let mut packet = picture(n as u32, key);
        // Picture 2 was left out on the way, and the numbers close up over it.
        packet.frame += u32::from(n == 2);
        packet.lineage.needs = (!key).then(|| packet.frame - 1);
        packet.info = layer_info(PayloadFormat::Vp8, &payload);
        watch.take(start + FRAME * n as u32, packet);
    }
    assert_eq!((watch.stats(start).shown, watch.stats(start).broken), (2, 1));
}
