//! Layers and bandwidth: what clients may say of them, and what they are told.

use super::world::World;
use colloquy_media_core::api::{
    AudioPath, EncodingUse, Event, Layer, PauseCause, PeerId, PixelSize, RoomId, Shown, TrackId,
};
use serde_json::json;

const ROOM: RoomId = RoomId(1);

fn shown(peer: u64, track: u64, shown: Shown) -> Event {
    Event::Shown { room: ROOM, peer: PeerId(peer), mid: "3".to_owned(), track: TrackId(track), shown }
}

fn encodings(peer: u64, track: u64, uses: [(&str, bool); 2]) -> Event {
    let encodings = uses.map(|(rid, wanted)| EncodingUse { rid: rid.to_owned(), wanted }).to_vec();
    Event::Encodings { room: ROOM, peer: PeerId(peer), track: TrackId(track), encodings }
}

#[tokio::test(start_paused = true)]
async fn wishes_reach_the_engine_whole() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    for request in [
        json!({"type":"prefer","mid":"3","width":640,"height":360,"pinned":true,"weight":4}),
        json!({"type":"prefer","mid":"3"}),
        json!({"type":"downlink","last_n":4,"max_bps":500_000}),
        json!({"type":"downlink"}),
        json!({"type":"downlink","device":"watch"}),
    ] {
        assert_eq!(anne.ask(request).await["type"], "ok");
    }
    assert_eq!(
        world.engine.log()[1..],
        [
            "prefer p1 3 Preference { size: Some(PixelSize { width: 640, height: 360 }), pinned: true, weight: 4 }",
            "prefer p1 3 Preference { size: None, pinned: false, weight: 1 }",
            "downlink p1 Downlink { last_n: Some(4), max_bps: Some(500000), device: Screen }",
            "downlink p1 Downlink { last_n: None, max_bps: None, device: Screen }",
            "downlink p1 Downlink { last_n: None, max_bps: None, device: Earpiece }",
        ]
    );
    let malformed = "protocol.malformed";
    assert_eq!(anne.refused(json!({"type":"prefer","mid":"3","width":20_000,"height":1})).await, malformed);
    assert_eq!(anne.refused(json!({"type":"prefer","mid":"3","weight":9})).await, malformed);
    assert_eq!(anne.refused(json!({"type":"downlink","max_bps":10})).await, malformed);
    assert_eq!(anne.refused(json!({"type":"downlink","device":"fridge"})).await, malformed);
    assert_eq!(world.greeted().await.refused(json!({"type":"downlink"})).await, "protocol.unexpected");
}

