#!/usr/bin/env bash
# Licences, sources and banned crates. Uses cargo-deny, built once into target/tools.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/target/tools
if ! command -v cargo-deny >/dev/null && [ ! -x "$tools/bin/cargo-deny" ]; then
    cargo install --quiet --locked --root "$tools" --version "^0.20" cargo-deny
fi
PATH=$tools/bin:$PATH cargo deny --locked check bans licenses sources
