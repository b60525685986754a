//! The structures that browsers send most: for test senders, and to check readers against.

use super::structure::{Template, TemplateStructure};

/// Layers, indications, frame differences, chain differences.
type Row = ((u8, u8), &'static str, &'static [u8], &'static [u8]);

/// One spatial layer, three temporal ones (A.10.2.1, the decode target of the lowest layers first).
const L1T3: &[Row] = &[
    ((0, 0), "SSS", &[], &[0]),
    ((0, 0), "SSS", &[4], &[4]),
    ((0, 1), "-DS", &[2], &[2]),
    ((0, 2), "--D", &[1], &[1]),
    ((0, 2), "--D", &[1], &[3]),
];

/// Three spatial layers, each needing the one below in every picture, and three temporal ones (A.10.2.2).
const L3T3: &[Row] = &[
    ((0, 0), "SSSRRRRRR", &[12], &[12, 11, 10]),
    ((0, 0), "SSSSSSSSS", &[], &[0, 0, 0]),
    ((0, 1), "-DS-RR-RR", &[6], &[6, 5, 4]),
    ((0, 2), "--D--R--R", &[3], &[3, 2, 1]),
    ((0, 2), "--D--R--R", &[3], &[9, 8, 7]),
    ((1, 0), "---SSSRRR", &[12, 1], &[1, 1, 1]),
    ((1, 0), "---SSSSSS", &[1], &[1, 1, 1]),
    ((1, 1), "----DS-RR", &[6, 1], &[7, 6, 5]),
    ((1, 2), "-----D--R", &[3, 1], &[4, 3, 2]),
    ((1, 2), "-----D--R", &[3, 1], &[10, 9, 8]),
    ((2, 0), "------SSS", &[12, 1], &[2, 1, 1]),
    ((2, 0), "------SSS", &[1], &[2, 1, 1]),
    ((2, 1), "-------DS", &[6, 1], &[8, 7, 6]),
    ((2, 2), "--------D", &[3, 1], &[5, 4, 3]),
    ((2, 2), "--------D", &[3, 1], &[11, 10, 9]),
];

/// The same where only key frames need the spatial layer below.
const L3T3_KEY: &[Row] = &[
    ((0, 0), "SSSSSSSSS", &[], &[0, 0, 0]),
    ((0, 0), "SSS------", &[12], &[12, 11, 10]),
    ((0, 1), "-DS------", &[6], &[6, 5, 4]),
    ((0, 2), "--D------", &[3], &[3, 2, 1]),
    ((0, 2), "--D------", &[3], &[9, 8, 7]),
    ((1, 0), "---SSSSSS", &[1], &[1, 1, 1]),
    ((1, 0), "---SSS---", &[12], &[1, 12, 11]),
    ((1, 1), "----DS---", &[6], &[7, 6, 5]),
    ((1, 2), "-----D---", &[3], &[4, 3, 2]),
    ((1, 2), "-----D---", &[3], &[10, 9, 8]),
    ((2, 0), "------SSS", &[1], &[2, 1, 1]),
    ((2, 0), "------SSS", &[12], &[2, 1, 12]),
    ((2, 1), "-------DS", &[6], &[8, 7, 6]),
    ((2, 2), "--------D", &[3], &[5, 4, 3]),
    ((2, 2), "--------D", &[3], &[11, 10, 9]),
];

impl TemplateStructure {
    /// One spatial layer and three temporal ones. Templates in a stream: 0 3 2 4, then 1 3 2 4.
    pub fn l1t3() -> TemplateStructure {
        of_table(L1T3, (1, &[0; 3]))
    }

    /// Full SVC of three spatial and three temporal layers. Templates in a stream, a picture each: 1 6 11, 3 8 13,
    /// 2 7 12, 4 9 14, then 0 5 10 in place of the first.
    pub fn l3t3() -> TemplateStructure {
        of_table(L3T3, (3, &[0, 0, 0, 1, 1, 1, 2, 2, 2]))
    }

    /// SVC of three spatial and three temporal layers whose spatial layers depend on each other in key frames only.
    /// Templates in a stream, a picture each: 0 5 10, 3 8 13, 2 7 12, 4 9 14, then 1 6 11 in place of the first.
    pub fn l3t3_key() -> TemplateStructure {
        of_table(L3T3_KEY, (3, &[0, 0, 0, 1, 1, 1, 2, 2, 2]))
    }

    /// The same structure telling sizes in pixels, one for each spatial layer; `None` as in [`TemplateStructure::new`].
    pub fn with_sizes(&self, sizes: &[(u32, u32)]) -> Option<TemplateStructure> {
        let protected_by = self.protected_by.get(..self.decode_targets())?;
        TemplateStructure::new(self.template_id_offset, &self.templates, (self.chains, protected_by), sizes)
    }
}

fn of_table(rows: &[Row], chains: (u8, &[u8])) -> TemplateStructure {
    let template = |(layers, indications, frames, chains): &Row| Template::new(*layers, indications, frames, chains);
    let templates: Option<Vec<Template>> = rows.iter().map(template).collect();
    let structure = templates.and_then(|templates| TemplateStructure::new(0, &templates, chains, &[]));
    structure.expect("the tables of this module are as new() wants them")
}
