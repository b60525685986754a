//! The `colloquy` binary, as a shell sees it.

use crate::support::{self, colloquy, file};

const KEY: &str = "0123456789abcdef0123456789abcdef";

fn with_key(name: &str) -> String {
    file(name, &format!("[auth]\nkeys = [{{ kid = \"k\", algorithm = \"HS256\", secret = \"{KEY}\" }}]\n"))
}

#[test]
fn help_teaches() {
    let run = colloquy(&["--help"]);
    assert_eq!(run.code, 0);
    for word in ["serve", "check", "token", "room", "Examples:", "Exit codes:"] {
        assert!(run.out.contains(word), "{word} is not in:\n{}", run.out);
    }
    for command in ["serve", "check", "token", "room"] {
        let run = colloquy(&[command, "--help"]);
        assert_eq!(run.code, 0);
        assert!(run.out.contains("Examples:"), "{command}: {}", run.out);
    }
}

#[test]
fn bench_hands_over_or_says_what_is_missing() {
    let run = colloquy(&["bench", "scenarios"]);
    let (handed, told) =
        (run.code == 0 && run.out.contains("webinar"), run.code == 1 && run.err.contains("colloquy-bench"));
    assert!(handed || told, "{} {} {}", run.code, run.out, run.err);
}

#[test]
fn a_wrong_command_line_is_told_apart_by_its_exit_code() {
    let run = colloquy(&["srve"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("serve"), "it says what was meant: {}", run.err);
    assert_eq!(colloquy(&[]).code, 2);
    assert_eq!(colloquy(&["token", "--ttl", "soon", "--identity", "a"]).code, 2);
}

#[test]
fn the_printed_configuration_is_the_file_in_the_repository() {
    let reference = include_str!("../../../config/colloquy.toml");
    assert_eq!(colloquy(&["--print-config"]).out, reference);
    assert_eq!(colloquy(&["check", "--print"]).out, reference);
}

#[test]
fn a_misspelt_key_is_shown_where_it_stands() {
    let path = file("misspelt.toml", "[media]\nprot = 1\n");
    let run = colloquy(&["check", "--config", &path]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("misspelt.toml:2:1: there is no key `media.prot`"), "{}", run.err);
    assert!(run.err.contains("Did you mean `port`?"), "{}", run.err);
}

#[test]
fn a_misspelt_variable_is_named() {
    let run = support::run(&["check"], &[("COLLOQUY__MEDIA__WORKRES", "1")]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("COLLOQUY__MEDIA__WORKRES"), "{}", run.err);
    assert!(run.err.contains("Did you mean `workers`?"), "{}", run.err);
}

#[test]
fn a_missing_file_is_a_matter_of_the_command_line() {
    let run = colloquy(&["serve", "--config", "no/such/file.toml"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("no/such/file.toml"), "{}", run.err);
}

#[test]
fn check_finds_a_certificate_that_is_not_there() {
    let path = file(
        "no-certificate.toml",
        "[http]\nlisten = \"127.0.0.1:0\"\ntls_cert = \"no-such.pem\"\ntls_key = \"no-such.key\"\n[media]\nport = 24300\nworkers = 1\n",
    );
    let run = colloquy(&["check", "-c", &path]);
    assert_eq!(run.code, 3, "{}", run.out);
    assert!(run.out.contains("no-such.pem"), "{}", run.out);
}

#[test]
fn check_is_content_with_the_defaults() {
    let free = [("COLLOQUY__HTTP__LISTEN", "127.0.0.1:0"), ("COLLOQUY__MEDIA__PORT", "24310")];
    let run = support::run(&["check"], &free);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("only clients on this machine"), "{}", run.out);
}

#[test]
fn a_token_stands_alone_on_standard_output() {
    let path = with_key("token.toml");
    let run = colloquy(&[
        "token",
        "-c",
        &path,
        "--room",
        "daily",
        "--identity",
        "anne",
        "--grant",
        "join,moderate",
        "--ttl",
        "2h",
    ]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(run.out.lines().count(), 1);
    let parts: Vec<&str> = run.out.trim().split('.').collect();
    assert_eq!(parts.len(), 3);
    let claims = support::base64url_json(parts[1]);
    assert_eq!((claims["sub"].as_str(), claims["room"].as_str()), (Some("anne"), Some("daily")));
    let grants = &claims["grants"];
    assert_eq!((&grants["join"], &grants["moderate"], &grants["admin"]), (&true.into(), &true.into(), &false.into()));
    let valid_s = claims["exp"].as_u64().unwrap() - support::now_s();
    assert!((7_100..=7_200).contains(&valid_s), "{valid_s}");
    assert_eq!(support::base64url_json(parts[0])["kid"], "k");
    assert!(!run.err.contains(KEY));
}

#[test]
fn a_token_needs_a_key_and_a_room() {
    let run = colloquy(&["token", "--room", "daily", "--identity", "anne"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--new-key"), "{}", run.err);
    let path = with_key("roomless.toml");
    let run = colloquy(&["token", "-c", &path, "--identity", "anne"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("--room"), "{}", run.err);
    assert_eq!(colloquy(&["token", "-c", &path, "--identity", "anne", "--grant", "admin"]).code, 0);
}

#[test]
fn a_new_key_can_be_used_at_once() {
    let run = colloquy(&["token", "--new-key"]);
    assert_eq!(run.code, 0);
    assert_ne!(run.out, colloquy(&["token", "--new-key"]).out);
    let reference = include_str!("../../../config/colloquy.toml");
    let path = file("fresh-key.toml", &reference.replace("keys = []\n", &run.out));
    assert_eq!(colloquy(&["token", "-c", &path, "--room", "daily", "--identity", "anne"]).code, 0);
}

#[test]
fn a_mixer_is_run_by_the_server_and_by_nobody_else() {
    assert!(!colloquy(&["--help"]).out.contains("mixer"), "it is nothing to be used by hand");
    let run = colloquy(&["mixer", "--log-level", "warn", "--log-format", "text"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("run by the server, not by hand"), "{}", run.err);
}
