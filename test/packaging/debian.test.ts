// SPDX-License-Identifier: GPL-2.0-only
/** The Debian packages: built from the npm tarball, installed on Debian, the module built by DKMS, all removed again. */
import { access, cp, mkdir, readdir, readlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { version } from '#mpu/lib/package/version.js';
import { baseImage } from '../support/base-image.js';
import { codeBlocks } from '../support/docs.js';
import { lacking } from '../support/engines.js';
import { check, checkout } from '../support/mpu.js';
import { TinyLayout, debianLayer } from '../support/tiny-layout.js';
import { inRoot, nodeRoot, packTarball, removeDirectory, scratchDirectory } from './tarball.js';

const skip = await lacking(['npm', 'dpkg-buildpackage', 'dh', 'dh_dkms', 'mmdebstrap', 'unshare', 'chroot'], true);

const [, , , build = '', install = '', development = '', purge = ''] = codeBlocks('docs/packages.md', 'sh');

/** What lies in a system with `mpu` and `mpu-dkms`. */
const INSTALLED = [
  ...['man1/mpu.1.gz', 'man8/mpu-module.8.gz', 'man7/libmpu.7.gz'].map((page) => `usr/share/man/${page}`),
  'usr/share/bash-completion/completions/mpu',
  'usr/share/zsh/vendor-completions/_mpu',
  'usr/share/fish/vendor_completions.d/mpu.fish',
  'usr/lib/modules-load.d/mpu.conf',
  'usr/share/doc/mpu/README.md',
  'usr/share/doc/mpu/changelog.gz',
  ...['mpu-pidns', 'mpu-cdi'].map((unit) => `usr/lib/systemd/system/${unit}.service`),
];

/** What makes systemd start the units at boot. */
const ENABLED = ['mpu-pidns', 'mpu-cdi'].map((unit) => `etc/systemd/system/multi-user.target.wants/${unit}.service`);

/** Prints the PID of itself on the host, or why there is none. */
const OWN = `#include <stdio.h>
#include <mpu-client.h>
int main(void)
{
	return printf("%d\\n", (int)mpu_client_host_pid()) < 0;
}
`;

const isLink = (path: string): Promise<boolean> =>
  readlink(path).then(
    () => true,
    () => false,
  );
const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

/** A package `nodejs` as NodeSource's is: one that brings the node of this machine, which Debian 12's own is too old for. */
async function nodePackage(root: string): Promise<void> {
  const tree = join(root, 'tmp', 'nodejs');
  await mkdir(join(tree, 'DEBIAN'), { recursive: true });
  const control = `Package: nodejs\nVersion: ${process.versions.node}\nArchitecture: amd64\nMaintainer: test <test@mpu.invalid>\nDescription: Node.js\n`;
  await writeFile(join(tree, 'DEBIAN', 'control'), control);
  await inRoot(root, 'dpkg-deb --build /tmp/nodejs /tmp/nodejs.deb && dpkg -i /tmp/nodejs.deb');
}

await t.test('Debian packages', { skip, timeout: 1_200_000 }, async (t) => {
  const scratch = await scratchDirectory();
  t.teardown(() => removeDirectory(scratch));
  await packTarball(scratch);
  await cp(join(checkout, 'packaging'), join(scratch, 'packaging'), { recursive: true });

  await t.test('they build for both architectures', async (t) => {
    await check('sh', ['-euc', build], { cwd: scratch });
    await check('dpkg-buildpackage', ['--build=any', '-us', '-uc', '-d', '-aarm64'], { cwd: join(scratch, 'source') });
    const built = (await readdir(scratch)).filter((name) => name.endsWith('.deb')).sort();
    t.same(built, [
      `libmpu-client-dev_${version}-1_amd64.deb`,
      `libmpu-client-dev_${version}-1_arm64.deb`,
      `mpu-dkms_${version}-1_all.deb`,
      `mpu_${version}-1_amd64.deb`,
      `mpu_${version}-1_arm64.deb`,
    ]);
    const arm = await check('dpkg-deb', ['--contents', join(scratch, `mpu_${version}-1_arm64.deb`)]);
    t.match(arm, 'linux-arm64-glibc/mpu.node');
    t.notMatch(arm, 'linux-x64');
  });

  await t.test('on Debian', { timeout: 600_000 }, async (t) => {
    const root = join(scratch, 'root');
    await nodeRoot(root, await baseImage(['dkms', 'linux-headers-cloud-amd64', 'libc6-dev', 'pkg-config']));
    const [kernel = ''] = await readdir(join(root, 'lib/modules'));
    await nodePackage(root);
    for (const name of [
      `mpu_${version}-1_amd64.deb`,
      `mpu-dkms_${version}-1_all.deb`,
      `libmpu-client-dev_${version}-1_amd64.deb`,
    ])
      await cp(join(scratch, name), join(root, 'tmp', name));
    await inRoot(root, `cd /tmp; ${install.replace('sudo ', '')}`);
    t.equal((await inRoot(root, 'mpu --version')).trim(), version);
    const layout = new TinyLayout(join(root, 'layout'));
    await layout.finish(await layout.image({ layers: [debianLayer], tag: 'app' }));
    t.match(await inRoot(root, 'mpu inject oci:/layout:app --json'), /"outcome": "created"/);

    t.match(await inRoot(root, 'mpu cdi generate --json'), /"ok": true/);

    t.match(await inRoot(root, 'dkms status mpu'), `mpu/${version}`, 'DKMS knows the module');
    await inRoot(root, `dkms install -m mpu -v ${version} -k ${kernel}`);
    const status = JSON.parse(await inRoot(root, `mpu module status --kernel ${kernel} --json`)) as {
      installed: { ours: boolean }[];
      atBoot: boolean;
    };
    t.equal(status.installed.length, 1, 'mpu finds what DKMS installed');
    t.equal(status.atBoot, true, 'and that the package loads it at boot');
    const again = JSON.parse(await inRoot(root, `mpu module install --kernel ${kernel} --json`)) as { method: string };
    t.equal(again.method, 'dkms', "mpu takes the package's registration for its own");

    for (const path of INSTALLED) t.ok(await exists(join(root, path)), path);
    for (const unit of ENABLED) t.ok(await isLink(join(root, unit)), `${unit}: enabled`);
    for (const page of await readdir(join(checkout, 'docs')))
      t.ok(await exists(join(root, 'usr/share/doc/mpu/docs', page)), `${page} is documentation, readable as it is`);

    await inRoot(root, `cd /tmp; ${development.replace('sudo ', '')}`);
    await writeFile(join(root, 'tmp/own.c'), OWN);
    const own = await inRoot(
      root,
      'cd /tmp; cc -o own own.c $(pkg-config --cflags --libs mpu-client); pkg-config --modversion mpu-client; ./own',
    );
    t.match(own, new RegExp(`^${version}\n-?\\d+\n$`), 'a program is built with libmpu-client, and runs');

    await inRoot(root, `rm -f /etc/modules-load.d/mpu.conf; ${purge.replace('sudo ', '')}; dpkg --purge mpu`);
    t.notMatch(await inRoot(root, 'dkms status'), 'mpu');
    for (const path of [
      'usr/bin/mpu',
      `usr/src/mpu-${version}`,
      'usr/lib/x86_64-linux-gnu/nodejs/mpu',
      'var/lib/dkms/mpu',
      'var/lib/mpu',
      'run/cdi/mpu.json',
    ]) {
      t.notOk(await exists(join(root, path)), `${path} is gone`);
    }
    for (const unit of ENABLED) t.notOk(await isLink(join(root, unit)), `${unit} is gone`);
    const left = await check('find', [join(root, 'lib/modules'), '-name', 'mpu.ko*']);
    t.equal(left, '', 'no module is left');
  });
});
