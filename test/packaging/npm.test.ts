// SPDX-License-Identifier: GPL-2.0-only
/** The npm tarball: what is in it, and that it works where there is no compiler and no network. */
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { version } from '#mpu/lib/package/version.js';
import { baseImage } from '../support/base-image.js';
import { codeBlocks } from '../support/docs.js';
import { lacking } from '../support/engines.js';
import { check, checkout } from '../support/mpu.js';
import { TinyLayout, debianLayer } from '../support/tiny-layout.js';
import { addHeaders, headersRelease, makeFixture } from '../support/module-fixture.js';
import { foreignNode } from './foreign-node.js';
import { inRoot, nodeRoot, packTarball, removeDirectory, scratchDirectory } from './tarball.js';

const skip = await lacking(
  ['npm', 'cmake', 'python3', 'mmdebstrap', 'unshare', 'chroot', 'readelf', 'qemu-aarch64-static'],
  true,
);

const TRANSLATE = `
import { translate } from 'mpu';
const pidns = '/proc/self/ns/pid';
const [own, none] = await translate([process.pid, 0], 'to-host', { method: 'nsfs', pidns });
console.log(own === process.pid && none === 0 ? 'translated' : 'wrong: ' + own + ' ' + none);
`;

/** Where QEMU stands between the program and the kernel, which it does not let translate: as far as the kernel's refusal. */
const ASK = `
import { translate } from 'mpu';
const refused = await translate([process.pid], 'to-host', { method: 'nsfs', pidns: '/proc/self/ns/pid' }).catch((error) => error);
console.log(process.arch, process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl', refused.code, refused.why);
`;

/** A function that the addon takes from others. */
interface Needed {
  name: string;
  /** The glibc that has it; empty with musl, which has no versions. */
  version: string;
}

/** What an addon leaves to node and the C library. */
async function neededSymbols(addon: string): Promise<Needed[]> {
  const table = await check('readelf', ['-W', '--dyn-syms', addon]);
  return [...table.matchAll(/ GLOBAL +DEFAULT +UND ([^\s@]+)(?:@(\S+))?/g)].map(([, name = '', version = '']) => ({
    name,
    version,
  }));
}

