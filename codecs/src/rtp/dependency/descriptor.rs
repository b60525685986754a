//! What the descriptor of one packet says about the packet's frame.

use super::bits::{BitReader, BitWriter};
use super::structure::{Indication, Indications, MAX_DECODE_TARGETS, Template, TemplateStructure};
use crate::ParseError;
use crate::reader::Reader;

const NO_STRUCTURE: &str = "dependency structure not known";
const NO_TEMPLATE: &str = "dependency template not in the structure";
/// In bytes.
const MANDATORY_LEN: usize = 3;

/// Frames that a frame refers to: AV1 decoders hold eight. A descriptor with more is refused.
pub const MAX_FRAME_DIFFS: usize = 8;

/// The mandatory fields, which need no structure to be read (A.8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameMark {
    /// The packet is the frame's first.
    pub starts_frame: bool,
    /// The packet is the frame's last. Frames of higher spatial layers may follow with the same timestamp.
    pub ends_frame: bool,
    /// 0..=63.
    pub template_id: u8,
    /// Goes up by one with each frame of all layers; wraps at 2^16.
    pub frame_number: u16,
}

impl FrameMark {
    /// Reads the first three bytes.
    pub fn parse(element: &[u8]) -> Result<FrameMark, ParseError> {
        let mut reader = Reader::new(element);
        let [first, high, low] = reader.array("dependency descriptor cut")?;
        Ok(FrameMark {
            starts_frame: first & 0x80 != 0,
            ends_frame: first & 0x40 != 0,
            template_id: first & 0x3F,
            frame_number: u16::from_be_bytes([high, low]),
        })
    }
}

/// A dependency descriptor (A.8.2), made complete from its template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DependencyDescriptor {
    /// The packet is the frame's first.
    pub starts_frame: bool,
    /// The packet is the frame's last. Frames of higher spatial layers may follow with the same timestamp.
    pub ends_frame: bool,
    /// 0..=63.
    pub template_id: u8,
    /// Goes up by one with each frame of all layers; wraps at 2^16.
    pub frame_number: u16,
    /// 0..=7.
    pub spatial_id: u8,
    /// 0..=7.
    pub temporal_id: u8,
    /// For each decode target.
    pub indications: Indications,
    /// Which decode targets are sent from here on, bit 0 being target 0: said by the packet, or all of them where it
    /// brings a structure. `None`: as before.
    pub active_targets: Option<u32>,
    /// The structure that the packet brings: it holds for this packet and from here on. On the heap, because
    /// only the first packet of a key frame has one.
    pub structure: Option<Box<TemplateStructure>>,
    frame_diffs: [u16; MAX_FRAME_DIFFS],
    frame_diff_count: u8,
    chain_diffs: [u8; MAX_DECODE_TARGETS],
    chains: u8,
}

impl DependencyDescriptor {
    /// Reads an element. `structure` is the stream's latest one; the element's own goes before it. Errs if there is
    /// neither, or no such template in it: the packet that brought the structure was lost.
    ///
    /// Allocates only for a structure that the element brings.
    pub fn parse(element: &[u8], structure: Option<&TemplateStructure>) -> Result<DependencyDescriptor, ParseError> {
        let mark = FrameMark::parse(element)?;
        let mut bits = BitReader::behind(element, MANDATORY_LEN);
        let (own, extended) = if element.len() > MANDATORY_LEN {
            Extended::parse(&mut bits, structure)?
        } else {
            (None, Extended::default())
        };
        let structure = own.as_deref().or(structure).ok_or(bits.error(NO_STRUCTURE))?;
        let template = structure.template(mark.template_id).ok_or(bits.error(NO_TEMPLATE))?;
        let mut descriptor = DependencyDescriptor::new(mark, template, structure);
        descriptor.parse_custom(&mut bits, extended, structure)?;
        descriptor.active_targets = extended.active_targets;
        descriptor.structure = own;
        Ok(descriptor)
    }

