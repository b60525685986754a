//! Where everybody stands on a canvas: the layouts that every room has, those that are arranged for one, whom a viewer pins, and what marks
//! on tiles tell whom.

use super::canvases::{COLOURS, FRAME, Room, SECOND, camera};
use colloquy_bench::client::Pace;
use colloquy_media_core::api::{
    Area, Arrangement, CanvasLayout, Codec, Command, LayoutId, LayoutPlace, PeerId, PlaceFor, Source, TrackId,
};
use colloquy_media_core::audience::{Post, Verb};
use colloquy_media_core::composer::{Face, Tile};
use colloquy_tests::{Muter, Options};
use std::time::Duration;

const LAYOUT: LayoutId = LayoutId(1);
const CUSTOM: CanvasLayout = CanvasLayout::Custom(LAYOUT);
/// Where the large picture is in each of the layouts that have one, where no name is written.
const LARGE: (u32, u32) = (30, 40);

fn open(seed: u64, people: usize, workers: usize) -> Room {
    Room::with_canvases(Options { seed, workers, ..Options::default() }, &vec![Post::Floor; people], 8)
}

impl Room {
    /// Has everybody look at this layout.
    fn lay_out(&mut self, layout: CanvasLayout) {
        for (peer, mid) in self.people.clone().into_iter().zip(self.places.clone()) {
            self.world.subscribe(peer, &mid, Some(layout.track())).unwrap();
        }
        self.look(2 * SECOND, |_, _| {});
    }

    /// Somebody shares a screen, which is of his other colour.
    fn share(&mut self, who: usize) -> TrackId {
        let peer = self.people[who];
        let pace = Pace { interval: FRAME, packets: 1, payload_bytes: 60, large_key_frames: false };
        let mid = self.world.client(peer).publish(Codec::Vp8, pace);
        self.world.client(peer).replay(&mid, &[camera(COLOURS[who][1])], 0.0);
        self.world.name_source(peer, &mid, Source::Screen);
        let published = self.world.offer(peer).unwrap().published;
        self.look(2 * SECOND, |_, _| {});
        published.last().unwrap().id
    }

    /// Gives everybody a microphone. Gives their tracks.
    fn microphones(&mut self) -> Vec<TrackId> {
        let tracks = self.people.clone().into_iter().map(|peer| {
            let track = self.world.publish(peer, Codec::Opus);
            let mid =
                self.world.person(peer).published.iter().find(|(_, info)| info.id == track).unwrap().0.to_string();
            self.world.client(peer).set_level(&mid, 127);
            track
        });
        tracks.collect()
    }

    /// One speaks, and nobody else.
    fn speaks(&mut self, who: usize) {
        for (index, peer) in self.people.clone().into_iter().enumerate() {
            let published = &self.world.person(peer).published;
            let microphone = published.iter().find(|(_, info)| info.source == Source::Microphone);
            let mid = microphone.unwrap().0.to_string();
            self.world.client(peer).set_level(&mid, if index == who { 15 } else { 127 });
        }
        self.look(3 * SECOND, |_, _| {});
    }

    fn pin(&mut self, viewer: usize, first: Option<usize>) {
        let (peer, first) = (self.people[viewer], first.map(|who| self.people[who]));
        self.world.tell(Command::Pin { peer, first });
        self.look(SECOND, |_, _| {});
    }

    fn arrange(&mut self, places: &[([u16; 4], PlaceFor)]) {
        let place = |([x, y, width, height], shows): &([u16; 4], PlaceFor)| {
            let (x, y, width, height) = (*x, *y, *width, *height);
            LayoutPlace { area: Area { x, y, width, height }, shows: *shows }
        };
        let arrangement = Arrangement::new(places.iter().map(place).collect()).unwrap();
        self.world.tell(Command::Arrange { room: self.room, id: LAYOUT, arrangement: Some(arrangement) });
    }

