use super::{Config, Environment, Mistake, from_parts};
use colloquy_hyperty_adapter::node::Settings;
use colloquy_hyperty_adapter::wire::WireSettings;
use colloquy_media_core::api;
use colloquy_media_core::driver::TurnConfig;
use colloquy_media_core::mix::audio::MixSettings;
use colloquy_signalling::SignallingConfig;

fn read(text: &str) -> Result<Config, Mistake> {
    from_parts(Some(("my.toml", text)), &Environment::default())
}

fn with(name: &str, value: &str) -> Result<Config, Mistake> {
    from_parts(Some(("my.toml", "[media]\nport = 1000\n")), &Environment::new([(name.to_owned(), value.to_owned())]))
}

/// The defaults of the parts stand in their code, for those who use them as libraries. The reference must say the same.
#[test]
fn the_reference_file_says_the_defaults_of_the_parts() {
    let config = Config::reference();
    config.validate().expect("the defaults fit together");
    assert_eq!(config.engine_limits(), api::Limits::default());
    assert_eq!(format!("{:?}", config.signalling()), format!("{:?}", SignallingConfig::default()));
    assert_eq!(format!("{:?}", config.relay()), format!("{:?}", TurnConfig::default()));
    assert_eq!((config.mix.threads(), config.mix.settings()), (1, MixSettings::default()));
    assert_eq!(format!("{:?}", config.rethink.node()), format!("{:?}", Settings::new("localhost")));
    assert_eq!(format!("{:?}", config.rethink.wires()), format!("{:?}", WireSettings::default()));
    let usual = colloquy_hyperty_adapter::identity::Config::default();
    assert_eq!(format!("{:?}", config.identity.of(String::new())), format!("{usual:?}"));
    assert_eq!(config.ice_mode(), api::IceMode::default());
    assert_eq!(config.dtls_versions(), api::DtlsVersions::default());
}

#[test]
fn a_file_changes_only_what_it_names() {
    let config = read("drain_s = 5\n[http]\ntls_cert = \"a.pem\"\n").unwrap();
    assert_eq!(config.drain_s, 5);
    assert_eq!(config.http.tls_cert.as_deref(), Some("a.pem".as_ref()));
    assert_eq!(config.http.listen, Config::reference().http.listen);
}

#[test]
fn the_environment_wins_over_the_file() {
    assert_eq!(read("[media]\nport = 1000\n").unwrap().media.port, 1000);
    assert_eq!(with("COLLOQUY__MEDIA__PORT", "2000").unwrap().media.port, 2000);
    let config = with("COLLOQUY__MEDIA__ADVERTISE", "[\"192.0.2.1\", \"2001:db8::1\"]").unwrap();
    assert_eq!(config.media.advertise.len(), 2);
    assert_eq!(with("COLLOQUY__HTTP__LISTEN", "0.0.0.0:80").unwrap().http.listen.port(), 80);
    assert_eq!(with("COLLOQUY__HTTP__TLS_CERT", "").unwrap().http.tls_cert, None);
    let key = r#"[{kid="a",algorithm="HS256",secret="0123456789abcdef0123456789abcdef"}]"#;
    assert_eq!(with("COLLOQUY__AUTH__KEYS", key).unwrap().auth.keys.len(), 1);
}

#[test]
fn a_misspelt_key_is_shown_with_what_was_meant() {
    let mistake = read("# mine\n\n[media]\n  prot = 1\n").unwrap_err();
    assert_eq!(mistake.place, "my.toml:4:3");
    assert_eq!(
        mistake.to_string(),
        "my.toml:4:3: there is no key `media.prot`\n      prot = 1\n      ^\n  Did you mean `port`?"
    );
    let mistake = read("[meida]\nport = 1\n").unwrap_err();
    assert_eq!((mistake.place.as_str(), mistake.hint.as_deref()), ("my.toml:1:2", Some("Did you mean `media`?")));
    let mistake = read("[media]\nwhatever_this_is = 1\n").unwrap_err();
    assert!(mistake.hint.unwrap().starts_with("There are: port, workers"));
    let mistake = read("[signalling.limits]\nroms = 1\n").unwrap_err();
    assert_eq!((mistake.place.as_str(), mistake.hint.as_deref()), ("my.toml:2:1", Some("Did you mean `rooms`?")));
}