    /// A frame as the structure's template of that id has it, to be changed and written. It brings no structure, and is
    /// in one packet. `None` if there is no such template.
    pub fn from_template(structure: &TemplateStructure, template_id: u8, frame_number: u16) -> Option<Self> {
        let mark = FrameMark { starts_frame: true, ends_frame: true, template_id: template_id & 0x3F, frame_number };
        Some(DependencyDescriptor::new(mark, structure.template(template_id)?, structure))
    }

    fn new(mark: FrameMark, template: &Template, structure: &TemplateStructure) -> DependencyDescriptor {
        DependencyDescriptor {
            starts_frame: mark.starts_frame,
            ends_frame: mark.ends_frame,
            template_id: mark.template_id,
            frame_number: mark.frame_number,
            spatial_id: template.spatial_id,
            temporal_id: template.temporal_id,
            indications: template.indications,
            active_targets: None,
            structure: None,
            frame_diffs: template.frame_diffs.map(u16::from),
            frame_diff_count: template.frame_diff_count,
            chain_diffs: template.chain_diffs,
            chains: structure.chains,
        }
    }

    /// What the frame is to the decode target.
    pub fn decode_target_indication(&self, target: usize) -> Indication {
        self.indications.get(target)
    }

    /// How many frames back those are that the frame refers to, 1..=4096 each; none for a key frame.
    pub fn frame_diffs(&self) -> &[u16] {
        self.frame_diffs.get(..usize::from(self.frame_diff_count)).unwrap_or_default()
    }

    /// For each chain, how many frames back its latest frame before this one is; 0 if it (re)starts here.
    pub fn chain_diffs(&self) -> &[u8] {
        self.chain_diffs.get(..usize::from(self.chains)).unwrap_or_default()
    }

    /// Refers to these frames instead of the template's; `None`, and no change, if there are more than
    /// [`MAX_FRAME_DIFFS`] or one is not in 1..=4096.
    pub fn set_frame_diffs(&mut self, diffs: &[u16]) -> Option<()> {
        let fits = diffs.iter().all(|diff| (1..=4096).contains(diff));
        let place = self.frame_diffs.get_mut(..diffs.len()).filter(|_| fits)?;
        place.copy_from_slice(diffs);
        self.frame_diff_count = u8::try_from(diffs.len()).ok()?;
        Some(())
    }

    /// Sets the chain's difference instead of the template's; `None` if there is no such chain.
    pub fn set_chain_diff(&mut self, chain: usize, diff: u8) -> Option<()> {
        *self.chain_diffs.get_mut(..usize::from(self.chains))?.get_mut(chain)? = diff;
        Some(())
    }

    /// Whether the packet begins a key frame: it brings a structure, and its frame refers to none. Key frames of a
    /// sequence's higher spatial layers bring none.
    pub fn is_keyframe(&self) -> bool {
        self.starts_frame && self.structure.is_some() && self.frame_diff_count == 0
    }

    fn parse_custom(
        &mut self,
        bits: &mut BitReader<'_>,
        extended: Extended,
        structure: &TemplateStructure,
    ) -> Result<(), ParseError> {
        if extended.has_indications {
            self.indications = Indications::parse(bits, structure.targets)?;
        }
        if extended.has_frame_diffs {
            self.parse_frame_diffs(bits)?;
        }
        if extended.has_chain_diffs {
            for diff in self.chain_diffs.iter_mut().take(structure.chains()) {
                *diff = bits.byte(8)?;
            }
        }
        Ok(())
    }

    /// `frame_fdiffs()`.
    fn parse_frame_diffs(&mut self, bits: &mut BitReader<'_>) -> Result<(), ParseError> {
        self.frame_diff_count = 0;
        loop {
            let size = bits.bits(2)?;
            if size == 0 {
                return Ok(());
            }
            let place = self.frame_diffs.get_mut(usize::from(self.frame_diff_count));
            let place = place.ok_or(bits.error("dependency descriptor with too many references"))?;
            *place = bits.bits(4 * size)? as u16 + 1; // 12 bits at most
            self.frame_diff_count += 1; // there was a place
        }
    }