    /// Whom a viewer sees at each of these places: his number, with an apostrophe for his screen; a point for nobody.
    fn at(&self, viewer: usize, places: &[(u32, u32)]) -> String {
        let screen = &self.screens[&self.people[viewer]];
        let one = |place: &(u32, u32)| {
            let of = COLOURS.iter().zip(1..).find_map(|(colours, number)| {
                let shown = colours.iter().position(|colour| screen.has(*place, *colour))?;
                Some(format!("{number}{}", if shown == 1 { "'" } else { "" }))
            });
            of.unwrap_or_else(|| ".".to_owned())
        };
        places.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    /// Somebody's tiles on the canvases that there are, without what is the same.
    fn tiles(&self, track: TrackId) -> Vec<Tile> {
        let mut tiles = Vec::new();
        for tile in self.world.scenes().into_iter().flat_map(|scene| scene.tiles).filter(|tile| tile.track == track) {
            if !tiles.contains(&tile) {
                tiles.push(tile);
            }
        }
        tiles.sort_by_key(|tile| tile.face);
        tiles
    }
}

#[test]
fn a_presentation_shows_whole_what_is_shared_and_the_others_in_a_column() {
    for workers in [1, 3] {
        let mut room = open(21, 3, workers);
        room.microphones();
        room.lay_out(CanvasLayout::Presentation);
        room.speaks(2);
        // Of 180 lines the column's tiles have 36 each, in the middle.
        let column = [(90, 40), (90, 60)];
        for viewer in 0..3 {
            assert_eq!(room.at(viewer, &[LARGE]), "3", "who speaks, seen by {viewer} of {workers} workers");
            assert_eq!(room.at(viewer, &column), "1 2");
        }
        room.share(1);
        let (column, bars) = ([(90, 30), (90, 50), (90, 70)], [(40, 3), (40, 97)]);
        for viewer in 0..3 {
            assert_eq!(room.at(viewer, &[LARGE]), "2'");
            assert_eq!(room.at(viewer, &column), "1 2 3");
            assert_eq!(room.at(viewer, &bars), ". .", "it is not cut to fill its place");
        }
        room.speaks(0);
        assert_eq!(room.at(0, &[LARGE]), "2'", "whoever speaks");
    }
}

#[test]
fn a_picture_in_a_picture_shows_one_large_and_others_upon_him() {
    let mut room = open(22, 4, 1);
    room.microphones();
    room.lay_out(CanvasLayout::PictureInPicture);
    room.speaks(1);
    // From the right corner on, 64 pixels of 320 each with a space of 8.
    let insets = [(87, 85), (65, 85), (42, 85), (20, 85)];
    assert_eq!(room.at(0, &[LARGE, (97, 3), (3, 70)]), "2 2 2");
    assert_eq!(room.at(0, &insets[..3]), "1 3 4");
    room.share(0);
    assert_eq!(room.at(3, &[LARGE]), "1'");
    assert_eq!(room.at(3, &insets), "2 1 3 4", "who speaks is the first upon it");
    room.speaks(3);
    assert_eq!(room.at(3, &insets), "4 1 2 3");
    assert_eq!(room.world.canvases(), 1);
}

#[test]
fn an_arranged_layout_glides_when_it_is_changed_and_is_a_grid_when_it_is_no_more() {
    let mut room = open(23, 2, 1);
    let halves = [([0, 0, 500, 1_000], PlaceFor::Next), ([500, 0, 500, 1_000], PlaceFor::Next)];
    room.arrange(&halves);
    room.lay_out(CUSTOM);
    assert_eq!(room.at(0, &[(25, 40), (75, 40)]), "1 2");
    let keys = |room: &Room| room.screens.values().map(|screen| screen.keys).collect::<Vec<_>>();
    let before = keys(&room);
    // The first goes to the lower right corner, the second grows over all.
    room.arrange(&[([0, 0, 1_000, 1_000], PlaceFor::Peer(room.people[1])), ([750, 750, 250, 250], PlaceFor::Next)]);
    let mut between = 0;
    room.look(Duration::from_millis(700), |viewer, screen| {
        let has = |place, who: usize| screen.has(place, COLOURS[who][0]);
        // On its way: no longer on the left, and not yet in the corner.
        between += usize::from(viewer == 0 && !has((10, 10), 0) && !has((97, 85), 0));
    });
    assert!(between > 0, "it glides");
    assert_eq!(room.at(0, &[(25, 40), (75, 40), (97, 85), (80, 85)]), "2 2 1 1");
    room.look(SECOND, |_, _| {});
    assert_eq!(keys(&room), before, "no new beginning");
    assert_eq!(room.world.canvases(), 1);
    room.world.tell(Command::Arrange { room: room.room, id: LAYOUT, arrangement: None });
    room.look(2 * SECOND, |_, _| {});
    assert_eq!(room.at(0, &[(25, 40), (75, 40), (97, 60)]), "1 2 2", "a grid");
    // Who looks at the grid of every room has the same.
    let (peer, mid) = (room.people[1], room.places[1].clone());
    room.world.subscribe(peer, &mid, Some(TrackId::GRID)).unwrap();
    room.look(SECOND, |_, _| {});
    assert_eq!(room.world.canvases(), 1);
}

#[test]
fn places_are_for_whom_they_are_bound_to_and_for_nobody_else() {
    let mut room = open(24, 4, 1);
    room.microphones();
    let [left, middle, right] = [([0, 0, 300, 1_000]), ([350, 0, 300, 1_000]), ([700, 0, 300, 1_000])];
    let susi = room.people[3];
    room.arrange(&[(left, PlaceFor::Screen), (middle, PlaceFor::Speaker), (right, PlaceFor::Peer(susi))]);
    room.lay_out(CUSTOM);
    let places = [(15, 40), (50, 40), (85, 40), (32, 40)];
    room.speaks(1);
    assert_eq!(room.at(0, &places), ". 2 4 .");
    room.speaks(2);
    assert_eq!(room.at(0, &places), ". 3 4 .");
    room.share(0);
    assert_eq!(room.at(0, &places), "1' 3 4 .");
    room.world.leave(susi);
    room.people.pop();
    room.look(SECOND, |_, _| {});
    assert_eq!(room.at(0, &places), "1' 3 . .", "nobody else gets her place");
}

#[test]
fn a_place_that_is_bound_to_somebody_shows_him_to_none_who_may_not_see_him() {
    let posts = [Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Floor];
    let mut room = Room::with_canvases(Options { seed: 25, workers: 1, ..Options::default() }, &posts, 8);
    let [pierre, anne, manuel, susi] = room.people[..] else { panic!() };
    let place = |x, peer| ([x, 0, 250, 1_000], PlaceFor::Peer(peer));
    room.arrange(&[place(0, pierre), place(250, anne), place(500, manuel), place(750, susi)]);
    room.lay_out(CUSTOM);
    let places = [(12, 40), (37, 40), (62, 40), (87, 40)];
    // The monitor is on nobody's.
    for viewer in [0, 1, 3] {
        assert_eq!(room.at(viewer, &places), "1 2 . 4");
    }
    room.act(Verb::TurnAside { who: anne, with: susi });
    room.show(1, 1);
    room.show(3, 1);
    room.look(3 * SECOND, |viewer, screen| {
        let private = [1, 3].into_iter().any(|who: usize| screen.shows(COLOURS[who][1]));
        assert!(viewer != 0 || !private, "Pierre sees what is private");
    });
    assert_eq!(room.at(0, &places), "1 2 . 4", "their last pictures stand");
    assert_eq!(room.at(2, &places), "1 2' . 4'", "the monitor sees them as they are");
    room.act(Verb::Hold { who: pierre, held: true });
    room.look(SECOND, |_, _| {});
    for viewer in [1, 2, 3] {
        assert_eq!(&room.at(viewer, &places)[..1], ".", "who is held is on nobody's");
    }
}

#[test]
fn whom_a_viewer_pins_comes_first_for_him_and_for_those_who_pin_the_same() {
    let mut room = open(26, 4, 1);
    room.microphones();
    room.lay_out(CanvasLayout::Speaker);
    room.speaks(0);
    assert_eq!((room.at(2, &[LARGE]).as_str(), room.world.canvases()), ("1", 1));
    room.pin(1, Some(3));
    room.pin(2, Some(3));
    let large = |room: &Room| (0..4).map(|viewer| room.at(viewer, &[LARGE])).collect::<String>();
    assert_eq!((large(&room).as_str(), room.world.canvases()), ("1441", 2), "two have the one, two the other");
    room.share(0);
    assert_eq!(large(&room), "1'441'", "nor does a screen take his place");
    for layout in [CanvasLayout::Presentation, CanvasLayout::PictureInPicture] {
        room.lay_out(layout);
        assert_eq!(large(&room), "1'441'", "{layout:?}");
    }
    // In a grid nobody comes first, so that all have the same.
    room.lay_out(CanvasLayout::Grid);
    assert_eq!(room.world.canvases(), 1);
    room.lay_out(CanvasLayout::Speaker);
    room.pin(1, None);
    assert_eq!(large(&room), "1'1'41'");
    let susi = room.people[3];
    room.world.leave(susi);
    room.people.pop();
    room.look(2 * SECOND, |_, _| {});
    assert_eq!((room.at(2, &[LARGE]).as_str(), room.world.canvases()), ("1'", 1), "who is gone is nobody's first");
}

#[test]
fn whoever_is_pinned_is_not_seen_by_one_who_may_not_see_him() {
    let mut room = Room::with_canvases(
        Options { seed: 27, workers: 1, ..Options::default() },
        &[Post::Floor, Post::Floor, Post::SILENT_MONITOR],
        8,
    );
    room.lay_out(CanvasLayout::Speaker);
    room.pin(0, Some(2));
    assert_eq!(room.at(0, &[LARGE]), "1");
    room.look(SECOND, |viewer, screen| assert!(viewer == 2 || !screen.shows(COLOURS[2][0]), "the monitor is seen"));
    let pin_of_nobody = Command::Pin { peer: PeerId(99), first: Some(room.people[0]) };
    room.world.tell(pin_of_nobody);
}

#[test]
fn marks_tell_nobody_more_than_he_may_know() {
    let posts = [Post::Floor, Post::Floor, Post::SILENT_MONITOR, Post::Floor];
    let mut room = Room::with_canvases(Options { seed: 28, workers: 1, ..Options::default() }, &posts, 8);
    let microphones = room.microphones();
    let [_, anne, _, susi] = room.people[..] else { panic!() };
    room.look(SECOND, |_, _| {});
    let (hers, plain) = (room.camera_of(1), |track, face| Tile::new(track, face));
    assert_eq!(room.tiles(hers), [plain(hers, Face::Live)]);
    room.world.mute(anne, microphones[1], Muter::Himself, true).unwrap();
    room.look(SECOND, |_, _| {});
    assert_eq!(room.tiles(hers), [Tile { is_silent: true, ..plain(hers, Face::Live) }]);
    assert_eq!(room.world.canvases(), 1, "a mark needs no other canvas");
    // Her tile is the right one of the upper two; the dark strip with the mark lies in its lower left corner.
    assert_eq!(room.at(0, &[(53, 47), (80, 47), (3, 47)]), ". 2 1");
    room.act(Verb::TurnAside { who: anne, with: susi });
    room.look(SECOND, |_, _| {});
    let private = Tile { is_silent: true, is_private: true, ..plain(hers, Face::Live) };
    let own = Tile { is_silent: true, ..plain(hers, Face::Live) };
    let seen = room.tiles(hers);
    assert_eq!(
        seen.first(),
        Some(&plain(hers, Face::Frozen)),
        "the customer is told that her picture stands, and no more"
    );
    assert!(seen[1..].iter().all(|tile| [private, own].contains(tile)) && seen.contains(&private), "{seen:?}");
    room.world.mute(anne, microphones[1], Muter::Himself, false).unwrap();
    room.look(SECOND, |_, _| {});
    assert_eq!(room.tiles(hers).first(), Some(&plain(hers, Face::Frozen)), "nor that she did anything there");
    room.act(Verb::TurnBack { who: anne });
    room.act(Verb::TurnBack { who: susi });
    room.look(SECOND, |_, _| {});
    assert_eq!(room.tiles(hers), [plain(hers, Face::Live)]);
}
