//! Acceptance matrices, and what no sequence of verbs may break.

use super::*;
use crate::api::PeerId;
use proptest::prelude::*;
use std::fmt::Write as _;

const PIERRE: PeerId = PeerId(1);
const ANNE: PeerId = PeerId(2);
const MANUEL: PeerId = PeerId(3);
const SUSI: PeerId = PeerId(4);

/// Pierre is the customer, Anne the agent; the others have these posts.
fn call(others: &[Post]) -> Audience {
    let mut audience = Audience::default();
    audience.enter(PIERRE, Stance::default());
    audience.enter(ANNE, Stance::default().of_staff(true));
    for (post, who) in others.iter().zip([MANUEL, SUSI]) {
        audience.enter(who, Stance::at(*post));
    }
    audience
}

/// Rows are listeners, columns speakers: `h`eard, `w`hispered, `b`ackstage; then `l`ive, `f`rozen, `t`humbnail; then `k`nown.
fn matrix(audience: &Audience) -> String {
    let everyone: Vec<PeerId> = audience.iter().map(|(peer, _)| peer).collect();
    let mut text = String::new();
    for one in &everyone {
        let row: Vec<String> = everyone.iter().map(|other| cell(audience, *one, *other)).collect();
        writeln!(text, "{}", row.join(" ")).unwrap();
    }
    text
}

fn cell(audience: &Audience, one: PeerId, other: PeerId) -> String {
    let heard = match audience.hears(one, other) {
        Hears::Off => '.',
        Hears::Gain(Tone::WHISPER) => 'w',
        Hears::Gain(Tone::BACKSTAGE) => 'b',
        Hears::Gain(_) => 'h',
    };
    let seen = match audience.sees(one, other) {
        Sees::Off => '.',
        Sees::Frozen => 'f',
        Sees::Thumbnail => 't',
        Sees::Live => 'l',
    };
    let known = if audience.knows(one, other) { 'k' } else { '.' };
    format!("{heard}{seen}{known}")
}

fn after(mut audience: Audience, verbs: &[Verb]) -> Audience {
    for verb in verbs {
        audience.apply(*verb).unwrap();
    }
    audience
}

#[test]
fn on_the_floor_everybody_gets_everybody() {
    assert_eq!(matrix(&call(&[])), "..k hlk\nhlk ..k\n");
}

#[test]
fn an_agent_turns_to_a_helper_and_the_customer_keeps_her_last_picture() {
    let private = after(call(&[Post::Wings]), &[Verb::TurnAside { who: ANNE, with: MANUEL }]);
    assert_eq!(matrix(&private), "..k .fk ...\nhlk ..k hlk\n... hlk ..k\n");
    let back = after(private, &[Verb::TurnBack { who: ANNE }]);
    assert_eq!(matrix(&back), "..k hlk ...\nhlk ..k ..k\n... ..k ..k\n");
}

#[test]
fn a_monitor_gets_all_and_is_nowhere() {
    let watched = call(&[Post::SILENT_MONITOR]);
    assert_eq!(matrix(&watched), "..k hlk ...\nhlk ..k ...\nhlk hlk ..k\n");
    let told = after(watched, &[Verb::Monitor { who: MANUEL, announced: true, wall: true }]);
    assert_eq!(matrix(&told), "..k hlk ..k\nhlk ..k ..k\nhtk htk ..k\n");
}

#[test]
fn a_whisper_is_for_one_ear() {
    let coached =
        after(call(&[Post::SILENT_MONITOR, Post::SILENT_MONITOR]), &[Verb::Coach { who: MANUEL, agent: ANNE }]);
    assert_eq!(matrix(&coached), "..k hlk ... ...\nhlk ..k w.k ...\nhlk hlk ..k ..k\nhlk hlk ..k ..k\n");
}

