// SPDX-License-Identifier: GPL-2.0-only
/** docker, podman, nerdctl and buildah, driven through their command lines. */
import { randomBytes } from 'node:crypto';
import { ExitCode, MpuError, messageOf, throwIfInterrupted } from '../errors.js';
import type { EngineName } from '../image/types.js';
import type { ImageFiles } from '../payload/plan.js';
import { runProcess, type ProcessOptions, type ProcessResult } from '../system/run-process.js';
import { ContainerFiles, DirectoryFiles } from './container-files.js';
import { engineError, lastWords, missingError } from './engine-errors.js';
import { parseBuildahImage, parseImage, type EngineImage } from './engine-image.js';

const NO_IMAGE = /no such (image|object)|image not known|unable to find.*in local storage|failed to find image/i;

const withoutAlgorithm = (digest: string): string => digest.replace(/^sha256:/, '');

const platformFlags = ({ os, architecture, variant }: EngineImage): string[] => [
  '--platform',
  [os, architecture, variant].filter(Boolean).join('/'),
];

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
    if (program === 'docker')
      await engine.#run('ask the daemon for its version', ['version', '--format', '{{.Server.Version}}']);
    if (program === 'nerdctl') await engine.#run('ask containerd for images', ['images', '--quiet']);
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

  /** An image by name or id; undefined when the engine does not have it. Never pulls. */
  async inspect(name: string): Promise<EngineImage | undefined> {
    const isBuildah = this.program === 'buildah';
    const what = `inspect the image ${name}`;
    const answer = await this.#start(
      isBuildah ? ['inspect', '--type', 'image', withoutAlgorithm(name)] : ['image', 'inspect', name],
    );
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
        await this.#run(what, ['from', '--pull-never', '--name', container, this.#nameOf(image)]);
        const { stdout } = await this.#run(what, ['mount', container]);
        return await work(new DirectoryFiles(stdout.toString().trim()));
      } finally {
        await this.#start(['rm', container]);
      }
    }
    try {
      // An image without a command needs one to be created from; it is never run.
      await this.#run(what, ['create', '--name', container, '--network=none', this.#nameOf(image), '/mpu']);
      return await work(new ContainerFiles((path) => this.#archive(container, path)));
    } finally {
      // With the anonymous volumes that were made for the image's VOLUME instructions.
      await this.#start(['rm', '--force', '--volumes', container]);
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
    if (this.program === 'podman' || this.program === 'buildah') {
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
    const answer = await this.#start(args, { stdin: context });
    this.#check(what, answer);
    const id = /([0-9a-f]{64})\s*$/.exec(answer.stdout.toString())?.[1];
    if (id === undefined) throw this.#error(what, `${this.name} named no image: ${answer.stdout.toString().trim()}`);
    return `sha256:${id}`;
  }

  async #start(args: string[], options: Pick<ProcessOptions, 'stdin' | 'signal'> = {}): Promise<ProcessResult> {
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
