//! What a client does with its data channels.

use super::channels::{ChannelConfig, ChannelEvent, Channels, Numbering};
use super::dtls::Association;
use super::{Client, ClientState, Section, SectionUse};
use bytes::Bytes;
use colloquy_media_core::api::MediaKind;
use std::time::Instant;

impl Client {
    /// Has a section of data channels with the next offer. Gives its mid.
    pub fn use_channels(&mut self) -> String {
        let mid = self.next_mid();
        // A section of no media; the kind says nothing.
        self.sections.push(Section { mid: mid.clone(), kind: MediaKind::Audio, usage: SectionUse::Data });
        mid
    }

    /// Whether channels can be opened now.
    #[must_use]
    pub fn has_channels(&self) -> bool {
        self.channels.as_ref().is_some_and(Channels::is_up)
    }

    /// Opens a channel. Gives its stream, or `None` when there is no association or no free stream.
    pub fn open_channel(&mut self, now: Instant, config: ChannelConfig, numbering: Numbering) -> Option<u16> {
        let first = u16::from(self.is_dtls_client == (numbering == Numbering::Guessed));
        let stream = self.channels.as_mut()?.open(config, first);
        self.flush_channels(now);
        stream
    }

    /// Sends a message. `false` when there is no such channel, or so much waits that an application should.
    pub fn send_message(&mut self, now: Instant, stream: u16, bytes: &Bytes) -> bool {
        let sent = self.channels.as_mut().is_some_and(|channels| channels.send(stream, bytes));
        self.flush_channels(now);
        sent
    }

    /// Bytes that wait on a channel.
    pub fn buffered(&mut self, stream: u16) -> usize {
        self.channels.as_mut().map_or(0, |channels| channels.buffered(stream))
    }

    /// Closes a channel.
    pub fn close_channel(&mut self, now: Instant, stream: u16) {
        self.channels.iter_mut().for_each(|channels| channels.close(stream));
        self.flush_channels(now);
    }

    /// Takes what became of the channels since the last call.
    pub fn take_channel_events(&mut self) -> Vec<ChannelEvent> {
        self.channels.as_mut().map(Channels::take_events).unwrap_or_default()
    }

    /// Begins the association once both sides want one.
    pub(super) fn negotiate_channels(&mut self, mid: &str, rejected: bool) {
        let is_data = |section: &Section| section.mid == mid && matches!(section.usage, SectionUse::Data);
        if self.sections.iter().any(is_data) && !rejected && self.channels.is_none() {
            self.channels = Some(Channels::new());
        }
    }

    /// Does what is due of the association, and sends what it has to say.
    pub(super) fn drive_channels(&mut self, now: Instant) {
        if let Some(channels) = self.channels.as_mut().filter(|_| self.state == ClientState::Connected) {
            channels.start(now);
            channels.handle_timeout(now);
            self.flush_channels(now);
        }
    }

    pub(super) fn flush_channels(&mut self, now: Instant) {
        let Self { channels: Some(channels), association: Some(association), told, state, .. } = self else { return };
        if *state == ClientState::Connected {
            channels.poll_transmit(now, |packet| Association::send(association, packet, told));
            self.after_dtls(now, None);
        }
    }
}