await t.test('the tarball', { skip, timeout: 1_200_000 }, async (t) => {
  const scratch = await scratchDirectory();
  t.teardown(() => removeDirectory(scratch));
  const tarball = await packTarball(scratch);

  await t.test('is what npm pack makes', (t) => {
    const [pack] = codeBlocks('docs/packages.md', 'sh');
    t.equal(pack, 'npm pack', 'packTarball() runs it, and its prepack before');
    t.end();
  });

  await t.test('holds what it should and nothing else', async (t) => {
    const names = (await check('tar', ['-tzf', tarball])).split('\n').map((name) => name.replace(/^package\//, ''));
    for (const wanted of [
      'LICENSE',
      'README.md',
      'dist/cli.js',
      'dist/index.d.ts',
      'kernel/main.c',
      'kernel/rm/params.c',
      'kernel/Kbuild',
      'kernel/dkms.conf.in',
      ...['x86_64', 'aarch64', 'i386'].map((architecture) => `build/preload/${architecture}/libmpu.so`),
      ...['x86_64', 'aarch64'].map((architecture) => `build/bpf/${architecture}/mpu-pidns`),
      ...['x64-glibc', 'x64-musl', 'arm64-glibc', 'arm64-musl'].map(
        (name) => `build/native/prebuilds/linux-${name}/mpu.node`,
      ),
      ...['x86_64', 'aarch64', 'i386'].map((architecture) => `build/client/${architecture}/libmpu-client.a`),
      'client/mpu-client.h',
      'client/mpu-client.pc.in',
      'build/man/mpu.1',
      'build/man/mpu-module.8',
      'build/man/libmpu.7',
      'build/completion/mpu.bash',
      'build/completion/_mpu',
      'build/completion/mpu.fish',
      'packaging/systemd/mpu-pidns.service',
      'packaging/systemd/mpu-cdi.service',
      'node_modules/commander/package.json',
      'CHANGELOG.md',
      'examples/own_gpu_memory.py',
      ...(await readdir(join(checkout, 'docs'))).map((page) => `docs/${page}`),
    ])
      t.ok(names.includes(wanted), wanted);
    const own = names.filter((name) => !name.startsWith('node_modules/'));
    t.notOk(
      own.some((name) => /^(src|test|bench|\.cache)\/|\.o$|\.ko$|\.mod\.c$|\.map$/.test(name)),
      'no sources of the command, no tests, no leftovers',
    );
  });

  await t.test('a Debian root without compiler or network', { timeout: 300_000 }, async (t) => {
    const root = join(scratch, 'root');
    await nodeRoot(root, await baseImage([]));
    await cp(tarball, join(root, 'root', basename(tarball)));
    const layout = new TinyLayout(join(root, 'layout'));
    await layout.finish(await layout.image({ layers: [debianLayer], tag: 'app' }));
    t.equal((await inRoot(root, 'command -v gcc cc make clang || echo none')).trim(), 'none');
    const [, install = '', completions = ''] = codeBlocks('docs/packages.md', 'sh');
    await inRoot(root, `cd; ${install.replace('sudo ', '')}`);
    await inRoot(root, completions.replaceAll('sudo ', ''));
    for (const [path, holds] of [
      ['usr/local/share/bash-completion/completions/mpu', /complete .*mpu/],
      ['usr/local/share/zsh/site-functions/_mpu', /^#compdef mpu/],
      ['etc/fish/completions/mpu.fish', /complete .*mpu/],
    ] as const) {
      t.match(await readFile(join(root, path), 'utf8'), holds, path);
    }
    t.match(
      await inRoot(root, 'mpu demo --json || echo "exit $?"'),
      /clone of the repository[^]*exit 3/,
      'the demo says what it needs',
    );
    t.equal((await inRoot(root, 'mpu --version')).trim(), version);
    t.match(await inRoot(root, 'mpu inject oci:/layout:app --json'), /"outcome": "created"/);
    await writeFile(join(root, 'translate.mjs'), TRANSLATE);
    const script = 'cp /translate.mjs /usr/lib/node_modules/mpu/; node /usr/lib/node_modules/mpu/translate.mjs';
    t.equal((await inRoot(root, script)).trim(), 'translated');
    t.match(await inRoot(root, 'mpu module status --json'), /"ok": true/);
    const pages = await readdir(join(root, 'usr/share/man/man1')).catch(() => []);
    t.ok(
      pages.some((page) => page.startsWith('mpu.1')),
      'npm puts the manual page where man looks',
    );
  });

  await t.test('every C library and processor', { timeout: 600_000 }, async (t) => {
    const prefix = join(scratch, 'foreign');
    await mkdir(prefix);
    await check('tar', ['-xzf', tarball, '-C', prefix]);
    await writeFile(join(prefix, 'package', 'translate.mjs'), TRANSLATE);
    await writeFile(join(prefix, 'package', 'ask.mjs'), ASK);
    const path = (name: string): string => join(prefix, 'package', name);

    const musl = await foreignNode('musl', 'x86_64');
    t.equal((await check('env', [...musl, path('dist/cli.js'), '--version'])).trim(), version);
    t.equal((await check('env', [...musl, path('translate.mjs')])).trim(), 'translated', 'musl on x86-64');
    t.match(await check('env', [...musl, path('ask.mjs')]), /^x64 musl /, 'it is a node of musl');
    for (const libc of ['glibc', 'musl'] as const) {
      const node = await foreignNode(libc, 'aarch64');
      t.equal((await check('env', [...node, path('dist/cli.js'), '--version'])).trim(), version);
      t.match(
        await check('env', [...node, path('ask.mjs')]),
        new RegExp(`^arm64 ${libc} (no-translator|translate-failed) `),
        `${libc} on 64-bit ARM`,
      );
    }
  });

  await t.test('the addon of every system', async (t) => {
    const prefix = join(scratch, 'addons');
    await mkdir(prefix);
    await check('tar', ['-xzf', tarball, '-C', prefix]);
    const [libc = ''] = await foreignNode('musl', 'x86_64');
    const inMusl = new Set(
      [...(await check('readelf', ['-W', '--dyn-syms', libc])).matchAll(/ DEFAULT +\d+ (\w+)$/gm)].map(
        ([, name = '']) => name,
      ),
    );
    const addon = (name: string): string => join(prefix, 'package/build/native/prebuilds', name, 'mpu.node');
    for (const [name, machine] of [
      ['linux-x64-glibc', 'X86-64'],
      ['linux-x64-musl', 'X86-64'],
      ['linux-arm64-glibc', 'AArch64'],
      ['linux-arm64-musl', 'AArch64'],
    ] as const) {
      t.match(await check('readelf', ['-h', addon(name)]), machine, name);
      const needed = [...(await check('readelf', ['-d', addon(name)])).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(
        ([, library = '']) => library,
      );
      t.ok(
        needed.every((library) =>
          /^(libc\.so(\.6)?|libpthread\.so\.0|libdl\.so\.2|libm\.so\.6|ld-linux-.*)$/.test(library),
        ),
        `${name} needs a C library and nothing else: ${needed.join(' ')}`,
      );
      const symbols = (await neededSymbols(addon(name))).filter((symbol) => !symbol.name.startsWith('napi_'));
      t.ok(symbols.length >= 5, `${name}: ${symbols.length} functions of the C library`);
      // Lazily bound: one that nobody has would fail at the call.
      const strange = symbols.filter((symbol) =>
        name.endsWith('musl') ? !inMusl.has(symbol.name) : !symbol.version.startsWith('GLIBC_2.'),
      );
      t.same(strange, [], `${name} needs nothing that only its sources declare`);
      if (name.endsWith('musl')) continue;
      t.ok(
        Math.max(...symbols.map((symbol) => Number(symbol.version.split('.')[1]))) <= 28,
        `${name} runs on glibc 2.28`,
      );
    }
  });

  await t.test(
    'mpu.ko, out of the sources in the package',
    { skip: await lacking(['make', 'gcc-12', 'modinfo']), timeout: 300_000 },
    async (t) => {
      const release = await headersRelease();
      const { root, env } = await makeFixture(join(scratch, 'module'), release);
      await addHeaders(root, release);
      const prefix = join(scratch, 'sources');
      await mkdir(prefix);
      await check('tar', ['-xzf', tarball, '-C', prefix]);
      const target = join(scratch, 'mpu.ko');
      const cli = join(prefix, 'package', 'dist', 'cli.js');
      const said = JSON.parse(
        await check(process.execPath, [cli, 'module', 'build', '--root', root, '--output', target, '--json'], { env }),
      ) as { ok: boolean };
      t.ok(said.ok);
      t.equal((await check('modinfo', ['-F', 'version', target])).trim(), version);
      t.match(await check('modinfo', ['-F', 'vermagic', target]), release);
    },
  );
});