#[test]
fn a_misspelt_variable_is_shown_with_what_was_meant() {
    let mistake = with("COLLOQUY__MEDIA__PROT", "2000").unwrap_err();
    assert_eq!(mistake.place, "environment variable COLLOQUY__MEDIA__PROT");
    assert_eq!(mistake.hint.as_deref(), Some("Did you mean `port`?"));
    let mistake = with("COLLOQUY__HTPP__LISTEN", "0.0.0.0:80").unwrap_err();
    assert_eq!(mistake.place, "environment variable COLLOQUY__HTPP__LISTEN");
    assert_eq!(mistake.hint.as_deref(), Some("Did you mean `http`?"));
    let mistake = with("COLLOQUY__MEDIA__PORT", "many").unwrap_err();
    assert_eq!(mistake.place, "environment variable COLLOQUY__MEDIA__PORT");
}

#[test]
fn a_wrong_value_is_shown_where_it_stands() {
    let mistake = read("[media]\nice = \"liet\"\n").unwrap_err();
    assert_eq!(mistake.place, "my.toml:2:1");
    assert_eq!(mistake.message, "`media.ice` cannot be \"liet\"");
    assert_eq!(mistake.hint.as_deref(), Some("Did you mean `lite`?"));
    let mistake = read("[media]\nport = 70000\n").unwrap_err();
    assert_eq!(mistake.place, "my.toml:2:1");
    assert!(mistake.message.contains("70000"), "{mistake}");
    let mistake = read("[media]\nbind = [\"eth0\"]\n").unwrap_err();
    assert_eq!(mistake.place, "my.toml:2:1");
}

#[test]
fn what_is_no_toml_is_shown_where_it_breaks() {
    let mistake = read("[media]\nport = \n").unwrap_err();
    assert!(mistake.place.starts_with("my.toml:2:"), "{mistake}");
}

#[test]
fn what_does_not_fit_together_is_refused() {
    for (text, word) in [
        ("[http]\ntls_cert = \"a.pem\"\n", "tls_key"),
        ("[http]\ntls_cert = \"a.pem\"\ntls_key = \"b.pem\"\ndev_tls = true\n", "dev_tls"),
        ("[media]\nadvertise = [\"192.0.2.1\", \"192.0.2.2\"]\n", "IPv4"),
        ("[log]\nlevel = \"loud\"\n", "log.level"),
        ("[turn]\nrelay_port_first = 2000\nrelay_port_last = 1000\n", "relay_port_first"),
        ("[turn]\nhost = \"turn:example.org/x\"\n", "turn.host"),
        ("[turn]\nhost = \"turn.example.org:3478\"\n", "turn.port"),
        ("[turn]\nhost = \"[2001:db8::7]:3478\"\n", "turn.port"),
        ("[mix]\nthreads = 0\n", "mix.threads"),
        ("[mix]\nbitrate_bps = 100\n", "mix.bitrate_bps"),
        ("[mix.video]\nwidth = 641\n", "mix.video.width"),
        ("[mix.video]\nfps = 0\n", "mix.video.fps"),
        ("[mix.video]\ncomposites = 0\n", "mix.video.composites"),
        ("[announcements]\ndirectory = \"/sounds\"\n[mix]\nenabled = false\n", "mix.enabled"),
        ("[announcements]\nhold_music = \"a.wav\"\n", "announcements.directory"),
        ("[announcements]\nspeech_command = [\"\"]\n", "speech_command"),
        ("[announcements]\nlength_s = 0\n", "announcements.length_s"),
        ("[announcements]\nfile_bytes = 1\n", "announcements.file_bytes"),
        ("[announcements]\nspeech_timeout_ms = 60000\n", "announcements.speech_timeout_ms"),
        ("[announcements]\nper_room = 16\n", "announcements.per_room"),
        ("[isolation]\nmemory_mb = 64\n", "isolation.memory_mb"),
        ("[rethink]\ndomain = \"https://example.com/\"\n", "rethink.domain"),
        ("[rethink.limits]\nsessions = 0\n", "rethink.limits.sessions"),
        ("[rethink.limits]\nmessage_bytes = 1000\n", "message_bytes"),
        ("[rethink.limits]\nping_s = 40\n", "silent_s"),
        ("[signalling.limits]\nrooms = 0\n", "rooms"),
        ("[identity]\nenabled = \"always\"\n[http]\nlisten = \"0.0.0.0:80\"\n", "identity.issuer"),
        ("[identity]\ncalls = \"required\"\n[http]\nlisten = \"0.0.0.0:80\"\n", "identity.issuer"),
        ("[identity]\ncalls = \"required\"\nenabled = \"never\"\n", "identity.calls"),
        ("[identity]\nconcurrent_hashes = 0\n", "concurrent_hashes"),
        ("[identity.mail]\nsmtp = \"http://x\"\n", "mail.smtp"),
        ("[identity.mail]\nsmtp = \"smtp://localhost:25\"\nfrom = \"nobody\"\n", "mail.from"),
        (
            "[auth]\nopen_access = true\nkeys = [{ kid = \"a\", algorithm = \"HS256\", secret = \"0123456789abcdef0123456789abcdef\" }]\n",
            "open_access",
        ),
    ] {
        let error = read(text).unwrap().validate().unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }
}

