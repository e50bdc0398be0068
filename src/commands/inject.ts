// SPDX-License-Identifier: GPL-2.0-only
/** `mpu inject`: put libmpu.so into an image. */
import { inject } from '../lib/inject.js';
import type { InjectResult } from '../lib/image/types.js';
import type { Output } from '../lib/terminal/output.js';
import type { RegisterCommand } from './command.js';
import { IMAGE_NAMES, formatSize, hasId, imageOption, imageOptions, type ImageFlags } from './image-options.js';

const DESCRIPTION = `Make an image in which every program sees its own GPU processes.

The new image is the old one with one layer more: libmpu.so, and the line in
/etc/ld.so.preload that loads it. A preload file that is there is kept and
extended. An image that is built on musl, or that was not read, gets LD_PRELOAD
in its Env instead. The source image is never changed, and injecting an
injected image does nothing.`;

const EXAMPLES = `
${IMAGE_NAMES}
What comes out of an archive goes to an archive of its own, FILE with -mpu

If the new name is taken: an image that mpu made is replaced when the source or
the library has changed since, any other image only with --force.

Examples:
  mpu inject nvidia/cuda:12.4.1-base-ubuntu22.04
  mpu inject team/train:7 --tag team/train:7-gpu
  mpu inject --engine podman localhost/app
  mpu inject docker://registry.example/team/train:7
  mpu inject oci:./layout:latest && skopeo copy oci:./layout:latest-mpu docker://...
  mpu inject docker-archive:train.tar && docker load --input train-mpu.tar

Exit codes: 0 done, or nothing to do; 1 failed; 2 usage; 3 no container engine,
or it does not run; 4 permission denied.
`;

const HEADLINES: Record<InjectResult['outcome'], (result: InjectResult) => string> = {
  created: ({ source }) => `made from ${source}`,
  replaced: ({ source }) => `made again from ${source}, in place of an older image`,
  unchanged: ({ source }) => `unchanged: it was made from ${source} before`,
  'already-injected': () => 'unchanged: it has libmpu.so already',
};

function describe(result: InjectResult, output: Output): string {
  const lines = [
    output.style('bold', result.image),
    `  ${HEADLINES[result.outcome](result)}`,
    `  ${hasId(result) ? 'id:       ' : 'digest:   '} ${result.digest}`,
    `  added:     ${result.sizeAdded === 0 ? 'nothing' : `${formatSize(result.sizeAdded)}, in one layer`}`,
    `  platforms: ${result.platforms.join(', ')}`,
    `  loaded by: ${result.loadedBy.join(', ')}`,
  ];
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
    .addOption(imageOption.engine())
    .addOption(imageOption.tag('the name of <image> with -mpu'))
    .addOption(imageOption.output())
    .addOption(imageOption.pushTo())
    .addOption(imageOption.plainHttp())
    .addOption(imageOption.readLayers())
    .addOption(imageOption.force())
    .addOption(imageOption.libraryDir())
    .addHelpText('after', EXAMPLES)
    .action(async (image: string, flags: ImageFlags) => {
      const result = await inject(image, imageOptions(flags, run));
      run.output.result(describe(result, run.output), result);
    });
};
