// SPDX-License-Identifier: GPL-2.0-only
/** docker, podman, nerdctl and buildah, driven through their command lines. */
import { randomBytes } from 'node:crypto';
import { ExitCode, MpuError, messageOf, throwIfInterrupted } from '../errors.js';
import type { EngineName } from '../image/types.js';
import type { ImageFiles } from '../payload/plan.js';
import { runProcess, type ProcessOptions, type ProcessResult } from '../system/run-process.js';
import { ContainerFiles, DirectoryFiles } from './container-files.js';
import { engineError, lastWords, missingError, silentError } from './engine-errors.js';
import { parseBuildahImage, parseImage, type EngineImage } from './engine-image.js';

const NO_IMAGE = /no such (image|object)|image not known|unable to find.*in local storage|failed to find image/i;

const withoutAlgorithm = (digest: string): string => digest.replace(/^sha256:/, '');

const platformFlags = ({ os, architecture, variant }: EngineImage): string[] => [
  '--platform',
  [os, architecture, variant].filter(Boolean).join('/'),
];

/** A name that nothing else has. */
const ownName = (): string => `mpu-inject-${randomBytes(6).toString('hex')}`;

/** How long an engine may take to say that it is there. */
const ANSWER_MS = 60_000;
/** How long a program that is interrupted may take to end before it is killed. */
const PATIENCE_MS = 500;
/** How long an engine may take, after an interrupt, to remove what was made for reading. */
const CLEANUP_MS = 5_000;

/** How long to wait for an engine. */
export interface ConnectOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds; for tests. */
  limit?: number;
}

/** A container engine that works. */
export class Engine {
  private constructor(
    readonly name: EngineName,
    /** Which program answers, perhaps under the name of another. */
    private readonly program: EngineName,
  ) {}

  /**
   * Finds an engine and checks that it answers. Rejects with an MpuError: `engine-missing` or
   * `engine-down` (exit code 3), `engine-denied` (4), or that of an interrupt.
   */
  static async connect(name: EngineName, { signal, limit = ANSWER_MS }: ConnectOptions = {}): Promise<Engine> {
    const timeout = AbortSignal.timeout(limit);
    const ends = {
      signal: AbortSignal.any([timeout, ...(signal === undefined ? [] : [signal])]),
      patience: PATIENCE_MS,
    };
    const ask = async (args: string[]): Promise<ProcessResult> => {
      const said = await runProcess(name, args, ends).catch((error: unknown) => {
        throw missingError(name, error);
      });
      throwIfInterrupted(signal);
      if (timeout.aborted && said.status !== 0) throw silentError(name, limit);
      return said;
    };
    const answer = await ask(['--version']);
    const program = (['podman', 'nerdctl'] as const).find((other) => answer.stdout.includes(other)) ?? name;
    const engine = new Engine(name, program);
    // podman and buildah have no daemon, and everything they lack shows at the first real command.
    if (program === 'docker')
      engine.#check('ask the daemon for its version', await ask(['version', '--format', '{{.Server.Version}}']));
    if (program === 'nerdctl') engine.#check('ask containerd for images', await ask(['images', '--quiet']));
    if (program === 'buildah') engine.#checkPrivilege();
    return engine;
  }

  /** Whether this is another engine answering to docker's name. */
  get isAlias(): boolean {
    return this.name !== this.program;
  }

  /**
   * Whether {@link withFiles} reads an image; else that has to be done outside. nerdctl needs network plugins to create a
   * container, and its `cp` writes no archives before 2.2. buildah's containers begin with the image's triggers.
   */
  canRead({ hasTriggers }: EngineImage): boolean {
    return this.program !== 'nerdctl' && !(this.program === 'buildah' && hasTriggers);
  }

  /** Whether {@link build} adds a layer and nothing else; else that has to be done outside. nerdctl needs another daemon for it. */
  canBuild({ hasTriggers }: EngineImage): boolean {
    return this.program !== 'nerdctl' && !hasTriggers;
  }

