#!/usr/bin/env bash
# Stands before the compiler (RUSTC_WRAPPER): coverage for libFuzzer in this project's own code and in
# what is generic in its dependencies; dependencies themselves are compiled as always, so that an ordinary
# build's are used again. Only flags of the stable compiler.
set -euo pipefail
case " $* " in
    *" --crate-name vouch "* | *" --crate-name audio_file "* | *" --crate-name audio_stream "* | \
        *" --crate-name text_files "* | *" --crate-name artifacts "* | *" --crate-name requests "* | *" --crate-name behavior "*)
        exec "$@" --cfg fuzzing -Cdebug-assertions=on -Coverflow-checks=on -Ccodegen-units=8 \
            -Cpasses=sancov-module \
            -Cllvm-args=-sanitizer-coverage-level=4 \
            -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
            -Cllvm-args=-sanitizer-coverage-pc-table \
            -Cllvm-args=-sanitizer-coverage-trace-compares
        ;;
esac
exec "$@"
