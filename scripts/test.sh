#!/usr/bin/env bash
# Runs all tests, or the stages named: scripts/test.sh fmt clippy. Ends with the time that each stage took.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/.tools/bin:$PATH:$HOME/.cargo/bin"
target="$(realpath -m "${CARGO_TARGET_DIR:-target}")"

readonly ALL=(setup web fmt clippy layers deny rust web-unit browser)

stage_setup() { scripts/setup.sh build test; }
stage_web() { make --no-print-directory web; }
stage_fmt() { cargo fmt --all --check; }
stage_clippy() { cargo clippy --workspace --all-targets --locked --quiet -- -D warnings; }
# The arrows between the crates, and the pure half of the media core without sockets, threads or clocks.
stage_layers() {
    cargo clippy -p colloquy-media-core --no-default-features --locked --quiet -- -D warnings
    cargo test -p colloquy-server --test it --locked --quiet -- layers
}
stage_deny() {
    if ! cargo deny --version >/dev/null 2>&1; then
        echo "cargo-deny is not installed: licences and sources are not checked (cargo install cargo-deny)."
        return
    fi
    cargo deny --offline check bans licenses sources
}
# The first stage has installed the other WebRTC stacks: a test that passes them over is a failure here.
stage_rust() {
    COLLOQUY_REQUIRE_PEERS=1 cargo test --workspace --locked --quiet
    # The same rooms once more, each shared by three workers.
    COLLOQUY_WORKERS=3 cargo test --workspace --locked --quiet --test it -- \
        --skip made_up --skip gstreamer --skip second_stack --skip corpus
}
# An optimised build, which the other stages do without; then a minute of callgrind.
stage_instructions() { scripts/instructions.sh; }
stage_web-unit() { (cd web && npm run --silent check && npm test --silent); }
stage_browser() {
    cargo build -p colloquy-server -p colloquy-bench --locked --quiet
    cd tests/browser
    if [ ! node_modules/.package-lock.json -nt package-lock.json ]; then
        npm ci --no-audit --no-fund --loglevel=error
        touch node_modules/.package-lock.json
    fi
    COLLOQUY_BIN="$target/debug/colloquy" npm test
}

what() {
    case "$1" in
        setup) echo "what the tests need, installed where missing" ;;
        web) echo "the page (half a minute)" ;;
        fmt) echo "formatting" ;;
        clippy) echo "clippy, warnings are errors (the first time some 3 minutes)" ;;
        layers) echo "no arrow between the crates points up, pure code reads no clock" ;;
        deny) echo "licences and sources of the dependencies" ;;
        rust) echo "tests in Rust, the simulator among them (the first time some 8 minutes)" ;;
        instructions) echo "instructions a forwarded packet, against those recorded (the first time an optimised build of some minutes)" ;;
        web-unit) echo "types and tests of the page and its SDK" ;;
        browser) echo "calls between real browsers (some minutes)" ;;
        *) return 1 ;;
    esac
}

# A stage is a process of its own: `set -e` holds within it, and it may change directory.
if [ -n "${COLLOQUY_STAGE:-}" ]; then "stage_$COLLOQUY_STAGE"; exit; fi

stages=("$@")
[ ${#stages[@]} -gt 0 ] || stages=("${ALL[@]}")
for stage in "${stages[@]}"; do
    what "$stage" >/dev/null || { echo "no such stage: $stage. There are: ${ALL[*]}" >&2; exit 2; }
done

summary=()
failed=
for stage in "${stages[@]}"; do
    printf '==> %s: %s\n' "$stage" "$(what "$stage")"
    start=$SECONDS
    status=0
    COLLOQUY_STAGE=$stage scripts/test.sh || status=$?
    summary+=("$(printf '%-10s %5d s  %s' "$stage" $((SECONDS - start)) "$([ $status = 0 ] && echo ok || echo "FAILED ($status)")")")
    [ $status = 0 ] || { failed=$stage; break; }
done
printf '\n'
printf '%s\n' "${summary[@]}"
printf '%-10s %5d s\n' total $SECONDS
[ -z "$failed" ] || { printf '\nStage %s failed. Once more, alone: scripts/test.sh %s\n' "$failed" "$failed" >&2; exit 1; }
