// SPDX-License-Identifier: GPL-2.0-only
/** docker, podman, nerdctl and buildah, driven through their command lines. */
import { randomBytes } from 'node:crypto';
import { ExitCode, MpuError, messageOf } from '../errors.js';
import type { EngineName } from '../inject-types.js';
import type { ImageFiles } from '../injection-plan.js';
import { runProcess, type ProcessResult } from '../run-process.js';
import { ContainerFiles, DirectoryFiles } from './container-files.js';
import { engineError, lastWords, missingError } from './engine-errors.js';
import { parseBuildahImage, parseImage, type EngineImage } from './engine-image.js';

const NO_IMAGE = /no such image|image not known|unable to find.*in local storage|failed to find image/i;

/** A name that nothing else has. */
const ownName = (): string => `mpu-inject-${randomBytes(6).toString('hex')}`;

/** A container engine that works. */
export class Engine {
  private constructor(
    readonly name: EngineName,
    /** Which program answers, perhaps under the name of another. */
    private readonly program: EngineName,
  ) {}

  /**
   * Finds an engine and checks that it answers. Rejects with an MpuError: `engine-missing` or
   * `engine-down` (exit code 3), `engine-denied` (4).
   */
  static async connect(name: EngineName): Promise<Engine> {
    let answer: ProcessResult;
    try {
      answer = await runProcess(name, ['--version']);
    } catch (error) {
      throw missingError(name, error);
    }
    const program = (['podman', 'nerdctl'] as const).find((other) => answer.stdout.includes(other)) ?? name;
    const engine = new Engine(name, program);
    // podman and buildah have no daemon, and everything they lack shows at the first real command.
    if (program === 'docker') await engine.#run('ask the daemon for its version', ['version', '--format', '{{.Server.Version}}']);
    if (program === 'nerdctl') await engine.#run('ask containerd for images', ['images', '--quiet']);
    if (program === 'buildah') engine.#checkPrivilege();
    return engine;
  }

  /** Whether this is another engine answering to docker's name. */
  get isAlias(): boolean {
    return this.name !== this.program;
  }

  /** Whether images are made by {@link build}; else they have to be edited outside of it. */
  get canBuild(): boolean {
    // nerdctl needs a daemon of its own for that, which few have.
    return this.program !== 'nerdctl';
  }

  /** An image by name or id; undefined when the engine does not have it. Never pulls. */
  async inspect(name: string): Promise<EngineImage | undefined> {
    const isBuildah = this.program === 'buildah';
    const what = `inspect the image ${name}`;
    const answer = await this.#start(isBuildah ? ['inspect', '--type', 'image', name.replace(/^sha256:/, '')] : ['image', 'inspect', name]);
    if (answer.status !== 0 && NO_IMAGE.test(answer.stderr)) return undefined;
    this.#check(what, answer);
    try {
      if (!isBuildah) return parseImage(answer.stdout);
      const list = await this.#run('list the images', ['images', '--json', '--no-trunc']);
      return parseBuildahImage(answer.stdout, list.stdout);
    } catch (error) {
      throw error instanceof MpuError ? error : this.#error(what, messageOf(error));
    }
  }

