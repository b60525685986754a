//! Walks over everything a parser gives and checks what holds for any bytes whatever. The fuzz targets use this file too.

use colloquy_codecs::fec::flexfec::{MAX_PROTECTED_LEN, Recoverer, RepairHeader};
use colloquy_codecs::payload::{
    Av1, Descriptor, H264, MAX_OPUS_SAMPLES, Opus, OpusMode, PayloadFormat, Red, Vp8, Vp9, layer_info,
    opus_has_inband_fec, picture_size, starts_keyframe, write_red,
};
use colloquy_codecs::rtcp::{self, RtcpPacket};
use colloquy_codecs::rtp::dependency::{
    DependencyDescriptor, TemplateStructure, rewrite_frame_number, with_active_targets,
};
use colloquy_codecs::rtp::{
    AbsCaptureTime, AbsSendTime, HeaderFields, LayersAllocation, MAX_LAYER_BITRATE_KBPS, PlayoutDelay, Rid, RtpHeader,
    VideoOrientation, audio_level, color_space, strip_padding, transport_sequence, write_header,
};

/// A header, its extension elements, the padding; and that writing the same again reads the same.
pub(crate) fn rtp(packet: &[u8]) {
    let Ok(header) = RtpHeader::parse(packet) else { return };
    let payload = &packet[header.header_len..];
    if let Ok(kept) = strip_padding(&header, payload) {
        assert!(payload.starts_with(kept));
    }
    for (id, element) in header.extensions(packet) {
        assert_ne!(id, 0);
        assert!(element.len() <= 255);
        extension(element);
    }
    // Another packet's bytes make no sense, and no panic either.
    header.extensions(payload).count();

    let fields = HeaderFields {
        marker: header.marker,
        payload_type: header.payload_type,
        sequence: header.sequence,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
    };
    let mut written = Vec::new();
    let len = write_header(&mut written, &fields, header.extensions(packet));
    let again = RtpHeader::parse(&written).expect("a written header is a header");
    assert_eq!((len, again.header_len), (written.len(), written.len()));
    assert_eq!((again.sequence, again.timestamp, again.ssrc), (header.sequence, header.timestamp, header.ssrc));
    assert!(again.extensions(&written).eq(header.extensions(packet)));
}

/// An element as each of the known ones: what is read and written again is the same, but for bits without meaning.
pub(crate) fn extension(element: &[u8]) {
    assert!(audio_level(element).is_none_or(|(_, level)| level <= 127));
    transport_sequence(element);
    assert!(Rid::parse(element).map_or(true, |rid| rid.as_bytes() == element && !rid.as_str().is_empty()));
    assert!(AbsSendTime::parse(element).is_none_or(|time| time.to_bytes() == element));
    assert!(AbsCaptureTime::parse(element).is_none_or(|time| time.write(&mut [0; 16]) == element));
    assert!(PlayoutDelay::parse(element).is_none_or(|delay| delay.to_bytes() == element));
    assert!(VideoOrientation::parse(element).is_none_or(|o| VideoOrientation::parse(&o.to_bytes()) == Some(o)));
    assert!(color_space(element).is_none_or(|same| same == element));
    if let Ok(allocation) = LayersAllocation::parse(element) {
        for layer in allocation.layers() {
            assert!(layer.stream < allocation.streams && layer.spatial_id < 4);
            assert!((1..=4).contains(&layer.bitrates_kbps().len()));
            assert!(layer.bitrates_kbps().iter().all(|bitrate| *bitrate <= MAX_LAYER_BITRATE_KBPS));
        }
        let mut written = Vec::new();
        allocation.write(&mut written);
        assert_eq!(LayersAllocation::parse(&written), Ok(allocation));
    }
}

