// SPDX-License-Identifier: GPL-2.0-only
/** Options that the commands on images share. */
import { Option } from 'commander';
import { usageError } from '../lib/errors.js';
import { ENGINES, type EngineName, type InjectOptions, type ReadLayers } from '../lib/image/types.js';
import type { Run } from './command.js';

/** What commander gives for the options below. */
export interface ImageFlags {
  engine?: EngineName;
  tag?: string;
  output?: string;
  readLayers?: ReadLayers;
  force?: boolean;
  pushTo?: string;
  plainHttp?: boolean;
  libraryDir?: string;
}

/** What images are called, for help texts. */
export const IMAGE_NAMES = `<image> is
  NAME[:TAG] or an id   an image of ${ENGINES.slice(0, -1).join(', ')} or ${ENGINES.at(-1) ?? ''},
                        the first that has it
  oci:DIR[:TAG]         an image in an OCI layout directory; every platform in it
  oci-archive:FILE[:TAG], docker-archive:FILE[:NAME:TAG]
                        an image in a tar archive
  docker://HOST/NAME[:TAG]
                        an image in a registry, with the logins of docker and
                        podman`;

/** Options, by name; they are made anew for each command. */
export const imageOption = {
  engine: () => new Option('-e, --engine <name>', 'engine that has the image').choices(ENGINES).env('MPU_ENGINE'),
  tag: (byDefault: string) =>
    new Option('-t, --tag <name>', `name of the new image (default: ${byDefault})`).env('MPU_TAG'),
  output: () => new Option('-o, --output <file>', 'archive that the new image goes to').env('MPU_OUTPUT'),
  readLayers: () =>
    new Option('--read-layers <when>', 'read layers to see what is in the image; auto: those on this machine')
      .choices(['auto', 'always', 'never'])
      .env('MPU_READ_LAYERS'),
  pushTo: () =>
    new Option('--push-to <image>', 'docker://HOST/NAME[:TAG] that the new image of a registry goes to').env(
      'MPU_PUSH_TO',
    ),
  plainHttp: () => new Option('--plain-http', 'speak to registries without encryption').env('MPU_PLAIN_HTTP'),
  force: () => new Option('-f, --force', 'replace an image of that name that mpu did not make').env('MPU_FORCE'),
  libraryDir: () =>
    new Option('--library-dir <dir>', 'take DIR/ARCHITECTURE/libmpu.so instead of the built-in ones').env(
      'MPU_LIBRARY_DIR',
    ),
};

/** SOURCE_DATE_EPOCH as reproducible-builds.org defines it, in seconds; undefined when it is not set. */
function sourceDateEpoch(env: NodeJS.ProcessEnv): number | undefined {
  const text = env.SOURCE_DATE_EPOCH;
  if (text === undefined || text === '') return undefined;
  // tar-stream writes no larger time stamps (11 octal digits).
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw usageError(
    'cannot use SOURCE_DATE_EPOCH',
    `${JSON.stringify(text)} is no number of seconds since 1970`,
    'unset SOURCE_DATE_EPOCH',
  );
}

/** The options of a run, as the library takes them. */
export function imageOptions(flags: ImageFlags, run: Run): InjectOptions {
  const timestamp = sourceDateEpoch(process.env);
  const { libraryDir: libraryDirectory, ...others } = flags;
  const given = { ...others, libraryDirectory, timestamp };
  return {
    ...(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as InjectOptions),
    signal: run.signal,
    onProgress: (line) => {
      run.output.progress(line);
    },
    onNotice: (line) => {
      run.output.note(line);
    },
  };
}

/** A number of bytes for people. */
export function formatSize(bytes: number): string {
  return bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
}

/** Whether the digest of an image is what engines call its id. */
export function hasId({ store }: { store: string }): boolean {
  return [...ENGINES, 'docker-archive'].includes(store);
}
