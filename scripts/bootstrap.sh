#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes a fresh clone ready: system packages, Node packages, C and TypeScript builds. Each step is skipped when done.
#
#   scripts/bootstrap.sh build   what `mpu` itself needs
#   scripts/bootstrap.sh demo    and what `mpu demo` runs
#   scripts/bootstrap.sh test    and what the test suite runs
set -euo pipefail
cd "$(dirname "$0")/.."

goal=${1:-build}

# file that shows the package is there: package
build_packages=(
	/usr/bin/clang:clang
	/usr/bin/ld.lld:lld
	/usr/bin/cmake:cmake
	/usr/bin/make:make
	/usr/bin/g++:g++
	/usr/include/stdio.h:libc6-dev
)
demo_packages=(
	/usr/bin/unshare:util-linux
	/usr/bin/mount:mount
	/usr/bin/dpkg-deb:dpkg
	/usr/bin/podman:podman
	/usr/sbin/runc:runc
	/usr/bin/newuidmap:uidmap
	/usr/bin/mmdebstrap:mmdebstrap
)
test_packages=(
	/usr/bin/gcc:gcc
	/usr/bin/shellcheck:shellcheck
	/usr/bin/valgrind:valgrind
	/usr/bin/python3:python3
	/usr/bin/pip3:python3-pip
	/usr/bin/musl-gcc:musl-tools
	/usr/bin/qemu-aarch64-static:qemu-user-static
	/usr/bin/skopeo:skopeo
	/usr/bin/umoci:umoci
	/usr/sbin/dockerd:docker.io
	/usr/bin/script:bsdutils
	/usr/bin/setpriv:util-linux
	/usr/bin/strace:strace
	/usr/bin/qemu-system-x86_64:qemu-system-x86
	/usr/bin/qemu-system-aarch64:qemu-system-arm
	/usr/bin/aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
	/usr/bin/sparse:sparse
	/usr/bin/bc:bc
	/usr/sbin/depmod:kmod
	/usr/bin/cpio:cpio
	/usr/bin/openssl:openssl
	/usr/bin/perl:perl
	/usr/bin/xz:xz-utils
	/usr/bin/zstd:zstd
	/usr/bin/git:git
	/usr/bin/go:golang-go
	/usr/bin/systemd-analyze:systemd
	/usr/bin/buildah:buildah
	/usr/include/libelf.h:libelf-dev
	/usr/lib/python3/dist-packages/yaml/__init__.py:python3-yaml
)
# Debian 12 and Ubuntu have docker's command in docker.io.
if apt-cache show docker-cli >/dev/null 2>&1; then
	test_packages+=(/usr/bin/docker:docker-cli)
fi
# Their files lie where only the package manager knows.
test_libraries=(libc6-dev-i386 libc6-dev-arm64-cross libclang-rt-dev)

say() { printf 'mpu: %s\n' "$*" >&2; }

wanted() {
	printf '%s\n' "${build_packages[@]}"
	[[ $goal == build ]] || printf '%s\n' "${demo_packages[@]}"
	[[ $goal != test ]] || printf '%s\n' "${test_packages[@]}"
}

missing_packages() {
	local entry
	while read -r entry; do
		[[ -e ${entry%%:*} ]] || command -v "$(basename "${entry%%:*}")" >/dev/null || printf '%s\n' "${entry#*:}"
	done < <(wanted)
	[[ $goal == test ]] || return 0
	for entry in "${test_libraries[@]}"; do
		dpkg-query -W -f '${Status}\n' "$entry" 2>/dev/null | grep -q '^install ok installed' || printf '%s\n' "$entry"
	done
}

install_system_packages() {
	local packages
	if ! command -v apt-get >/dev/null; then
		say "not a Debian or Ubuntu system: install these yourself: $(wanted | sed 's/.*://' | sort -u | tr '\n' ' ')"
		return
	fi
	mapfile -t packages < <(missing_packages | sort -u)
	((${#packages[@]})) || return 0
	if ((EUID != 0)); then
		say "these system packages are missing; paste this line, then run the command again:"
		say "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages[*]}"
		exit 3
	fi
	say "installing ${packages[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

install_node_packages() {
	[[ node_modules/.package-lock.json -nt package-lock.json ]] && return
	say "installing Node packages"
	npm ci --no-fund --no-audit --loglevel=error >&2
	touch node_modules/.package-lock.json
}

# Runs a step whose output matters only when it fails.
quietly() {
	local log
	log=$(mktemp)
	if ! "$@" >"$log" 2>&1; then
		cat "$log" >&2
		rm -f "$log"
		return 1
	fi
	rm -f "$log"
}

build() {
	say "building"
	# What CMake found out about this machine is looked at anew: packages may have come since.
	rm -f build/CMakeCache.txt
	quietly cmake -S . -B build
	if [[ $goal == test ]]; then
		quietly cmake --build build -j "$(nproc)"
		npx tsc -b test
	else
		quietly cmake --build build -j "$(nproc)" --target mpu_libraries rm-sim gpu-process
		npx tsc -b
	fi
	[[ $goal == demo ]] || quietly npx cmake-js compile --directory src/native --out build/native
	chmod +x dist/cli.js
}

case $goal in
build | demo | test) ;;
*)
	say "unknown goal '$goal': build, demo or test"
	exit 2
	;;
esac
install_system_packages
install_node_packages
build
