//! Uncompressed pictures.

/// A picture of eight bits, 4:2:0: a plane of luma, and two of chroma with half as many columns and rows (rounded up). Rows follow each
/// other without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
}

/// Eight-bit samples in rows.
#[derive(Debug, Clone, Copy)]
pub struct Plane<'a> {
    /// Samples.
    pub width: u32,
    /// Samples.
    pub height: u32,
    /// Row after row, `width` bytes each.
    pub samples: &'a [u8],
}

impl Plane<'_> {
    /// The sample at a place; `None` outside.
    pub fn at(&self, x: u32, y: u32) -> Option<u8> {
        if x >= self.width || y >= self.height {
            return None;
        }
        self.samples.get(y as usize * self.width as usize + x as usize).copied()
    }
}

/// The same, to be written to.
#[derive(Debug)]
pub struct PlaneMut<'a> {
    /// Samples.
    pub width: u32,
    /// Samples.
    pub height: u32,
    /// Row after row, `width` bytes each.
    pub samples: &'a mut [u8],
}

impl PlaneMut<'_> {
    /// A part of a row; empty outside the plane.
    pub fn span(&mut self, x: u32, y: u32, len: u32) -> &mut [u8] {
        let (width, from) = (self.width as usize, x.min(self.width) as usize);
        let to = (from + len as usize).min(width);
        if y >= self.height {
            return &mut [];
        }
        self.samples.get_mut(y as usize * width + from..y as usize * width + to).unwrap_or_default()
    }
}

impl Default for Picture {
    /// Nothing: no pixels.
    fn default() -> Picture {
        Picture { width: 0, height: 0, bytes: Vec::new() }
    }
}

impl Picture {
    /// A picture of one colour, given as luma and chroma.
    pub fn new(width: u32, height: u32, [y, u, v]: [u8; 3]) -> Picture {
        let mut picture = Picture::default();
        picture.resize(width, height);
        for (plane, value) in picture.planes_mut().into_iter().zip([y, u, v]) {
            plane.samples.fill(value);
        }
        picture
    }

    /// Pixels of a row.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Gives it other sides; what it shows then is undefined. Allocates only if it never was so large.
    pub fn resize(&mut self, width: u32, height: u32) {
        (self.width, self.height) = (width, height);
        let (luma, chroma) = self.plane_lens();
        self.bytes.resize(luma + 2 * chroma, 0);
    }

    /// Luma, then both of chroma (Cb, Cr).
    pub fn planes(&self) -> [Plane<'_>; 3] {
        let (luma, chroma) = self.plane_lens();
        let (y, rest) = self.bytes.split_at(luma);
        let (u, v) = rest.split_at(chroma);
        let (half_width, half_height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        [
            Plane { width: self.width, height: self.height, samples: y },
            Plane { width: half_width, height: half_height, samples: u },
            Plane { width: half_width, height: half_height, samples: v },
        ]
    }

    /// The same, to be written to.
    pub fn planes_mut(&mut self) -> [PlaneMut<'_>; 3] {
        let (luma, chroma) = self.plane_lens();
        let (half_width, half_height) = (self.width.div_ceil(2), self.height.div_ceil(2));
        let (y, rest) = self.bytes.split_at_mut(luma);
        let (u, v) = rest.split_at_mut(chroma);
        [
            PlaneMut { width: self.width, height: self.height, samples: y },
            PlaneMut { width: half_width, height: half_height, samples: u },
            PlaneMut { width: half_width, height: half_height, samples: v },
        ]
    }

    /// Copies planes whose rows are `strides` bytes apart; `None`, with nothing of worth in it, if one of them is too short.
    pub(super) fn copy_from(
        &mut self,
        (width, height): (u32, u32),
        planes: [&[u8]; 3],
        strides: [usize; 3],
    ) -> Option<()> {
        self.resize(width, height);
        for (into, (from, stride)) in self.planes_mut().into_iter().zip(planes.into_iter().zip(strides)) {
            let width = into.width as usize;
            for (y, row) in into.samples.chunks_exact_mut(width.max(1)).enumerate() {
                let start = y.checked_mul(stride)?;
                row.copy_from_slice(from.get(start..start.checked_add(width)?)?);
            }
        }
        Some(())
    }

    /// Bytes of luma, and of each plane of chroma.
    fn plane_lens(&self) -> (usize, usize) {
        let (width, height) = (self.width as usize, self.height as usize);
        (width * height, width.div_ceil(2) * height.div_ceil(2))
    }

    /// All samples: luma, Cb, Cr. For the libraries.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
