//! A server that runs: the page, the API beside it, the tools, the end. Each test has ports of its own.

use crate::support::{self, client::Client, server::Server};

#[test]
fn it_says_where_it_is_and_ends_when_asked() {
    let mut server = Server::start(24_400, &[]);
    for words in
        ["http://localhost:24400", "Only browsers on this machine", "no keys are configured", "127.0.0.1:24401"]
    {
        assert!(server.said.contains(words), "{words} is not in:\n{}", server.said);
    }
    assert_eq!(server.get("/healthz", "").status, 200);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_second_server_on_the_port_says_what_is_wrong() {
    let server = Server::start(24_410, &[]);
    let run = support::run(&["serve"], &[("COLLOQUY__HTTP__LISTEN", "127.0.0.1:24410")]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("cannot listen on 127.0.0.1:24410") && run.err.contains("another server"), "{}", run.err);
    drop(server);
}

#[test]
fn the_page_comes_with_the_headers_that_protect_it() {
    let server = Server::start(24_420, &[]);
    let page = server.get("/", "");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'self'"));
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("permissions-policy").unwrap().contains("camera=(self)"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));

    let tag = page.header("etag").unwrap();
    let again = server.get("/", &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((again.status, again.body.len()), (304, 0));

    let packed = server.get("/", "Accept-Encoding: br, gzip\r\n");
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    assert_eq!(packed.body.get(..2), Some([0x1f, 0x8b].as_slice()));
    assert_ne!(packed.header("etag"), Some(tag));
    assert_eq!(server.get("/", "Accept-Encoding: gzip;q=0\r\n").header("content-encoding"), None);
}

#[test]
fn places_within_the_app_are_the_page_and_other_paths_are_errors() {
    let server = Server::start(24_430, &[]);
    assert_eq!(server.get("/r/daily", "").body, server.get("/", "").body);
    assert_eq!(server.get("/assets/of-an-older-build.js", "").status, 404);
    let missing = server.get("/api/v1/nothing", "");
    assert_eq!((missing.status, missing.header("content-type")), (404, Some("application/problem+json")));
    let document = server.get("/api/v1/openapi.json", "");
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
}

#[test]
fn the_tools_reach_it() {
    let server = Server::start(24_440, &[]);
    let url = server.url();
    let run = support::colloquy(&["room", "ls", "--server", &url]);
    assert_eq!((run.code, run.out.as_str()), (0, "There are no rooms.\n"), "{}", run.err);
    let run = support::colloquy(&["room", "ls", "--json", "--server", &url]);
    assert_eq!((run.code, run.out.as_str()), (0, "[]\n"));
    let run = support::colloquy(&["room", "close", "nowhere", "--server", &url]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("room.unknown"), "{}", run.err);
    assert_eq!(support::colloquy(&["room", "show", "not a name", "--server", &url]).code, 2);
    let run = support::colloquy(&["room", "ls", "--server", "http://127.0.0.1:9"]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("cannot reach a server"), "{}", run.err);
}

#[test]
fn with_keys_the_tools_need_the_configuration_or_a_token() {
    let keys = "keys = [{ kid = \"k\", algorithm = \"HS256\", secret = \"0123456789abcdef0123456789abcdef\" }]";
    let path = support::file("served-keys.toml", &format!("[auth]\n{keys}\n[http]\nlisten = \"127.0.0.1:24450\"\n"));
    let server = Server::start(24_450, &[("COLLOQUY_CONFIG", &path)]);
    assert!(server.said.contains("by token only"), "{}", server.said);
    let run = support::colloquy(&["room", "ls", "--server", &server.url()]);
    assert_eq!(run.code, 1);
    assert!(run.err.contains("auth.required"), "{}", run.err);
    assert_eq!(support::colloquy(&["room", "ls", "--config", &path]).code, 0);
    let token = support::colloquy(&["token", "-c", &path, "--identity", "me", "--grant", "admin"]).out;
    assert_eq!(support::colloquy(&["room", "ls", "--server", &server.url(), "--token", token.trim()]).code, 0);
}

#[test]
fn a_self_signed_server_is_reached_over_tls() {
    let path = support::file("served-tls.toml", "[http]\nlisten = \"127.0.0.1:24460\"\ndev_tls = true\n");
    let mut server = Server::start(24_460, &[("COLLOQUY_CONFIG", &path)]);
    assert!(server.said.contains("https://localhost:24460"), "{}", server.said);
    assert_eq!(support::colloquy(&["room", "ls", "-c", &path]).code, 0);
    let run = support::colloquy(&["room", "ls", "--server", "https://127.0.0.1:24460"]);
    assert_eq!(run.code, 1, "its certificate is nobody's: {}", run.out);
    assert_eq!(support::colloquy(&["room", "ls", "--server", "https://127.0.0.1:24460", "--insecure"]).code, 0);
    server.signal("HUP");
    server.signal("INT");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_draining_server_tells_its_clients_and_waits_for_the_last_one() {
    let mut server = Server::start(24_470, &[]);
    let mut anne = Client::join(24_470);
    server.signal("TERM");
    assert!(anne.next("draining").contains("\"seconds\":30"));
    assert_eq!(server.get("/readyz", "").status, 503);
    assert_eq!(server.get("/healthz", "").status, 200);
    assert!(server.is_running());
    anne.say(r#"{"type":"leave","id":3}"#);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_draining_server_waits_only_so_long() {
    let mut server = Server::start(24_480, &[("COLLOQUY__DRAIN_S", "1")]);
    let _anne = Client::join(24_480);
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let mut server = Server::start(24_490, &[("COLLOQUY__DRAIN_S", "3600")]);
    let mut anne = Client::join(24_490);
    server.signal("TERM");
    anne.next("draining");
    server.signal("TERM");
    assert_eq!(server.wait().code(), Some(1));
}
