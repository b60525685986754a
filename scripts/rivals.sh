#!/usr/bin/env bash
# Gets the servers that Colloquy is compared with, as far as this machine can have them, and prints their versions.
#
#   scripts/rivals.sh                    all of them
#   scripts/rivals.sh janus mediamtx     some
#
# Janus comes from Debian, LiveKit and MediaMTX are built with Go into target/rivals. What is there already is left as it is, so that
# a second run takes no time; LIVEKIT_VERSION and MEDIAMTX_VERSION choose other versions. What cannot be had is told with the reason,
# and the comparison reports it as absent: this script fails only when it is asked for something that it does not know.
set -euo pipefail
cd "$(dirname "$0")/.."

# The newest whose parts were all to be had from the Go module proxy when this was written.
readonly LIVEKIT_VERSION="${LIVEKIT_VERSION:-v1.13.5}"
readonly MEDIAMTX_VERSION="${MEDIAMTX_VERSION:-v1.15.3}"

target="${CARGO_TARGET_DIR:-target}"
mkdir -p "$target/rivals/bin" "$target/rivals/src"
rivals="$(cd "$target/rivals" && pwd)"
readonly rivals
log="$rivals/log"
readonly log

say() { printf '==> %s\n' "$*"; }
have() { command -v "$1" >/dev/null 2>&1; }
absent() { printf '    %-10s absent: %s\n' "$1" "$2"; }
present() { printf '    %-10s %s\n' "$1" "$2"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif have sudo; then sudo "$@"; else return 1; fi
}

get_janus() {
    if ! have janus; then
        have apt-get || { absent janus "no apt-get here; install Janus by your own means, so that \`janus\` is on the path"; return; }
        [ -z "${COLLOQUY_NO_INSTALL:-}" ] || { absent janus "COLLOQUY_NO_INSTALL is set; apt-get install janus"; return; }
        say "Installing Janus with apt"
        local apt=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 -o Dpkg::Use-Pty=0)
        # A fresh machine has no package lists.
        if ! { as_root "${apt[@]}" install -y --no-install-recommends janus \
            || { as_root "${apt[@]}" update && as_root "${apt[@]}" install -y --no-install-recommends janus; }; } >"$log" 2>&1; then
            absent janus "apt could not install it ($(tail -n1 "$log"))"; return
        fi
        # The package starts a server of its own with the machine; here each measurement starts one.
        if have systemctl; then as_root systemctl disable --now janus >"$log" 2>&1 || true; fi
    fi
    present janus "$(dpkg-query -W -f='${Version}' janus 2>/dev/null || printf 'of unknown version')"
}

# go_source NAME MODULE VERSION: the module's source, writable, into src/NAME. A module with `replace` lines cannot be had by
# `go install`, and files that its own makers generate are not in it: so it is built as if it were checked out.
go_source() {
    local name="$1" module="$2" version="$3" told folder
    if ! told="$(go mod download -json "$module@$version" 2>"$log")"; then
        reason="$(printf '%s' "$told" | sed -n 's/.*"Error": "\(.*\)".*/\1/p' | head -c 200)"
        [ -n "$reason" ] || reason="$(tail -n1 "$log" | head -c 200)"
        return 1
    fi
    folder="$(printf '%s' "$told" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')"
    rm -rf "$rivals/src/$name"
    cp -r "$folder" "$rivals/src/$name"
    chmod -R u+w "$rivals/src/$name"
}

# go_build NAME MODULE VERSION PROGRAM PACKAGE
go_build() {
    local name="$1" module="$2" version="$3" program="$4" package="$5" reason=""
    local stamp="$rivals/bin/.$program.version"
    if [ -x "$rivals/bin/$program" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$version" ]; then
        present "$name" "$version"; return
    fi
    have go || { absent "$name" "it is built with Go, and there is no \`go\` here"; return; }
    say "Building $name $version (some minutes)"
    go_source "$name" "$module" "$version" || { absent "$name" "the Go module proxy has no $version: $reason"; return; }
    "prepare_$name" "$version"
    if ! (cd "$rivals/src/$name" && go build -trimpath -o "$rivals/bin/$program" "$package") >"$log" 2>&1; then
        absent "$name" "it does not build: $(grep -v '^go: downloading' "$log" | head -n1 | head -c 200)"; return
    fi
    printf '%s' "$version" >"$stamp"
    rm -rf "$rivals/src/$name"
    present "$name" "$version"
}

prepare_livekit() { :; }

# What `go generate` would write: its version, and a player for HLS, which is switched off here.
prepare_mediamtx() {
    printf '%s' "$1" >"$rivals/src/mediamtx/internal/core/VERSION"
    printf '/* no player */\n' >"$rivals/src/mediamtx/internal/servers/hls/hls.min.js"
}

get_livekit() { go_build livekit github.com/livekit/livekit-server "$LIVEKIT_VERSION" livekit-server ./cmd/server; }
get_mediamtx() { go_build mediamtx github.com/bluenviron/mediamtx "$MEDIAMTX_VERSION" mediamtx .; }
get_mediasoup() {
    absent mediasoup "its worker is built from archives that no package registry has; measure a running one with whip="
}

[ $# -gt 0 ] || set -- janus livekit mediamtx mediasoup
for rival in "$@"; do
    case "$rival" in
        janus | livekit | mediamtx | mediasoup) "get_$rival" ;;
        # Another plugin of the same package.
        audiobridge) get_janus ;;
        *) printf 'error: there is no rival %s\n' "$rival" >&2; exit 2 ;;
    esac
done
