#!/usr/bin/env bash
# Builds every target into target/debug with the stable compiler, e.g. target/debug/requests.
set -euo pipefail
cd "$(dirname "$0")/.."
RUSTC_WRAPPER=$PWD/fuzz/rustc.sh exec cargo build --locked --manifest-path fuzz/Cargo.toml \
    --target-dir "${CARGO_TARGET_DIR:-target}" "$@"