  /** Whether {@link save} goes by the name of an image: to nerdctl an id is the digest of a manifest, which it does not show. */
  get savesByName(): boolean {
    return this.program === 'nerdctl';
  }

  /** An image by name or id; undefined when the engine does not have it. Never pulls. An interrupt ends it. */
  async inspect(name: string, signal?: AbortSignal): Promise<EngineImage | undefined> {
    const isBuildah = this.program === 'buildah';
    const what = `inspect the image ${name}`;
    const answer = await this.#read(
      isBuildah ? ['inspect', '--type', 'image', withoutAlgorithm(name)] : ['image', 'inspect', name],
      signal,
    );
    if (answer.status !== 0 && NO_IMAGE.test(answer.stderr)) return undefined;
    this.#check(what, answer);
    try {
      if (!isBuildah) return parseImage(answer.stdout);
      const list = await this.#read(['images', '--json', '--no-trunc'], signal);
      this.#check('list the images', list);
      return parseBuildahImage(answer.stdout, list.stdout);
    } catch (error) {
      throw error instanceof MpuError ? error : this.#error(what, messageOf(error));
    }
  }

  /**
   * Gives `work` the files of an image, of a container that is never started and is removed whatever happens. An
   * interrupt ends it.
   */
  async withFiles<T>(
    image: EngineImage,
    work: (files: ImageFiles) => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const container = ownName();
    const run = async (args: string[]): Promise<ProcessResult> => {
      const answer = await this.#read(args, signal);
      this.#check('create a container to read the image', answer);
      return answer;
    };
    if (this.program === 'buildah') {
      try {
        await run(['from', '--pull-never', '--name', container, this.#nameOf(image)]);
        const { stdout } = await run(['mount', container]);
        return await work(new DirectoryFiles(stdout.toString().trim()));
      } finally {
        await this.#remove(['rm', container], signal);
      }
    }
    try {
      // An image without a command needs one to be created from; it is never run.
      await run(['create', '--name', container, '--network=none', this.#nameOf(image), '/mpu']);
      return await work(new ContainerFiles((path) => this.#archive(container, path, signal)));
    } finally {
      // With the anonymous volumes that were made for the image's VOLUME instructions.
      await this.#remove(['rm', '--force', '--volumes', container], signal);
    }
  }

  /**
   * Builds on an image and returns the id of the result, which has no name. `context` gives the build
   * context, an archive with a Dockerfile, for the name to use after FROM. podman and buildah give the result `timestamp`
   * (seconds) and, in OCI's format, annotations; docker's builders know neither.
   */
  async build(
    image: EngineImage,
    context: (from: string) => Promise<Buffer>,
    { timestamp, annotations }: { timestamp: number; annotations: Record<string, string> },
  ): Promise<string> {
    const platform = platformFlags(image);
    if (this.keepsTime) {
      const format = ['--format', image.isDockerFormat ? 'docker' : 'oci', '--timestamp', String(timestamp)];
      const said = Object.entries(image.isDockerFormat ? {} : annotations).map(
        ([name, value]) => `--annotation=${name}=${value}`,
      );
      const flags = [
        '--quiet',
        '--layers=false',
        '--pull=never',
        '--identity-label=false',
        ...platform,
        ...format,
        ...said,
      ];
      return this.#build(['build', ...flags, '-'], await context(this.#nameOf(image)));
    }
    // BuildKit takes no image id after FROM, and the user's tag may move meanwhile.
    const from = `${ownName()}:source`;
    try {
      await this.tag(image, from);
      return await this.#build(['build', '--quiet', ...platform, '-'], await context(from));
    } finally {
      await this.#start(['rmi', '--no-prune', from]);
    }
  }

  /** The kind of archive in which an image keeps its configuration, and so its id, byte for byte. */
  archiveFormat({ isDockerFormat }: EngineImage): 'oci-archive' | 'docker-archive' {
    return isDockerFormat ? 'docker-archive' : 'oci-archive';
  }

  /** Writes an image, with the layers it has, into an archive of its {@link archiveFormat}. */
  async save(image: EngineImage, file: string, signal: AbortSignal | undefined): Promise<void> {
    const name = this.#nameOf(image);
    const format = this.archiveFormat(image);
    const args = {
      docker: ['save', '--output', file, name],
      podman: [
        'save',
        '--format',
        format,
        ...(format === 'oci-archive' ? ['--uncompressed'] : []),
        '--output',
        file,
        name,
      ],
      nerdctl: ['save', ...platformFlags(image), '--output', file, name],
      buildah: ['push', '--quiet', '--disable-compression', name, `${format}:${file}`],
    }[this.program];
    const answer = await this.#start(args, { signal });
    throwIfInterrupted(signal);
    this.#check(`save the image ${image.id}`, answer);
  }

  /** Takes the image of an archive that was made from `image`, with the name it has there. */
  async load(file: string, image: EngineImage): Promise<void> {
    const args = {
      docker: ['load', '--input', file],
      podman: ['load', '--input', file],
      nerdctl: ['load', ...platformFlags(image), '--input', file],
      buildah: ['pull', '--quiet', `${this.archiveFormat(image)}:${file}`],
    }[this.program];
    await this.#run('load the new image', args);
  }

  /** Gives an image a name, which it takes from any other image. */
  async tag(image: EngineImage, name: string): Promise<void> {
    await this.#run(`give the image the name ${name}`, ['tag', this.#nameOf(image), name]);
  }

  /**
   * Removes an image, unless it has a name: a builder may answer from its cache with an image that the
   * user has named before.
   */
  async removeUnnamed(id: string): Promise<void> {
    const image = await this.inspect(id);
    if (image?.names.length === 0) await this.#start(['rmi', withoutAlgorithm(id)]);
  }

  /** Whether {@link build} gives the image, and the files in its layer, the time that it is told. */
  get keepsTime(): boolean {
    return this.program === 'podman' || this.program === 'buildah';
  }

  /** The command that gets an image from its registry. */
  pullCommand(name: string): string {
    return `${this.name} pull ${name}`;
  }

  /** What the commands of the engine take for an image. */
  #nameOf({ id, names }: EngineImage): string {
    if (this.savesByName) return names[0] ?? id;
    return this.program === 'docker' ? id : withoutAlgorithm(id);
  }

  /** An archive of one path of a container, as `cp` gives it; undefined when there is no such path. */
  async #archive(container: string, path: string, signal: AbortSignal | undefined): Promise<Buffer | undefined> {
    const answer = await this.#read(['cp', `${container}:${path}`, '-'], signal);
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
    const answer = await this.#start(args, { stdin: context });
    this.#check(what, answer);
    const id = /([0-9a-f]{64})\s*$/.exec(answer.stdout.toString())?.[1];
    if (id === undefined) throw this.#error(what, `${this.name} named no image: ${answer.stdout.toString().trim()}`);
    return `sha256:${id}`;
  }

  /** Runs a command of which nothing stays; an interrupt ends it. */
  async #read(args: string[], signal: AbortSignal | undefined): Promise<ProcessResult> {
    const answer = await this.#start(args, { signal, patience: PATIENCE_MS });
    throwIfInterrupted(signal);
    return answer;
  }

  /** Removes what was made for reading. After an interrupt, an engine that does not answer is not waited for. */
  async #remove(args: string[], signal: AbortSignal | undefined): Promise<void> {
    const limit = signal?.aborted === true ? { signal: AbortSignal.timeout(CLEANUP_MS), patience: PATIENCE_MS } : {};
    await this.#start(args, limit);
  }

  async #start(
    args: string[],
    options: Pick<ProcessOptions, 'stdin' | 'signal' | 'patience'> = {},
  ): Promise<ProcessResult> {
    try {
      return await runProcess(this.name, args, options);
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