#[test]
fn the_ladder_from_monitor_to_taking_over() {
    let mut audience = call(&[Post::SILENT_MONITOR]);
    audience = after(audience, &[Verb::Coach { who: MANUEL, agent: ANNE }, Verb::Barge { who: MANUEL }]);
    assert_eq!(matrix(&audience), "..k hlk hlk\nhlk ..k hlk\nhlk hlk ..k\n");
    audience = after(
        audience,
        &[Verb::Monitor { who: MANUEL, announced: false, wall: false }, Verb::TakeOver { who: MANUEL, from: ANNE }],
    );
    assert_eq!(matrix(&audience), "..k ... hlk\nhlk ..k hlk\nhlk ... ..k\n");
}

#[test]
fn backstage_is_for_monitors_and_whom_they_confide_in() {
    let mut audience = call(&[Post::SILENT_MONITOR, Post::SILENT_MONITOR]);
    audience = after(audience, &[Verb::Backstage { who: MANUEL }]);
    assert_eq!(matrix(&audience), "..k hlk ... ...\nhlk ..k ... ...\nhlk hlk ..k ..k\nhlk hlk hlk ..k\n");
    audience = after(audience, &[Verb::Confide { who: ANNE, insider: true }, Verb::TurnBackstage { who: ANNE }]);
    assert_eq!(matrix(&audience), "..k .fk ... ...\nhlk ..k blk ..k\nhlk hlk ..k ..k\nhlk hlk hlk ..k\n");
}

#[test]
fn who_is_held_gets_nothing_and_gives_nothing() {
    let held = after(call(&[Post::Floor]), &[Verb::Hold { who: PIERRE, held: true }]);
    assert_eq!(matrix(&held), "..k ..k ..k\n..k ..k hlk\n..k hlk ..k\n");
}

#[test]
fn circles_are_apart() {
    let apart = after(call(&[Post::Floor]), &[Verb::Move { who: MANUEL, circle: Circle(1) }]);
    assert_eq!(matrix(&apart), "..k hlk ...\nhlk ..k ...\n... ... ..k\n");
    let mut apart = apart;
    let refused = apart.apply(Verb::TurnAside { who: ANNE, with: MANUEL });
    assert_eq!(refused, Err(VerbError::Apart(ANNE, MANUEL)));
}

#[test]
fn when_one_goes_nobody_is_put_back_on_the_floor() {
    let mut private = after(call(&[Post::Wings]), &[Verb::TurnAside { who: ANNE, with: MANUEL }]);
    private.leave(MANUEL);
    assert_eq!(matrix(&private), "..k .fk\nhlk ..k\n");
    let mut coached = after(call(&[Post::SILENT_MONITOR]), &[Verb::Coach { who: MANUEL, agent: ANNE }]);
    coached.leave(ANNE);
    coached.enter(ANNE, Stance::default());
    assert_eq!(coached.hears(ANNE, MANUEL), Hears::Off, "another session of hers is another ear");
}

#[test]
fn what_is_refused_changes_nothing_and_an_epoch_counts_changes() {
    let mut audience = call(&[Post::SILENT_MONITOR]);
    let before = audience.clone();
    assert_eq!(audience.apply(Verb::Coach { who: ANNE, agent: PIERRE }), Err(VerbError::NotMonitor(ANNE)));
    assert_eq!(audience.apply(Verb::Coach { who: MANUEL, agent: SUSI }), Err(VerbError::Unknown(SUSI)));
    assert_eq!(audience.apply(Verb::TakeOver { who: MANUEL, from: MANUEL }), Err(VerbError::WithHimself(MANUEL)));
    audience.apply(Verb::Listen { who: MANUEL }).unwrap();
    assert_eq!(audience, before);
    audience.apply(Verb::Coach { who: MANUEL, agent: ANNE }).unwrap();
    assert_eq!(audience.epoch(), before.epoch() + 1);
}

fn peer() -> impl Strategy<Value = PeerId> {
    (1..=6_u64).prop_map(PeerId)
}

