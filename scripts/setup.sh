#!/usr/bin/env bash
# Checks, and where it can installs, what building and running need: a Rust toolchain, a C compiler
# (SQLite and ring are C), python3 with pip (the package client of `vouch model install`).
set -euo pipefail

missing=()
command -v cc >/dev/null || missing+=(gcc libc6-dev)
command -v python3 >/dev/null || missing+=(python3)
if ! python3 -m pip --version >/dev/null 2>&1 && ! command -v pip3 >/dev/null && ! command -v pip >/dev/null; then
    missing+=(python3-pip)
fi
if [ "${#missing[@]}" -gt 0 ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        apt-get -q update && apt-get -q install -y --no-install-recommends "${missing[@]}"
    else
        echo "setup: please install: ${missing[*]}" >&2
        exit 1
    fi
fi
if ! command -v cargo >/dev/null; then
    echo "setup: please install a Rust toolchain, 1.95 or later (rustup)" >&2
    exit 1
fi
echo "setup: $(cargo --version), $(cc --version | head -n 1), $(python3 --version)"
