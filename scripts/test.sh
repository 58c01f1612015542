#!/usr/bin/env bash
# The test command: gets the model and the voices if it can, then runs every test. Tests that need
# something absent print SKIPPED and what would mend it.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
fixtures/voices.sh || echo "test: no telephone voices; their tests will say SKIPPED"
cargo build --locked
cargo run --quiet --locked -- model install campplus || echo "test: no CAM++ model; its tests will say SKIPPED"

exec cargo test --locked --no-fail-fast "$@"
