// SPDX-License-Identifier: GPL-2.0-only
/** docker and podman, driven through their command lines. */
import { randomBytes } from 'node:crypto';
import { ExitCode, MpuError, errnoName, messageOf } from '../errors.js';
import type { EngineName } from '../inject-types.js';
import { isJsonObject } from '../oci/descriptor.js';
import { runProcess, type ProcessResult } from '../run-process.js';

/** An image in an engine's store. */
export interface EngineImage {
  /** `sha256:` and 64 hexadecimal digits. */
  id: string;
  os: string;
  architecture: string;
  variant: string | undefined;
  /** Digests of the uncompressed layers, the lowest first. */
  layers: string[];
  labels: Record<string, string>;
  /** Full names with tags. */
  names: string[];
  /** Instructions that a build on this image would run. */
  onBuild: string[];
  /** Whether it is stored in docker's format, which can hold more than OCI's (health checks). */
  isDockerFormat: boolean;
}

const NO_IMAGE = /no such image|image not known|unable to find.*in local storage|failed to find image/i;
const DENIED = /permission denied/i;
const NOT_RUNNING = /cannot connect to the docker daemon|is the docker daemon running|error during connect|connection refused/i;

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

function parseImage(data: Buffer): EngineImage {
  const parsed: unknown = JSON.parse(data.toString());
  const image: unknown = Array.isArray(parsed) ? parsed[0] : undefined;
  if (!isJsonObject(image) || typeof image.Id !== 'string') throw new TypeError('no image in the answer');
  const config = isJsonObject(image.Config) ? image.Config : {};
  const rootfs = isJsonObject(image.RootFS) ? image.RootFS : {};
  const labels = isJsonObject(config.Labels) ? config.Labels : {};
  const variant = image.Variant;
  return {
    id: `sha256:${image.Id.replace(/^sha256:/, '')}`,
    os: String(image.Os),
    architecture: String(image.Architecture),
    variant: typeof variant === 'string' && variant !== '' ? variant : undefined,
    layers: strings(rootfs.Layers),
    labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, String(value)])),
    names: strings(image.RepoTags),
    onBuild: strings(config.OnBuild),
    isDockerFormat: typeof image.ManifestType !== 'string' || image.ManifestType.includes('docker'),
  };
}

/** The end of what a program said, on one line. */
function lastWords(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('DEPRECATED'));
  return lines.slice(-3).join(' ').trim() || 'it gave no reason';
}

/** A container engine that works. */
export class Engine {
  private constructor(
    readonly name: EngineName,
    /** Whether the command is podman, perhaps under docker's name. */
    private readonly isPodman: boolean,
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
    const engine = new Engine(name, answer.stdout.includes('podman'));
    // podman has no daemon, and everything it lacks shows at the first real command.
    if (!engine.isPodman) await engine.#run('ask the daemon for its version', ['version', '--format', '{{.Server.Version}}']);
    return engine;
  }

  /** Whether this is podman answering to docker's name. */
  get isAlias(): boolean {
    return this.isPodman && this.name === 'docker';
  }

  /** An image by name or id; undefined when the engine does not have it. Never pulls. */
  async inspect(name: string): Promise<EngineImage | undefined> {
    const answer = await this.#start(['image', 'inspect', name]);
    if (answer.status !== 0 && NO_IMAGE.test(answer.stderr)) return undefined;
    this.#check(`inspect the image ${name}`, answer);
    try {
      return parseImage(answer.stdout);
    } catch (error) {
      throw this.#error(`inspect the image ${name}`, messageOf(error));
    }
  }

  /** Creates a container that is never started; gives its name to `work` and removes it whatever happens. */
  async withContainer<T>(image: EngineImage, work: (container: string) => Promise<T>): Promise<T> {
    const container = `mpu-inject-${randomBytes(6).toString('hex')}`;
    try {
      // An image without a command needs one to be created from; it is never run.
      await this.#run('create a container to read the image', ['create', '--name', container, '--network=none', image.id, '/mpu']);
      return await work(container);
    } finally {
      // With the anonymous volumes that were made for the image's VOLUME instructions.
      await this.#start(['rm', '--force', '--volumes', container]);
    }
  }

  /** An archive of one path of a container, as `cp` gives it; undefined when there is no such path. */
  async archive(container: string, path: string): Promise<Buffer | undefined> {
    const answer = await this.#start(['cp', `${container}:${path}`, '-']);
    if (answer.status !== 0 && /no such (file|container:path)|could not (find|be found)/i.test(answer.stderr)) {
      return undefined;
    }
    this.#check(`read ${path} in the image`, answer);
    return answer.stdout;
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
    if (this.isPodman) {
      const format = ['--format', image.isDockerFormat ? 'docker' : 'oci'];
      const time = timestamp === undefined ? [] : ['--timestamp', String(timestamp)];
      const flags = ['--quiet', '--layers=false', '--pull=never', '--identity-label=false', ...platform, ...format, ...time];
      return this.#build(['build', ...flags, '-'], await context(image.id.replace('sha256:', '')));
    }
    // BuildKit takes no image id after FROM, and the user's tag may move meanwhile.
    const from = `mpu-inject-${randomBytes(6).toString('hex')}:source`;
    try {
      await this.tag(image.id, from);
      return await this.#build(['build', '--quiet', ...platform, '-'], await context(from));
    } finally {
      await this.#start(['rmi', '--no-prune', from]);
    }
  }

  /** Gives an image a name, which it takes from any other image. */
  async tag(id: string, name: string): Promise<void> {
    await this.#run(`give the image the name ${name}`, ['tag', id, name]);
  }

  /**
   * Removes an image, unless it has a name: a builder may answer from its cache with an image that the
   * user has named before.
   */
  async removeUnnamed(id: string): Promise<void> {
    const image = await this.inspect(id);
    if (image?.names.length === 0) await this.#start(['rmi', id]);
  }

  /** The command that gets an image from its registry. */
  pullCommand(name: string): string {
    return `${this.name} pull ${name}`;
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
    if (!this.isPodman && DENIED.test(why) && /socket|daemon/i.test(why)) {
      return new MpuError({
        code: 'engine-denied',
        what: 'cannot use docker',
        why,
        next: 'run it with sudo, or join the group of the socket: sudo usermod -aG docker "$USER", then log in again',
        exitCode: ExitCode.permission,
      });
    }
    if (!this.isPodman && NOT_RUNNING.test(why)) {
      return new MpuError({
        code: 'engine-down',
        what: 'cannot use docker',
        why,
        next: 'sudo systemctl start docker, or set DOCKER_HOST to where it listens',
        exitCode: ExitCode.hostUnsupported,
      });
    }
    return new MpuError({
      code: 'engine-failed',
      what: `cannot ${what}`,
      why: `${this.name}: ${why}`,
      next: `${this.name} info shows whether it works; then run it again`,
      exitCode: DENIED.test(why) ? ExitCode.permission : ExitCode.failed,
    });
  }
}

function missingError(name: EngineName, error: unknown): MpuError {
  const absent = errnoName(error) === 'ENOENT';
  return new MpuError({
    code: 'engine-missing',
    what: `cannot use ${name}`,
    why: absent ? `there is no ${name} in PATH` : messageOf(error),
    next: `install it (package ${name === 'docker' ? 'docker.io' : name}), or use an OCI layout: mpu inject oci:DIR:TAG`,
    exitCode: absent ? ExitCode.hostUnsupported : ExitCode.permission,
    cause: error,
  });
}
