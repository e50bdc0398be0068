// SPDX-License-Identifier: GPL-2.0-only
/** inject, inspect and eject on images of nerdctl: a stand-in, see fake-nerdctl.ts. */
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { lacking } from '../support/engines.js';
import { check, mpu, run, type Ended } from '../support/mpu.js';
import { TinyLayout, debianLayer, type TinyImage } from '../support/tiny-layout.js';

const ENTRY = '/usr/lib/mpu/$LIB/libmpu.so';
const FAKE = fileURLToPath(new URL('../support/fake-nerdctl.js', import.meta.url));

/** nerdctl with images in a directory. */
class Nerdctl {
  private constructor(
    private readonly directory: string,
    private readonly env: NodeJS.ProcessEnv,
  ) {}

  static async start(t: Test): Promise<Nerdctl> {
    const directory = t.testdir({ bin: {}, images: {}, tmp: {} });
    const program = join(directory, 'bin', 'nerdctl');
    await writeFile(program, `#!/bin/sh\nexec '${process.execPath}' '${FAKE}' '${directory}/images' "$@"\n`);
    await chmod(program, 0o755);
    return new Nerdctl(directory, {
      ...process.env,
      PATH: `${directory}/bin:${process.env.PATH ?? ''}`,
      TMPDIR: join(directory, 'tmp'),
    });
  }

  run(...args: string[]): Promise<Ended> {
    return run('nerdctl', args, { env: this.env });
  }

  async id(image: string): Promise<string> {
    const list = JSON.parse(await check('nerdctl', ['image', 'inspect', image], { env: this.env })) as { Id: string }[];
    return list[0]?.Id ?? '';
  }

  async add(name: string, image: TinyImage): Promise<void> {
    const layout = new TinyLayout(join(this.directory, 'layouts', name.replace(':', '-')));
    await layout.finish(await layout.image({ ...image, tag: '1' }));
    const archive = join(this.directory, 'add.tar');
    await check('skopeo', ['copy', '--quiet', `oci:${layout.directory}:1`, `docker-archive:${archive}:${name}`]);
    await check('nerdctl', ['load', '--platform', 'linux/amd64', '--input', archive], { env: this.env });
    await check('rm', [archive]);
  }

  mpu(verb: string, ...args: string[]): Promise<Ended> {
    return mpu([verb, '--engine', 'nerdctl', ...args], { env: this.env });
  }

  async json(verb: string, ...args: string[]): Promise<object> {
    const ended = await this.mpu(verb, ...args, '--json');
    if (ended.status !== 0) throw new Error(ended.stdout + ended.stderr);
    return JSON.parse(ended.stdout) as object;
  }

  /** Puts a program before the others, which runs `script` with the arguments of nerdctl; `nerdctl` runs the real one. */
  async wrap(script: string): Promise<void> {
    const [place, moved] = [join(this.directory, 'bin', 'nerdctl'), join(this.directory, 'bin', 'nerdctl.real')];
    await check('mv', ['--no-clobber', place, moved]);
    await writeFile(place, `#!/bin/sh\nnerdctl() { '${moved}' "$@"; }\n${script}\nexec '${moved}' "$@"\n`);
    await chmod(place, 0o755);
  }

  async nothingLeft(t: Test): Promise<void> {
    t.same(await readdir(join(this.directory, 'tmp')), [], 'no archive is left');
  }
}

const skip = await lacking(['skopeo', 'tar', 'cp']);

