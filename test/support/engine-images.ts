// SPDX-License-Identifier: GPL-2.0-only
/** inject, inspect and eject on images of an engine: what holds in each, with and without the image that was injected. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Test } from 'tap';
import type { TestEngine } from './engines.js';
import { check, mpu, run, type Ended } from './mpu.js';
import { writeMuslImage } from './musl-image.js';
import { debianLayer, tinyTar } from './tiny-layout.js';

const ENTRY = '/usr/lib/mpu/$LIB/libmpu.so';
/** The same in the variable: by which name musl finds it, too. */
const VARIABLE_ENTRY = '/usr/lib/mpu/$PLATFORM/libmpu.so';
const OWN = '/opt/own.so # mine';

interface Inspected {
  Id: string;
  RootFS: { Layers: string[] };
  Config: { Env?: string[]; OnBuild?: string[] | null; Labels?: Record<string, string> | null };
  History?: { created_by: string }[];
  Annotations?: Record<string, string>;
}

/** An engine, by the program that mpu uses and the one that looks after the same images here. */
export class Subject {
  readonly temporary: string;

  constructor(
    readonly name: 'docker' | 'podman' | 'buildah',
    readonly engine: TestEngine,
  ) {
    this.temporary = join(engine.directory, `tmp-${name}`);
  }

  check(...args: string[]): Promise<string> {
    return this.engine.check(...args);
  }

  mpu(verb: string, ...args: string[]): Promise<Ended> {
    return mpu([verb, '--engine', this.name, ...args], { env: { ...this.engine.env, TMPDIR: this.temporary } });
  }

  async json(verb: string, ...args: string[]): Promise<Record<string, unknown>> {
    const ended = await this.mpu(verb, ...args, '--json');
    if (ended.status !== 0) throw new Error(`mpu ${verb} ${args.join(' ')}: ${ended.stdout}${ended.stderr}`);
    return JSON.parse(ended.stdout) as Record<string, unknown>;
  }

  async look(image: string): Promise<Inspected> {
    return (JSON.parse(await this.check('image', 'inspect', image)) as [Inspected])[0];
  }

  async id(image: string): Promise<string> {
    return `sha256:${(await this.look(image)).Id.replace('sha256:', '')}`;
  }

  /** The image as one that was pulled: without those that it was made from. */
  async comeFromElsewhere(image: string): Promise<void> {
    const archive = join(this.engine.directory, 'elsewhere.tar');
    const isOci =
      this.name !== 'docker' &&
      (await this.check('image', 'inspect', '--format', '{{.ManifestType}}', image)).includes('oci');
    await this.check('save', ...(isOci ? ['--format', 'oci-archive'] : []), '--output', archive, image);
    await this.check(
      'rmi',
      '--force',
      ...(await this.check('images', '--format', '{{.Repository}}:{{.Tag}}')).trim().split('\n'),
    );
    await this.check('load', '--input', archive);
    await run('rm', [archive]);
  }

