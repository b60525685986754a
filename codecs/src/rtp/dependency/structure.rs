//! What the frames of a coded video sequence look like: templates, decode targets, chains.

use super::bits::BitReader;
use crate::ParseError;

/// Template ids have six bits (A.8.2).
pub const MAX_TEMPLATES: usize = 64;
/// `dt_cnt_minus_one` has five bits (A.8.2). There are no more chains than decode targets.
pub const MAX_DECODE_TARGETS: usize = 32;
/// Spatial layers that we follow. AV1 has four, VP9 eight; a structure with more is refused.
pub const MAX_SPATIAL_LAYERS: usize = 8;
/// Temporal layers that we follow: AV1 and VP9 have no more. A structure with more is refused.
pub const MAX_TEMPORAL_LAYERS: usize = 8;
/// Frames that a template's frame refers to: AV1 decoders hold eight. A structure with more is refused.
pub const MAX_TEMPLATE_FRAME_DIFFS: usize = 8;

/// What a frame is to a decode target (table A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Indication {
    /// No part of it.
    NotPresent,
    /// Part of it, but no other frame of it needs this one.
    Discardable,
    /// Part of it, and a receiver may switch to it here.
    Switch,
    /// Part of it, and needed.
    Required,
}

impl Indication {
    fn from_bits(bits: u64) -> Indication {
        match bits & 0x03 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    /// The letter that the specification's tables use.
    fn from_symbol(symbol: u8) -> Option<Indication> {
        match symbol {
            b'-' => Some(Indication::NotPresent),
            b'D' => Some(Indication::Discardable),
            b'S' => Some(Indication::Switch),
            b'R' => Some(Indication::Required),
            _ => None,
        }
    }
}

/// A frame's indications for all decode targets, two bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Indications(u64);

impl Indications {
    /// The indication for decode target 0..=31; the targets that a structure does not have are not present.
    pub fn get(self, target: usize) -> Indication {
        if target < MAX_DECODE_TARGETS { Indication::from_bits(self.0 >> (2 * target)) } else { Indication::NotPresent }
    }

    /// Sets the indication for decode target 0..=31; others are left out.
    pub fn set(&mut self, target: usize, indication: Indication) {
        if target < MAX_DECODE_TARGETS {
            self.0 = self.0 & !(0x03 << (2 * target)) | (indication as u64) << (2 * target);
        }
    }

    pub(super) fn parse(reader: &mut BitReader<'_>, targets: u8) -> Result<Indications, ParseError> {
        let mut indications = 0;
        for target in 0..targets {
            indications |= u64::from(reader.bits(2)?) << (2 * target);
        }
        Ok(Indications(indications))
    }
}

/// What a frame has unless its descriptor says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// 0..=7.
    pub spatial_id: u8,
    /// 0..=7.
    pub temporal_id: u8,
    /// For each decode target.
    pub indications: Indications,
    pub(super) frame_diffs: [u8; MAX_TEMPLATE_FRAME_DIFFS],
    pub(super) frame_diff_count: u8,
    pub(super) chain_diffs: [u8; MAX_DECODE_TARGETS],
}

impl Template {
    /// A template as the specification's tables write it: `indications` has a letter for each decode target (`-`, `D`,
    /// `S`, `R`), frame differences are 1..=16, chain differences 0..=15. `None` for other values, or too many.
    pub fn new(
        (spatial_id, temporal_id): (u8, u8),
        indications: &str,
        frames: &[u8],
        chains: &[u8],
    ) -> Option<Template> {
        let mut template = Template::of_layer(spatial_id, temporal_id)?;
        if indications.len() > MAX_DECODE_TARGETS {
            return None;
        }
        for (target, symbol) in indications.bytes().enumerate() {
            template.indications.set(target, Indication::from_symbol(symbol)?);
        }
        if frames.iter().any(|diff| !(1..=16).contains(diff)) || chains.iter().any(|diff| *diff > 15) {
            return None;
        }
        template.frame_diffs.get_mut(..frames.len())?.copy_from_slice(frames);
        template.frame_diff_count = u8::try_from(frames.len()).ok()?;
        template.chain_diffs.get_mut(..chains.len())?.copy_from_slice(chains);
        Some(template)
    }

    fn of_layer(spatial_id: u8, temporal_id: u8) -> Option<Template> {
        let fits = usize::from(spatial_id) < MAX_SPATIAL_LAYERS && usize::from(temporal_id) < MAX_TEMPORAL_LAYERS;
        fits.then_some(Template {
            spatial_id,
            temporal_id,
            indications: Indications::default(),
            frame_diffs: [0; MAX_TEMPLATE_FRAME_DIFFS],
            frame_diff_count: 0,
            chain_diffs: [0; MAX_DECODE_TARGETS],
        })
    }

    /// How many frames back those are that the frame refers to, 1..=16 each.
    pub fn frame_diffs(&self) -> &[u8] {
        self.frame_diffs.get(..usize::from(self.frame_diff_count)).unwrap_or_default()
    }

