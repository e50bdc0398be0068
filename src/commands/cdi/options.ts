// SPDX-License-Identifier: GPL-2.0-only
/** Flags that verbs of `mpu cdi` share. */
import { Option, type Command } from 'commander';
import type { GenerateOptions } from '../../lib/cdi/generate.js';
import { HOST_DIRECTORY } from '../../lib/cdi/host-files.js';

/** What goes into the spec. */
export interface CdiFlags {
  directory?: string;
  libraryDir?: string;
}

/** What every verb ends its help with. */
export const EXIT_CODES = `
Exit codes: 0 done, or nothing to do; 1 failed; 2 usage; 3 this system lacks
something; 4 permission denied.
`;

/** Adds --directory. */
export function addDirectoryOption(command: Command): Command {
  return command.addOption(
    new Option('--directory <dir>', `where the library is put for containers (default: ${HOST_DIRECTORY})`).env(
      'MPU_DIRECTORY',
    ),
  );
}

/** Adds --directory and --library-dir. */
export function addCdiOptions(command: Command): Command {
  return addDirectoryOption(command).addOption(
    new Option('--library-dir <dir>', 'take DIR/ARCHITECTURE/libmpu.so instead of the built-in ones').env(
      'MPU_LIBRARY_DIR',
    ),
  );
}

/** The flags as options of the library. */
export function cdiOptionsOf(flags: CdiFlags): GenerateOptions {
  return {
    ...(flags.directory === undefined ? {} : { directory: flags.directory }),
    ...(flags.libraryDir === undefined ? {} : { libraryDirectory: flags.libraryDir }),
  };
}