  /** Gives `work` the files of an image, of a container that is never started and is removed whatever happens. */
  async withFiles<T>(image: EngineImage, work: (files: ImageFiles) => Promise<T>): Promise<T> {
    const container = ownName();
    const what = 'create a container to read the image';
    if (this.program === 'buildah') {
      try {
        await this.#run(what, ['from', '--pull-never', '--name', container, image.id.replace('sha256:', '')]);
        const { stdout } = await this.#run(what, ['mount', container]);
        return await work(await DirectoryFiles.open(stdout.toString().trim()));
      } finally {
        await this.#start(['rm', container]);
      }
    }
    try {
      // An image without a command needs one to be created from; it is never run.
      await this.#run(what, ['create', '--name', container, '--network=none', image.id, '/mpu']);
      return await work(new ContainerFiles((path) => this.#archive(container, path)));
    } finally {
      // With the anonymous volumes that were made for the image's VOLUME instructions.
      await this.#start(['rm', '--force', '--volumes', container]);
    }
  }

  /**
   * Builds on an image and returns the id of the result, which has no name. `context` gives the build
   * context, an archive with a Dockerfile, for the name to use after FROM. `timestamp`: see podman-build(1).
   */
  async build(
    image: EngineImage,
    context: (from: string) => Promise<Buffer>,
    timestamp: number | undefined,
  ): Promise<string> {
    const platform = ['--platform', [image.os, image.architecture, image.variant].filter(Boolean).join('/')];
    if (this.program === 'podman' || this.program === 'buildah') {
      const format = ['--format', image.isDockerFormat ? 'docker' : 'oci'];
      const time = timestamp === undefined ? [] : ['--timestamp', String(timestamp)];
      const flags = ['--quiet', '--layers=false', '--pull=never', '--identity-label=false', ...platform, ...format, ...time];
      return this.#build(['build', ...flags, '-'], await context(image.id.replace('sha256:', '')));
    }
    // BuildKit takes no image id after FROM, and the user's tag may move meanwhile.
    const from = `${ownName()}:source`;
    try {
      await this.tag(image.id, from);
      return await this.#build(['build', '--quiet', ...platform, '-'], await context(from));
    } finally {
      await this.#start(['rmi', '--no-prune', from]);
    }
  }

  /** Writes an image, with the layers it has, into a docker archive. */
  async save(image: EngineImage, file: string): Promise<void> {
    const id = image.id.replace('sha256:', '');
    const what = `save the image ${image.id}`;
    if (this.program === 'buildah') await this.#run(what, ['push', '--quiet', id, `docker-archive:${file}`]);
    else await this.#run(what, ['save', ...(this.program === 'podman' ? ['--format', 'docker-archive'] : []), '--output', file, id]);
  }

  /** Takes the image of a docker archive, with the name it has there. */
  async load(file: string): Promise<void> {
    const args = this.program === 'buildah' ? ['pull', '--quiet', `docker-archive:${file}`] : ['load', '--input', file];
    await this.#run('load the new image', args);
  }

  /** Gives an image a name, which it takes from any other image. */
  async tag(id: string, name: string): Promise<void> {
    await this.#run(`give the image the name ${name}`, ['tag', this.program === 'buildah' ? id.replace('sha256:', '') : id, name]);
  }

  /**
   * Removes an image, unless it has a name: a builder may answer from its cache with an image that the
   * user has named before.
   */
  async removeUnnamed(id: string): Promise<void> {
    const image = await this.inspect(id);
    if (image?.names.length === 0) await this.#start(['rmi', id.replace('sha256:', '')]);
  }

  /** The command that gets an image from its registry. */
  pullCommand(name: string): string {
    return `${this.name} pull ${name}`;
  }

  /** An archive of one path of a container, as `cp` gives it; undefined when there is no such path. */
  async #archive(container: string, path: string): Promise<Buffer | undefined> {
    const answer = await this.#start(['cp', `${container}:${path}`, '-']);
    if (answer.status !== 0 && /no such (file|container:path)|could not (find|be found)/i.test(answer.stderr)) {
      return undefined;
    }
    this.#check(`read ${path} in the image`, answer);
    return answer.stdout;
  }

  #checkPrivilege(): void {
    if (process.getuid?.() === 0) return;
    throw new MpuError({
      code: 'engine-denied',
      what: 'cannot use buildah',
      why: 'it mounts images for their owner only in a user namespace',
      next: 'buildah unshare mpu inject IMAGE',
      exitCode: ExitCode.permission,
    });
  }

  async #build(args: string[], context: Buffer): Promise<string> {
    const what = 'build the new image';
    const answer = await this.#start(args, context);
    this.#check(what, answer);
    const id = /([0-9a-f]{64})\s*$/.exec(answer.stdout.toString())?.[1];
    if (id === undefined) throw this.#error(what, `${this.name} named no image: ${answer.stdout.toString().trim()}`);
    return `sha256:${id}`;
  }

  async #start(args: string[], stdin?: Buffer): Promise<ProcessResult> {
    try {
      return await runProcess(this.name, args, stdin === undefined ? {} : { stdin });
    } catch (error) {
      throw this.#error(`run ${this.name} ${args[0] ?? ''}`, messageOf(error));
    }
  }

  async #run(what: string, args: string[]): Promise<ProcessResult> {
    const answer = await this.#start(args);
    this.#check(what, answer);
    return answer;
  }

  #check(what: string, { status, stderr }: ProcessResult): void {
    if (status !== 0) throw this.#error(what, lastWords(stderr));
  }

  #error(what: string, why: string): MpuError {
    return engineError(this.name, this.program === 'docker' || this.program === 'nerdctl', what, why);
  }
}
