#!/usr/bin/python3
"""A peer of GStreamer's webrtcbin: libnice, OpenSSL and libsrtp instead of anything of ours.

    peer.py publish URL          publishes a tone and a test picture by WHIP until its standard input ends
    peer.py watch URL FRAMES     receives by WHEP until so many frames of sound and of picture are decoded
    peer.py check                says whether everything that it needs is installed

What happens is written to standard output, one JSON object a line. It ends with 1 after 30 s without success.
"""

import hashlib
import json
import ssl
import subprocess
import sys
import threading
import urllib.request

DEADLINE_S = 30


def say(**what):
    print(json.dumps(what), flush=True)


try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstSdp", "1.0")
    gi.require_version("GstWebRTC", "1.0")
    from gi.repository import GLib, Gst, GstSdp, GstWebRTC

    Gst.init(None)
except (ImportError, ValueError) as error:
    say(missing=str(error))
    sys.exit(3)

ELEMENTS = (
    "webrtcbin nicesrc dtlsdec srtpdec opusenc opusdec vp8enc vp8dec rtpopuspay rtpvp8pay rtpopusdepay rtpvp8depay "
    "audiotestsrc videotestsrc audioconvert audioresample videoconvert"
).split()

SEND = """
  webrtcbin name=rtc bundle-policy=max-bundle
  audiotestsrc is-live=true wave=sine freq=440 ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt=111
    ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! rtc.
  videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=180,framerate=15/1 ! videoconvert
    ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=3000 error-resilient=default ! rtpvp8pay pt=96 picture-id-mode=15-bit
    ! application/x-rtp,media=video,encoding-name=VP8,payload=96 ! rtc.
"""

RECEIVE = "webrtcbin name=rtc bundle-policy=max-bundle"
AUDIO = "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,encoding-params=(string)2"
VIDEO = "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
DECODERS = {
    "OPUS": "queue ! rtpopusdepay ! opusdec ! fakesink name=sink signal-handoffs=true sync=false",
    "VP8": "queue ! rtpvp8depay ! vp8dec ! fakesink name=sink signal-handoffs=true sync=false",
}


def certificate():
    """webrtcbin 1.22 makes RSA certificates, which the server does not take: one on P-256 instead. Gives PEM and fingerprint."""
    made = subprocess.run(
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=peer -keyout -".split(),
        check=True, capture_output=True, text=True,
    ).stdout
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----\n"
    only = made[made.index(begin) : made.index(end) + len(end)]
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(only)).hexdigest().upper()
    return made, ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


class Peer:
    def __init__(self, url, frames):
        self.url, self.wanted, self.decoded = url, frames, {"OPUS": 0, "VP8": 0}
        self.loop, self.status = GLib.MainLoop(), 1
        self.pem, self.fingerprint = certificate()
        self.pipeline = Gst.parse_launch(RECEIVE if frames else SEND)
        self.rtc = self.pipeline if self.pipeline.get_name() == "rtc" else self.pipeline.get_by_name("rtc")
        if self.pipeline is self.rtc:
            self.pipeline = Gst.Pipeline.new("pipeline")
            self.pipeline.add(self.rtc)
        self.rtc.connect("deep-element-added", self.on_element)
        self.rtc.connect("on-negotiation-needed", self.on_negotiation_needed)
        self.rtc.connect("notify::connection-state", self.on_state)
        self.rtc.connect("pad-added", self.on_pad)
        if frames:
            for caps in (AUDIO, VIDEO):
                direction = GstWebRTC.WebRTCRTPTransceiverDirection.RECVONLY
                self.rtc.emit("add-transceiver", direction, Gst.Caps.from_string(caps))
        # libnice leaves the loopback address out by itself. The agent is kept: its only reference is a floating one, which
        # Python sinks, and would free.
        self.ice = self.rtc.get_property("ice-agent")
        self.ice.emit("add-local-ip-address", "127.0.0.1")

    def on_element(self, _bin, _sub_bin, element):
        factory = element.get_factory()
        if factory and factory.get_name() == "dtlsdec":
            element.set_property("pem", self.pem)

    def on_negotiation_needed(self, rtc):
        rtc.emit("create-offer", None, Gst.Promise.new_with_change_func(self.on_offer, None))

    def on_offer(self, promise, _):
        # The reply is kept: the offer lies within it.
        reply = promise.get_reply()
        offer = reply.get_value("offer")
        self.rtc.emit("set-local-description", offer, Gst.Promise.new())
        threading.Thread(target=self.post, args=(offer.sdp.as_text(),), daemon=True).start()

    def post(self, offer):
        # webrtcbin still writes the fingerprint of the certificate that it made itself.
        lines = [
            f"a=fingerprint:sha-256 {self.fingerprint}" if line.startswith("a=fingerprint:") else line
            for line in offer.splitlines()
        ]
        body = "\r\n".join(lines + [""]).encode()
        request = urllib.request.Request(self.url, body, {"Content-Type": "application/sdp"})
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            say(refused=error.code, why=error.read().decode(errors="replace"), offer=offer)
            self.loop.quit()
            return
        _, sdp = GstSdp.SDPMessage.new_from_text(text.decode())
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.rtc.emit("set-remote-description", answer, Gst.Promise.new())
        say(answered=True)

    def on_state(self, rtc, _):
        say(state=rtc.get_property("connection-state").value_nick)

    def on_pad(self, _rtc, pad):
        if pad.get_direction() != Gst.PadDirection.SRC:
            return
        name = pad.get_current_caps().get_structure(0).get_string("encoding-name")
        decoder = Gst.parse_bin_from_description(DECODERS[name], True)
        decoder.get_by_name("sink").connect("handoff", self.on_frame, name)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def on_frame(self, _sink, _buffer, _pad, name):
        self.decoded[name] += 1
        if self.status and all(frames >= self.wanted for frames in self.decoded.values()):
            self.status = 0
            say(decoded=self.decoded)
            self.loop.quit()

    def until_input_ends(self):
        sys.stdin.read()
        self.status = 0
        self.loop.quit()

    def on_message(self, _bus, message):
        if message.type == Gst.MessageType.ERROR:
            say(error=str(message.parse_error()))
            self.loop.quit()

    def run(self):
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)
        if self.wanted:
            GLib.timeout_add_seconds(DEADLINE_S, self.give_up)
        else:
            threading.Thread(target=self.until_input_ends, daemon=True).start()
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)
        return self.status

    def give_up(self):
        say(gave_up=self.decoded)
        self.loop.quit()


def main():
    if sys.argv[1:] == ["check"]:
        missing = [element for element in ELEMENTS if not Gst.ElementFactory.find(element)]
        say(missing=", ".join(missing))
        return 3 if missing else 0
    if len(sys.argv) >= 3 and sys.argv[1] in ("publish", "watch"):
        return Peer(sys.argv[2], int(sys.argv[3]) if sys.argv[1] == "watch" else 0).run()
    sys.stderr.write(__doc__)
    return 2


sys.exit(main())
