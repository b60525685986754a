//! What a room's figures say of layers and bandwidth, in words that fit into a table.

use serde_json::{Value, json};

/// Adds to each participant what he is sent, and to each of his tracks its encodings.
pub(super) fn add(participants: &mut Value, stats: &Value) {
    for one in participants.as_array_mut().into_iter().flatten() {
        // He came after the figures were taken, or has no media yet.
        let Some(figures) = list(&stats["participants"]).iter().find(|s| s["participant"] == one["id"]) else {
            continue;
        };
        for track in one["tracks"].as_array_mut().into_iter().flatten() {
            let received = list(&figures["receive"]).iter().find(|r| r["track"] == track["id"]);
            if let Some(encodings) = received.and_then(|r| encodings(&r["encodings"])) {
                track["encodings"] = json!(encodings);
            }
        }
        one["sent"] = json!(sent(&figures["send"]));
        one["downlink"] = json!(downlink(&figures["downlink"]));
    }
}

/// The encodings of a simulcast track; those that nobody is shown are marked as off.
fn encodings(encodings: &Value) -> Option<String> {
    let word = |one: &Value| {
        let rid = one["rid"].as_str().filter(|rid| !rid.is_empty())?;
        Some(if one["wanted"] == true { rid.to_owned() } else { format!("{rid} off") })
    };
    let words: Vec<String> = list(encodings).iter().filter_map(word).collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Each video that he is sent, with its layer: encoding, spatial and temporal.
fn sent(places: &Value) -> String {
    let word = |place: &Value| {
        let (track, layer) = (place["track"].as_str()?, &place["layer"]);
        let number = |name: &str| layer[name].as_u64();
        Some(format!("{track} {}/S{}T{}", number("encoding")?, number("spatial")?, number("temporal")?))
    };
    list(places).iter().filter_map(word).collect::<Vec<_>>().join(", ")
}

/// What is sent to him of what may be, in Mb/s.
fn downlink(downlink: &Value) -> String {
    let mbps = |name: &str| downlink[name].as_f64().map(|bps| bps / 1e6);
    match (mbps("sent_bps"), mbps("target_bps")) {
        (Some(sent), Some(target)) => format!("{sent:.1} of {target:.1} Mb/s"),
        _ => String::new(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::add;
    use serde_json::json;

    #[test]
    fn layers_stand_with_their_tracks_and_receivers() {
        let mut participants = json!([{"id":"p1","tracks":[{"id":"t1"},{"id":"t2"}]}, {"id":"p2","tracks":[]}]);
        let stats = json!({"participants":[{"participant":"p1",
            "receive":[{"track":"t1","encodings":[{"rid":"","wanted":true}]},
                {"track":"t2","encodings":[{"rid":"q","wanted":true},{"rid":"f","wanted":false}]}],
            "send":[{"track":"t7","layer":null},{"track":"t8","layer":{"encoding":1,"spatial":0,"temporal":2}}],
            "downlink":{"sent_bps":1_250_000,"target_bps":3_000_000}}]});
        add(&mut participants, &stats);
        assert_eq!(
            participants,
            json!([{"id":"p1","tracks":[{"id":"t1"},{"id":"t2","encodings":"q, f off"}],
                "sent":"t8 1/S0T2","downlink":"1.2 of 3.0 Mb/s"}, {"id":"p2","tracks":[]}])
        );
    }
}