/// Elements of one stream, the structure remembered from one to the next: what is read and written again is the same.
pub(crate) fn dependency<'a>(elements: impl Iterator<Item = &'a [u8]>) {
    let mut structure: Option<TemplateStructure> = None;
    for element in elements {
        let Ok(descriptor) = DependencyDescriptor::parse(element, structure.as_ref()) else { continue };
        assert!(descriptor.spatial_id < 8 && descriptor.temporal_id < 8);
        assert!(descriptor.frame_diffs().iter().all(|diff| (1..=4096).contains(diff)));
        let mut written = Vec::new();
        descriptor.write(structure.as_ref(), &mut written).expect("it was read with that structure");
        assert!(written.len() <= element.len(), "never longer");
        assert_eq!(DependencyDescriptor::parse(&written, structure.as_ref()).as_ref(), Ok(&descriptor));

        written.clear();
        with_active_targets(element, structure.as_ref(), 1, &mut written).expect("the same");
        rewrite_frame_number(&mut written, 7).expect("the same");
        let again = DependencyDescriptor::parse(&written, structure.as_ref()).expect("the same");
        assert_eq!((again.frame_number, again.active_targets), (7, Some(1)));
        if let Some(own) = descriptor.structure {
            assert!((1..=64).contains(&own.templates().len()) && own.chains() <= own.decode_targets());
            structure = Some(*own);
        }
    }
}

/// Packets, and payloads of repair packets, of whatever stream the first one is of.
pub(crate) fn flexfec<'a>(items: impl Iterator<Item = &'a [u8]> + Clone) {
    let ssrc = items.clone().find_map(|item| RepairHeader::parse(item).ok()).map_or(0, |header| header.ssrc);
    let mut recoverer = Recoverer::new(ssrc);
    let check = |made: &[u8]| {
        assert!((12..=MAX_PROTECTED_LEN).contains(&made.len()));
        assert_eq!((made[0] >> 6, &made[8..12]), (2, &ssrc.to_be_bytes()[..]));
    };
    for item in items {
        if let Ok(header) = RepairHeader::parse(item) {
            assert!(header.len <= item.len() && header.sequences().count() == header.mask.count_ones() as usize);
            let mut written = Vec::new();
            header.write(&mut written);
            assert!(
                RepairHeader::parse(&written).is_ok_and(|again| RepairHeader { len: header.len, ..again } == header)
            );
        }
        // Either may be anything; a packet of the stream is seldom one by chance.
        let _ = recoverer.add_repair(item, check);
        let _ = recoverer.add_packet(item, check);
        if let Some(place) = item.first_chunk::<4>() {
            let [high, low, ..] = *place;
            let mut packet = vec![0x80, 96, high, low, 0, 0, 0, 0];
            packet.extend_from_slice(&ssrc.to_be_bytes());
            packet.extend_from_slice(item);
            let _ = recoverer.add_packet(&packet, check);
        }
    }
}

/// Every packet of a compound, every list in it.
pub(crate) fn rtcp(compound: &[u8]) {
    let mut count = 0;
    let mut failed = false;
    for packet in rtcp::packets(compound) {
        count += 1;
        assert!(!failed, "an error is the last item");
        match packet {
            Err(error) => {
                assert!(error.offset <= compound.len());
                failed = true;
            }
            Ok(packet) => rtcp_packet(packet),
        }
    }
    assert!(count <= compound.len() / 4 + 1);
}

fn rtcp_packet(packet: RtcpPacket<'_>) {
    match packet {
        RtcpPacket::SenderReport(report) => assert!(report.reports().count() <= rtcp::MAX_REPORTS),
        RtcpPacket::ReceiverReport(report) => assert!(report.reports().count() <= rtcp::MAX_REPORTS),
        RtcpPacket::Bye(bye) => assert!(bye.ssrcs().count() <= 31),
        RtcpPacket::Nack(nack) => assert!(nack.sequences().count() >= 1),
        RtcpPacket::FullIntra(fir) => assert!(fir.entries().count() >= 1),
        RtcpPacket::Remb(remb) => assert!(remb.ssrcs().count() <= 255),
        RtcpPacket::TransportFeedback(feedback) => {
            assert_eq!(feedback.packets().count(), usize::from(feedback.packet_status_count));
            assert!(feedback.packets().all(|(_, delta)| delta.is_none_or(|ticks| i16::try_from(ticks).is_ok())));
        }
        RtcpPacket::SourceDescription | RtcpPacket::PictureLoss { .. } | RtcpPacket::Other { .. } => {}
    }
}

