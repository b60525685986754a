//! The figures that the page knows: what each is called, how it is read from a measurement, and which way is better. Tables of
//! systems, of single measurements and of runs side by side are all made of this list, so that none of them forgets one.

use crate::load::result::{AudienceFigures, Latencies, Repeat, Signalling, Spread, Summary};
use Better::{Higher, Lower, Neither};

/// Which way a figure is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Better {
    /// As with costs.
    Lower,
    /// As with packets carried.
    Higher,
    /// It tells what was played, not how well.
    Neither,
}

/// How a figure is read of one measurement.
type OfRepeat = dyn Fn(&Repeat) -> Option<f64>;
/// And of all.
type OfSummary = fn(&Summary) -> Option<Spread>;
/// And of a distribution.
type OfLatencies = fn(&Latencies) -> f64;

/// One figure.
pub(super) struct Figure {
    /// What it belongs to: a heading in the tables.
    pub(super) group: &'static str,
    /// What it is.
    pub(super) name: String,
    /// Its unit, empty for a count.
    pub(super) unit: &'static str,
    /// Which way is better.
    pub(super) better: Better,
    /// It stands in the tables of systems and runs; others only in those of single measurements.
    pub(super) main: bool,
    of: Box<OfRepeat>,
    summed: Option<OfSummary>,
}

impl Figure {
    /// Of one measurement.
    pub(super) fn of(&self, repeat: &Repeat) -> Option<f64> {
        (self.of)(repeat)
    }

    /// Of all: as the summary has it, else over the repeats.
    pub(super) fn spread(&self, summary: &Summary, repeats: &[Repeat]) -> Option<Spread> {
        match self.summed {
            // What no repeat measured is summed up as nothing.
            Some(summed) => summed(summary).filter(|_| repeats.iter().any(|repeat| self.of(repeat).is_some())),
            None => Spread::of(repeats.iter().filter_map(|repeat| self.of(repeat))),
        }
    }

    fn main(&mut self, better: Better) -> &mut Self {
        (self.main, self.better) = (true, better);
        self
    }

    fn summed(&mut self, summed: OfSummary) {
        self.summed = Some(summed);
    }
}

/// All figures, in the order of the tables.
pub(super) fn all() -> Vec<Figure> {
    let mut list = List { group: "", figures: Vec::new() };
    cost(&mut list);
    latency(&mut list);
    delivery(&mut list);
    joins(&mut list);
    signalling(&mut list);
    audience(&mut list);
    memory(&mut list);
    generator(&mut list);
    played(&mut list);
    list.figures
}

struct List {
    group: &'static str,
    figures: Vec<Figure>,
}

impl List {
    fn add(&mut self, name: &str, unit: &'static str, of: impl Fn(&Repeat) -> Option<f64> + 'static) -> &mut Figure {
        let figure = Figure {
            group: self.group,
            name: name.to_owned(),
            unit,
            better: Neither,
            main: false,
            of: Box::new(of),
            summed: None,
        };
        self.figures.push(figure);
        self.figures.last_mut().expect("one was added just now")
    }

    /// The figures of a distribution; those named are `main`.
    fn distribution(&mut self, what: &str, unit: &'static str, main: &[&str], of: fn(&Repeat) -> &Latencies) {
        let per_unit = if unit == "µs" { 1e3 } else { 1e6 };
        let parts: [(&str, OfLatencies); 7] = [
            ("p50", |l| l.p50_ns as f64),
            ("p95", |l| l.p95_ns as f64),
            ("p99", |l| l.p99_ns as f64),
            ("p99.9", |l| l.p999_ns as f64),
            ("max", |l| l.max_ns as f64),
            ("min", |l| l.min_ns as f64),
            ("mean", |l| l.mean_ns),
        ];
        for (part, value) in parts {
            let read = move |r: &Repeat| Some(of(r)).filter(|l| l.count > 0).map(|l| value(l) / per_unit);
            let figure = self.add(&format!("{what}{part}"), unit, read);
            if main.contains(&part) {
                figure.main(Lower);
            }
        }
        self.add(&format!("{what}how many"), "", move |r| Some(of(r).count as f64).filter(|count| *count > 0.0));
    }

    fn named(&mut self, name: &str) -> Option<&mut Figure> {
        let group = self.group;
        self.figures.iter_mut().find(|figure| figure.group == group && figure.name == name)
    }
}

