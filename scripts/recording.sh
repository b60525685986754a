#!/usr/bin/env bash
# Makes the recording that ready scenarios replay (bench/media/README.md): moving pictures and a tone, with GStreamer and its encoders
# of VP8 and Opus.
#
#   scripts/recording.sh FILE.webm
set -euo pipefail

[ $# = 1 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0" >&2; exit 2; }
exec gst-launch-1.0 -q -e webmmux name=mux streamable=true ! filesink location="$1" \
    videotestsrc num-buffers=180 pattern=ball motion=sweep \
    ! video/x-raw,width=640,height=360,framerate=30/1 \
    ! agingtv scratch-lines=4 dusts=true pits=true color-aging=true \
    ! videoconvert ! vp8enc target-bitrate=250000 end-usage=cbr deadline=1 cpu-used=8 keyframe-max-dist=60 lag-in-frames=0 \
        error-resilient=default resize-allowed=false ! queue ! mux. \
    audiotestsrc num-buffers=300 samplesperbuffer=960 wave=sine freq=440 volume=0.3 \
    ! audio/x-raw,rate=48000,channels=1 ! opusenc bitrate=32000 audio-type=voice ! queue ! mux.