/// Redundant audio: every byte is in a block, and the blocks written again are read again.
pub(crate) fn red(payload: &[u8]) {
    if let Ok(red) = Red::parse(payload) {
        let headers_len = red.blocks().count() * 4 - 3;
        assert_eq!(red.blocks().map(|block| block.bytes.len()).sum::<usize>() + headers_len, payload.len());
        assert_eq!(red.blocks().last(), Some(red.primary()));
        let redundants: Vec<_> = red.blocks().map(|block| (block.timestamp_offset, block.bytes)).collect();
        let mut written = Vec::new();
        write_red(&mut written, red.primary().payload_type, red.primary().bytes, &redundants[..redundants.len() - 1]);
        assert!(
            written.len() <= payload.len() && Red::parse(&written).is_ok_and(|again| again.primary() == red.primary())
        );
    }
}

/// The payload as each of the formats.
pub(crate) fn payload(payload: &[u8]) {
    let mut copy = payload.to_vec();
    if let Ok(vp8) = Vp8::parse(payload) {
        assert!(vp8.header_len <= payload.len());
        if let Some(picture_id) = vp8.picture_id {
            picture_id.rewrite(&mut copy, picture_id.value).expect("it was read from there");
        }
        if let Some(index) = vp8.tl0_pic_idx {
            index.rewrite(&mut copy, index.value).expect("it was read from there");
        }
    }
    if let Ok(vp9) = Vp9::parse(payload) {
        assert!(vp9.header_len <= payload.len());
        if let Some(picture_id) = vp9.picture_id {
            picture_id.rewrite(&mut copy, picture_id.value).expect("it was read from there");
        }
        if let Some(structure) = vp9.structure {
            assert!(structure.sizes().count() <= 8);
            assert!(structure.group().count() <= 255);
            assert!(structure.group().all(|picture| picture.reference_diffs.len() <= 3));
        }
    }
    assert_eq!(copy, payload, "writing what was read changes nothing");

    if let Ok(H264::Aggregate(stap)) = H264::parse(payload) {
        assert_eq!(stap.units().map(|(_, unit)| unit.len() + 2).sum::<usize>(), payload.len() - 1);
    }
    if let Ok(av1) = Av1::parse(payload) {
        assert!(av1.elements().count() >= 1);
        assert!(av1.elements().map(|element| element.bytes.len()).sum::<usize>() < payload.len());
        assert!(av1.temporal_id().is_none_or(|id| id < 8) && av1.spatial_id().is_none_or(|id| id < 4));
    }
    if let Ok(opus) = Opus::parse(payload) {
        assert!((120..=MAX_OPUS_SAMPLES).contains(&opus.duration_samples()));
        assert!((1..=48).contains(&opus.frame_count));
        assert!(opus.mode() != OpusMode::Celt || !opus_has_inband_fec(payload));
    } else {
        assert!(!opus_has_inband_fec(payload));
    }
    red(payload);
    for format in [PayloadFormat::Vp8, PayloadFormat::Vp9, PayloadFormat::H264, PayloadFormat::Av1] {
        let is_keyframe = starts_keyframe(format, payload);
        let info = layer_info(format, payload);
        let sides = 1..=65_536;
        assert!(picture_size(format, payload).is_none_or(|(w, h)| sides.contains(&w) && sides.contains(&h)));
        assert!(
            info.map_or(!is_keyframe, |info| info.is_keyframe == is_keyframe && info.spatial < 8 && info.temporal < 8)
        );
    }
}
