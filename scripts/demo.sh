#!/usr/bin/env bash
# The main job on real recordings: builds, gets the voices if needed, runs `vouch demo`.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
cargo build --release --locked
vouch=${CARGO_TARGET_DIR:-target}/release/vouch
if [ "$#" -eq 0 ]; then
    fixtures/voices.sh || exit 1
    exec "$vouch" demo --audio fixtures/voices
fi
exec "$vouch" demo "$@"
