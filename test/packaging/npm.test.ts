// SPDX-License-Identifier: GPL-2.0-only
/** The npm tarball: what is in it, and that it works where there is no compiler and no network. */
import { cp, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import t from 'tap';
import { version } from '#mpu/lib/version.js';
import { baseImage } from '../lib/base-image.js';
import { codeBlocks } from '../lib/docs.js';
import { lacking } from '../lib/engines.js';
import { check } from '../lib/mpu.js';
import { TinyLayout, debianLayer } from '../lib/tiny-layout.js';
import { inRoot, muslNode, nodeRoot, packTarball, removeDirectory, scratchDirectory } from './tarball.js';

const skip = await lacking(['npm', 'cmake', 'python3', 'mmdebstrap', 'unshare', 'chroot', 'readelf', 'aarch64-linux-gnu-gcc', 'qemu-aarch64-static'], true);

/** A program that loads the addon as node does, with the functions of Node-API that it takes from node. */
const loaderSource = (undefinedNames: readonly string[]): string => `${undefinedNames.map((name) => `void ${name}(void) {}`).join('\n')}
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	void *addon = argc == 2 ? dlopen(argv[1], RTLD_LAZY) : NULL;
	if (!addon || !dlsym(addon, "napi_register_module_v1")) {
		fprintf(stderr, "%s\\n", dlerror());
		return 1;
	}
	return 0;
}
`;

const TRANSLATE = `
import { translate } from 'mpu';
const pidns = '/proc/self/ns/pid';
const [own, none] = await translate([process.pid, 0], 'to-host', { method: 'nsfs', pidns });
console.log(own === process.pid && none === 0 ? 'translated' : 'wrong: ' + own + ' ' + none);
`;

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
      'LICENSE', 'README.md', 'dist/cli.js', 'dist/index.d.ts', 'kernel/main.c', 'kernel/rm/rewrite.c', 'kernel/Kbuild', 'kernel/dkms.conf.in',
      ...['x86_64', 'aarch64', 'i386'].map((architecture) => `build/preload/${architecture}/libmpu.so`),
      ...['x64-glibc', 'x64-musl', 'arm64-glibc', 'arm64-musl'].map((name) => `build/native/prebuilds/linux-${name}/mpu.node`),
      'build/man/mpu.1', 'build/man/mpu-module.8', 'build/man/libmpu.7', 'build/completion/mpu.bash', 'node_modules/commander/package.json',
    ]) t.ok(names.includes(wanted), wanted);
    const own = names.filter((name) => !name.startsWith('node_modules/'));
    t.notOk(own.some((name) => /^(src|test|bench|\.cache)\/|\.o$|\.ko$|\.mod\.c$|\.map$/.test(name)), 'no sources of the command, no tests, no leftovers');
  });

  await t.test('a Debian root without compiler or network', { timeout: 300_000 }, async (t) => {
    const root = join(scratch, 'root');
    await nodeRoot(root, await baseImage([]));
    await cp(tarball, join(root, 'root', basename(tarball)));
    const layout = new TinyLayout(join(root, 'layout'));
    await layout.finish(await layout.image({ layers: [debianLayer], tag: 'app' }));
    t.equal((await inRoot(root, 'command -v gcc cc make clang || echo none')).trim(), 'none');
    const [, install = ''] = codeBlocks('docs/packages.md', 'sh');
    await inRoot(root, `cd; ${install.replace('sudo ', '')}`);
    t.equal((await inRoot(root, 'mpu --version')).trim(), version);
    t.match(await inRoot(root, 'mpu inject oci:/layout:app --json'), /"outcome": "created"/);
    await writeFile(join(root, 'translate.mjs'), TRANSLATE);
    const script = 'cp /translate.mjs /usr/lib/node_modules/mpu/; node /usr/lib/node_modules/mpu/translate.mjs';
    t.equal((await inRoot(root, script)).trim(), 'translated');
    t.match(await inRoot(root, 'mpu module status --json'), /"ok": true/);
    const pages = await readdir(join(root, 'usr/share/man/man1')).catch(() => []);
    t.ok(pages.some((page) => page.startsWith('mpu.1')), 'npm puts the manual page where man looks');
  });

  await t.test('musl', { timeout: 300_000 }, async (t) => {
    const [loader, node] = await muslNode();
    const prefix = join(scratch, 'musl');
    await mkdir(prefix);
    await check('tar', ['-xzf', tarball, '-C', prefix]);
    await writeFile(join(prefix, 'package', 'translate.mjs'), TRANSLATE);
    t.equal((await check(loader, [node, join(prefix, 'package', 'dist', 'cli.js'), '--version'])).trim(), version);
    t.equal((await check(loader, [node, join(prefix, 'package', 'translate.mjs')])).trim(), 'translated');
    t.match(await check(loader, [node, '-p', 'process.report.getReport().sharedObjects.join()']), /libc\.so/, 'it is a node of musl');
  });

  await t.test('the addon of every system', async (t) => {
    const prefix = join(scratch, 'addons');
    await mkdir(prefix);
    await check('tar', ['-xzf', tarball, '-C', prefix]);
    const addon = (name: string): string => join(prefix, 'package/build/native/prebuilds', name, 'mpu.node');
    for (const [name, machine] of [['linux-x64-glibc', 'X86-64'], ['linux-x64-musl', 'X86-64'], ['linux-arm64-glibc', 'AArch64'], ['linux-arm64-musl', 'AArch64']] as const) {
      t.match(await check('readelf', ['-h', addon(name)]), machine, name);
      const needed = [...(await check('readelf', ['-d', addon(name)])).matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, library = '']) => library);
      t.ok(needed.every((library) => /^(libc\.so(\.6)?|libpthread\.so\.0|libdl\.so\.2|libm\.so\.6|ld-linux-.*)$/.test(library)), `${name} needs a C library and nothing else: ${needed.join(' ')}`);
      const versions = [...(await check('readelf', ['-W', '--dyn-syms', addon(name)])).matchAll(/GLIBC_2\.(\d+)/g)].map(([, minor = '']) => Number(minor));
      t.ok(Math.max(0, ...versions) <= 28, `${name} runs on glibc 2.28`);
    }
    const program = join(scratch, 'loader');
    const symbols = await check('readelf', ['-W', '--dyn-syms', addon('linux-arm64-glibc')]);
    await writeFile(`${program}.c`, loaderSource([...symbols.matchAll(/UND (napi_\w+)/g)].map(([, name = '']) => name)));
    await check('aarch64-linux-gnu-gcc', ['-rdynamic', '-o', program, `${program}.c`]);
    await check('qemu-aarch64-static', ['-L', '/usr/aarch64-linux-gnu', program, addon('linux-arm64-glibc')]);
    t.pass('64-bit ARM loads it');
  });
});
