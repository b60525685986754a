//! The audit file of a server that runs, and the tool that looks at it.

use crate::support::{self, client::Client, server::Server};
use std::time::{Duration, Instant};

#[test]
fn it_keeps_what_was_done_over_a_rotation_and_a_restart_and_shows_what_was_changed() {
    let [path, old] = ["audit.log", "audit.log.1"].map(|name| support::file(name, ""));
    std::fs::remove_file(&old).unwrap();
    let at = [("COLLOQUY__AUDIT__FILE", path.as_str())];
    let mut server = Server::start(24_550, &at);
    let mut anne = Client::join(24_550);
    let mut act = |change: &str, answer: &str| {
        anne.say(&format!(r#"{{"type":"audience","id":9,"change":{change}}}"#));
        anne.next(answer)
    };
    act(r#"{"verb":"hold","held":true}"#, "ok");
    act(r#"{"verb":"monitor"}"#, "error");

    std::fs::rename(&path, &old).unwrap();
    server.signal("HUP");
    let began = Instant::now();
    while std::fs::metadata(&path).map_or(0, |about| about.len()) == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "there is no new file");
        std::thread::sleep(Duration::from_millis(5));
    }
    act(r#"{"verb":"hold","held":false}"#, "ok");
    anne.say(r#"{"type":"leave","id":10}"#);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
    let mut again = Server::start(24_560, &at);
    let second = support::run(&["serve"], &[at[0], ("COLLOQUY__HTTP__LISTEN", "127.0.0.1:24570")]);
    assert!(second.code == 1 && second.err.contains("another server writes it"), "{}", second.err);
    again.signal("TERM");
    assert_eq!(again.wait().code(), Some(0));

    let text = std::fs::read_to_string(&old).unwrap() + &std::fs::read_to_string(&path).unwrap();
    for words in [r#""held":true"#, r#""outcome":"auth.forbidden""#, r#""held":false"#, r#""room":"daily""#] {
        assert!(text.contains(words), "{words} is not in:\n{text}");
    }
    let run = support::colloquy(&["audit", "verify", &old, &path]);
    assert!(run.code == 0 && run.out.starts_with("ok    9 lines"), "{}{}", run.out, run.err);
    let last = run.out.lines().nth(1).unwrap().trim();
    assert_eq!(support::colloquy(&["audit", "verify", "--holds", last, &path]).code, 0);
    assert_eq!(support::colloquy(&["audit", "verify", "--holds", last, &old]).code, 3);
    assert_eq!(support::colloquy(&["audit", "verify", "--holds", "abc", &old]).code, 2);
    assert_eq!(support::colloquy(&["audit", "verify", "/nowhere/audit.log"]).code, 1);
    assert_eq!(support::colloquy(&["audit", "verify"]).code, 2);

    let changed = support::file("audit-changed.log", &text.replace("auth.forbidden", "done"));
    let run = support::colloquy(&["audit", "verify", &changed]);
    assert!(run.code == 3 && run.out.contains("one of them was changed"), "{}", run.out);
}

#[test]
fn a_file_that_cannot_be_written_keeps_the_server_from_starting() {
    let at = [("COLLOQUY__AUDIT__FILE", "/nowhere/audit.log"), ("COLLOQUY__HTTP__LISTEN", "127.0.0.1:24580")];
    let run = support::run(&["serve"], &at);
    assert!(run.code == 1 && run.err.contains("cannot write the audit file /nowhere/audit.log"), "{}", run.err);
    let run = support::run(&["check"], &at);
    assert!(run.code == 3 && run.out.contains("The audit file /nowhere/audit.log cannot be written"), "{}", run.out);
}