#[tokio::test(start_paused = true)]
async fn only_the_one_concerned_is_told() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    let (_, camera) = anne.publish().await;
    anne.events().await;
    bob.events().await;

    let layer = Layer { encoding: 1, spatial: 0, temporal: 2 };
    world.engine.emit(shown(2, 2, Shown::Layer(layer, Some(PixelSize { width: 640, height: 360 }))));
    assert_eq!(
        bob.event("shown").await,
        json!({"type":"shown","mid":"3","track":camera,"layer":{"encoding":1,"spatial":0,"temporal":2},
            "size":{"width":640,"height":360}})
    );
    world.engine.emit(shown(2, 2, Shown::Paused(PauseCause::LastN)));
    assert_eq!(bob.event("shown").await, json!({"type":"shown","mid":"3","track":camera,"paused":"last_n"}));
    world.engine.emit(encodings(1, 2, [("q", true), ("f", false)]));
    assert_eq!(
        anne.event("encodings").await,
        json!({"type":"encodings","track":camera,"encodings":[{"rid":"q","wanted":true},{"rid":"f","wanted":false}]})
    );
    assert!(anne.events().await.is_empty());
    assert!(bob.events().await.is_empty());
    // Somebody who is in another room, or nowhere, and a track that is not there.
    world.engine.emit(Event::Shown {
        room: RoomId(9),
        peer: PeerId(2),
        mid: "3".into(),
        track: TrackId(2),
        shown: Shown::Paused(PauseCause::Hidden),
    });
    world.engine.emit(encodings(1, 77, [("q", true), ("f", true)]));
    assert!(anne.events().await.is_empty());
    assert!(bob.events().await.is_empty());

    let metrics = world.get("/metrics").await.body;
    for line in
        [r#"colloquy_shown_changes_total{to="layer"} 1"#, r#"colloquy_shown_changes_total{to="paused_last_n"} 1"#]
    {
        assert!(metrics.contains(line), "{line}\n{metrics}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_is_told_how_things_stand() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    let (mut bob, joined) = world.joined("a", "Bob").await;
    let (_, annes) = anne.publish().await;
    let (_, bobs) = bob.publish().await;
    drop(bob);
    assert_eq!(anne.event("participant_state").await["state"], "reconnecting");
    world.engine.emit(shown(2, 2, Shown::Paused(PauseCause::Bandwidth)));
    world.engine.emit(encodings(2, 4, [("q", false), ("f", true)]));
    anne.events().await;

    let mut bob = world.greeted().await;
    let mut again = bob.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await;
    assert_eq!(bob.event("shown").await, json!({"type":"shown","mid":"3","track":annes,"paused":"bandwidth"}));
    assert_eq!(bob.event("encodings").await["track"], json!(bobs));

    // Of a track that is gone nothing is told any more.
    anne.ask(json!({"type":"leave"})).await;
    bob.event("participant_left").await;
    for tells in [["encodings"]] {
        let token = again["resume_token"].take();
        bob = world.greeted().await;
        again = bob.ask(json!({"type":"resume","resume_token":token})).await;
        let told: Vec<_> = bob.events().await.iter().map(|e| e["type"].as_str().unwrap().to_owned()).collect();
        assert_eq!(told, tells);
    }
}

#[tokio::test(start_paused = true)]
async fn figures_tell_of_layers_and_of_the_downlink() {
    let world = World::new();
    let (mut anne, _) = world.joined("a", "Anne").await;
    anne.publish().await;
    let own = anne.ask(json!({"type":"stats"})).await;
    assert_eq!(own["downlink"]["target_bps"], 2_000_000);
    let room = world.get("/api/v1/rooms/a/stats").await.json();
    let camera = &room["participants"][0]["receive"][1];
    assert_eq!(camera["encodings"][1], json!({"rid":"f","packets":1,"bytes":100,"bps":800,"wanted":false}));
    let schemas = &world.get("/api/v1/openapi.json").await.json()["components"]["schemas"];
    for (schema, field) in [
        ("DownlinkView", "needed_bps"),
        ("EncodingView", "wanted"),
        ("LayerView", "temporal"),
        ("SendView", "switches"),
    ] {
        assert!(schemas[schema]["properties"][field].is_object(), "{schema}.{field}");
    }
}

#[tokio::test(start_paused = true)]
async fn how_one_hears_others_reaches_the_engine_and_is_told_and_told_again() {
    let world = World::new();
    let (mut anne, joined) = world.joined("a", "Anne").await;
    let (mut bob, _) = world.joined("a", "Bob").await;
    for mode in ["mix", "auto", "forward"] {
        assert_eq!(anne.ask(json!({"type":"audio","mode":mode})).await["type"], "ok");
    }
    assert_eq!(anne.refused(json!({"type":"audio","mode":"loud"})).await, "protocol.malformed");
    assert_eq!(anne.refused(json!({"type":"audio"})).await, "protocol.malformed");
    anne.ask(json!({"type":"subscribe","mid":"3","track":"mix"})).await;
    let log = world.engine.log();
    assert_eq!(log[2..5], ["audio p1 Mix", "audio p1 Auto", "audio p1 Forward"]);
    assert_eq!(log[5], format!("subscribe p1 3 Some({})", TrackId::MIX));
    anne.events().await;
    bob.events().await;
    world.engine.emit(Event::Audio { room: ROOM, peer: PeerId(1), path: AudioPath::Mix });
    let told = json!({"type":"audio","path":"mix"});
    assert_eq!(anne.event("audio").await, told);
    assert!(bob.events().await.is_empty(), "it is nobody else's business");
    drop(anne);
    let mut back = world.greeted().await;
    back.ask(json!({"type":"resume","resume_token":joined["resume_token"]})).await;
    assert_eq!(back.event("audio").await, told);
}
