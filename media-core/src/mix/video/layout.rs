//! Where tiles are: geometry and nothing else.

use super::view::MAX_TILES;
use colloquy_codecs::video::Region;

/// A tile is at least so wide, or it is not shown (and then not decoded either).
const MIN_WIDTH: u32 = 48;
/// Small tiles beside a large one take this part of a side.
const STRIP: u32 = 5;
/// Pictures in a picture, from the right corner on.
const MAX_INSETS: usize = 4;

/// How tiles are laid out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Layout {
    /// All alike.
    #[default]
    Grid,
    /// The first large, the others in a row below.
    Speaker,
    /// The first (slides) large and never cut, the others in a column at the right.
    Presentation,
    /// The first fills the canvas, the others lie on its lower edge.
    PictureInPicture,
    /// Rectangles with even places and sides, in the order of tiles; tiles without one are not shown. Later ones lie on earlier ones.
    Custom(Vec<Region>),
}

impl Layout {
    /// Whether all rectangles that it brings itself are even and lie in a canvas of these sides.
    pub(super) fn is_within(&self, width: u32, height: u32) -> bool {
        let Layout::Custom(regions) = self else { return true };
        let is_even = |region: &Region| (region.x | region.y | region.width | region.height) & 1 == 0;
        regions.len() <= MAX_TILES
            && regions.iter().all(|region| region.is_within(width, height) && is_even(region) && is_shown(region))
    }

    /// Whether the tile at this place is shown whole, with bars, rather than cut to fill its place.
    pub(super) fn keeps_whole(&self, index: usize) -> bool {
        matches!(self, Layout::Presentation) && index == 0
    }
}

/// Whether there is anything of it.
pub(super) fn is_shown(region: &Region) -> bool {
    region.width > 0 && region.height > 0
}

/// Where each of `count` tiles is on a canvas of these (even) sides. A tile that finds no place has no width. Places and sides are even;
/// but for [`Layout::PictureInPicture`] and [`Layout::Custom`] no two overlap.
pub fn place(layout: &Layout, count: usize, width: u32, height: u32) -> Vec<Region> {
    let count = count.min(MAX_TILES);
    let canvas = Region { x: 0, y: 0, width, height };
    match layout {
        Layout::Custom(regions) => (0..count).map(|index| regions.get(index).copied().unwrap_or_default()).collect(),
        _ if count <= 1 => vec![canvas; count],
        Layout::Grid => grid(count, canvas),
        Layout::Speaker => speaker(count, canvas),
        Layout::Presentation => presentation(count, canvas),
        Layout::PictureInPicture => insets(count, canvas),
    }
}

fn even(length: u32) -> u32 {
    length & !1
}

/// The largest rectangle in the middle of a cell whose sides are between 4:3 and 16:9.
fn shaped(cell: Region) -> Region {
    let width = even(cell.width.min(cell.height * 16 / 9));
    let height = even(cell.height.min(cell.width * 3 / 4));
    let (x, y) = (cell.x + even((cell.width - width) / 2), cell.y + even((cell.height - height) / 2));
    Region { x, y, width, height }
}

fn grid(count: usize, canvas: Region) -> Vec<Region> {
    let count = count as u32; // at most MAX_TILES
    let area = |columns: u32| {
        let cell = cell(count, columns, canvas);
        cell.width * cell.height
    };
    // Of two that are as good, the one with fewer columns.
    let columns = (1..=count).rev().max_by_key(|columns| area(*columns)).unwrap_or(1);
    let (tile, rows) = (cell(count, columns, canvas), count.div_ceil(columns));
    if tile.width < MIN_WIDTH {
        return vec![Region::default(); count as usize];
    }
    let top = even((canvas.height - rows * tile.height) / 2);
    (0..count)
        .map(|index| {
            let (row, column) = (index / columns, index % columns);
            let in_row = columns.min(count - row * columns);
            let left = even((canvas.width - in_row * tile.width) / 2);
            Region { x: left + column * tile.width, y: top + row * tile.height, ..tile }
        })
        .collect()
}

/// A tile of a grid with so many columns, in the first place.
fn cell(count: u32, columns: u32, canvas: Region) -> Region {
    let rows = count.div_ceil(columns);
    let cell = Region { x: 0, y: 0, width: even(canvas.width / columns), height: even(canvas.height / rows) };
    Region { x: 0, y: 0, ..shaped(cell) }
}

fn speaker(count: usize, canvas: Region) -> Vec<Region> {
    let others = count as u32 - 1; // at least two, at most MAX_TILES
    let wanted = even(even(canvas.height / STRIP) * 16 / 9);
    let width = even(wanted.min(canvas.width / others).max(MIN_WIDTH));
    let height = even(width * 9 / 16);
    let fitting = (canvas.width / width).min(others);
    let top = canvas.height - height;
    let left = even((canvas.width - fitting * width) / 2);
    let mut places = vec![Region { height: top, ..canvas }];
    places.extend((0..others).map(|index| match index < fitting {
        true => Region { x: left + index * width, y: top, width, height },
        false => Region::default(),
    }));
    places
}

fn presentation(count: usize, canvas: Region) -> Vec<Region> {
    let others = count as u32 - 1;
    let wanted = even(canvas.width / STRIP);
    let height = even((wanted * 9 / 16).min(canvas.height / others).max(MIN_WIDTH * 9 / 16));
    let width = even((height * 16 / 9).min(wanted));
    let fitting = (canvas.height / height).min(others);
    let left = canvas.width - width;
    let top = even((canvas.height - fitting * height) / 2);
    let mut places = vec![Region { width: left, ..canvas }];
    places.extend((0..others).map(|index| match index < fitting {
        true => Region { x: left, y: top + index * height, width, height },
        false => Region::default(),
    }));
    places
}

fn insets(count: usize, canvas: Region) -> Vec<Region> {
    let margin = even(canvas.width / 40);
    let width = even((canvas.width / STRIP).min(canvas.height * 16 / 9 / 2));
    let height = even(width * 9 / 16);
    let mut places = vec![canvas];
    places.extend((0..count as u32 - 1).map(|index| {
        let from_right = (index + 1) * (width + margin);
        if index as usize >= MAX_INSETS || from_right > canvas.width || height + margin > canvas.height {
            return Region::default();
        }
        Region { x: canvas.width - from_right, y: canvas.height - margin - height, width, height }
    }));
    places
}