await t.test('inject, inspect, eject', { skip }, async (t) => {
  const nerdctl = await Nerdctl.start(t);
  await nerdctl.add('app:1', { layers: [debianLayer, { 'etc/': null, 'etc/ld.so.preload': '/a.so' }] });
  const original = await nerdctl.id('app:1');
  t.match(await nerdctl.json('inspect', 'app:1'), {
    store: 'nerdctl',
    state: 'not-injected',
    platforms: [{ libc: 'glibc', preloadFile: ['/a.so'], onInject: { action: 'inject' } }],
  });
  const ended = await nerdctl.mpu('inject', 'app:1');
  t.match(ended, { status: 0, stderr: '', stdout: /^app:1-mpu\n {2}made from app:1\n[^]*in one layer/ });
  t.match(await nerdctl.json('inspect', 'app:1-mpu'), {
    state: 'injected',
    platforms: [{ isOnTop: true, base: original, preloadFile: ['/a.so', ENTRY] }],
  });
  t.match(await nerdctl.json('inject', 'app:1'), { outcome: 'unchanged', sizeAdded: 0 });
  t.match(await nerdctl.json('inject', 'app:1-mpu'), { outcome: 'already-injected' });
  t.match(await nerdctl.json('inject', 'app:1-mpu', '--tag', 'other:1'), {
    outcome: 'created',
    digest: await nerdctl.id('app:1-mpu'),
  });
  t.match(await nerdctl.json('eject', 'app:1-mpu'), { outcome: 'unchanged', isOriginal: true, digest: original });
  t.match(await nerdctl.json('eject', 'app:1-mpu', '--tag', 'clean:1'), {
    outcome: 'created',
    isOriginal: true,
    digest: original,
  });
  t.equal(await nerdctl.id('clean:1'), original);
  t.match(await nerdctl.json('eject', 'app:1'), { outcome: 'not-injected' });
  t.match(await nerdctl.mpu('eject', 'app:1-mpu', '--tag', 'other:1'), { status: 2, stderr: /never moves/ });
  await nerdctl.add('taken:1', { layers: [{ x: 'y' }] });
  t.match(await nerdctl.mpu('eject', 'app:1-mpu', '--tag', 'taken:1'), { status: 1, stderr: /--force/ });
  t.match(await nerdctl.mpu('inject', 'taken:1'), { status: 1, stderr: /static programs/ });
  t.match(await nerdctl.mpu('inject', 'none:1'), {
    status: 1,
    stderr: /nerdctl does not have it[^]*next: nerdctl pull none:1/,
  });
  await nerdctl.nothingLeft(t);
});

await t.test('musl', { skip }, async (t) => {
  const nerdctl = await Nerdctl.start(t);
  await nerdctl.add('musl:1', {
    layers: [{ 'lib/': null, 'lib/ld-musl-x86_64.so.1': 'musl' }],
    config: { Env: ['LD_PRELOAD=/x.so'] },
  });
  t.match(await nerdctl.json('inject', 'musl:1'), { outcome: 'created', loadedBy: ['LD_PRELOAD'] });
  t.match(await nerdctl.json('inspect', 'musl:1-mpu'), {
    state: 'injected',
    platforms: [{ libc: 'musl', preloadVariable: ['/x.so', '/usr/lib/mpu/$PLATFORM/libmpu.so'] }],
  });
  t.match(await nerdctl.json('dockerfile', '--from', 'musl:1'), { loadedBy: 'LD_PRELOAD' });
  await nerdctl.nothingLeft(t);
});

await t.test('a name that moves meanwhile, a disk that is full, a load that does nothing', { skip }, async (t) => {
  const nerdctl = await Nerdctl.start(t);
  await nerdctl.add('app:1', { layers: [debianLayer] });
  await nerdctl.add('app:2', { layers: [debianLayer, { x: 'y' }] });
  await nerdctl.wrap('[ "$1" != load ] || exit 0');
  t.match(await nerdctl.mpu('inject', 'app:1'), {
    status: 1,
    stderr: /nerdctl loaded no app:1-mpu[^]*next: nerdctl images/,
  });
  await nerdctl.wrap('[ "$1" != save ] || nerdctl tag app:2 app:1');
  t.match(await nerdctl.mpu('inject', 'app:1'), { status: 1, stderr: /its name was given to another image meanwhile/ });
  await nerdctl.wrap('[ "$1" != save ] || { echo "FATA[0000] write: no space left on device" >&2; exit 1; }');
  t.match(await nerdctl.mpu('inject', 'app:2'), {
    status: 1,
    stderr: /cannot save the image sha256[^]*no space left on device/,
  });
  t.match(await nerdctl.run('image', 'inspect', 'app:2-mpu'), { status: 1 });
  await nerdctl.nothingLeft(t);
});

await t.test('containerd does not run', async (t) => {
  const directory = join(t.testdir({ bin: {} }), 'bin');
  await mkdir(directory, { recursive: true });
  const said =
    'FATA[0000] cannot access containerd socket "/run/containerd/containerd.sock": no such file or directory';
  await writeFile(
    join(directory, 'nerdctl'),
    `#!/bin/sh\n[ "$1" != --version ] || { echo nerdctl version 2.2.0; exit; }\necho '${said}' >&2\nexit 1\n`,
  );
  await chmod(join(directory, 'nerdctl'), 0o755);
  const env = { ...process.env, PATH: `${directory}:${dirname(process.execPath)}` };
  t.match(await mpu(['inject', '-e', 'nerdctl', 'app:1'], { env }), {
    status: 3,
    stderr: /cannot access containerd socket[^]*next: sudo systemctl start containerd/,
  });
});
