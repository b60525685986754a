#!/usr/bin/env bash
# Installs what is missing, and says so first.
#
#   scripts/setup.sh build         what compiles the server and the page: a C compiler, codecs, Rust (checked), Node.js
#   scripts/setup.sh build test    and what the tests drive: Chromium, Firefox, a silent sound server, GStreamer
#   scripts/setup.sh --list build test    only prints what would be installed
#
# Does nothing, and takes no time, when all is there. COLLOQUY_NO_INSTALL=1 makes it stop instead of installing.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly RUST_NEEDED=1.95.0
readonly NODE_NEEDED=20.19.0   # what Vite 8 asks for
readonly NODE_MAJOR=22         # what is fetched when the machine has none
readonly TOOLS="$PWD/.tools"
export PATH="$TOOLS/bin:$PATH:$HOME/.cargo/bin"

# set | Debian package | found if this command exists ("-": ask dpkg) | what for
readonly WANTED='
build|gcc|cc|links the server, compiles the cryptography (aws-lc)
build|libc6-dev|-|headers of the C library
build|make|make|runs the Makefile of the project
build|cmake|cmake|compiles Opus (libopus), which mixes are made with
build|nasm|nasm|assembles the H.264 codec, which is half as fast without
build|pkg-config|pkg-config|finds the two libraries below
build|libvpx-dev|-|VP8 and VP9 for the mixer and for snapshots
build|libdav1d-dev|-|AV1 for the mixer and for snapshots
build|ca-certificates|-|lets cargo and npm check whom they talk to
test|chromium|chromium|browser tests
test|firefox-esr|firefox-esr|browser tests on a second engine
test|pulseaudio|pulseaudio|a silent sound card: Firefox keeps WebAudio suspended without one
test|valgrind|valgrind|counts the instructions of the packet path (callgrind)
test|gstreamer1.0-tools|gst-launch-1.0|webrtcbin, the third WebRTC stack in the tests
test|gstreamer1.0-plugins-base|-|its Opus and converters
test|gstreamer1.0-plugins-good|-|its RTP, VP8, FLV
test|gstreamer1.0-plugins-bad|-|its webrtcbin, DTLS and SRTP; HLS, SRT, RTMP and AAC (voaacenc)
test|gstreamer1.0-nice|-|its ICE
test|python3-gi|-|drives webrtcbin
test|gir1.2-gst-plugins-bad-1.0|-|drives webrtcbin
test|nats-server|nats-server|several message nodes for one domain
'

say() { printf '==> %s\n' "$*"; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# at_least 20.19.0 20.20.2: the second is not older than the first
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n1)" = "$1" ]; }
installed() {
    if [ "$2" = - ]; then dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; else have "$2"; fi
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif have sudo; then sudo "$@"
    else die "this needs root, and there is no sudo. As root, run: $*"; fi
}

apt_install() {
    have apt-get || die "this is not Debian or a relative (no apt-get). Install these by your own means: $*"
    [ -z "${COLLOQUY_NO_INSTALL:-}" ] || die "COLLOQUY_NO_INSTALL is set. Install these yourself: $*"
    local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
    # A fresh machine has no package lists, an old one stale ones: look again when the first try finds nothing.
    as_root "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null 2>&1 && return
    say "Fetching apt's package lists"
    as_root "${apt[@]}" update
    as_root "${apt[@]}" install -y --no-install-recommends "$@" >/dev/null
}

packages() { # the missing ones of the sets asked for
    local missing=() line set package command why
    while IFS='|' read -r set package command why; do
        [[ -n "$set" && " $* " == *" $set "* ]] || continue
        installed "$package" "$command" && continue
        missing+=("$package")
        printf '      %-28s %s\n' "$package" "$why"
    done <<<"$WANTED" >"$report"
    [ ${#missing[@]} -gt 0 ] || return 0
    say "Missing, and installed now with apt (${#missing[@]} packages and what they need; a minute or two):"
    cat "$report"
    [ -n "$list_only" ] || apt_install "${missing[@]}"
}

need_rust() {
    have cargo || die "Rust is missing. Get it from https://rustup.rs (or: apt install rustup, where Debian has it), then run this again."
    local version; version="$(rustc --version | cut -d' ' -f2)"
    at_least "$RUST_NEEDED" "$version" || die "Rust $version is too old, $RUST_NEEDED is needed. With rustup: rustup update stable"
}

# rustup's minimal profile leaves these two out.
need_rust_tools() {
    local missing=()
    cargo clippy --version >/dev/null 2>&1 || missing+=(clippy)
    cargo fmt --version >/dev/null 2>&1 || missing+=(rustfmt)
    [ ${#missing[@]} -gt 0 ] || return 0
    have rustup || die "cargo lacks ${missing[*]}, and there is no rustup to get it with"
    say "Missing, and added now with rustup: ${missing[*]}"
    [ -n "$list_only" ] || rustup component add "${missing[@]}"
}

node_is_fit() { have node && have npm && at_least "$NODE_NEEDED" "$(node --version | tr -d v)"; }

need_node() {
    hash -r
    node_is_fit && return
    local arch found="none"
    have node && found="$(node --version)"
    case "$(uname -m)" in
        x86_64) arch=x64 ;;
        aarch64) arch=arm64 ;;
        *) die "the page is built with Node.js $NODE_NEEDED or newer; found: $found. Install it from https://nodejs.org" ;;
    esac
    say "Node.js $NODE_NEEDED or newer builds the page; found: $found. Node.js $NODE_MAJOR goes into .tools/, for this project only."
    [ -z "$list_only" ] || return 0
    [ -z "${COLLOQUY_NO_INSTALL:-}" ] || die "COLLOQUY_NO_INSTALL is set. Install Node.js $NODE_NEEDED or newer yourself."
    if ! have npm; then
        say "Installing Debian's npm with apt, to fetch it with (about 2 minutes)"
        apt_install npm
        hash -r
    fi
    # The npm registry carries Node.js itself: the package holds the official binary and runs no script.
    mkdir -p "$TOOLS/node" "$TOOLS/bin"
    npm install --prefix "$TOOLS/node" --no-save --no-audit --no-fund --ignore-scripts --loglevel=error \
        "node-linux-$arch@$NODE_MAJOR" "npm@11" ||
        die "npm could not fetch Node.js. Install Node.js $NODE_NEEDED or newer by hand (https://nodejs.org), then run this again."
    ln -sf "../node/node_modules/node-linux-$arch/bin/node" "$TOOLS/bin/node"
    ln -sf ../node/node_modules/npm/bin/npm-cli.js "$TOOLS/bin/npm"
    ln -sf ../node/node_modules/npm/bin/npx-cli.js "$TOOLS/bin/npx"
    hash -r
    node_is_fit || die "the Node.js that was fetched does not run here. Install Node.js $NODE_NEEDED or newer by hand (https://nodejs.org)."
}

list_only=
sets=()
for argument in "$@"; do
    case "$argument" in
        build | test) sets+=("$argument") ;;
        --list) list_only=1 ;;
        *) sed -n '2,8s/^# \{0,1\}//p' "$0"; [ "$argument" = --help ] && exit 0 || exit 2 ;;
    esac
done
[ ${#sets[@]} -gt 0 ] || sets=(build)
report="$(mktemp)"
trap 'rm -f "$report"' EXIT

packages "${sets[@]}"
if [[ " ${sets[*]} " == *" build "* ]]; then
    need_rust
    need_node
fi
if [[ " ${sets[*]} " == *" test "* ]]; then
    need_rust_tools
fi
