//! Canvases to be looked at: written as JPEG where `COLLOQUY_LOOK` names a folder.

use super::super::*;
use super::world::*;
use TileState::{Avatar, Frozen, Live};
use colloquy_codecs::video::{Region, VideoCodec, encode_jpeg};

fn tiles(count: u64) -> Vec<Tile> {
    (1..=count)
        .map(|id| {
            let state = match id {
                2 | 6 => Avatar,
                3 => Frozen,
                _ => Live,
            };
            let marks = Marks { is_muted: id % 2 == 0, is_frozen: id == 3, is_private: id == 4 };
            Tile { marks, ..Tile::new(SourceId(id), state) }
        })
        .collect()
}

#[test]
fn every_layout_is_drawn() {
    let names = [
        "Anne Lemaître",
        "Pierre Dupont",
        "Ελένη Παπαδοπούλου",
        "Иван Петров",
        "Nguyễn Thị Ánh",
        "Zoë",
        "山田太郎",
        "A name that is far too long to be written on a tile of this size, or on any other",
    ];
    let layouts = [
        ("grid", Layout::Grid, 8),
        ("speaker", Layout::Speaker, 6),
        ("presentation", Layout::Presentation, 5),
        ("inset", Layout::PictureInPicture, 3),
        ("one", Layout::Grid, 1),
        ("two", Layout::Grid, 2),
        (
            "custom",
            Layout::Custom(vec![
                Region { x: 0, y: 0, width: 640, height: 720 },
                Region { x: 640, y: 0, width: 640, height: 360 },
                Region { x: 800, y: 200, width: 320, height: 400 },
            ]),
            3,
        ),
    ];
    let mut world = World::new();
    for (id, name) in (1..).zip(names) {
        // The first is a screen, the seventh a phone held upright.
        let sides = match id {
            1 => (640, 400),
            7 => (90, 160),
            _ => (320, 180),
        };
        let colour = [RED, GREEN, BLUE, YELLOW][id as usize % 4];
        world.add(id, Camera::new(VideoCodec::Vp8, sides, colour));
        world.compositor.add_source(SourceId(id), VideoCodec::Vp8, name).unwrap();
    }
    let show = |world: &mut World, layout: &Layout, tiles: Vec<Tile>| {
        let view = View { layout: layout.clone(), tiles, width: 1_280, height: 720, ..grid(&[]) };
        world.compositor.show(ViewId(1), view, world.now).unwrap();
        world.viewers.clear();
    };
    let run = |world: &mut World, steps: u32| {
        for _ in 0..steps {
            world.now += STEP;
            for (id, camera) in &mut world.cameras {
                for (seq, marker, payload) in camera.picture() {
                    let seq = colloquy_codecs::seq::ExtSeq(seq);
                    let packet = VideoPacket { seq, timestamp: seq.0 as u32, marker, payload: &payload };
                    world.compositor.push(*id, packet, world.now);
                }
            }
            world.compositor.tick(world.now);
            while let Some(output) = world.compositor.poll() {
                if let Output::NeedKeyFrame(source) = output {
                    world.cameras.get_mut(&source).unwrap().wants_key = true;
                }
            }
        }
    };
    let live = |count| tiles(count).into_iter().map(|tile| Tile { state: Live, ..tile }).collect::<Vec<_>>();
    let look = std::env::var_os("COLLOQUY_LOOK");
    show(&mut world, &Layout::Grid, live(8));
    run(&mut world, 4);
    for (name, layout, count) in layouts {
        show(&mut world, &layout, tiles(count));
        run(&mut world, 5);
        let half_way = world.compositor.canvas_of(ViewId(1)).unwrap().clone();
        run(&mut world, 7);
        let canvas = world.compositor.canvas_of(ViewId(1)).unwrap();
        let first = place(&layout, count as usize, 1_280, 720)[0];
        assert!(is_near(colour_at(canvas, Region { height: first.height / 2, ..first }), GREEN), "{name}");
        if let Some(folder) = &look {
            let folder = std::path::Path::new(folder);
            std::fs::write(folder.join(format!("{name}.jpg")), encode_jpeg(canvas, 85).unwrap()).unwrap();
            std::fs::write(folder.join(format!("{name}-half.jpg")), encode_jpeg(&half_way, 85).unwrap()).unwrap();
        }
    }
}