  /** The paths in an image, and its preload file. */
  async files(image: string): Promise<{ paths: string[]; preload: string }> {
    const archive = join(this.engine.directory, 'files.tar');
    const container = (await this.check('create', '--network=none', image, '/x')).trim();
    await this.check('export', '--output', archive, container);
    await this.check('rm', container);
    const paths = (await check('tar', ['-tf', archive])).split('\n').map((path) => path.replace(/^\.?\//, ''));
    const preload = await run('tar', ['-xOf', archive, 'etc/ld.so.preload']);
    return { paths, preload: preload.stdout };
  }

  async nothingLeft(t: Test): Promise<void> {
    const all = this.name === 'docker' ? ['--all'] : ['--all', '--external'];
    t.equal(await this.check('ps', ...all, '--quiet'), '', 'no container is left');
    t.equal(await this.check('images', '--quiet', '--filter', 'dangling=true'), '', 'no image without a name is left');
    t.notMatch(await this.check('images', '--format', '{{.Repository}}'), /mpu-inject/, 'no other name is left');
    t.same(await readdir(this.temporary), [], 'no archive is left');
  }

  /** Builds `name` from the lines of a Dockerfile. */
  async build(name: string, lines: readonly string[], format = 'docker'): Promise<void> {
    const context = join(this.engine.directory, 'context');
    await mkdir(context, { recursive: true });
    await writeFile(join(context, 'Dockerfile'), `${lines.join('\n')}\n`);
    await writeFile(join(context, 'more'), 'more');
    const flags = this.name === 'docker' ? [] : ['--format', format];
    const env = this.name === 'docker' ? { DOCKER_BUILDKIT: '0' } : {};
    await check(this.engine.name, ['build', '--quiet', ...flags, '--tag', name, context], {
      env: { ...this.engine.env, ...env },
    });
  }
}

/** Tests what holds in every engine. */
export async function checkEngine(t: Test, subject: Subject): Promise<void> {
  await mkdir(subject.temporary);
  const archive = join(subject.engine.directory, 'tree.tar');
  const layer = { ...debianLayer, 'etc/ld.so.preload': OWN };
  await writeFile(archive, await tinyTar(layer));
  await subject.check('import', archive, 'localhost/app:1');
  const original = await subject.id('localhost/app:1');

  await t.test('injected, and back to the original', async (t) => {
    t.match(await subject.json('inspect', 'localhost/app:1'), {
      state: 'not-injected',
      store: subject.name,
      platforms: [{ libc: 'glibc', preloadFile: ['/opt/own.so'], onInject: { action: 'inject' } }],
    });
    t.match(await subject.json('inject', 'localhost/app:1'), { outcome: 'created', image: 'localhost/app:1-mpu' });
    t.match(await subject.json('inspect', 'localhost/app:1-mpu'), {
      state: 'injected',
      platforms: [
        { isOnTop: true, base: original, preloadFile: ['/opt/own.so', ENTRY], onInject: { action: 'nothing' } },
      ],
    });
    const ejected = await subject.mpu('eject', 'localhost/app:1-mpu', '--tag', 'localhost/app:clean');
    t.match(ejected, { status: 0, stderr: '', stdout: /^localhost\/app:clean\n {2}made from[^]*, the original\n/ });
    t.equal(await subject.id('localhost/app:clean'), original);
    t.match(await subject.json('eject', 'localhost/app:1-mpu', '--tag', 'localhost/app:clean'), {
      outcome: 'unchanged',
      isOriginal: true,
      digest: original,
    });
    t.match(await subject.json('eject', 'localhost/app:1-mpu'), {
      outcome: 'unchanged',
      image: 'localhost/app:1',
      isOriginal: true,
    });
    t.match(await subject.json('eject', 'localhost/app:1'), { outcome: 'not-injected' });
    await subject.nothingLeft(t);
  });

  await t.test('layers on top of it', async (t) => {
    await subject.build('localhost/derived:1', ['FROM localhost/app:1-mpu', 'COPY more /more', 'ENV A=b']);
    t.match(await subject.json('inspect', 'localhost/derived:1'), {
      state: 'injected',
      platforms: [{ isOnTop: false }],
    });
    t.match(await subject.json('eject', 'localhost/derived:1'), {
      outcome: 'created',
      image: 'localhost/derived:1-no-mpu',
      isOriginal: false,
    });
    const { paths, preload } = await subject.files('localhost/derived:1-no-mpu');
    t.notOk(
      paths.some((path) => path.startsWith('usr/lib/mpu')),
      'the library is gone',
    );
    t.ok(paths.includes('more'));
    t.equal(preload.trimEnd(), OWN, 'the former file is back');
    const made = await subject.look('localhost/derived:1-no-mpu');
    t.ok(made.Config.Env?.includes('A=b'));
    t.notOk(Object.keys(made.Config.Labels ?? {}).some((name) => name.startsWith('dev.mpu.')));
    t.match(await subject.json('eject', 'localhost/derived:1'), {
      outcome: 'unchanged',
      sizeAdded: 0,
      digest: `sha256:${made.Id.replace('sha256:', '')}`,
    });
    t.match(await subject.json('inspect', 'localhost/derived:1-no-mpu'), { state: 'not-injected' });

    t.match(await subject.mpu('eject', 'localhost/derived:1', '--tag', 'localhost/app:1'), {
      status: 1,
      stderr: /an image of that name exists[^]*--force/,
    });
    t.equal(await subject.id('localhost/app:1'), original);
    t.match(await subject.json('eject', 'localhost/derived:1', '--tag', 'localhost/app:clean', '--force'), {
      outcome: 'replaced',
    });
    await subject.nothingLeft(t);
  });

  await t.test('the image it was made from is not there any more', async (t) => {
    await subject.comeFromElsewhere('localhost/app:1-mpu');
    t.match(await subject.json('eject', 'localhost/app:1-mpu'), { outcome: 'created', image: 'localhost/app:1' });
    const { paths, preload } = await subject.files('localhost/app:1');
    t.notOk(paths.some((path) => path.startsWith('usr/lib/mpu')));
    t.equal(preload.trimEnd(), OWN);
    t.match(await subject.json('eject', 'localhost/app:1-mpu'), { outcome: 'unchanged' });
    await subject.nothingLeft(t);
  });

  await t.test('ONBUILD is kept, and does not run', async (t) => {
    await subject.check('import', archive, 'localhost/base:1');
    await subject.build('localhost/onbuild:1', ['FROM localhost/base:1', 'ONBUILD COPY none /none']);
    const before = await subject.look('localhost/onbuild:1');
    t.match(await subject.json('inject', 'localhost/onbuild:1'), {
      outcome: 'created',
      loadedBy: ['/etc/ld.so.preload'],
    });
    const after = await subject.look('localhost/onbuild:1-mpu');
    if (subject.name === 'docker') t.same(after.Config.OnBuild, ['COPY none /none']);
    t.same(after.RootFS.Layers.slice(0, -1), before.RootFS.Layers);
    t.match(await subject.json('inject', 'localhost/onbuild:1'), { outcome: 'unchanged' });
    await subject.comeFromElsewhere('localhost/onbuild:1-mpu');
    t.match(await subject.json('eject', 'localhost/onbuild:1-mpu'), {
      outcome: 'created',
      isOriginal: true,
      digest: `sha256:${before.Id.replace('sha256:', '')}`,
    });
    await subject.nothingLeft(t);
  });

  await t.test('musl: LD_PRELOAD in the Env', async (t) => {
    const musl = join(subject.engine.directory, 'musl.tar');
    await writeMuslImage(musl);
    await subject.check('import', '--change', 'ENV LD_PRELOAD=/none.so', musl, 'localhost/musl:1');
    t.match(await subject.json('inject', 'localhost/musl:1'), { outcome: 'created', loadedBy: ['LD_PRELOAD'] });
    t.ok(
      (await subject.look('localhost/musl:1-mpu')).Config.Env?.includes(`LD_PRELOAD=/none.so:${VARIABLE_ENTRY}`),
      'after the value that was there',
    );
    t.match(await subject.json('inspect', 'localhost/musl:1-mpu'), {
      state: 'injected',
      platforms: [{ libc: 'musl', preloadVariable: ['/none.so', VARIABLE_ENTRY] }],
    });
    const maps = await subject.check(
      'run',
      '--rm',
      '--network=none',
      '--env',
      `LD_PRELOAD=${VARIABLE_ENTRY}`,
      'localhost/musl:1-mpu',
      '/maps',
    );
    t.match(maps, '/usr/lib/mpu/lib/x86_64-linux-gnu/libmpu.so');
    t.match(await subject.json('eject', 'localhost/musl:1-mpu'), { outcome: 'unchanged', isOriginal: true });
    await subject.nothingLeft(t);
  });
}

/** Tests what holds where images are built by buildah, which podman does, too. */
export async function checkBuildah(t: Test, subject: Subject): Promise<void> {
  await t.test('the same id each time; annotations say what was added', async (t) => {
    await subject.check('import', join(subject.engine.directory, 'tree.tar'), 'localhost/fresh:1');
    const ids: string[] = [];
    for (const epoch of [undefined, undefined, '1700000000']) {
      const env = {
        ...subject.engine.env,
        TMPDIR: subject.temporary,
        ...(epoch === undefined ? {} : { SOURCE_DATE_EPOCH: epoch }),
      };
      t.match(await mpu(['inject', '-e', subject.name, 'localhost/fresh:1', '--tag', 'localhost/same:1'], { env }), {
        status: 0,
      });
      ids.push(await subject.id('localhost/same:1'));
      await subject.check('rmi', 'localhost/same:1');
    }
    t.equal(ids[0], ids[1]);
    t.not(ids[0], ids[2], 'but for another time');
    await subject.build('localhost/oci:1', ['FROM localhost/fresh:1', 'COPY more /more'], 'oci');
    t.match(await subject.json('inject', 'localhost/oci:1'), { outcome: 'created' });
    const { Annotations, Config } = await subject.look('localhost/oci:1-mpu');
    t.match(Annotations, { 'dev.mpu.base': await subject.id('localhost/oci:1'), 'dev.mpu.layers': '3' });
    t.equal(Annotations?.['dev.mpu.version'], Config.Labels?.['dev.mpu.version']);
    await subject.nothingLeft(t);
  });
}
