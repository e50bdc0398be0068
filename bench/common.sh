# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Sourced by the benchmarks: goes to the top of the repository and provides what they share.
set -euo pipefail
# Without this, a command that fails inside $(...) is ignored.
shopt -s inherit_errexit
cd "$(dirname "${BASH_SOURCE[0]}")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
	echo "bench/$(basename "$0"): $*" >&2
	exit 1
}

# quietly COMMAND...: prints the output of a command only if it fails.
quietly() {
	"$@" >"$scratch/build" 2>&1 || {
		cat "$scratch/build" >&2
		fail "cannot build what it measures; run: scripts/bootstrap.sh test"
	}
}

# build TARGET...: builds targets of CMake, one at a time: make does not know a target until CMake's lists were read again.
build() {
	local target
	[[ -f build/Makefile ]] || quietly cmake -S . -B build
	for target in "$@"; do quietly cmake --build build --target "$target"; done
}

# build_scripts: compiles the TypeScript of mpu, its tests and its benchmarks.
build_scripts() { quietly npx --no-install tsc -b test; }

# figure VALUE WHAT: fails unless VALUE is a number above zero.
figure() { awk -v value="$1" 'BEGIN { exit !(value ~ /^[0-9]+(\.[0-9]+)?$/ && value > 0) }' || fail "no figure for $2: '$1'"; }
