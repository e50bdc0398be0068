#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only
#
#   scripts/install-packages.sh PACKAGE...
#
# Installs system packages with apt. Tries again for a minute while a mirror does not answer: apt by itself does not connect
# again to an address that has refused once. A package that no source has is left out with a warning.
set -euo pipefail

say() { printf 'mpu: %s\n' "$*" >&2; }

# Seconds between tries; an administrator may have set fewer.
pauses=(1 2 4 8 16 30)
eval "$(apt-config shell retries Acquire::Retries)"
pauses=("${pauses[@]:0:${retries:-6}}")

down='Could not (connect|resolve)|Cannot initiate the connection|Unable to connect|Temporary failure|[Cc]onnection (refused|timed out|reset|failed)|[^0-9](429|50[0-4]) |Hash Sum mismatch'
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Runs apt-get; once more after each pause while mirrors are down.
apt() {
	local pause status
	for pause in "${pauses[@]}" ''; do
		status=0
		LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=0 "$@" >"$log" 2>&1 || status=$?
		# An index that cannot be fetched is a warning only.
		grep -qE "^[WE]:.*($down)" "$log" || return "$status"
		[[ -n $pause ]] || return "$status"
		say "a package mirror does not answer; trying again in $pause s"
		sleep "$pause"
	done
}

# A source that nothing is needed from may be broken.
if ! apt update -qq || grep -q '^[WE]:' "$log"; then
	say "apt could not read all of its sources:"
	grep '^[WE]:' "$log" >&2 || cat "$log" >&2
fi

# apt installs nothing when it does not know one of the names, and says which.
LC_ALL=C apt-get install --simulate --no-install-recommends "$@" >"$log" 2>&1 || true
mapfile -t unknown < <(sed -nE "s/^E: (Unable to locate package |Package ')([^ ']+).*/\2/p" "$log")
known=()
for package in "$@"; do
	[[ " ${unknown[*]} " == *" $package "* ]] || known+=("$package")
done
((${#unknown[@]} == 0)) || say "no package source of this system has ${unknown[*]}; what needs them will not run"
((${#known[@]})) || exit 0

if ! apt install -y -qq --no-install-recommends "${known[@]}"; then
	cat "$log" >&2
	say "apt could not install ${known[*]}; see above, then run the command again"
	exit 1
fi
