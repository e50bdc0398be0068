#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Makes a fresh clone ready: system packages, Node packages, C and TypeScript builds. Each step is skipped when done.
#
#   scripts/bootstrap.sh build   what `mpu` itself needs
#   scripts/bootstrap.sh demo    and what `mpu demo` runs
#   scripts/bootstrap.sh test    and what the test suite runs
#   scripts/bootstrap.sh fast    what `mpu` itself needs, and what the fast half of the suite runs
#   scripts/bootstrap.sh gpu     what the acceptance on a real GPU runs, without Node
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
fast_packages=(
	/usr/bin/gcc:gcc
	/usr/bin/git:git
	/usr/bin/python3:python3
	/usr/bin/pip3:python3-pip
	/usr/bin/shellcheck:shellcheck
	/usr/bin/valgrind:valgrind
)
gpu_packages=(
	/usr/bin/python3:python3
	/usr/bin/unshare:util-linux
	/usr/bin/mount:mount
)
test_packages=(
	/usr/bin/musl-gcc:musl-tools
	/usr/bin/qemu-aarch64-static:qemu-user-static
	/usr/bin/skopeo:skopeo
	/usr/bin/umoci:umoci
	/usr/bin/docker-registry:docker-registry
	/usr/bin/htpasswd:apache2-utils
	/usr/sbin/dockerd:docker.io
	/usr/bin/script:bsdutils
	/usr/bin/setpriv:util-linux
	/usr/bin/strace:strace
	/usr/bin/qemu-system-x86_64:qemu-system-x86
	/usr/bin/qemu-system-aarch64:qemu-system-arm
	/usr/bin/aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
	/usr/bin/sparse:sparse
	/usr/bin/bc:bc
	/usr/bin/bison:bison
	/usr/bin/flex:flex
	/usr/sbin/depmod:kmod
	/usr/bin/cpio:cpio
	/usr/bin/openssl:openssl
	/usr/bin/perl:perl
	/usr/bin/xz:xz-utils
	/usr/bin/zstd:zstd
	/usr/bin/dpkg-buildpackage:dpkg-dev
	/usr/bin/dh:debhelper
	/usr/bin/dh_dkms:dh-dkms
	/usr/bin/zsh:zsh
	/usr/bin/fish:fish
	/usr/bin/mandoc:mandoc
	/usr/bin/col:bsdextrautils
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
fast_libraries=(libc6-dev-i386 libclang-rt-dev)
test_libraries=("${fast_libraries[@]}" libelf-dev libc6-dev-arm64-cross)

say() { printf 'mpu: %s\n' "$*" >&2; }

wanted() {
	printf '%s\n' "${build_packages[@]}"
	[[ $goal != gpu ]] || printf '%s\n' "${gpu_packages[@]}"
	[[ $goal != test && $goal != fast ]] || printf '%s\n' "${fast_packages[@]}"
	[[ $goal != test && $goal != demo ]] || printf '%s\n' "${demo_packages[@]}"
	[[ $goal != test ]] || printf '%s\n' "${test_packages[@]}"
}

missing_packages() {
	local entry
	while read -r entry; do
		[[ -e ${entry%%:*} ]] || command -v "$(basename "${entry%%:*}")" >/dev/null || printf '%s\n' "${entry#*:}"
	done < <(wanted)
	local libraries=()
	[[ $goal != fast ]] || libraries=("${fast_libraries[@]}")
	[[ $goal != test ]] || libraries=("${test_libraries[@]}")
	for entry in ${libraries[@]+"${libraries[@]}"}; do
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
	scripts/install-packages.sh "${packages[@]}"
	# Where apt had no index before, nobody knew that docker's command is a package of its own.
	[[ $goal != test ]] || command -v docker >/dev/null || scripts/install-packages.sh docker-cli
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
	if [[ $goal == gpu ]]; then
		quietly cmake --build build -j "$(nproc)" --target gpu-acceptance
		return
	elif [[ $goal == test || $goal == fast ]]; then
		quietly cmake --build build -j "$(nproc)"
		npx tsc -b test
	else
		quietly cmake --build build -j "$(nproc)" --target mpu_libraries mpu_client_libraries mpu_loaders rm-sim gpu-process
		npx tsc -b
	fi
	[[ $goal == demo ]] || quietly npx cmake-js compile --directory src/native --out build/native
	chmod +x dist/cli.js
	node scripts/command-line-files.js build
	# Here, so that the checks themselves download nothing.
	[[ $goal != test && $goal != fast ]] || node scripts/format.js --fetch
}

case $goal in
build | demo | test | fast | gpu) ;;
*)
	say "unknown goal '$goal': build, demo, test, fast or gpu"
	exit 2
	;;
esac
install_system_packages
[[ $goal == gpu ]] || install_node_packages
build
