//! Why something asked for was not done: a stable code, what happened, and what to do about it.

use std::borrow::Cow;
use std::fmt;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal, $status:literal, $title:literal, $remedy:literal;)*) => {
        /// A stable code of the WebSocket and HTTP APIs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($(#[$doc])* $variant,)* }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The code as it is written on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status,)* }
            }

            /// A few words that never change (RFC 9457 `title`).
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title,)* }
            }

            /// What to do about it, when nothing better is known.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)* }
            }
        }
    };
}

codes! {
    /// No access token was given, and one is needed.
    AuthRequired = "auth.required", 401, "An access token is required", "Send an access token.";
    /// The access token is not one of ours.
    AuthInvalid = "auth.invalid", 401, "The access token is not valid", "Ask for a new access token.";
    /// The access token is too old, or not valid yet.
    AuthExpired = "auth.expired", 401, "The access token has expired", "Ask for a new access token.";
    /// The access token does not grant this.
    AuthForbidden = "auth.forbidden", 403, "This is not permitted", "Ask for an access token that grants it.";
    /// What was said of who somebody is does not fit his media.
    IdentityRefused = "identity.refused", 403, "The proof of identity is not for this media", "Make a new proof for the fingerprint of this very offer. Where it was made for it, somebody may stand between.";
    /// Nobody vouches for him, and that is asked for.
    IdentityRequired = "identity.required", 403, "A proof of identity is asked for", "Sign in at the identity provider of this server, and send its assertion with the offer.";
    /// The version of the protocol is not spoken here.
    ProtocolVersion = "protocol.version", 400, "Unknown protocol version", "Speak version 1.";
    /// The message is not one of the protocol.
    ProtocolMalformed = "protocol.malformed", 400, "Malformed message", "Correct the message.";
    /// The message is right, but not now.
    ProtocolUnexpected = "protocol.unexpected", 409, "Not expected now", "Follow the order of the protocol.";
    /// The room has its limit of participants.
    RoomFull = "room.full", 409, "The room is full", "Try again when someone has left.";
    /// No such room.
    RoomUnknown = "room.unknown", 404, "No such room", "Check the room's name.";
    /// The room is there already.
    RoomExists = "room.exists", 409, "The room exists", "Use the room that is there, or delete it first.";
    /// Nobody publishes what was asked for.
    RoomSilent = "room.silent", 409, "There is nothing to watch", "Try again when somebody publishes.";
    /// No such participant.
    ParticipantUnknown = "participant.unknown", 404, "No such participant", "Look at the list of participants.";
    /// Who hears and sees whom cannot be changed like this now.
    AudienceRefused = "audience.refused", 409, "Not possible where they stand", "See who is where, then try again.";
    /// No such track.
    TrackUnknown = "track.unknown", 404, "No such track", "Look at the list of tracks.";
    /// Audio was asked for in a place for video, or the other way round.
    TrackKind = "track.kind", 409, "The track is of the other kind", "Choose a place of the track's kind.";
    /// The room has no such layout.
    LayoutUnknown = "layout.unknown", 404, "No such layout", "Use grid, speaker, presentation or picture_in_picture, or arrange the layout first.";
    /// The participant does not publish this source, or has silenced it.
    SnapshotOff = "snapshot.off", 404, "The source is off", "Show the name instead, and try again when it is on.";
    /// There is no picture yet.
    SnapshotNone = "snapshot.none", 404, "There is no picture yet", "Try again in a second.";
    /// The participant wants no snapshots of himself.
    SnapshotOptedOut = "snapshot.opted_out", 403, "The participant wants no snapshots", "Show the name instead; he decides it when he joins.";
    /// Whoever asks may not see the participant now.
    SnapshotWithheld = "snapshot.withheld", 403, "The participant cannot be seen now", "Try again when you see him in the room.";
    /// What came cannot be decoded.
    SnapshotUnreadable = "snapshot.unreadable", 422, "The pictures cannot be decoded", "Where they are encrypted end to end there are no snapshots; else try again with the next key frame.";
    /// This server makes no snapshots.
    SnapshotDisabled = "snapshot.disabled", 404, "No snapshots are made", "Its operator can set snapshots.enabled = true.";
    /// Neither sound files nor a program that speaks are configured here.
    SoundDisabled = "sound.disabled", 404, "This is not played here", "Its operator can set announcements.directory, or announcements.speech_command for texts.";
    /// There is no such sound file.
    SoundUnknown = "sound.unknown", 404, "No such sound file", "Name a file in the server's directory of announcements.";
    /// The sound file cannot be played.
    SoundUnusable = "sound.unusable", 422, "The sound cannot be played", "Use a WAV, FLAC, MP3, Ogg Vorbis or Opus file that is short enough.";
    /// The program that speaks failed.
    SoundSpeechFailed = "sound.speech_failed", 502, "The text could not be said", "Try again; its operator finds the cause in the log.";
    /// Nothing of this id is played in the room.
    AnnouncementUnknown = "announcement.unknown", 404, "No such announcement", "It may be over; look at the list of announcements.";
    /// This server takes no plain RTP.
    RtpDisabled = "rtp.disabled", 404, "No plain RTP is taken", "Its operator can set rtp.enabled = true.";
    /// Plain RTP is not sent there.
    RtpDenied = "rtp.denied", 403, "Nothing may be sent there", "Its operator can name the network in rtp.allow.";
    /// What was asked of plain RTP cannot be.
    RtpRejected = "rtp.rejected", 422, "This cannot be connected by plain RTP", "Correct the request.";
    /// Every port for plain RTP is taken.
    RtpNoPort = "rtp.no_port", 503, "No port for plain RTP is free", "Let others go first; its operator can widen rtp.port_first to rtp.port_last.";
    /// This server streams no rooms.
    EgressDisabled = "egress.disabled", 404, "No rooms are streamed", "Its operator can set egress.enabled = true.";
    /// The stream that was asked for cannot be.
    EgressRejected = "egress.rejected", 422, "This cannot be streamed", "Correct the request.";
    /// A stream may not go there.
    EgressDenied = "egress.denied", 403, "Nothing may be streamed there", "Its operator can name the host in egress.allow.";
    /// Something that streams need is missing on the server.
    EgressUnavailable = "egress.unavailable", 501, "The server lacks what this takes", "Its operator can install or enable it.";
    /// As many streams as may be are running.
    EgressTooMany = "egress.too_many", 503, "As many streams as may be are running", "End another first; its operator can raise egress.max.";
    /// There is no such stream.
    EgressUnknown = "egress.unknown", 404, "No such stream", "Look at the list of the room's streams.";
    /// The session description cannot be used.
    SdpRejected = "sdp.rejected", 422, "The session description cannot be used", "Correct the session description.";
    /// More than a limit allows.
    LimitExceeded = "limit.exceeded", 422, "A limit was exceeded", "Ask for less.";
    /// More often than is allowed.
    RateExceeded = "rate.exceeded", 429, "Too many requests", "Wait a few seconds, then try again.";
    /// No session has this resume token.
    ResumeUnknown = "resume.unknown", 404, "No such session", "Join the room again.";
    /// The server has no room for more work now.
    ServerBusy = "server.busy", 503, "The server is busy", "Try again in a few seconds.";
    /// The server takes nobody in any more.
    ServerDraining = "server.draining", 503, "The server is stopping", "Connect to another server.";
    /// A defect of ours.
    ServerDefect = "server.defect", 500, "A defect of the server", "Tell the operator the request id.";
    /// HTTP: nothing is at this address.
    RequestNotFound = "request.not_found", 404, "Nothing is here", "See /api/v1/openapi.json for what is.";
    /// HTTP: the method is not for this address.
    RequestMethod = "request.method", 405, "The method is not for this address", "See the Allow header.";
    /// HTTP: the client takes no form that can be given.
    RequestNotAcceptable = "request.not_acceptable", 406, "Not acceptable", "Accept what this address gives.";
    /// HTTP: the request did not come in time.
    RequestTimeout = "request.timeout", 408, "The request took too long", "Try again.";
    /// HTTP: the entity tag names another ICE session.
    RequestStale = "request.stale", 412, "The ICE session has changed", "Use the newest ETag.";
    /// HTTP: the body is too large.
    RequestTooLarge = "request.too_large", 413, "The body is too large", "Send less.";
    /// HTTP: the body is of another media type.
    RequestMediaType = "request.media_type", 415, "The media type is not taken here", "Set Content-Type.";
    /// HTTP: a condition is required.
    RequestUnconditional = "request.unconditional", 428, "If-Match is required", "Send If-Match with the ETag, or * to restart ICE.";
    /// HTTP: the address holds what cannot be.
    RequestMalformed = "request.malformed", 400, "The request is malformed", "Correct the request.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Refusal {
    /// What programs decide by.
    pub code: ErrorCode,
    /// What happened, for people.
    pub message: String,
    /// What to do about it, for people.
    pub remedy: Cow<'static, str>,
}

impl Refusal {
    /// A refusal with the code's own remedy.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), remedy: Cow::Borrowed(code.remedy()) }
    }

    /// The same refusal with a better remedy.
    #[must_use]
    pub fn remedy(self, remedy: impl Into<Cow<'static, str>>) -> Self {
        Self { remedy: remedy.into(), ..self }
    }

    /// Something in a message that is wrong in itself.
    #[must_use]
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ProtocolMalformed, message)
    }

    /// Something that is right, but not now.
    #[must_use]
    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::ProtocolUnexpected, message)
    }
}

#[cfg(test)]
mod tests {
    use super::ErrorCode;
    use std::collections::HashSet;

    #[test]
    fn codes_are_unique_and_their_statuses_are_errors() {
        let codes: HashSet<_> = ErrorCode::ALL.iter().map(|c| c.as_str()).collect();
        assert_eq!(codes.len(), ErrorCode::ALL.len());
        assert!(ErrorCode::ALL.iter().all(|c| (400..600).contains(&c.status())));
    }
}
