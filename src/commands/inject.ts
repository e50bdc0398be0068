// SPDX-License-Identifier: GPL-2.0-only
/** `mpu inject`: put libmpu.so into an image. */
import { Option } from 'commander';
import { ExitCode, MpuError } from '../lib/errors.js';
import { inject } from '../lib/inject.js';
import type { EngineName, InjectOptions, InjectResult, ReadLayers } from '../lib/inject-types.js';
import type { Output } from '../lib/output.js';
import type { RegisterCommand } from './command.js';

interface Flags {
  engine?: EngineName;
  tag?: string;
  output?: string;
  readLayers?: ReadLayers;
  force?: boolean;
  pushTo?: string;
  plainHttp?: boolean;
  libraryDir?: string;
}

const DESCRIPTION = `Make an image in which every program sees its own GPU processes.

The new image is the old one with one layer more: libmpu.so, and the line in
/etc/ld.so.preload that loads it. A preload file that is there is kept and
extended. An image built on musl gets LD_PRELOAD in its Env instead. The source
image is never changed, and injecting an injected image does nothing.`;

const EXAMPLES = `
<image> is
  NAME[:TAG] or an id   an image of docker or podman, whichever has it
  oci:DIR[:TAG]         an image in an OCI layout directory; every platform in it
  oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG]
                        an image in a tar archive; the new one goes to an
                        archive of its own, FILE with -mpu unless --output
  docker://HOST/NAME:TAG  an image in a registry, edited there, with the logins
                        of docker and podman

If the new name is taken: an image that mpu made is replaced when the source or
the library has changed since, any other image only with --force.

Examples:
  mpu inject nvidia/cuda:12.4.1-base-ubuntu22.04
  mpu inject team/train:7 --tag team/train:7-gpu
  mpu inject --engine podman localhost/app
  mpu inject docker-archive:train.tar && docker load --input train-mpu.tar
  mpu inject docker://registry.example/team/train:7
  mpu inject oci:./layout:latest && skopeo copy oci:./layout:latest-mpu docker://...

Exit codes: 0 done, or nothing to do; 1 failed; 2 usage; 3 no container engine,
or it does not run; 4 permission denied.
`;

/** SOURCE_DATE_EPOCH as reproducible-builds.org defines it, in seconds; undefined when it is not set. */
function sourceDateEpoch(env: NodeJS.ProcessEnv): number | undefined {
  const text = env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === '') return undefined;
  // tar-stream writes no larger time stamps (11 octal digits).
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new MpuError({
    code: 'usage',
    what: 'cannot use SOURCE_DATE_EPOCH',
    why: `${JSON.stringify(text)} is no number of seconds since 1970`,
    next: 'unset SOURCE_DATE_EPOCH',
    exitCode: ExitCode.usage,
  });
}

function formatSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}

const HEADLINES: Record<InjectResult['outcome'], (result: InjectResult) => string> = {
  created: ({ source }) => `made from ${source}`,
  replaced: ({ source }) => `made again from ${source}, in place of an older image`,
  unchanged: ({ source }) => `unchanged: it was made from ${source} before`,
  'already-injected': () => 'unchanged: it has libmpu.so already',
};

/** Whether `digest` is what docker and podman call the id of an image. */
const hasId = ({ store }: InjectResult): boolean => ['docker', 'podman', 'docker-archive'].includes(store);

function describe(result: InjectResult, output: Output): string {
  const lines = [
    output.style('bold', result.image),
    `  ${HEADLINES[result.outcome](result)}`,
    `  ${hasId(result) ? 'id:       ' : 'digest:   '} ${result.digest}`,
    `  added:     ${result.sizeAdded === 0 ? 'nothing' : `${formatSize(result.sizeAdded)}, in one layer`}`,
    `  platforms: ${result.platforms.join(', ')}`,
  ];
  lines.push(`  loaded by: ${result.loadedBy.join(', ')}`);
  if (result.skippedPlatforms.length > 0) lines.push(`  left as is: ${result.skippedPlatforms.join(', ')}`);
  return lines.join('\n');
}

/** Registers `mpu inject`. */
export const registerInject: RegisterCommand = (program, run) => {
  program
    .command('inject')
    .summary('put libmpu.so into an image')
    .description(DESCRIPTION)
    .argument('<image>', 'image to start from')
    .addOption(
      new Option('-e, --engine <name>', 'engine that has the image').choices(['docker', 'podman']).env('MPU_ENGINE'),
    )
    .addOption(
      new Option('-t, --tag <name>', 'name of the new image (default: the name of <image> with -mpu)').env('MPU_TAG'),
    )
    .addOption(new Option('-o, --output <file>', 'archive that the new image goes to').env('MPU_OUTPUT'))
    .addOption(
      new Option(
        '--read-layers <when>',
        'whether layers are read to see what is in the image: auto reads those on this machine; without, LD_PRELOAD loads the library',
      )
        .choices(['auto', 'always', 'never'])
        .env('MPU_READ_LAYERS'),
    )
    .addOption(
      new Option('--push-to <image>', 'docker://HOST/NAME[:TAG] for the new image of a registry').env('MPU_PUSH_TO'),
    )
    .addOption(new Option('--plain-http', 'speak to registries without encryption').env('MPU_PLAIN_HTTP'))
    .addOption(new Option('-f, --force', 'replace an image of that name that mpu did not make').env('MPU_FORCE'))
    .addOption(
      new Option('--library-dir <dir>', 'take DIR/ARCHITECTURE/libmpu.so instead of the built-in ones').env(
        'MPU_LIBRARY_DIR',
      ),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (image: string, flags: Flags) => {
      const timestamp = sourceDateEpoch(process.env);
      const options: InjectOptions = {
        signal: run.signal,
        onProgress: (line) => {
          run.output.progress(line);
        },
        onNotice: (line) => {
          run.output.note(line);
        },
        ...(flags.engine === undefined ? {} : { engine: flags.engine }),
        ...(flags.tag === undefined ? {} : { tag: flags.tag }),
        ...(flags.output === undefined ? {} : { output: flags.output }),
        ...(flags.readLayers === undefined ? {} : { readLayers: flags.readLayers }),
        ...(flags.pushTo === undefined ? {} : { pushTo: flags.pushTo }),
        ...(flags.plainHttp === undefined ? {} : { plainHttp: flags.plainHttp }),
        ...(flags.force === undefined ? {} : { force: flags.force }),
        ...(flags.libraryDir === undefined ? {} : { libraryDirectory: flags.libraryDir }),
        ...(timestamp === undefined ? {} : { timestamp }),
      };
      const result = await inject(image, options);
      run.output.result(describe(result, run.output), result);
    });
};
