//! How the things of an engine name each other: slots that are used again under a new generation, so that a key that outlived
//! its thing finds nothing.

slotmap::new_key_type! {
    /// A room.
    pub(crate) struct RoomKey;
    /// A participant.
    pub(crate) struct PeerKey;
    /// A published track.
    pub(crate) struct ProducerKey;
    /// A data channel.
    pub(crate) struct ChannelKey;
    /// A receiving place.
    pub(crate) struct ConsumerKey;
}

impl PeerKey {
    /// The flow of his datagrams: his slot's number, which nobody else has while he is here.
    pub(crate) fn flow(self) -> u32 {
        slotmap::Key::data(&self).as_ffi() as u32
    }
}