    /// Appends the element. `structure` is the one that the descriptor was parsed or made with; one that it brings goes
    /// before it. Errs, and appends nothing, if there is no such structure or template. What is as in the template is left
    /// to it, so that a frame without peculiarities takes three bytes.
    pub fn write(&self, structure: Option<&TemplateStructure>, out: &mut Vec<u8>) -> Result<(), ParseError> {
        let structure = self.structure.as_deref().or(structure).ok_or(ParseError::new(NO_STRUCTURE, 0))?;
        let template = structure.template(self.template_id).filter(|_| self.chains == structure.chains);
        let plain = DependencyDescriptor::new(self.mark(), template.ok_or(ParseError::new(NO_TEMPLATE, 0))?, structure);
        // A structure without a mask already says "all".
        let mask = self.active_targets.map(|mask| mask & structure.all_targets());
        let mask = mask.filter(|mask| self.structure.is_none() || *mask != structure.all_targets());
        let has_indications = self.indications != plain.indications;
        let has_frame_diffs = self.frame_diffs() != plain.frame_diffs();
        let has_chain_diffs = self.chain_diffs() != plain.chain_diffs();

        let [high, low] = self.frame_number.to_be_bytes();
        let first = u8::from(self.starts_frame) << 7 | u8::from(self.ends_frame) << 6 | self.template_id & 0x3F;
        out.extend_from_slice(&[first, high, low]);
        let flags = [self.structure.is_some(), mask.is_some(), has_indications, has_frame_diffs, has_chain_diffs];
        if flags == [false; 5] {
            return Ok(());
        }
        let mut bits = BitWriter::new(out);
        flags.into_iter().for_each(|flag| bits.bit(flag));
        if let Some(own) = &self.structure {
            own.write(&mut bits);
        }
        if let Some(mask) = mask {
            bits.bits(mask, u32::from(structure.targets));
        }
        if has_indications {
            self.indications.write(&mut bits, structure.targets);
        }
        if has_frame_diffs {
            self.write_frame_diffs(&mut bits);
        }
        if has_chain_diffs {
            self.chain_diffs().iter().for_each(|diff| bits.bits(u32::from(*diff), 8));
        }
        Ok(())
    }

    fn write_frame_diffs(&self, bits: &mut BitWriter<'_>) {
        for diff in self.frame_diffs() {
            let less_one = u32::from(*diff) - 1; // 1..=4096
            let size = match less_one {
                0..16 => 1,
                16..256 => 2,
                _ => 3,
            };
            bits.bits(size, 2);
            bits.bits(less_one, 4 * size);
        }
        bits.bits(0, 2);
    }

    fn mark(&self) -> FrameMark {
        FrameMark {
            starts_frame: self.starts_frame,
            ends_frame: self.ends_frame,
            template_id: self.template_id,
            frame_number: self.frame_number,
        }
    }
}

/// `extended_descriptor_fields()`, less the structure.
#[derive(Debug, Clone, Copy, Default)]
struct Extended {
    active_targets: Option<u32>,
    has_indications: bool,
    has_frame_diffs: bool,
    has_chain_diffs: bool,
}

impl Extended {
    fn parse(
        bits: &mut BitReader<'_>,
        structure: Option<&TemplateStructure>,
    ) -> Result<(Option<Box<TemplateStructure>>, Extended), ParseError> {
        let (has_structure, has_mask) = (bits.bit()?, bits.bit()?);
        let mut extended = Extended {
            active_targets: None,
            has_indications: bits.bit()?,
            has_frame_diffs: bits.bit()?,
            has_chain_diffs: bits.bit()?,
        };
        let own = if has_structure { Some(Box::new(TemplateStructure::parse(bits)?)) } else { None };
        extended.active_targets = own.as_ref().map(|own| own.all_targets());
        if has_mask {
            let structure = own.as_deref().or(structure).ok_or(bits.error(NO_STRUCTURE))?;
            extended.active_targets = Some(bits.bits(u32::from(structure.targets))?);
        }
        Ok((own, extended))
    }
}