fn cost(list: &mut List) {
    list.group = "Cost at the server";
    let server = |r: &Repeat| r.hold.server;
    // The floor itself has a cost a packet, but was not watched as a server is.
    let watched = move |r: &Repeat| server(r).filter(|server| server.cpu_ns > 0);
    let floor = |r: &Repeat| Some(r.floor?.cpu_ns_per_packet);
    list.add("CPU a packet", "ns", move |r| Some(server(r)?.cpu_ns_per_packet))
        .main(Lower)
        .summed(|s| s.cpu_ns_per_packet);
    let each = |us: &f64| *us > 0.0;
    list.add("CPU a participant and second", "µs", move |r| Some(server(r)?.cpu_us_per_participant_s).filter(each))
        .main(Lower)
        .summed(|s| s.cpu_us_per_participant_s);
    list.add("Floor beside it", "ns", floor).main(Neither).summed(|s| s.floor_ns_per_packet);
    list.add("Floor without offload", "ns", |r| r.floor?.plain_cpu_ns_per_packet).main(Neither);
    let ratio = move |r: &Repeat| Some(server(r)?.cpu_ns_per_packet / floor(r).filter(|floor| *floor > 0.0)?);
    list.add("CPU against the floor", "×", ratio).main(Lower).summed(|s| s.ratio);
    list.add("Cores busy", "", move |r| Some(watched(r)?.cores)).main(Lower);
    list.add("Context switches a packet", "", move |r| server(r)?.switches_per_packet).main(Lower);
    list.add("System calls a packet", "", move |r| server(r)?.syscalls_per_packet).main(Lower);
    list.add("Instructions a packet", "", move |r| server(r)?.instructions_per_packet).main(Lower);
    list.add("CPU time in all", "ms", move |r| Some(watched(r)?.cpu_ns as f64 / 1e6));
    list.add("Packets of the floor", "", |r| Some(r.floor?.packets as f64));
}

fn latency(list: &mut List) {
    list.group = "Added latency";
    list.distribution("", "µs", &["p50", "p95", "p99", "p99.9", "max"], |r| &r.hold.latency);
    let spreads: [(&str, OfSummary); 2] = [("p50", |s| s.added_p50_us), ("p99", |s| s.added_p99_us)];
    for (name, spread) in spreads {
        if let Some(figure) = list.named(name) {
            figure.summed(spread);
        }
    }
    let heard = |r: &Repeat| r.hold.delivery.received > 0;
    list.add("Jitter of half the streams", "ms", move |r| heard(r).then_some(r.hold.jitter_p50_ms)).main(Lower);
    list.add("Jitter of 95 in 100 streams", "ms", move |r| heard(r).then_some(r.hold.jitter_p95_ms)).main(Lower);
}

fn delivery(list: &mut List) {
    list.group = "Delivery";
    // The floor sends none of the scenario's own packets.
    let delivery = |r: &Repeat| Some(r.hold.delivery).filter(|delivery| delivery.sent > 0);
    list.add("Forwarded a second", "packets", move |r| Some(delivery(r)?.packets_per_s))
        .main(Higher)
        .summed(|s| s.packets_per_s);
    let told = move |r: &Repeat| delivery(r).filter(|_| r.hold.mixed.is_none());
    list.add("Lost", "%", move |r| Some(told(r)?.loss_pct)).main(Lower).summed(|s| s.loss_pct);
    list.add("Participants at the mixer", "", |r| Some(f64::from(r.hold.mixed?.participants))).main(Neither);
    list.add("Those who hear sound", "", |r| Some(f64::from(r.hold.mixed?.hearers))).main(Higher);
    list.add("Those who hear themselves", "", |r| Some(f64::from(r.hold.mixed?.echoed))).main(Lower);
    list.add("The mix for each, a second", "packets", |r| Some(r.hold.mixed?.packets_per_s_each)).main(Neither);
    list.add("Packets with sound in them", "%", |r| Some(r.hold.mixed?.sounding_pct)).main(Neither);
    list.add("Repaired when asked again", "packets", move |r| Some(delivery(r)?.repaired as f64)).main(Lower);
    list.add("Sent by publishers", "packets", move |r| Some(delivery(r)?.sent as f64));
    list.add("Sent by publishers", "MB", move |r| Some(delivery(r)?.sent_bytes as f64 / 1e6));
    list.add("Due at viewers", "packets", move |r| Some(delivery(r)?.expected as f64));
    list.add("Received by viewers", "packets", move |r| Some(delivery(r)?.received as f64));
    list.add("Received by viewers", "MB", move |r| Some(delivery(r)?.received_bytes as f64 / 1e6));
    list.add("Never came", "packets", move |r| Some(delivery(r)?.lost as f64));
    let keys = move |r: &Repeat| delivery(r).map(|_| r.hold.key_frames);
    list.add("Key frames asked of publishers", "", move |r| Some(keys(r)?.asked as f64)).main(Lower);
    list.add("Most asked of one in 500 ms", "", move |r| Some(keys(r)?.asked_max_in_500_ms as f64)).main(Lower);
    list.add("Key frames sent", "", move |r| Some(keys(r)?.sent as f64)).main(Neither);
}

