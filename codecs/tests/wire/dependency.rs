//! The dependency descriptor.

use colloquy_codecs::rtp::dependency::{
    DependencyDescriptor, FrameMark, Indication, MAX_TEMPLATES, Template, TemplateStructure, rewrite_frame_number,
    with_active_targets,
};
use proptest::prelude::*;

use crate::hex;

/// A key frame of an AV1 L3T3 sender, from a capture.
pub(crate) const KEY: &str = "c1017280081485214eafffaaaa863cf0430c10c302afc0aaa0063c00430010c002a000a80006000040001d954926e082\
     b04a0941b820ac1282503157f974000ca864330e222222eca8655304224230eca877530077004200ef008601df010d";

/// Packets behind it; its sender had switched the third spatial layer off.
pub(crate) const FRAMES: &[&str] =
    &["86017340fc", "46017340fc", "c3017540fc", "88017640fc", "860173", "8b0174", "c30175"];

fn key() -> (DependencyDescriptor, TemplateStructure) {
    let descriptor = DependencyDescriptor::parse(&hex(KEY), None).expect("a key frame");
    let structure = descriptor.structure.as_deref().expect("with a structure").clone();
    (descriptor, structure)
}

fn write(descriptor: &DependencyDescriptor, structure: Option<&TemplateStructure>) -> Vec<u8> {
    let mut out = Vec::new();
    descriptor.write(structure, &mut out).expect("a template of the structure");
    out
}

#[test]
fn a_captured_key_frame() {
    let (descriptor, structure) = key();
    assert!(descriptor.is_keyframe() && descriptor.starts_frame && descriptor.ends_frame);
    assert_eq!((descriptor.frame_number, descriptor.template_id), (0x172, 1));
    assert_eq!((descriptor.spatial_id, descriptor.temporal_id), (0, 0));
    assert_eq!(descriptor.active_targets, Some(0x1FF));
    assert_eq!((structure.decode_targets(), structure.chains(), structure.spatial_layers()), (9, 3, 3));
    for target in 0..9 {
        assert_eq!(structure.target_layers(target), Some((target as u8 / 3, target as u8 % 3)));
        assert_eq!(structure.chain_of(target), Some(target / 3));
    }
    assert_eq!((structure.target_layers(9), structure.chain_of(9)), (None, None));
    assert_eq!((structure.target_of(1, 2), structure.target_of(3, 0)), (Some(5), None));
    let sizes: Vec<_> = (0..4).map(|spatial_id| structure.size(spatial_id)).collect();
    assert_eq!(sizes, [Some((120, 67)), Some((240, 135)), Some((480, 270)), None]);

    let ours = TemplateStructure::l3t3().with_sizes(&[(120, 67), (240, 135), (480, 270)]);
    assert_eq!(ours.as_ref(), Some(&structure), "the same as our table");
    assert_eq!(write(&descriptor, None), hex(KEY), "and written the same");
}

#[test]
fn captured_frames_behind_it() {
    use Indication::{Discardable, NotPresent, Required, Switch};
    let (_, structure) = key();
    let parse = |bytes: &str| DependencyDescriptor::parse(&hex(bytes), Some(&structure)).expect(bytes);

    let first = parse("86017340fc");
    assert!(first.starts_frame && !first.ends_frame && !first.is_keyframe());
    assert_eq!((first.spatial_id, first.temporal_id, first.frame_number), (1, 0, 0x173));
    assert_eq!((first.frame_diffs(), first.chain_diffs()), (&[1][..], &[1, 1, 1][..]));
    assert_eq!(first.active_targets, Some(0b11_1111), "two spatial layers of three");
    assert_eq!([2, 3].map(|target| first.decode_target_indication(target)), [NotPresent, Switch]);
    assert!(parse("46017340fc").ends_frame);

    let third = parse("c30175");
    assert_eq!((third.spatial_id, third.temporal_id, third.active_targets), (0, 2, None));
    let seen = [2, 5, 8, 3, 31, 32].map(|target| third.decode_target_indication(target));
    assert_eq!(seen, [Discardable, Required, Required, NotPresent, NotPresent, NotPresent]);
    for bytes in FRAMES {
        assert_eq!(write(&parse(bytes), Some(&structure)), hex(bytes), "{bytes}");
    }
}

#[test]
fn what_needs_a_structure_says_so() {
    let (_, structure) = key();
    let errors = [
        ("8601", None, "dependency descriptor cut"),
        ("860173", None, "dependency structure not known"),
        ("86017340fc", None, "dependency structure not known"),
        ("8f0173", Some(&structure), "dependency template not in the structure"),
        ("86017340", Some(&structure), "dependency descriptor cut"),
    ];
    for (bytes, structure, what) in errors {
        let error = DependencyDescriptor::parse(&hex(bytes), structure).expect_err(bytes);
        assert_eq!(error.what, what, "{bytes}");
    }
    let mark = FrameMark { starts_frame: true, ends_frame: false, template_id: 6, frame_number: 0x173 };
    assert_eq!(FrameMark::parse(&hex("860173")), Ok(mark), "the beginning needs none");
}

