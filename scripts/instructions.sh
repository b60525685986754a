#!/usr/bin/env bash
# Counts the instructions that forwarding one packet takes, with callgrind, and compares them with those recorded.
#
#   scripts/instructions.sh            fails where it takes 3 % more than bench/baseline/instructions says
#   scripts/instructions.sh --record   writes down what it takes now
#
# What is counted is the engine's work for a video packet to 50 viewers (bench/benches/instructions.rs): opened once, and for each
# viewer rewritten, sealed and queued; no socket, no handshake. Times differ from run to run, this hardly does: it finds a change that
# a busy machine hides. It is no time, though: a cache miss counts as nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:$HOME/.cargo/bin"

readonly BASELINE=bench/baseline/instructions
# Handshakes draw random keys and numbers, which move the counts by well under 1 %.
readonly TOLERANCE_PERCENT=3

command -v valgrind >/dev/null || { echo "valgrind is missing (apt install valgrind, or scripts/setup.sh test)" >&2; exit 1; }
[ $# = 0 ] || [ "$*" = --record ] || { sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 2; }

program="$(cargo bench -p colloquy-bench --bench instructions --locked --no-run --quiet --message-format=json |
    grep -o '"executable":"[^"]*/instructions-[^"]*"' | tail -n1 | cut -d'"' -f4)"
[ -x "$program" ] || { echo "the benchmark was not built" >&2; exit 1; }

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
# Only what is inside `forward_media` is collected.
valgrind --tool=callgrind --callgrind-out-file="$scratch/counts" --toggle-collect='*forward_media*' \
    "$program" >"$scratch/said" 2>"$scratch/log" || { cat "$scratch/log" >&2; exit 1; }
collected="$(sed -n 's/^\(totals\|summary\): //p' "$scratch/counts" | head -n1)"
packets="$(sed -n 's/^forwarded //p' "$scratch/said")"
now=$((collected / packets))

# Ciphers are chosen by what the processor can do: counts of other processors say nothing here.
flags="$(grep -m1 -E '^(flags|Features)' /proc/cpuinfo || true)"
here="$(uname -m)"
for flag in aes pclmulqdq avx avx2; do [[ " $flags " == *" $flag "* ]] && here+=" $flag"; done

if [ "${1:-}" = --record ]; then
    mkdir -p "$(dirname "$BASELINE")"
    {
        echo "# Instructions of the engine for each packet that it forwards, 1 publisher and 50 viewers. By scripts/instructions.sh --record."
        echo "instructions_per_packet $now"
        echo "rustc $(rustc --version | cut -d' ' -f2)"
        echo "machine $here"
    } >"$BASELINE"
    echo "Recorded in $BASELINE: $now instructions a packet."
    exit
fi

[ -f "$BASELINE" ] || { echo "RESULT instructions_per_packet=$now baseline=none"; echo "None is recorded yet: scripts/instructions.sh --record"; exit; }
value() { sed -n "s/^$1 //p" "$BASELINE"; }
before="$(value instructions_per_packet)"
if [ "$(value machine)" != "$here" ]; then
    echo "RESULT instructions_per_packet=$now baseline=none"
    echo "The baseline was recorded on another kind of processor ($(value machine); this one: $here): nothing is compared."
    exit
fi
change="$(awk -v now="$now" -v before="$before" 'BEGIN { printf "%.2f", (now - before) * 100 / before }')"
echo "RESULT instructions_per_packet=$now baseline=$before change_percent=$change"
if awk -v change="$change" -v most="$TOLERANCE_PERCENT" 'BEGIN { exit !(change > most) }'; then
    echo "Forwarding takes $change % more instructions than recorded (rustc $(value rustc) then)." >&2
    echo "Where they are: run it by hand with callgrind_annotate; if they are worth it: scripts/instructions.sh --record" >&2
    exit 1
fi
if awk -v change="$change" -v most="$TOLERANCE_PERCENT" 'BEGIN { exit !(-change > most) }'; then
    echo "That is less than recorded: scripts/instructions.sh --record keeps it."
fi