    /// `template_fdiffs()` for one template.
    fn parse_frame_diffs(&mut self, reader: &mut BitReader<'_>) -> Result<(), ParseError> {
        while reader.bit()? {
            let place = self.frame_diffs.get_mut(usize::from(self.frame_diff_count));
            *place.ok_or(reader.error("dependency template with too many references"))? = reader.byte(4)? + 1;
            self.frame_diff_count += 1; // there was a place
        }
        Ok(())
    }
}

/// The template dependency structure (A.8.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateStructure {
    /// The id of the first template, 0..=63; ids go on from there and wrap after 63.
    pub template_id_offset: u8,
    /// 1..=[`MAX_TEMPLATES`].
    pub(super) templates: Vec<Template>,
    /// 1..=32.
    pub(super) targets: u8,
    /// 0..=`targets`.
    pub(super) chains: u8,
    /// The chain that protects each decode target; of no meaning without chains.
    pub(super) protected_by: [u8; MAX_DECODE_TARGETS],
    /// The layers of each decode target, derived from the templates (`decode_target_layers()`).
    pub(super) target_layers: [(u8, u8); MAX_DECODE_TARGETS],
    /// Width and height less one of each spatial layer, if the structure tells.
    pub(super) sizes: Option<[(u16, u16); MAX_SPATIAL_LAYERS]>,
}

impl TemplateStructure {
    pub(super) fn parse(reader: &mut BitReader<'_>) -> Result<TemplateStructure, ParseError> {
        let template_id_offset = reader.byte(6)?;
        let targets = reader.byte(5)? + 1;
        let mut templates = parse_layers(reader)?;
        for template in &mut templates {
            template.indications = Indications::parse(reader, targets)?;
        }
        for template in &mut templates {
            template.parse_frame_diffs(reader)?;
        }
        let chains = reader.non_symmetric(u32::from(targets) + 1)? as u8; // at most 32
        let mut protected_by = [0; MAX_DECODE_TARGETS];
        if chains > 0 {
            for chain in protected_by.iter_mut().take(usize::from(targets)) {
                *chain = reader.non_symmetric(u32::from(chains))? as u8; // below 32
            }
            for template in &mut templates {
                for diff in template.chain_diffs.iter_mut().take(usize::from(chains)) {
                    *diff = reader.byte(4)?;
                }
            }
        }
        let sizes = if reader.bit()? { Some(parse_sizes(reader, spatial_layers(&templates))?) } else { None };
        let target_layers = target_layers(&templates, targets);
        Ok(TemplateStructure { template_id_offset, templates, targets, chains, protected_by, target_layers, sizes })
    }

    /// A structure of one's own. `protected_by` has the chain of each decode target, 0..`chains`, and so tells how many
    /// targets there are (with 0 chains its values do not matter); `sizes` has width and height in pixels of each spatial
    /// layer, 1..=65536, or nothing. `None` unless the templates are in the order that the format can express: each of
    /// the layer of the one before, the next temporal layer, or the base of the next spatial layer (table A.2).
    pub fn new(
        template_id_offset: u8,
        templates: &[Template],
        (chains, protected_by): (u8, &[u8]),
        sizes: &[(u32, u32)],
    ) -> Option<TemplateStructure> {
        let first_is_base = templates.first().is_some_and(|first| (first.spatial_id, first.temporal_id) == (0, 0));
        let is_ordered = templates.windows(2).all(|pair| matches!(pair, [a, b] if layer_step(a, b).is_some()))
            && templates.iter().all(|template| Template::of_layer(template.spatial_id, template.temporal_id).is_some());
        let targets = u8::try_from(protected_by.len()).ok().filter(|count| (1..=32).contains(count))?;
        let chains_fit = chains <= targets && (chains == 0 || protected_by.iter().all(|chain| *chain < chains));
        if template_id_offset > 63 || templates.len() > MAX_TEMPLATES || !first_is_base || !is_ordered || !chains_fit {
            return None;
        }
        let mut protection = [0; MAX_DECODE_TARGETS];
        if chains > 0 {
            protection.get_mut(..protected_by.len())?.copy_from_slice(protected_by);
        }
        Some(TemplateStructure {
            template_id_offset,
            templates: templates.to_vec(),
            targets,
            chains,
            protected_by: protection,
            target_layers: target_layers(templates, targets),
            sizes: if sizes.is_empty() { None } else { Some(sizes_less_one(sizes, spatial_layers(templates))?) },
        })
    }

    /// The templates, the first one having the id [`TemplateStructure::template_id_offset`]; 1..=64.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The template of that id (modulo 64), if there is one.
    pub fn template(&self, template_id: u8) -> Option<&Template> {
        self.templates.get(usize::from(template_id.wrapping_sub(self.template_id_offset) & 0x3F))
    }

