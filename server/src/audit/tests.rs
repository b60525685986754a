use super::AuditFile;
use super::verify::{Flaw, FlawKind, Report, Verifier};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant, UNIX_EPOCH};

/// A file of its own, which goes with it.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("colloquy-audit-{name}-{}", std::process::id()));
        let _ = fs::remove_file(&path);
        Self(path)
    }

    fn lines(&self) -> Vec<Value> {
        let text = fs::read_to_string(&self.0).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::Null)).collect()
    }

    fn verified(&self) -> Result<Report, Flaw> {
        verified(&[&fs::read(&self.0).unwrap()], None)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn verified(files: &[&[u8]], holds: Option<&str>) -> Result<Report, Flaw> {
    let mut verifier = Verifier::new(holds);
    files.iter().try_for_each(|file| verifier.file(*file).unwrap())?;
    verifier.finish()
}

fn written(place: &Place, numbers: impl Iterator<Item = u64>) {
    let file = AuditFile::open(&place.0).unwrap();
    for number in numbers {
        assert!(file.hand_over(UNIX_EPOCH, json!({"room": "desk", "deed": number})));
    }
    file.close();
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < Duration::from_secs(10), "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn what_was_handed_over_stands_there_in_order_and_a_second_server_goes_on() {
    let place = Place::new("order");
    written(&place, 0..1_000);
    written(&place, 1_000..1_010);
    let lines = place.lines();
    let deeds: Vec<u64> = lines.iter().filter_map(|line| line["deed"].as_u64()).collect();
    assert_eq!(deeds, (0..1_010).collect::<Vec<_>>());
    assert!(lines.iter().zip(0..).all(|(line, n)| line["n"] == n));
    assert_eq!(lines[1]["time"], "1970-01-01T00:00:00.000Z");
    let events: Vec<_> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
    assert_eq!(events, ["opened", "closed", "opened", "closed"]);
    let report = place.verified().unwrap();
    assert_eq!((report.lines, report.first, report.lost, report.unfinished), (1_014, Some(0), 0, false));
    assert_eq!(fs::metadata(&place.0).unwrap().permissions().mode() & 0o777, 0o600, "it names people");
}

#[test]
fn one_file_has_one_writer() {
    let place = Place::new("alone");
    let file = AuditFile::<Value>::open(&place.0).unwrap();
    let second = AuditFile::<Value>::open(&place.0).map(drop).unwrap_err();
    assert!(format!("{second:#}").contains("another server writes it"), "{second:#}");
    file.close();
    AuditFile::<Value>::open(&place.0).unwrap().close();
}

#[test]
fn a_file_that_is_something_else_is_not_written_to() {
    let place = Place::new("else");
    fs::write(&place.0, "[http]\nlisten = \"127.0.0.1:8080\"\n").unwrap();
    assert!(AuditFile::<Value>::open(&place.0).is_err());
    assert_eq!(fs::read_to_string(&place.0).unwrap(), "[http]\nlisten = \"127.0.0.1:8080\"\n");
}

#[test]
fn a_file_that_was_moved_away_is_followed_by_another() {
    let (place, old) = (Place::new("moved"), Place::new("moved-old"));
    let file = AuditFile::open(&place.0).unwrap();
    file.hand_over(UNIX_EPOCH, json!({"deed": 1}));
    // Asked without reason, it goes on as it was.
    file.reopen();
    until("the line is there", || place.lines().len() == 2);
    fs::rename(&place.0, &old.0).unwrap();
    file.reopen();
    until("there is a new file", || place.0.exists() && !place.lines().is_empty());
    file.hand_over(UNIX_EPOCH, json!({"deed": 2}));
    file.close();
    let (first, second) = (fs::read(&old.0).unwrap(), fs::read(&place.0).unwrap());
    assert_eq!(verified(&[&first, &second], None).unwrap().lines, 6);
    assert_eq!(verified(&[&second], None).unwrap().first, Some(3), "alone it says that something was before");
    let flaw = verified(&[&second, &first], None).unwrap_err();
    assert_eq!((flaw.line, flaw.what), (1, FlawKind::Number { expected: 6, found: 0 }));
}

#[test]
fn a_line_that_a_crash_cut_off_is_told_of() {
    let place = Place::new("torn");
    written(&place, 0..3);
    let whole = fs::read(&place.0).unwrap();
    // Anywhere in the last line, its end included.
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for cut in last + 1..whole.len() {
        fs::write(&place.0, &whole[..cut]).unwrap();
        assert!(place.verified().unwrap().unfinished, "{cut}");
        written(&place, 3..4);
        let report = place.verified().unwrap_or_else(|flaw| panic!("{cut}: {flaw}"));
        assert_eq!((report.lines, report.unfinished), (8, false), "{cut}");
    }
    // The same line with an end, and without a server that says so, was put there by somebody.
    fs::write(&place.0, [&whole[..whole.len() - 9], b"\n"].concat()).unwrap();
    assert_eq!(place.verified().unwrap_err().what, FlawKind::NoLine);
}

#[test]
fn what_finds_no_place_is_counted_in_the_file() {
    let place = Place::new("lost");
    // A queue of one line is full while a line is being synced.
    let file = AuditFile::with_queue(&place.0, 1).unwrap();
    let taken = (0..2_000).filter(|number| file.hand_over(UNIX_EPOCH, json!({"deed": number}))).count();
    file.close();
    let report = place.verified().unwrap();
    let there = place.lines().iter().filter(|line| line["deed"].is_u64()).count();
    assert_eq!(there, taken);
    assert_eq!(report.lost, 2_000 - taken as u64);
    assert!(report.lost > 0, "a disk is never as fast as this");
}

#[test]
fn a_hash_that_was_noted_elsewhere_tells_of_an_end_that_is_gone() {
    let place = Place::new("holds");
    written(&place, 0..5);
    let noted = place.verified().unwrap().last.unwrap().to_string();
    let mut whole = fs::read(&place.0).unwrap();
    assert!(verified(&[&whole], Some(&noted)).unwrap().holds);
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    whole.truncate(last);
    assert!(!verified(&[&whole], Some(&noted)).unwrap().holds, "else nothing shows that it was cut");
}

#[test]
fn a_line_that_was_added_by_hand_is_found() {
    let place = Place::new("added");
    written(&place, 0..2);
    fs::OpenOptions::new()
        .append(true)
        .open(&place.0)
        .unwrap()
        .write_all(b"{\"n\":4,\"prev\":\"\",\"deed\":1}\n")
        .unwrap();
    assert_eq!(place.verified().unwrap_err().what, FlawKind::Hash { before: 3 });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever byte is changed and whatever line is taken out, but for the end of the file.
    #[test]
    fn nothing_is_changed_unseen(at in 0_usize..1_400, bit in 0_u8..8, out in 0_usize..6) {
        let place = Place::new(&format!("changed-{at}-{bit}-{out}"));
        written(&place, 0..5);
        let whole = fs::read(&place.0).unwrap();
        let lines: Vec<_> = whole.split_inclusive(|byte| *byte == b'\n').collect();
        let last_line = whole.len() - lines.last().unwrap().len();
        let mut changed = whole.clone();
        changed[at % last_line] ^= 1 << bit;
        prop_assert!(verified(&[&changed], None).is_err());
        let kept: Vec<_> = lines.iter().enumerate().filter(|(n, _)| *n != out).flat_map(|(_, line)| line.to_vec()).collect();
        // The first may be in another file; then its number says so.
        let report = verified(&[&kept], None);
        prop_assert!(report.is_err() || report.unwrap().first != Some(0));
    }

    /// A verifier reads anything.
    #[test]
    fn any_bytes_can_be_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = verified(&[&bytes], None);
    }
}