fn joins(list: &mut List) {
    list.group = "Joining";
    let joins = |r: &Repeat| (r.joins.tried > 0).then_some(r.joins.tried);
    list.add("Joins", "", move |r| Some(joins(r)? as f64)).main(Neither);
    list.add("Joins that failed", "", move |r| joins(r).map(|_| r.joins.failed as f64)).main(Lower).summed(|s| {
        let failed = s.joins_failed as f64;
        Some(Spread { median: failed, min: failed, max: failed })
    });
    list.add("Joins in the busiest second", "", move |r| joins(r).map(|_| f64::from(r.joins.busiest_per_s)))
        .main(Neither);
    list.distribution("Signalled, ", "ms", &[], |r| &r.joins.signalled);
    list.distribution("Connected, ", "ms", &["p50", "p95", "p99"], |r| &r.joins.connected);
    if let Some(figure) = list.named("Connected, p99") {
        figure.summed(|s| s.join_p99_ms);
    }
    list.distribution("First key frame, ", "ms", &["p50", "p95", "p99"], |r| &r.joins.first_media);
    if let Some(figure) = list.named("First key frame, p95") {
        figure.summed(|s| s.first_media_p95_ms);
    }
}

fn signalling(list: &mut List) {
    list.group = "Signalling by the WebSocket";
    list.distribution("Requests, ", "ms", &["p99"], |r| signals(r, |s| &s.requests));
    list.distribution("Subscriptions, ", "ms", &["p50", "p95", "p99"], |r| signals(r, |s| &s.subscriptions));
    list.distribution("Others told, ", "ms", &["p50", "p95", "p99"], |r| signals(r, |s| &s.notices));
    if let Some(figure) = list.named("Subscriptions, p99") {
        figure.summed(|s| s.subscribe_p99_ms);
    }
    if let Some(figure) = list.named("Others told, p99") {
        figure.summed(|s| s.notice_p99_ms);
    }
    list.add("Frames of the server", "", |r| Some(r.signalling.as_ref()?.frames as f64));
}

/// A distribution of the signalling; one of nothing where it was not looked at.
pub(super) fn signals(repeat: &Repeat, of: fn(&Signalling) -> &Latencies) -> &Latencies {
    static NOTHING: Latencies = Latencies::NONE;
    repeat.signalling.as_ref().map_or(&NOTHING, of)
}

