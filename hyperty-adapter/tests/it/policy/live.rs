//! Policies are files: read, checked, and taken while the node runs.

use super::support::{Folder, Scene, invite, refusal};
use std::fs;

const FORBID: &str =
    "// Nothing is created.\n@id(\"all\")\nforbid (principal, action == Action::\"create\", resource);\n";

#[test]
fn a_change_is_taken_while_the_node_runs() {
    let mut scene = Scene::of(&[]);
    let alice = scene.world.open("a");
    let call = invite("1", "hyperty://d/b");
    assert_eq!(scene.refused(alice, &call), None);
    scene.folder.put("one.cedar", FORBID);
    assert!(!scene.policies.refresh().unwrap(), "somebody may still be writing");
    assert_eq!(scene.refused(alice, &call), None);
    assert!(scene.policies.refresh().unwrap());
    assert_eq!(scene.refused(alice, &call).as_deref(), Some("policy all forbids it"));
    assert!(!scene.policies.refresh().unwrap(), "nothing is new");
    fs::remove_file(scene.folder.0.join("one.cedar")).unwrap();
    scene.policies.refresh().unwrap();
    assert!(scene.policies.refresh().unwrap());
    assert_eq!(scene.refused(alice, &call), None, "what was remembered is not");
    assert_eq!((scene.policies.figures().policies, scene.policies.figures().loaded), (0, 3));
}

#[test]
fn what_is_no_good_leaves_in_force_what_was() {
    let mut scene = Scene::of(&[("one.cedar", FORBID)]);
    let alice = scene.world.open("a");
    scene.folder.put("two.cedar", "forbid (principal, action, resource)\nwhen { resource.kind == };\n");
    assert!(!scene.policies.refresh().unwrap());
    let why = scene.policies.refresh().unwrap_err().to_string();
    assert!(why.starts_with("two.cedar, line 2: "), "{why}");
    assert_eq!(scene.policies.figures().broken, 1);
    assert!(scene.refused(alice, &invite("1", "hyperty://d/b")).is_some());
    fs::remove_file(scene.folder.0.join("two.cedar")).unwrap();
    scene.policies.refresh().unwrap();
    scene.policies.refresh().unwrap();
    assert_eq!(scene.policies.figures().broken, 0);
    // The folder itself may be away for a while.
    let away = scene.folder.0.with_extension("away");
    fs::rename(&scene.folder.0, &away).unwrap();
    assert!(scene.policies.refresh().unwrap_err().to_string().contains("cannot be read"));
    assert!(scene.refused(alice, &invite("1", "hyperty://d/b")).is_some());
    fs::rename(&away, &scene.folder.0).unwrap();
}

#[test]
fn an_error_says_where_and_what() {
    for (text, line, says) in [
        ("\n\nforbid (principal, action, resource) when { resource.colour == \"red\" };", 3, "colour"),
        ("\nforbid (principal, action == Action::\"shout\", resource);", 2, "shout"),
        ("forbid (principal is Person, action, resource);", 1, "Person"),
        ("forbid (principal, action, resource)\nwhen { principal.email == \"x\" };", 2, "email"),
        ("forbid (principal, action, resource)\n\nwhen { context.time.minute < \"noon\" };", 3, "String"),
        ("nonsense", 1, "unexpected"),
    ] {
        let why = refusal(&[("a.cedar", text)]).to_string();
        assert!(why.starts_with(&format!("a.cedar, line {line}: ")) && why.contains(says), "{why}");
    }
    for (text, says) in [
        ("forbid (principal == ?principal, action, resource);", "write whom it is about"),
        ("@id(\"\") forbid (principal, action, resource);", "the @id"),
    ] {
        let why = refusal(&[("a.cedar", text)]).to_string();
        assert!(why.starts_with("a.cedar: ") && why.contains(says), "{why}");
    }
    let why = refusal(&[("a.cedar", FORBID), ("b.cedar", FORBID)]).to_string();
    assert!(why.contains("b.cedar") && why.contains("\"all\" in a.cedar"), "{why}");
    let why = refusal(&[("a.cedar", &format!("//{}", "x".repeat(256 * 1_024)))]).to_string();
    assert!(why.contains("longer than"), "{why}");
}

#[test]
fn other_files_are_none_of_ours() {
    let folder = Folder::of(&[("README.md", "# nonsense"), (".hidden.cedar", "nonsense")]);
    let files: Vec<_> = fs::read_dir(&folder.0).unwrap().collect();
    assert_eq!(files.len(), 2);
    let scene = Scene::of(&[("README.md", "# nonsense"), (".hidden.cedar", "nonsense"), ("one.cedar", FORBID)]);
    assert_eq!(scene.policies.figures().policies, 1);
}