#[test]
fn structures_past_the_bounds_are_refused() {
    // 65 templates of one layer: the offset, one target, then two zero bits each.
    let endless = [hex("800000 80 00"), vec![0; 20]].concat();
    let error = DependencyDescriptor::parse(&endless, None).expect_err("too many");
    assert_eq!(error.what, "dependency structure with more than 64 templates");
    // Nine temporal layers.
    let high = [hex("800000 80 00"), vec![0x55; 4], vec![0xFF; 20]].concat();
    let error = DependencyDescriptor::parse(&high, None).expect_err("too high");
    assert_eq!(error.what, "dependency structure with more than 8 layers");
}

#[test]
fn a_descriptor_is_whole_or_refused() {
    let (_, structure) = key();
    for element in [KEY].iter().chain(FRAMES).map(|element| hex(element)) {
        for len in (0..element.len()).filter(|len| *len != 3) {
            assert!(DependencyDescriptor::parse(&element[..len], Some(&structure)).is_err(), "cut to {len}");
        }
    }
}

#[test]
fn frame_numbers_are_rewritten_in_place() {
    let (mut descriptor, _) = key();
    let mut element = hex(KEY);
    rewrite_frame_number(&mut element, 0xFFFE).expect("long enough");
    let again = DependencyDescriptor::parse(&element, None).expect("still a descriptor");
    descriptor.frame_number = 0xFFFE;
    assert_eq!(again, descriptor);
    assert!(rewrite_frame_number(&mut element[..2], 0).is_err());
}

#[test]
fn layers_are_switched_off() {
    let (descriptor, structure) = key();
    for element in [KEY].iter().chain(FRAMES) {
        let mut out = Vec::new();
        with_active_targets(&hex(element), Some(&structure), 0b111, &mut out).expect(element);
        let again = DependencyDescriptor::parse(&out, Some(&structure)).expect(element);
        let mut before = DependencyDescriptor::parse(&hex(element), Some(&structure)).expect(element);
        before.active_targets = Some(0b111);
        assert_eq!(again, before);
    }
    let mut out = Vec::new();
    with_active_targets(&hex(KEY), None, u32::MAX, &mut out).expect("its own structure");
    assert_eq!(DependencyDescriptor::parse(&out, None), Ok(descriptor), "all that there are");
    assert!(with_active_targets(&hex("860173"), None, 1, &mut out).is_err());
}

#[test]
fn our_tables_make_streams_that_follow() {
    // Templates of consecutive frames: two rounds of the pattern, the first from the key frame.
    let streams: [(TemplateStructure, &[u8]); 3] = [
        (TemplateStructure::l1t3(), &[0, 3, 2, 4, 1, 3, 2, 4]),
        (TemplateStructure::l3t3(), &[1, 6, 11, 3, 8, 13, 2, 7, 12, 4, 9, 14, 0, 5, 10, 3, 8, 13]),
        (TemplateStructure::l3t3_key(), &[0, 5, 10, 3, 8, 13, 2, 7, 12, 4, 9, 14, 1, 6, 11, 3, 8, 13]),
    ];
    for (structure, templates) in streams {
        let frame = |number: usize| structure.template(templates[number]).expect("a template");
        let mut last_of_chain = vec![None; structure.chains()];
        for (number, template_id) in templates.iter().enumerate() {
            let descriptor = DependencyDescriptor::from_template(&structure, *template_id, number as u16);
            let descriptor = descriptor.expect("a template");
            assert_eq!(write(&descriptor, Some(&structure)).len(), 3);
            // What a frame refers to is there, and of no higher layer.
            for diff in descriptor.frame_diffs() {
                let other = frame(number.checked_sub(usize::from(*diff)).expect("after the key frame"));
                let (spatial, temporal) = (descriptor.spatial_id, descriptor.temporal_id);
                assert!(other.spatial_id <= spatial && other.temporal_id <= temporal, "frame {number}");
            }
            // The chains' differences point to the frames that are in them: of temporal layer 0, and needed.
            for (chain, last) in last_of_chain.iter_mut().enumerate() {
                let expected = last.map_or(0, |last| number - last);
                assert_eq!(usize::from(descriptor.chain_diffs()[chain]), expected, "frame {number}, chain {chain}");
                let base = structure.target_of(chain as u8, 0).expect("a target for each layer");
                if descriptor.decode_target_indication(base) != Indication::NotPresent {
                    *last = Some(number);
                }
            }
        }
    }
}

