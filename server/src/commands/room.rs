//! `colloquy room`: the HTTP API of a running server, from a terminal.

mod client;
mod layers;
mod table;

use crate::config::Config;
use crate::exit::{Exit, Usage as _};
use anyhow::{Result, anyhow, bail};
use clap::{Subcommand, ValueEnum};
use client::{Client, Target};
use colloquy_signalling::names::RoomName;
use serde_json::{Value, json};
use std::io::Write as _;
use table::Table;

pub(crate) const HELP: &str =
    "A server on this machine that has no keys needs nothing but the command. For one that has, name
its configuration file, and a token is made for the occasion; or give a token that grants
admin, or moderate for the room.

Examples:
  colloquy room ls
  colloquy room show daily
  colloquy room mute daily p1f --kind audio
  colloquy room kick daily p1f
  colloquy room close daily
  colloquy room ls --json | jq '.[].name'
  colloquy room ls -c colloquy.toml
  colloquy room show daily --server https://meet.example.org --token \"$TOKEN\"";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,

    /// Where the server is. Without it: where the configuration has it listen, on this machine.
    #[arg(long, global = true, value_name = "URL", env = "COLLOQUY_SERVER")]
    server: Option<String>,

    /// An access token.
    #[arg(long, global = true, env = "COLLOQUY_TOKEN", hide_env_values = true)]
    token: Option<String>,

    /// Takes any certificate: for a server with http.dev_tls.
    #[arg(long, global = true)]
    insecure: bool,

    /// Prints what the server answers, in JSON, instead of a table.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the rooms.
    Ls,
    /// Shows who is in a room, what he publishes in which encodings, and what he is sent.
    Show {
        /// The room.
        room: String,
    },
    /// Removes somebody from a room.
    Kick {
        /// The room.
        room: String,
        /// His id, as `show` has it.
        participant: String,
    },
    /// Silences somebody in the server, or lets him be heard again.
    Mute {
        /// The room.
        room: String,
        /// His id, as `show` has it.
        participant: String,
        /// Only this track of his.
        #[arg(long)]
        track: Option<String>,
        /// Only what is of this kind.
        #[arg(long, conflicts_with = "track")]
        kind: Option<Kind>,
        /// Lifts the mute instead.
        #[arg(long)]
        lift: bool,
    },
    /// Ends a room: everyone in it is removed.
    Close {
        /// The room.
        room: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Audio,
    Video,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Audio => "audio",
            Self::Video => "video",
        }
    }
}

/// Asks the server.
pub(crate) fn run(args: &Args, config: &Config) -> Result<Exit> {
    let client = Client::new(&Target {
        server: args.server.as_deref(),
        token: args.token.as_deref(),
        insecure: args.insecure,
        config,
    })?;
    match &args.action {
        Action::Ls => {
            let rooms = client.get("/api/v1/rooms")?;
            print(args, &rooms, list_rooms)
        }
        Action::Show { room } => {
            let path = room_path(room)?;
            let mut participants = client.get(&format!("{path}/participants"))?;
            if !args.json {
                layers::add(&mut participants, &client.get(&format!("{path}/stats"))?);
            }
            print(args, &participants, list_participants)
        }
        Action::Kick { room, participant } => {
            client.delete(&participant_path(room, participant)?)?;
            say(&format!("{participant} was removed from {room}."))
        }
        Action::Mute { room, participant, track, kind, lift } => {
            let path = participant_path(room, participant)?;
            let muted = mute(&client, &path, !lift, |one| {
                track.as_deref().is_none_or(|id| one["id"] == id) && kind.is_none_or(|kind| one["kind"] == kind.name())
            })?;
            print(args, &muted, list_tracks)
        }
        Action::Close { room } => {
            client.delete(&room_path(room)?)?;
            say(&format!("{room} is closed."))
        }
    }
}

/// Silences those tracks of a participant that are `wanted`, and returns them as they are then.
fn mute(client: &Client, path: &str, muted: bool, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
    let participant = client.get(path)?;
    let tracks = participant["tracks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let ids = tracks.iter().filter(|track| wanted(track)).filter_map(|track| track["id"].as_str());
    let changed = ids.map(|id| client.put(&format!("{path}/tracks/{id}/mute"), &json!({ "muted": muted })));
    let changed = changed.collect::<Result<Vec<_>>>()?;
    if changed.is_empty() {
        bail!("he publishes nothing of the kind");
    }
    Ok(Value::Array(changed))
}

fn room_path(room: &str) -> Result<String> {
    let name = RoomName::parse(room).map_err(|error| anyhow!("{room:?} is no name of a room: {error}")).usage()?;
    Ok(format!("/api/v1/rooms/{name}"))
}

fn participant_path(room: &str, participant: &str) -> Result<String> {
    if participant.is_empty() || !participant.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(anyhow!("{participant:?} is no id of a participant: `colloquy room show {room}` lists them"))
            .usage();
    }
    Ok(format!("{}/participants/{participant}", room_path(room)?))
}

fn print(args: &Args, answer: &Value, table: fn(&[Value]) -> Table) -> Result<Exit> {
    let text = if args.json {
        format!("{}\n", serde_json::to_string_pretty(answer)?)
    } else {
        table(answer.as_array().map(Vec::as_slice).unwrap_or_default()).to_string()
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Ok)
}

fn say(text: &str) -> Result<Exit> {
    writeln!(std::io::stdout(), "{text}")?;
    Ok(Exit::Ok)
}

fn list_rooms(rooms: &[Value]) -> Table {
    let mut table = Table::new(["ROOM", "PARTICIPANTS", "AT MOST", "STAYS"], "There are no rooms.");
    for room in rooms {
        table.row([
            text(&room["name"]),
            text(&room["participants"]),
            text(&room["max_participants"]),
            text(&room["permanent"]),
        ]);
    }
    table
}

fn list_participants(participants: &[Value]) -> Table {
    let mut table =
        Table::new(["ID", "NAME", "STATE", "MODERATOR", "TRACKS", "IS SENT", "DOWNLINK"], "Nobody is in the room.");
    for one in participants {
        let tracks = one["tracks"].as_array().map(Vec::as_slice).unwrap_or_default();
        let tracks: Vec<String> = tracks.iter().map(describe_track).collect();
        table.row([
            text(&one["id"]),
            text(&one["name"]),
            text(&one["state"]),
            text(&one["moderator"]),
            tracks.join(", "),
            text(&one["sent"]),
            text(&one["downlink"]),
        ]);
    }
    table
}

fn list_tracks(tracks: &[Value]) -> Table {
    let mut table = Table::new(["TRACK", "KIND", "SOURCE", "MUTED"], "There are no tracks.");
    for track in tracks {
        table.row([text(&track["id"]), text(&track["kind"]), text(&track["source"]), text(&track["muted"])]);
    }
    table
}

fn describe_track(track: &Value) -> String {
    let muted = if track["muted"] == true { " (muted)" } else { "" };
    let encodings = track["encodings"].as_str().map(|encodings| format!(" [{encodings}]")).unwrap_or_default();
    format!("{} {}{encodings}{muted}", text(&track["id"]), text(&track["source"]))
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
