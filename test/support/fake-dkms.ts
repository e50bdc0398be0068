// SPDX-License-Identifier: GPL-2.0-only
/** A dkms for a fixture that keeps its state in files, as the real one does, and fails on request. */
import { join } from 'node:path';
import { check } from './mpu.js';
import { makeFixture, type Fixture, type FixtureOptions } from './module-fixture.js';

/**
 * The file `fail` in the root names the verb that is to fail. As the real one does, it takes only its own modules away,
 * and leaves alone what lies in a kernel's directory in the same version.
 */
const DKMS = `
state=$root/var/lib/dkms/mpu
verb=$1; shift
while [ $# -gt 0 ]; do case $1 in -v) v=$2;; -k) k=$2;; --all) all=1;; esac; shift; done
if [ "$(cat $root/fail 2>/dev/null)" = "$verb" ]; then echo "Error! Bad return status, see /var/lib/dkms/mpu/$v/build/make.log" >&2; exit 10; fi
case $verb in
status)
  for f in $state/[0-9]*; do
    [ -e "$f" ] || continue
    [ "$(ls $f)" ] || echo "mpu/\${f##*/}: added"
    for s in $f/*; do [ -e "$s" ] && echo "mpu/\${f##*/}, \${s##*/}, x86_64: $(cat $s)"; done
  done
  exit 0;;
add) [ -f $root/usr/src/mpu-$v/dkms.conf ] && [ ! -e $state/$v ] || exit 3; mkdir -p $state/$v;;
build)
  [ -e $root/lib/modules/$k/build ] || [ -L $root/lib/modules/$k/build ] || { echo "Error! Your kernel headers for kernel $k cannot be found." >&2; exit 1; }
  [ -e $state/$v/$k ] || echo built >$state/$v/$k;;
install)
  [ -e $state/$v/$k ] || exit 4
  if ! find $root/lib/modules/$k -name 'mpu.ko*' | grep -q .; then
    mkdir -p $root/lib/modules/$k/updates/dkms; cp $root/../mpu.ko $root/lib/modules/$k/updates/dkms/
  fi
  echo installed >$state/$v/$k;;
remove)
  [ -e $state/$v ] || exit 3
  for s in $state/$v/*; do
    [ -e "$s" ] || continue
    [ "$all" ] || [ "\${s##*/}" = "$k" ] || continue
    d=$root/lib/modules/\${s##*/}
    if [ "$(cat $s)" = installed ] && [ -d $d/updates/dkms ]; then rm -f $d/updates/dkms/mpu.ko; (cd $d && rmdir -p updates/dkms); fi
    rm $s
  done
  if [ "$all" ]; then rmdir $state/$v; rmdir $state 2>/dev/null; fi
  exit 0;;
esac`;

/** A fixture with that dkms. `mpu.ko` beside its root is what DKMS builds. */
export async function makeDkmsFixture(
  directory: string,
  release: string,
  options: FixtureOptions = {},
): Promise<Fixture> {
  // dkms runs below the root; chroot itself is a stand-in that needs no privilege.
  const programs = { chroot: 'shift; exec "$@"', dkms: DKMS, ...options.programs };
  return makeFixture(directory, release, {
    ...options,
    programs,
    files: { 'usr/sbin/dkms': '', 'var/lib/dkms/dkms_dbversion': '2.0.0\n', ...options.files },
  });
}

/** What an older version of mpu had left: its sources, and itself in these kernels. */
export async function installOlder(fixture: Fixture, version: string, kernels: readonly string[]): Promise<void> {
  await fixture.write(`usr/src/mpu-${version}/dkms.conf`, `PACKAGE_NAME="mpu"\nPACKAGE_VERSION="${version}"\n`);
  const dkms = (...args: string[]): Promise<string> => check(join(fixture.root, '../programs/dkms'), args);
  await dkms('add', '-m', 'mpu', '-v', version);
  for (const kernel of kernels) {
    // Its headers were there then.
    await fixture.write(`var/lib/dkms/mpu/${version}/${kernel}`, 'built\n');
    await dkms('install', '-m', 'mpu', '-v', version, '-k', kernel);
  }
}