    /// How many decode targets there are, 1..=32.
    pub fn decode_targets(&self) -> usize {
        usize::from(self.targets)
    }

    /// How many chains there are, 0..=32.
    pub fn chains(&self) -> usize {
        usize::from(self.chains)
    }

    /// A bit for each decode target.
    pub fn all_targets(&self) -> u32 {
        u32::MAX >> (32 - u32::from(self.targets.clamp(1, 32)))
    }

    /// The highest spatial and temporal layer that the decode target has.
    pub fn target_layers(&self, target: usize) -> Option<(u8, u8)> {
        if target < self.decode_targets() { self.target_layers.get(target).copied() } else { None }
    }

    /// The decode target of exactly those layers; the first if there are several.
    pub fn target_of(&self, spatial_id: u8, temporal_id: u8) -> Option<usize> {
        (0..self.decode_targets()).find(|&target| self.target_layers(target) == Some((spatial_id, temporal_id)))
    }

    /// The chain that protects the decode target: while no frame of the chain is missing, the target can be decoded.
    pub fn chain_of(&self, target: usize) -> Option<usize> {
        let is_protected = self.chains > 0 && target < self.decode_targets();
        self.protected_by.get(target).filter(|_| is_protected).map(|chain| usize::from(*chain))
    }

    /// How many spatial layers there are, 1..=8.
    pub fn spatial_layers(&self) -> usize {
        spatial_layers(&self.templates)
    }

    /// The spatial layer's largest width and height in pixels, 1..=65536, if the structure tells.
    pub fn size(&self, spatial_id: u8) -> Option<(u32, u32)> {
        let spatial_id = usize::from(spatial_id);
        let (width, height) = *self.sizes.as_ref()?.get(spatial_id).filter(|_| spatial_id < self.spatial_layers())?;
        Some((u32::from(width) + 1, u32::from(height) + 1))
    }
}

/// `next_layer_idc` between two templates (table A.2), if there is one.
pub(super) fn layer_step(a: &Template, b: &Template) -> Option<u32> {
    let (spatial, temporal) = (b.spatial_id.checked_sub(a.spatial_id)?, b.temporal_id.checked_sub(a.temporal_id));
    match (spatial, temporal) {
        (0, Some(0)) => Some(0),
        (0, Some(1)) => Some(1),
        (1, _) if b.temporal_id == 0 => Some(2),
        _ => None,
    }
}

/// `template_layers()`.
fn parse_layers(reader: &mut BitReader<'_>) -> Result<Vec<Template>, ParseError> {
    let (mut spatial_id, mut temporal_id) = (0_u8, 0_u8);
    let mut templates = Vec::new();
    loop {
        if templates.len() == MAX_TEMPLATES {
            return Err(reader.error("dependency structure with more than 64 templates"));
        }
        let template = Template::of_layer(spatial_id, temporal_id);
        templates.push(template.ok_or(reader.error("dependency structure with more than 8 layers"))?);
        match reader.bits(2)? {
            0 => {}
            1 => temporal_id += 1, // at most 8: refused above
            2 => (spatial_id, temporal_id) = (spatial_id + 1, 0),
            _ => return Ok(templates),
        }
    }
}

/// The templates go up, so the last one has the highest.
fn spatial_layers(templates: &[Template]) -> usize {
    templates.last().map_or(1, |last| usize::from(last.spatial_id) + 1)
}

/// `render_resolutions()`.
fn parse_sizes(reader: &mut BitReader<'_>, count: usize) -> Result<[(u16, u16); MAX_SPATIAL_LAYERS], ParseError> {
    let mut sizes = [(0, 0); MAX_SPATIAL_LAYERS];
    for size in sizes.iter_mut().take(count) {
        *size = (reader.bits(16)? as u16, reader.bits(16)? as u16); // no more bits than fit
    }
    Ok(sizes)
}

fn sizes_less_one(sizes: &[(u32, u32)], count: usize) -> Option<[(u16, u16); MAX_SPATIAL_LAYERS]> {
    let mut less_one = [(0, 0); MAX_SPATIAL_LAYERS];
    if sizes.len() != count {
        return None;
    }
    for (place, (width, height)) in less_one.iter_mut().zip(sizes) {
        *place = (u16::try_from(width.checked_sub(1)?).ok()?, u16::try_from(height.checked_sub(1)?).ok()?);
    }
    Some(less_one)
}

/// `decode_target_layers()`: the highest layers among the templates that the target has.
fn target_layers(templates: &[Template], targets: u8) -> [(u8, u8); MAX_DECODE_TARGETS] {
    let mut layers = [(0, 0); MAX_DECODE_TARGETS];
    for (target, (spatial, temporal)) in layers.iter_mut().enumerate().take(usize::from(targets)) {
        for template in templates.iter().filter(|t| t.indications.get(target) != Indication::NotPresent) {
            *spatial = template.spatial_id.max(*spatial);
            *temporal = template.temporal_id.max(*temporal);
        }
    }
    layers
}
