//! A structure's bits.

use super::bits::BitWriter;
use super::structure::{Indications, Template, TemplateStructure, layer_step};

impl TemplateStructure {
    /// `template_dependency_structure()` (A.8.2).
    pub(super) fn write(&self, bits: &mut BitWriter<'_>) {
        bits.bits(u32::from(self.template_id_offset), 6);
        bits.bits(u32::from(self.targets) - 1, 5);
        self.write_layers(bits);
        for template in &self.templates {
            template.indications.write(bits, self.targets);
        }
        for template in &self.templates {
            template.write_frame_diffs(bits);
        }
        self.write_chains(bits);
        bits.bit(self.sizes.is_some());
        for (width, height) in self.sizes.iter().flatten().take(self.spatial_layers()) {
            bits.bits(u32::from(*width), 16);
            bits.bits(u32::from(*height), 16);
        }
    }

    fn write_layers(&self, bits: &mut BitWriter<'_>) {
        for pair in self.templates.windows(2) {
            let [a, b] = pair else { unreachable!("windows of two") };
            bits.bits(layer_step(a, b).expect("parse() and new() see to the order"), 2);
        }
        bits.bits(3, 2);
    }

    fn write_chains(&self, bits: &mut BitWriter<'_>) {
        bits.non_symmetric(u32::from(self.chains), u32::from(self.targets) + 1);
        if self.chains == 0 {
            return;
        }
        for chain in self.protected_by.iter().take(self.decode_targets()) {
            bits.non_symmetric(u32::from(*chain), u32::from(self.chains));
        }
        for template in &self.templates {
            for diff in template.chain_diffs.iter().take(self.chains()) {
                bits.bits(u32::from(*diff), 4);
            }
        }
    }
}

impl Template {
    fn write_frame_diffs(&self, bits: &mut BitWriter<'_>) {
        for diff in self.frame_diffs() {
            bits.bit(true);
            bits.bits(u32::from(*diff) - 1, 4); // 1..=16
        }
        bits.bit(false);
    }
}

impl Indications {
    pub(super) fn write(self, bits: &mut BitWriter<'_>, targets: u8) {
        for target in 0..usize::from(targets) {
            bits.bits(self.get(target) as u32, 2);
        }
    }
}