fn verb() -> impl Strategy<Value = Verb> {
    let two = || (peer(), peer());
    prop_oneof![
        (peer(), any::<bool>()).prop_map(|(who, held)| Verb::Hold { who, held }),
        two().prop_map(|(who, with)| Verb::TurnAside { who, with }),
        peer().prop_map(|who| Verb::TurnBackstage { who }),
        peer().prop_map(|who| Verb::TurnBack { who }),
        (peer(), any::<bool>(), any::<bool>()).prop_map(|(who, announced, wall)| Verb::Monitor {
            who,
            announced,
            wall
        }),
        two().prop_map(|(who, agent)| Verb::Coach { who, agent }),
        peer().prop_map(|who| Verb::Backstage { who }),
        peer().prop_map(|who| Verb::Listen { who }),
        peer().prop_map(|who| Verb::Barge { who }),
        two().prop_map(|(who, from)| Verb::TakeOver { who, from }),
        (peer(), 0..3_u16).prop_map(|(who, circle)| Verb::Move { who, circle: Circle(circle) }),
        (peer(), any::<bool>()).prop_map(|(who, insider)| Verb::Confide { who, insider }),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Verb(Verb),
    Enter(PeerId, bool, bool),
    Leave(PeerId),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => verb().prop_map(Step::Verb),
        1 => (peer(), any::<bool>(), any::<bool>()).prop_map(|(who, wings, staff)| Step::Enter(who, wings, staff)),
        1 => peer().prop_map(Step::Leave),
    ]
}

/// What must hold for any pair, whatever was done before.
fn is_sound(audience: &Audience, (one, eye): (PeerId, Stance), (other, face): (PeerId, Stance)) {
    let (heard, seen, known) = (audience.hears(one, other), audience.sees(one, other), audience.knows(one, other));
    if heard.is_on() || seen != Sees::Off {
        assert!(known, "{one} gets {other} and may not know of him");
        assert!(!eye.held && !face.held && one != other);
        assert_eq!(eye.circle, face.circle);
    }
    let unannounced = matches!(face.post, Post::Monitor { announced: false, .. });
    let is_outsider = eye.is_on_floor() && !eye.insider && eye.aside != Some(Aside::Backstage);
    if unannounced && is_outsider && face.line() != Some(Line::Coaching(one)) {
        assert!(!known && !heard.is_on() && seen == Sees::Off, "{one} gets the silent monitor {other}");
    }
    if face.is_on_floor() && face.aside.is_some() && eye.is_on_floor() && eye.aside != face.aside && !eye.insider {
        assert!(!heard.is_on() && seen <= Sees::Frozen, "{one} is let into the aside of {other}");
    }
    if face.line() == Some(Line::Coaching(one)) {
        return;
    }
    if let Some(Line::Coaching(_) | Line::Listening) = face.line() {
        assert!(!heard.is_on() && seen == Sees::Off, "{one} hears what was for another's ear");
    }
}

proptest! {
    #[test]
    fn no_sequence_of_verbs_lets_anybody_hear_outside_the_matrix(steps in proptest::collection::vec(step(), 1..60)) {
        let mut audience = Audience::default();
        for step in steps {
            let before = audience.clone();
            match step {
                Step::Verb(verb) => if audience.apply(verb).is_err() {
                    prop_assert_eq!(&audience, &before);
                },
                Step::Enter(who, wings, staff) => {
                    let post = if wings { Post::Wings } else { Post::Floor };
                    audience.enter(who, Stance::at(post).of_staff(staff));
                }Step::Leave(who) => audience.leave(who),
            }
            prop_assert_eq!(audience.epoch() > before.epoch(), audience != before);
            let all: Vec<_> = audience.iter().map(|(peer, stance)| (peer, *stance)).collect();
            for one in &all {
                for other in &all {
                    is_sound(&audience, *one, *other);
                }
            }
        }
    }
}
