// SPDX-License-Identifier: GPL-2.0-only
/** Fetching kernels from an archive that is in the middle of a publication, or that has lost a suite. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { addPackage, configureApt, indexOf } from '../../support/apt-repository.js';
import { kernelOf } from './kernels.js';

/** Adds a kernel in Debian 12's packages to a suite; `parts` says which of them. Returns the packages' paths. */
async function addKernel(
  archive: string,
  suite: string,
  abi: string,
  parts: readonly ('common' | 'headers' | 'signed' | 'unsigned')[],
): Promise<string[]> {
  const release = `${abi}-cloud-amd64`;
  const common = `/usr/src/linux-headers-${abi}-common`;
  const image = { [`boot/vmlinuz-${release}`]: `kernel ${release}` };
  const packages = {
    common: { name: `linux-headers-${abi}-common`, files: { [`${common}/Makefile`]: 'all:\n' } },
    headers: {
      name: `linux-headers-${release}`,
      files: { [`usr/src/linux-headers-${release}/Makefile`]: `include ${common}/Makefile\n` },
    },
    signed: { name: `linux-image-${release}`, files: image },
    unsigned: { name: `linux-image-${release}-unsigned`, files: image },
  };
  const paths: string[] = [];
  for (const part of parts) {
    paths.push(await addPackage(archive, indexOf(suite, 'amd64'), { ...packages[part], architecture: 'amd64' }));
  }
  return paths;
}

const WHOLE = ['common', 'headers', 'signed'] as const;
const directory = t.testdir({ apt: {} });
const [archive, security] = [join(directory, 'debian'), join(directory, 'debian-security')];
t.teardown(
  await configureApt(
    join(directory, 'apt'),
    [`deb [trusted=yes] file:${archive} bookworm main`, `deb [trusted=yes] file:${security} bookworm-security main`],
    0,
  ),
);
/** A fetch into a cache of its own. */
const fetch = (cache: string): Promise<{ release: string; image: string; headers: string }> =>
  kernelOf('6.1', 'x86_64', 'cloud', join(directory, cache));
const addKbuild = (root: string, suite: string): Promise<string> =>
  addPackage(root, indexOf(suite, 'amd64'), {
    name: 'linux-kbuild-6.1',
    files: { 'usr/lib/linux-kbuild-6.1/tool': '#!/bin/sh\n' },
    architecture: 'amd64',
  });

await t.test('no suite has the kernel', async (t) => {
  await addKernel(security, 'bookworm-security', '6.1.0-57', ['headers']);
  await t.rejects(fetch('none'), {
    message:
      /^no cloud kernel 6\.1 for x86_64 can be fetched\nbookworm, bookworm-security: 6\.1\.0-57-cloud-amd64 lacks linux-headers-6\.1\.0-57-common and linux-kbuild.*and .*-unsigned; apt said: .*\nbullseye-security: no headers of such a kernel; apt said: /s,
  });
});

await t.test('the preferred suites have left the mirror', async (t) => {
  await addKbuild(security, 'bullseye-security');
  await addKernel(security, 'bullseye-security', '6.1.0-0.deb11.52', WHOLE);
  t.equal((await fetch('gone')).release, '6.1.0-0.deb11.52-cloud-amd64');
});

await t.test('a kernel that is published in part', async (t) => {
  await addKbuild(security, 'bookworm-security');
  await addKernel(archive, 'bookworm', '6.1.0-9', WHOLE);
  const older = await fetch('older');
  t.equal(older.release, '6.1.0-9-cloud-amd64', 'of the newer one there are only headers');
  t.equal(await readFile(older.image, 'utf8'), 'kernel 6.1.0-9-cloud-amd64');
  t.equal(
    await readFile(join(older.headers, 'Makefile'), 'utf8'),
    `include ${join(directory, 'older', 'x86_64', '6.1', 'usr/src/linux-headers-6.1.0-9-common/Makefile')}\n`,
  );

  const [, image = ''] = await addKernel(security, 'bookworm-security', '6.1.0-57', ['common', 'unsigned']);
  const unsigned = await fetch('unsigned');
  t.equal(unsigned.release, '6.1.0-57-cloud-amd64', 'before the image is signed');
  t.equal(await readFile(unsigned.image, 'utf8'), 'kernel 6.1.0-57-cloud-amd64');

  await rm(image);
  t.equal((await fetch('absent')).release, '6.1.0-9-cloud-amd64', 'the index names an image that the mirror lacks');
  t.equal((await fetch('unsigned')).release, '6.1.0-57-cloud-amd64', 'what is cached stays');
});