#[test]
fn structures_that_cannot_be_said_are_not_made() {
    let base = Template::new((0, 0), "S", &[], &[0]).expect("a template");
    let new =
        |templates: &[Template], chains, sizes: &[(u32, u32)]| TemplateStructure::new(0, templates, chains, sizes);
    assert!(new(&[base], (1, &[0]), &[(1, 65_536)]).is_some());
    assert!(new(&[base], (1, &[1]), &[]).is_none(), "no such chain");
    assert!(new(&[base], (2, &[0]), &[]).is_none(), "more chains than targets");
    assert!(new(&[base], (0, &[]), &[]).is_none(), "no targets");
    assert!(new(&[], (0, &[0]), &[]).is_none(), "no templates");
    assert!(new(&[base; MAX_TEMPLATES + 1], (0, &[0]), &[]).is_none(), "too many");
    assert!(new(&[base], (0, &[0]), &[(0, 1)]).is_none() && new(&[base], (0, &[0]), &[(1, 65_537)]).is_none());
    let higher = Template::new((0, 2), "S", &[], &[0]).expect("a template");
    assert!(new(&[base, higher], (0, &[0]), &[]).is_none(), "a layer left out");
    assert!(Template::new((0, 0), "X", &[], &[]).is_none() && Template::new((8, 0), "S", &[], &[]).is_none());
    assert!(Template::new((0, 0), "S", &[17], &[]).is_none() && Template::new((0, 0), "S", &[], &[16]).is_none());
    assert!(Template::new((0, 0), "S", &[1; 9], &[]).is_none());
}

fn structures() -> impl Strategy<Value = TemplateStructure> {
    let indications = || prop::sample::select(vec!['-', 'D', 'S', 'R']);
    let template = (
        0..3_u8,
        prop::collection::vec(indications(), 32),
        prop::collection::vec(1_u8..=16, 0..=8),
        prop::collection::vec(0_u8..16, 32),
    );
    let sizes = prop::collection::vec((1_u32..=65_536, 1_u32..=65_536), 8);
    (
        0_u8..64,
        prop::collection::vec(template, 1..=64),
        1_usize..=32,
        any::<[u8; 32]>(),
        any::<u8>(),
        sizes,
        any::<bool>(),
    )
        .prop_map(|(offset, rows, targets, protection, chains, sizes, has_sizes)| {
            let chains = chains % (targets as u8 + 1);
            let protected_by: Vec<u8> = protection[..targets].iter().map(|chain| chain % chains.max(1)).collect();
            let (mut spatial, mut temporal) = (0, 0);
            let templates: Vec<Template> = rows
                .iter()
                .enumerate()
                .map(|(index, (step, indications, frames, diffs))| {
                    match step {
                        1 if index > 0 && temporal < 7 => temporal += 1,
                        2 if index > 0 && spatial < 7 => (spatial, temporal) = (spatial + 1, 0),
                        _ => {}
                    }
                    let indications: String = indications[..targets].iter().collect();
                    let diffs = &diffs[..usize::from(chains)];
                    Template::new((spatial, temporal), &indications, frames, diffs).expect("in range")
                })
                .collect();
            let sizes = if has_sizes { &sizes[..=usize::from(spatial)] } else { &[] };
            TemplateStructure::new(offset, &templates, (chains, &protected_by), sizes).expect("in range")
        })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        structure in structures(),
        (index, number, is_attached, mask) in (any::<prop::sample::Index>(), any::<u16>(), any::<bool>(), any::<Option<u32>>()),
        diffs in prop::option::of(prop::collection::vec(1_u16..=4096, 0..=8)),
        (chain, chain_diff, target) in (0_usize..32, any::<u8>(), 0_usize..32),
    ) {
        let template_id = (usize::from(structure.template_id_offset) + index.index(structure.templates().len())) % 64;
        let mut descriptor = DependencyDescriptor::from_template(&structure, template_id as u8, number).expect("one of them");
        if let Some(diffs) = diffs {
            descriptor.set_frame_diffs(&diffs).expect("in range");
        }
        prop_assert_eq!(descriptor.set_chain_diff(chain, chain_diff).is_some(), chain < structure.chains());
        if target < structure.decode_targets() {
            descriptor.indications.set(target, Indication::Required);
        }
        descriptor.active_targets = mask.map(|mask| mask & structure.all_targets());
        if is_attached {
            descriptor.active_targets.get_or_insert(structure.all_targets());
            descriptor.structure = Some(Box::new(structure.clone()));
        }
        let known = (!is_attached).then_some(&structure);
        let element = write(&descriptor, known);
        prop_assert_eq!(DependencyDescriptor::parse(&element, known), Ok(descriptor));
        // Zeros behind it are padding; cut, it is no descriptor any more, or one that says less.
        let padded = [&element[..], &[0; 2]].concat();
        prop_assert!(DependencyDescriptor::parse(&padded, known).is_ok());
        if element.len() > 4 {
            let len = 4 + index.index(element.len() - 4);
            prop_assert!(DependencyDescriptor::parse(&element[..len], known).is_err(), "cut to {}", len);
        }
    }
}
