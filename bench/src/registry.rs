//! A domain registry with 100,000 registrations in a file, asked through its HTTP routes without a socket:
//! `cargo bench -p colloquy-bench --bench registry`, and part of
//! `colloquy-bench node`.
//!
//! Clients ask by address, by user and by e-mail: first as fast as they are answered, for how many that are; then 2,000 a second, each at its time
//! whether or not those before it were answered, for how long they wait. Meanwhile others write, ten times
//! as many keep-alives as 100,000 registrations of an hour need. Then half of the registrations expire in the same second, and clients go on reading
//! while that is written down.

use anyhow::Result;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use colloquy_hyperty_adapter::clock::Clock;
use colloquy_hyperty_adapter::registry::rest::{Writers, router};
use colloquy_hyperty_adapter::registry::{Registry, Settings};
use colloquy_storage::{Database, Place};
use hdrhistogram::Histogram;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tower::ServiceExt;

const REGISTRATIONS: u64 = 100_000;
/// Of one user.
const EACH: u64 = 3;
/// Clients that ask at a time, and that register.
const CLIENTS: u64 = 16;
/// Questions a second where it is measured how long they wait, and for how many seconds.
const ASKED_PER_S: u64 = 2_000;
const ASKED_S: u64 = 5;
/// Of each kind of question.
const QUESTIONS: u64 = 30_000;
/// A registration of an hour is kept alive every 1,636 s: 61 a second; here ten times that.
const KEEP_ALIVE_EVERY: Duration = Duration::from_micros(1_640);
const LONG_S: u32 = 3_600;
const SHORT_S: u32 = 1_800;

struct World {
    router: Router,
    registry: Arc<Registry>,
    shift_ms: Arc<AtomicI64>,
    clock: Clock,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// The slowest 1 % of reads take so long or longer, of the slowest kind of read.
    pub p99_ms: f64,
    /// Reads a second, of the slowest kind.
    pub reads_per_s: f64,
    /// Registrations a second.
    pub writes_per_s: f64,
    /// How long it takes to write down that half of the registrations have expired.
    pub expire_s: f64,
    /// Like the first, meanwhile.
    pub expiring_p99_ms: f64,
}

/// Measures, and prints what it finds on the way.
///
/// # Errors
/// When the registry cannot be made.
///
/// # Panics
/// When it answers what it should not.
pub fn measure() -> Result<Figures> {
    let folder = Folder::new()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(play(folder.0.join("registry.db")))
}

async fn play(file: PathBuf) -> Result<Figures> {
    let database = Database::open(Place::File(file.clone())).await?;
    let registry = Registry::open(Arc::new(database.clone()), Settings::default()).await?;
    let (registry, shift_ms) = (Arc::new(registry), Arc::new(AtomicI64::new(0)));
    let (system, shift) = (Clock::system(), shift_ms.clone());
    let clock = Clock::from_fn(move || system.now_ms() + shift.load(Ordering::Relaxed));
    let world =
        Arc::new(World { router: router(registry.clone(), clock.clone(), Writers::Anyone), registry, shift_ms, clock });

    let (seconds, writes) =
        all(&world, REGISTRATIONS, |world, number| async move { world.register(number).await }).await;
    let writes_per_s = REGISTRATIONS as f64 / seconds;
    println!(
        "{REGISTRATIONS} registrations in {seconds:.1} s: {writes_per_s:.0} a second, p99 {:.2} ms",
        p99_ms(&writes)
    );
    let bytes = std::fs::metadata(&file).map_or(0, |file| file.len());
    println!("the file has {} MB", bytes / 1_000_000);

    let stop = Arc::new(AtomicU64::new(0));
    let keep_alive = tokio::spawn(keep_alive(world.clone(), stop.clone()));
    let (mut worst_ms, mut slowest_per_s): (f64, f64) = (0.0, f64::INFINITY);
    for (what, path) in QUESTIONS_BY {
        let ask = move |world: Arc<World>, number| async move { world.read(&path(scatter(number)), 200).await };
        let (seconds, _) = all(&world, QUESTIONS, ask).await;
        let times = paced(&world, path).await;
        let (per_s, p99) = (QUESTIONS as f64 / seconds, p99_ms(&times));
        let p50 = times.value_at_quantile(0.5) as f64 / 1e6;
        println!("{what:10} {per_s:6.0} a second; at {ASKED_PER_S} a second p50 {p50:.2} ms, p99 {p99:.2} ms");
        (worst_ms, slowest_per_s) = (worst_ms.max(p99), slowest_per_s.min(per_s));
    }
    stop.store(1, Ordering::Relaxed);
    let (kept, slow) = keep_alive.await.expect("it ends");
    println!("meanwhile {kept} keep-alives, p99 {:.2} ms", p99_ms(&slow));

    // Every other registration expires.
    world.shift_ms.store(i64::from(SHORT_S) * 1_000 + 60_000, Ordering::Relaxed);
    let sweeper = tokio::spawn(sweep(world.clone()));
    let during = paced(&world, |number| by_url(number | 1)).await;
    let (expired, sweep_s) = sweeper.await.expect("it ends");
    println!("{expired} expired in {sweep_s:.2} s; reads during it p99 {:.2} ms", p99_ms(&during));
    database.close().await;
    Ok(Figures {
        p99_ms: worst_ms,
        reads_per_s: slowest_per_s,
        writes_per_s,
        expire_s: sweep_s,
        expiring_p99_ms: p99_ms(&during),
    })
}

