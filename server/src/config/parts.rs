//! The configuration in the words of the media core.

use super::{Config, Dtls, Ice};
use colloquy_media_core::api;
use std::time::Duration;

impl Config {
    /// What clients can grow in the engine.
    pub(crate) fn engine_limits(&self) -> api::Limits {
        let limits = &self.limits;
        api::Limits {
            peers_per_room: limits.peers_per_room,
            room_peers_per_worker: limits.room_peers_per_worker,
            sdp_bytes: limits.sdp_bytes,
            media_sections: limits.media_sections,
            tracks_per_peer: limits.tracks_per_peer,
            ssrcs_per_peer: limits.ssrcs_per_peer,
            remote_candidates: limits.remote_candidates,
            ice_paths: limits.ice_paths,
            stun_per_s_per_address: limits.stun_per_s_per_address,
            tcp_unproven_per_address: limits.tcp_unproven_per_address,
            header_extensions: limits.header_extensions,
            rtx_ring_packets: limits.rtx_ring_packets,
            fec_max_pct: limits.fec_max_pct,
            downlink_start_bps: limits.downlink_start_bps,
            downlink_min_bps: limits.downlink_min_bps,
            downlink_max_bps: limits.downlink_max_bps,
            keyframe_interval: Duration::from_millis(limits.keyframe_interval_ms),
            disconnected_ms: limits.disconnected_ms,
            connect_timeout: Duration::from_millis(limits.connect_timeout_ms),
            data: api::DataLimits {
                channels_per_peer: limits.data_channels_per_peer,
                mirrors_per_peer: limits.data_mirrors_per_peer,
                label_bytes: limits.data_label_bytes,
                protocol_bytes: limits.data_protocol_bytes,
                message_bytes: limits.data_message_bytes,
                window_bytes: limits.data_window_bytes,
                backlog_bytes_per_channel: limits.data_backlog_bytes_per_channel,
                backlog_bytes_per_peer: limits.data_backlog_bytes_per_peer,
                messages_per_s: limits.data_messages_per_s,
                bytes_per_s: limits.data_bytes_per_s,
                stall: Duration::from_millis(limits.data_stall_ms),
            },
            mix: self.mix.limits(),
        }
    }

    /// ICE lite or full.
    pub(crate) fn ice_mode(&self) -> api::IceMode {
        match self.media.ice {
            Ice::Lite => api::IceMode::Lite,
            Ice::Full => api::IceMode::Full,
        }
    }

    /// Which DTLS versions are spoken.
    pub(crate) fn dtls_versions(&self) -> api::DtlsVersions {
        match self.media.dtls {
            Dtls::Prefer12 => api::DtlsVersions::Prefer12,
            Dtls::Prefer13 => api::DtlsVersions::Prefer13,
        }
    }
}
