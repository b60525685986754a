//! The objects that come with this server, written in TypeScript in `web/rethink` and embedded as they would stand in a folder.

use super::folder::{DESCRIPTION, PACKAGE};
use super::kind::Kind;
use super::object::{Files, Places};
use super::snapshot::Defaults;
use bytes::Bytes;
use rust_embed::RustEmbed;
use std::collections::BTreeMap;

#[derive(RustEmbed)]
#[folder = "$COLLOQUY_RETHINK_DIST"]
struct Dist;

/// The name of our protocol stub.
const PROTOSTUB: &str = "ColloquyProtoStub";
/// The name of the descriptor of the runtime.
const RUNTIME: &str = "Runtime";

/// All of them: type, place, files.
pub(super) fn files() -> Vec<(Kind, String, Files)> {
    let mut all: BTreeMap<(Kind, String), Files> = BTreeMap::new();
    for path in Dist::iter() {
        let mut parts = path.splitn(3, '/');
        let (Some(kind), Some(folder), Some(file)) = (parts.next().and_then(Kind::parse), parts.next(), parts.next())
        else {
            continue;
        };
        let Some(bytes) = Dist::get(&path).map(|file| file.data) else { continue };
        let files = all.entry((kind, folder.to_owned())).or_default();
        match file {
            DESCRIPTION => files.description = text(&bytes),
            PACKAGE => files.package = Some(text(&bytes)),
            _ => files.code = Some(Bytes::from(bytes.into_owned())),
        }
    }
    all.into_iter().map(|((kind, folder), files)| (kind, format!("built-in {kind}/{folder}"), files)).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What of them is the default of its type. The proxy of this domain's own identity provider is called as the domain.
pub(super) fn defaults(places: &Places) -> Defaults {
    Defaults::from([
        (Kind::Protostub, vec![PROTOSTUB.to_owned()]),
        (Kind::Runtime, vec![RUNTIME.to_owned()]),
        (Kind::IdpProxy, vec![places.domain.clone()]),
    ])
}
