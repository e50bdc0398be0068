// SPDX-License-Identifier: GPL-2.0-only
/** `mpu eject`: take libmpu.so out of an image. */
import { eject } from '../lib/eject.js';
import type { EjectResult } from '../lib/image/types.js';
import type { Output } from '../lib/terminal/output.js';
import type { RegisterCommand } from './command.js';
import { IMAGE_NAMES, formatSize, hasId, imageOption, imageOptions, type ImageFlags } from './image-options.js';

const DESCRIPTION = `Make an image without mpu out of one that has it.

If mpu's layer is the topmost, that is the image that was injected, with its
digest. Otherwise it is the image with one layer more, which removes libmpu.so
and puts the former /etc/ld.so.preload back. The source image is never changed,
and an image without mpu is left alone.`;

const EXAMPLES = `
${IMAGE_NAMES}
What comes out of an archive goes to an archive of its own, FILE without -mpu

Examples:
  mpu eject team/train:7-mpu
  mpu eject oci:./layout:latest-mpu
  mpu eject oci:./layout:latest-mpu --tag clean
  mpu eject docker-archive:train-mpu.tar --output clean.tar
  mpu eject docker://registry.example/team/train:7-mpu

Exit codes: 0 done, or nothing to do; 1 failed; 2 usage; 3 no container engine,
or it does not run; 4 permission denied.
`;

const HEADLINES: Record<EjectResult['outcome'], (result: EjectResult) => string> = {
  created: ({ source }) => `made from ${source}`,
  replaced: ({ source }) => `made from ${source}, in place of an older image`,
  unchanged: ({ source }) => `unchanged: it is ${source} without mpu already`,
  'not-injected': () => 'unchanged: mpu is not in it',
};

function describe(result: EjectResult, output: Output): string {
  const digest = `  ${hasId(result) ? 'id:       ' : 'digest:   '} ${result.digest}`;
  const lines = [
    output.style('bold', result.image),
    `  ${HEADLINES[result.outcome](result)}`,
    result.isOriginal ? `${digest}, the original` : digest,
    `  added:     ${result.sizeAdded === 0 ? 'nothing' : `${formatSize(result.sizeAdded)}, in one layer`}`,
    `  platforms: ${result.platforms.join(', ')}`,
  ];
  if (result.skippedPlatforms.length > 0) lines.push(`  left as is: ${result.skippedPlatforms.join(', ')}`);
  return lines.join('\n');
}

/** Registers `mpu eject`. */
export const registerEject: RegisterCommand = (program, run) => {
  program
    .command('eject')
    .summary('take libmpu.so out of an image')
    .description(DESCRIPTION)
    .argument('<image>', 'image to start from')
    .addOption(imageOption.engine())
    .addOption(imageOption.tag('the name of <image> without -mpu, or with -no-mpu'))
    .addOption(imageOption.output())
    .addOption(imageOption.pushTo())
    .addOption(imageOption.plainHttp())
    .addOption(imageOption.readLayers())
    .addOption(imageOption.force())
    .addHelpText('after', EXAMPLES)
    .action(async (image: string, flags: ImageFlags) => {
      const result = await eject(image, imageOptions(flags, run));
      run.output.result(describe(result, run.output), result);
    });
};
