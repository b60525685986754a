#!/usr/bin/env bash
# Fuzzes every target for an equal share of the time: tests/fuzz/run.sh 600 (seconds in all; the default), then targets, if not all.
# Ends with a line for each: runs, coverage, what was found. Works on stable Rust, without a sanitizer: what is looked for are
# panics, checks that fail, and time and memory without bounds.
set -euo pipefail
cd "$(dirname "$0")"
export PATH="$PWD/../../.tools/bin:$HOME/.cargo/bin:$PATH"

total_s=${1:-600}
shift || true
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "==> Installing cargo-fuzz (about two minutes)"
    cargo install cargo-fuzz --locked --root ../../.tools
fi
cd ..
targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo fuzz list)
share_s=$((total_s / ${#targets[@]}))
[ "$share_s" -ge 1 ] || { echo "${#targets[@]} targets need at least as many seconds" >&2; exit 2; }
echo "==> Building ${#targets[@]} targets (the first time some five minutes on 2 cores)"
cargo fuzz build -s none
# What was built is what runs, also when somebody changes the code meanwhile.
binaries=$(mktemp -d)
trap 'rm -rf "$binaries"' EXIT
host=$(rustc -vV | sed -n 's/^host: //p')
for target in "${targets[@]}"; do
    cp "${CARGO_TARGET_DIR:-fuzz/target}/$host/release/$target" "$binaries/"
done

summary=()
failed=
for i in "${!targets[@]}"; do
    target=${targets[$i]}
    echo "==> $((i + 1)) of ${#targets[@]}: $target for $share_s s"
    mkdir -p "fuzz/corpus/$target" "fuzz/seeds/$target" "fuzz/artifacts/$target"
    log=$(mktemp)
    status=0
    # Seeds are read and never written; what libFuzzer gathers goes into the first folder.
    "$binaries/$target" "fuzz/corpus/$target" "fuzz/seeds/$target" "-artifact_prefix=fuzz/artifacts/$target/" \
        -max_total_time="$share_s" -rss_limit_mb=2048 -timeout=20 -print_final_stats=1 -verbosity=1 >"$log" 2>&1 || status=$?
    runs=$(grep -oP '^stat::number_of_executed_units: +\K\d+' "$log" | tail -1 || true)
    coverage=$(grep -oP 'cov: \K\d+' "$log" | tail -1 || true)
    rss=$(grep -oP '^stat::peak_rss_mb: +\K\d+' "$log" | tail -1 || true)
    result=ok
    if [ "$status" != 0 ]; then
        result="FAILED: $(grep -oP 'Test unit written to \K.*' "$log" | tail -1 || true)"
        grep -B1 -A6 'panicked at\|ERROR: libFuzzer' "$log" | head -20
        failed=$target
    fi
    rm -f "$log"
    summary+=("$(printf '%-14s %10s runs  %6s edges  %5s MB  %s' "$target" "${runs:-?}" "${coverage:-?}" "${rss:-?}" "$result")")
    echo "    ${summary[-1]}"
done
printf '\n'
printf '%s\n' "${summary[@]}"
if [ -n "$failed" ]; then
    printf '\nOnce more, with one input: cd tests && cargo fuzz run -s none %s fuzz/artifacts/%s/FILE\n' "$failed" "$failed" >&2
    exit 1
fi
