//! Which views share a canvas, and which of those an encoding.

use super::scene::Scene;
use super::stream::Stream;
use super::view::{View, ViewId};
use std::collections::BTreeMap;
use std::time::Instant;

/// Makes the canvases those that the views ask for. One that changes what it shows stays the canvas of those who had it, with its
/// encoders, so that a change of layout needs no key frame; what nobody needs goes. `picture_id` numbers the first VP8 picture of a new
/// encoding.
pub(super) fn regroup(scenes: &mut Vec<Scene>, views: &BTreeMap<ViewId, View>, now: Instant, picture_id: u16) {
    let groups = by_content(views);
    let mut old: Vec<Option<Scene>> = std::mem::take(scenes).into_iter().map(Some).collect();
    let mut new: Vec<Option<Scene>> = groups.iter().map(|_| None).collect();
    // Those that show what they showed.
    for ((view, _), place) in groups.iter().zip(&mut new) {
        let same = old.iter_mut().find(|scene| scene.as_ref().is_some_and(|scene| scene.view.shows_the_same(view)));
        *place = same.and_then(Option::take);
    }
    // Of the others each becomes the canvas that most of its views go to.
    for ((view, members), place) in groups.iter().zip(&mut new).filter(|(_, place)| place.is_none()) {
        let count = |scene: &Option<Scene>| match scene {
            Some(scene) if scene.can_become(view) => {
                scene.streams.iter().flat_map(|stream| &stream.views).filter(|id| members.contains(id)).count()
            }
            _ => 0,
        };
        let nearest = old.iter_mut().max_by_key(|scene| count(scene)).filter(|scene| count(scene) > 0);
        *place = nearest.and_then(Option::take).map(|mut scene| {
            scene.change(view, now);
            scene
        });
    }
    for ((view, members), place) in groups.into_iter().zip(new) {
        let mut scene = place.unwrap_or_else(|| Scene::new(view, now));
        share_encodings(&mut scene, &members, views, picture_id);
        scenes.push(scene);
    }
}

/// Views that show the same, in the order of the first of each.
pub(super) fn by_content(views: &BTreeMap<ViewId, View>) -> Vec<(&View, Vec<ViewId>)> {
    let mut groups: Vec<(&View, Vec<ViewId>)> = Vec::new();
    for (id, view) in views {
        match groups.iter_mut().find(|(other, _)| other.shows_the_same(view)) {
            Some((_, members)) => members.push(*id),
            None => groups.push((view, vec![*id])),
        }
    }
    groups
}

fn share_encodings(scene: &mut Scene, members: &[ViewId], views: &BTreeMap<ViewId, View>, picture_id: u16) {
    let format = scene.format();
    let mut wanted: Vec<(&View, Vec<ViewId>)> = Vec::new();
    for (id, view) in members.iter().filter_map(|id| Some((*id, views.get(id)?))) {
        match wanted.iter_mut().find(|(other, _)| (other.codec, other.bps) == (view.codec, view.bps)) {
            Some((_, ids)) => ids.push(id),
            None => wanted.push((view, vec![id])),
        }
    }
    let mut old = std::mem::take(&mut scene.streams);
    let mut streams: Vec<Option<Stream>> = wanted
        .iter()
        .map(|(view, _)| {
            let at = old.iter().position(|stream| (stream.codec, stream.bps) == (view.codec, view.bps))?;
            Some(old.swap_remove(at))
        })
        .collect();
    for ((view, ids), place) in wanted.into_iter().zip(&mut streams) {
        // One whose viewers ask for another rate goes on with it.
        let is_theirs = |stream: &Stream| stream.codec == view.codec && stream.views.iter().any(|id| ids.contains(id));
        if place.is_none()
            && let Some(at) = old.iter().position(is_theirs)
        {
            *place = Some(old.swap_remove(at));
        }
        let mut stream = place.take().unwrap_or_else(|| Stream::new(view.codec, view.bps, format, picture_id));
        stream.set_bps(view.bps, view.fps);
        if ids.iter().any(|id| !stream.views.contains(id)) {
            stream.want_key();
        }
        stream.views = ids;
        scene.streams.push(stream);
    }
}