fn audience(list: &mut List) {
    list.group = "Who hears and sees whom, changing";
    list.add("Packets leaked", "", |r| Some(r.audience.as_ref()?.leaked_packets as f64)).main(Lower).summed(|s| {
        let leaked = s.leaked_packets? as f64;
        Some(Spread { median: leaked, min: leaked, max: leaked })
    });
    list.distribution("Answer, ", "ms", &["p50", "p95", "p99"], |r| changed(r, |of| &of.answers));
    list.distribution("Sound begins, ", "ms", &["p50", "p95", "p99"], |r| changed(r, |of| &of.sound_begins));
    list.distribution("Pictures begin, ", "ms", &["p50", "p95", "p99"], |r| changed(r, |of| &of.pictures_begin));
    list.distribution("Ends, ", "ms", &["p50", "p95", "p99"], |r| changed(r, |of| &of.ends));
    let spreads: [(&str, OfSummary); 3] =
        [("Answer, p50", |s| s.verb_p50_ms), ("Answer, p95", |s| s.verb_p95_ms), ("Answer, p99", |s| s.verb_p99_ms)];
    for (name, spread) in spreads {
        if let Some(figure) = list.named(name) {
            figure.summed(spread);
        }
    }
    list.add("Sound begins or what was taken away ends, p99", "ms", |r| {
        Some(r.audience.as_ref().filter(|of| of.changes > 0)?.effect_p99_ns() as f64 / 1e6)
    })
    .main(Lower)
    .summed(|s| s.effect_p99_ms);
    let count = |of: fn(&AudienceFigures) -> u64| move |r: &Repeat| Some(of(r.audience.as_ref()?) as f64);
    list.add("Sound that never began", "", count(|of| of.sound_never_began)).main(Lower);
    list.add("Pictures that never began", "", count(|of| of.pictures_never_began)).main(Lower);
    list.add("Changes", "", count(|of| of.changes)).main(Neither);
    list.add("Changes refused", "", count(|of| of.refused)).main(Lower);
    list.add("Changes unanswered", "", count(|of| of.unanswered)).main(Lower);
    list.add("Packets judged", "", count(|of| of.judged));
    list.add("Packets not judged", "", count(|of| of.not_judged));
    list.add("Grace after an answer", "ms", |r| Some(r.audience.as_ref()?.grace_ms));
}

/// A distribution of what came of changes; one of nothing where there were none.
pub(super) fn changed(repeat: &Repeat, of: fn(&AudienceFigures) -> &Latencies) -> &Latencies {
    static NOTHING: Latencies = Latencies::NONE;
    repeat.audience.as_ref().map_or(&NOTHING, of)
}

fn memory(list: &mut List) {
    list.group = "Memory of the server";
    let kb = |of: fn(&crate::load::result::Memory) -> u64| move |r: &Repeat| Some(of(r.memory.as_ref()?) as f64);
    list.add("For each viewer", "kB", |r| Some(r.memory?.kb_per_viewer)).main(Lower).summed(|s| s.mem_kb_per_viewer);
    list.add("For each publisher", "kB", |r| Some(r.memory?.kb_per_publisher))
        .main(Lower)
        .summed(|s| s.mem_kb_per_publisher);
    list.add("Idle", "kB", kb(|m| m.idle_kb)).main(Lower);
    list.add("With the publishers", "kB", kb(|m| m.publishers_kb));
    list.add("Under load", "kB", kb(|m| m.loaded_kb)).main(Lower);
    list.add("After all left", "kB", |r| Some(r.memory?.after_kb? as f64)).main(Lower);
}

fn generator(list: &mut List) {
    list.group = "The clients' own account";
    let own = |r: &Repeat| (r.generator.threads > 0).then_some(());
    let add = |list: &mut List, name: &str, unit: &'static str, of: fn(&Repeat) -> f64| {
        list.add(name, unit, move |r| own(r).map(|()| of(r)));
    };
    list.add("Cores busy", "", move |r| own(r).map(|()| r.generator.cores)).main(Neither).summed(|s| s.generator_cores);
    list.add("Busiest thread", "%", move |r| own(r).map(|()| r.generator.busiest_share * 100.0)).main(Neither);
    list.distribution("Late, ", "µs", &["p99"], |r| &r.generator.lateness);
    add(list, "Threads", "", |r| f64::from(r.generator.threads));
    add(list, "Frames due", "", |r| r.generator.frames as f64);
    add(list, "Frames left out", "", |r| r.generator.skipped as f64);
    add(list, "Dropped at the clients' sockets", "datagrams", |r| r.generator.kernel_drops as f64);
    add(list, "Not taken by the kernel", "datagrams", |r| r.generator.unsent as f64);
}

fn played(list: &mut List) {
    list.group = "What was played";
    list.add("Rooms", "", |r| Some(f64::from(r.load.rooms)));
    list.add("Publishers", "", |r| Some(f64::from(r.load.publishers)));
    list.add("Viewers", "", |r| Some(f64::from(r.load.viewers)));
    list.add("Streams to viewers", "", |r| Some(f64::from(r.load.streams)));
    list.add("Warm-up, left out", "s", |r| Some(r.warm_up_s));
    list.add("Time under load", "s", |r| Some(r.hold.seconds));
}