#[test]
fn the_relay_reads_networks_and_prints_no_secret() {
    let text = "[turn]\nallow = [\"10.0.0.0/8\"]\nsecret = \"0123456789abcdef\"\nusers = [{ name = \"anne\", password = \"hush\" }]\n";
    let config = read(text).unwrap();
    config.validate().unwrap();
    assert_eq!(config.relay().allow[0].to_string(), "10.0.0.0/8");
    let printed = format!("{config:?}{:?}", config.relay());
    assert!(!printed.contains("0123456789abcdef") && !printed.contains("hush"));
    assert_eq!(read("[turn]\ndeny = [\"10.0.0.0/33\"]\n").unwrap_err().place, "my.toml:2:1");
    assert!(read("[turn]\nsecret = \"short\"\n").unwrap().validate().is_err());
    for host in ["turn.example.org", "192.0.2.7", "2001:db8::7", "[2001:db8::7]"] {
        assert!(read(&format!("[turn]\nhost = \"{host}\"\n")).unwrap().validate().is_ok(), "{host}");
    }
}

#[test]
fn the_relay_starts_where_clients_may_be_elsewhere() {
    let wants = |text: &str| read(text).unwrap().wants_turn();
    assert!(!wants(""));
    assert!(wants("[http]\nlisten = \"0.0.0.0:8443\"\n"));
    assert!(wants("[media]\nadvertise = [\"192.0.2.1\"]\n"), "behind a proxy");
    assert!(wants("[turn]\nenabled = \"always\"\n"));
    assert!(!wants("[http]\nlisten = \"0.0.0.0:8443\"\n[turn]\nenabled = \"never\"\n"));
}

#[test]
fn mixers_have_processes_of_their_own_unless_they_are_not_to() {
    let isolation = Config::reference().isolation().unwrap();
    assert_eq!(isolation.memory_bytes, 1 << 30);
    assert!(with("COLLOQUY__ISOLATION__ENABLED", "false").unwrap().isolation().is_none());
}

#[test]
fn the_message_node_runs_where_nobody_else_reaches_it_or_it_has_a_name() {
    let runs = |text: &str| read(text).unwrap().rethink().is_some();
    assert!(runs(""));
    assert!(!runs("[http]\nlisten = \"0.0.0.0:8443\"\n"));
    assert!(runs("[http]\nlisten = \"0.0.0.0:8443\"\n[rethink]\ndomain = \"example.com\"\n"));
    assert!(runs("[http]\nlisten = \"0.0.0.0:8443\"\n[rethink]\nenabled = \"always\"\n"));
    assert!(!runs("[rethink]\nenabled = \"never\"\n"));
}

#[test]
fn on_a_machine_of_its_own_the_catalogue_names_the_node_by_the_servers_address() {
    let node = |config: &Config| {
        let issuer = config.identity().map(|identity| identity.issuer);
        config.rethink.catalogue(issuer).expect("there is a catalogue").places.node
    };
    let mut config = Config::reference();
    config.http.listen = "127.0.0.1:8123".parse().unwrap();
    assert_eq!(node(&config), "ws://localhost:8123/ws");
    config.http.dev_tls = true;
    assert_eq!(node(&config), "wss://localhost:8123/ws");
    config.rethink.domain = "d.test".to_owned();
    assert_eq!(node(&config), "wss://msg-node.d.test/ws");
    config.rethink.catalogue.node_url = Some("wss://elsewhere/ws".to_owned());
    assert_eq!(node(&config), "wss://elsewhere/ws");
}