type Path = fn(u64) -> String;
const QUESTIONS_BY: [(&str, Path); 3] = [("by address", by_url), ("by user", by_user), ("by e-mail", by_email)];

fn by_url(number: u64) -> String {
    format!("/hyperty/url/hyperty%3A%2F%2Frethink.test%2F{number:08x}-3b4b-9c3f-b046-9416f09d23ac")
}

fn by_user(number: u64) -> String {
    format!("/hyperty/user/user%3A%2F%2Fgoogle.com%2Fperson{}%40rethink.test", number / EACH)
}

fn by_email(number: u64) -> String {
    format!("/hyperty/email/person{}%40rethink.test/hyperty?resources=chat&dataSchemes=comm", number / EACH)
}

/// Any of the registrations, in no order.
fn scatter(number: u64) -> u64 {
    number.wrapping_mul(2_654_435_761) % REGISTRATIONS
}

impl World {
    async fn send(&self, method: &str, path: &str, body: String, expected: u16) {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).expect("a request");
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        assert_eq!(answer.status().as_u16(), expected, "{method} {path}");
        to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    }

    async fn read(&self, path: &str, expected: u16) {
        self.send("GET", path, String::new(), expected).await;
    }

    async fn register(&self, number: u64) {
        let expires = if number.is_multiple_of(2) { SHORT_S } else { LONG_S };
        let record = format!(
            r#"{{"descriptor":"hyperty-catalogue://catalogue.rethink.test/.well-known/hyperty/GroupChatManager","expires":{expires},"resources":["chat"],
            "dataSchemes":["comm"],"status":"live","runtime":"runtime://rethink.test/{number:08x}-7979-0412-2d675e060e46"}}"#
        );
        let (user, url) = (by_user(number), by_url(number));
        let url = url.rsplit('/').next().unwrap_or_default();
        self.send("PUT", &format!("{user}/{url}"), record, 200).await;
    }
}

/// Some clients do so many things, one after the other each. Gives how long all that took, in seconds, and how long each thing did, in ns.
async fn all<F: Future<Output = ()> + Send>(
    world: &Arc<World>,
    count: u64,
    act: impl Fn(Arc<World>, u64) -> F + Send + Copy + 'static,
) -> (f64, Histogram<u64>) {
    let (next, start) = (Arc::new(AtomicU64::new(0)), Instant::now());
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let (world, next) = (world.clone(), next.clone());
            tokio::spawn(async move {
                let mut times = times();
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return times;
                    }
                    let start = Instant::now();
                    act(world.clone(), number).await;
                    times.saturating_record(start.elapsed().as_nanos() as u64);
                }
            })
        })
        .collect();
    let mut all = times();
    for client in clients {
        all.add(client.await.expect("clients end")).expect("the same bounds");
    }
    (start.elapsed().as_secs_f64(), all)
}

/// Asks at a steady rate, whether or not answers come. Gives how long they took, in ns.
async fn paced(world: &Arc<World>, path: Path) -> Histogram<u64> {
    let start = Instant::now();
    let mut asked = Vec::new();
    for number in 0..ASKED_PER_S * ASKED_S {
        let due = start + Duration::from_secs(1) * u32::try_from(number).unwrap_or(0) / ASKED_PER_S as u32;
        tokio::time::sleep_until(due.into()).await;
        // Not from when it was due: timers are up to a millisecond late.
        let (world, start) = (world.clone(), Instant::now());
        asked.push(tokio::spawn(async move {
            world.read(&path(scatter(number)), 200).await;
            start.elapsed().as_nanos() as u64
        }));
    }
    let mut times = times();
    for one in asked {
        times.saturating_record(one.await.expect("it is answered"));
    }
    times
}

async fn keep_alive(world: Arc<World>, stop: Arc<AtomicU64>) -> (u64, Histogram<u64>) {
    let (mut tick, mut times) = (tokio::time::interval(KEEP_ALIVE_EVERY), times());
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut number = 0;
    while stop.load(Ordering::Relaxed) == 0 {
        tick.tick().await;
        number += 1;
        let start = Instant::now();
        world.send("PUT", &by_url(scatter(number * 7)), "{}".to_owned(), 200).await;
        times.saturating_record(start.elapsed().as_nanos() as u64);
    }
    (number, times)
}

async fn sweep(world: Arc<World>) -> (usize, f64) {
    let (start, mut expired) = (Instant::now(), 0);
    loop {
        let now = world.registry.sweep(world.clock.now_ms()).await.expect("it is written");
        // Somebody publishes them.
        let _ = world.registry.take_changes(usize::MAX);
        if now == 0 {
            return (expired, start.elapsed().as_secs_f64());
        }
        expired += now;
    }
}

fn times() -> Histogram<u64> {
    Histogram::new_with_bounds(1_000, 60_000_000_000, 3).expect("bounds")
}

fn p99_ms(times: &Histogram<u64>) -> f64 {
    times.value_at_quantile(0.99) as f64 / 1e6
}

/// A folder that is gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("colloquy-registry-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
