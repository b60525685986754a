//! Scenario files: the ready ones, slips of the pen, and whatever comes.

use super::*;
use proptest::prelude::*;

fn refused(text: &str) -> String {
    Scenario::read(text, &[]).expect_err(text).to_string()
}

const BASE: &str = "name = \"x\"\nviewers = 2\n[media.audio]\n";

#[test]
fn the_ready_ones_are_good_and_named_as_their_files() {
    for ready in READY {
        let (scenario, text) =
            Scenario::read(ready.text, &[]).unwrap_or_else(|error| panic!("{}: {error}", ready.name));
        assert_eq!(scenario.name, ready.name);
        assert!(!scenario.about.is_empty() && text == ready.text);
        for value in [scenario.search.from, scenario.search.to] {
            scenario.grown(value).check().unwrap_or_else(|error| panic!("{} grown to {value}: {error}", ready.name));
        }
    }
}

#[test]
fn mistakes_are_told_with_their_place() {
    assert!(refused("name = \"x\"\nviewrs = 2\n[media.audio]\n").contains("viewrs"));
    assert!(
        refused("name = \"x\"\nviewers = 2\n[media.audio]\npayload_bytes = \"many\"\n")
            .contains("media.audio.payload_bytes")
    );
    assert!(
        refused("name = \"x\"\nviewers = 2\n[media.audio]\npayload_bytes = 3\n")
            .contains("media.audio.payload_bytes: 48")
    );
    assert!(refused("name = \"x\"\n[media.audio]\n").contains("viewers"));
    assert!(refused("name = \"x y\"\nviewers = 2\n[media.audio]\n").contains("name"));
    assert!(refused("name = \"x\"\nviewers = 2\n[media]\n").contains("neither audio nor video"));
    assert!(
        refused("name = \"x\"\nviewers = 2\npublishers = 100\n[media.audio]\n[media.video.camera]\n")
            .contains("200 streams")
    );
    assert!(
        refused(&format!("{BASE}[[access]]\nshare = 0.5\ndown = {{ loss = 1.5 }}\n")).contains("access[0].down.loss")
    );
    assert!(refused(&format!("{BASE}[time]\nhold_s = nan\n")).contains("time.hold_s"));
    assert!(
        refused(&format!("{BASE}[media.video.recorded]\nfiles = []\n")).contains("media.video.recorded.files: 1 to 3")
    );
    assert!(refused("not toml").contains("TOML"));
}

#[test]
fn changes_stand_over_the_file() {
    let changes = ["viewers=7".to_owned(), "media.video.camera.kbps=900".to_owned(), "about=more".to_owned()];
    let (scenario, text) = Scenario::read(BASE, &changes).unwrap();
    assert_eq!((scenario.viewers, scenario.about.as_str()), (7, "more"));
    assert!(matches!(&scenario.media.video, Some(VideoSource::Camera(camera)) if camera.kbps == 900));
    assert_eq!(Scenario::read(&text, &[]).unwrap().0, scenario, "what is reported plays the same");
    assert!(Scenario::read(BASE, &["viewers.of=3".to_owned()]).is_err());
    assert!(Scenario::read(BASE, &["viewers".to_owned()]).is_err());
}

#[test]
fn recordings_are_looked_for_beside_the_scenario_and_missing_ones_told() {
    let text = "name = \"x\"\nviewers = 2\n[media.video.recorded]\nfiles = [\"talk.webm\"]\n";
    let mut media = Scenario::read(text, &[]).unwrap().0.media;
    let told = format!("{:#}", media.load().unwrap_err());
    assert!(told.contains("media.video.recorded.files[0]") && told.contains("neither a file"), "{told}");
    media.look_beside(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("media"));
    assert_eq!(media.load().unwrap().pictures.len(), 1);
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(text in "\\PC{0,200}", lines in proptest::collection::vec("[a-z_.]{1,12} = [0-9a-z\"{}\\[\\].-]{1,12}", 0..8)) {
        let _ = Scenario::read(&text, &[]);
        let _ = Scenario::read(&format!("{BASE}{}\n", lines.join("\n")), &[]);
        let _ = Scenario::read(BASE, &lines.iter().map(|line| line.replace(' ', "")).collect::<Vec<_>>());
    }

    #[test]
    fn a_good_one_is_written_and_read_again(
        rooms in 1_u32..50, publishers in 1_u32..20, viewers in 1_u32..200, meeting: bool, hold in 0.2_f64..1000.0,
        loss in 0.0_f64..=1.0, kbps in 50_u64..20_000, churn in proptest::option::of(0.1_f64..100.0),
    ) {
        let changes = [
            format!("rooms={rooms}"), format!("publishers={publishers}"), format!("viewers={viewers}"), format!("meeting={meeting}"),
            format!("time.hold_s={hold:?}"), format!("media.video.camera.kbps={kbps}"),
            format!("access=[{{share=0.5,down={{loss={loss:?}}}}}]"),
        ];
        let churn = churn.map(|per_s| format!("churn.per_s={per_s:?}"));
        let changes: Vec<String> = changes.into_iter().chain(churn).collect();
        let (scenario, text) = Scenario::read(BASE, &changes).unwrap();
        prop_assert_eq!(&Scenario::read(&text, &[]).unwrap().0, &scenario);
        prop_assert_eq!(&Scenario::read(&toml::to_string(&scenario).unwrap(), &[]).unwrap().0, &scenario);
    }
}
