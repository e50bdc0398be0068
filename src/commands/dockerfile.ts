// SPDX-License-Identifier: GPL-2.0-only
/** `mpu dockerfile`: the lines that put libmpu.so into a base image. */
import { Option } from 'commander';
import { makeDockerfile } from '../lib/dockerfile.js';
import type { RegisterCommand } from './command.js';
import { imageOption, imageOptions, type ImageFlags } from './image-options.js';

const DESCRIPTION = `Print a Dockerfile for a base image with libmpu.so in it.

It adds an archive, mpu-amd64.tar or mpu-arm64.tar, and runs nothing: mpu is
not needed where it is built, and no shell in the image. --context writes the
two archives.

An image that an engine has is looked at: its /etc/ld.so.preload is extended.
For any other the variable LD_PRELOAD loads the library.`;

const EXAMPLES = `
Examples:
  mpu dockerfile --from nvidia/cuda:12.4.1-base-ubuntu22.04 --context . >Dockerfile
  docker build --tag team/base .

docker's old builder wants --build-arg TARGETARCH=amd64 as well.

Exit codes: 0 done; 1 failed; 2 usage; 3 no such engine, or it does not run;
4 permission denied.
`;

/** Registers `mpu dockerfile`. */
export const registerDockerfile: RegisterCommand = (program, run) => {
  program
    .command('dockerfile')
    .summary('print a Dockerfile for a base image')
    .description(DESCRIPTION)
    .addOption(new Option('--from <image>', 'image to build on').env('MPU_FROM').makeOptionMandatory())
    .addOption(imageOption.engine())
    .addOption(new Option('--context <dir>', 'write the archives that it adds there').env('MPU_CONTEXT'))
    .addOption(imageOption.libraryDir())
    .addHelpText('after', EXAMPLES)
    .action(async ({ from, context, ...flags }: ImageFlags & { from: string; context?: string }) => {
      const result = await makeDockerfile(from, {
        ...imageOptions(flags, run),
        ...(context === undefined ? {} : { context }),
      });
      if (context === undefined)
        run.output.note(`The build needs ${result.files.join(' and ')} beside it: --context DIR writes them.`);
      run.output.result(result.dockerfile, { ...result, context });
    });
};
