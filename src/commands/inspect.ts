// SPDX-License-Identifier: GPL-2.0-only
/** `mpu inspect`: what an image has of mpu. */
import { inspect } from '../lib/inspect.js';
import type { InspectResult, InspectedPlatform, InjectionState } from '../lib/image/types.js';
import type { Output, Style } from '../lib/terminal/output.js';
import type { RegisterCommand } from './command.js';
import { IMAGE_NAMES, hasId, imageOption, imageOptions, type ImageFlags } from './image-options.js';

const DESCRIPTION = `Tell whether mpu is in an image, and what mpu inject would do.

Nothing is changed. A script takes the answer from the JSON document: "state" is
injected, outdated, not-injected or unknown.`;

const EXAMPLES = `
${IMAGE_NAMES}

Examples:
  mpu inspect team/train:7-mpu
  mpu inspect oci:./layout:latest-mpu
  mpu inspect docker-archive:train.tar --json
  mpu inspect docker://registry.example/team/train:7

Exit codes: 0 it was looked at, whatever the answer; 1 failed; 2 usage;
3 no container engine, or it does not run; 4 permission denied.
`;

const STATES: Record<InjectionState, { style: Style; text: string }> = {
  injected: { style: 'green', text: 'injected' },
  outdated: { style: 'yellow', text: 'injected, but not as this version of mpu does it' },
  'not-injected': { style: 'yellow', text: 'not injected' },
  unknown: { style: 'yellow', text: 'unknown: its layers were not read (--read-layers always)' },
};

function describeOnInject({ action, loadedBy, why }: InspectedPlatform['onInject']): string {
  if (action === 'nothing') return 'nothing';
  return action === 'inject' ? `adds a layer, loaded by ${loadedBy ?? ''}` : `is refused: ${why ?? ''}`;
}

function describePlatform(inspected: InspectedPlatform, output: Output): string[] {
  const { platform, state, version, base, isOnTop, libc, preloadFile, preloadVariable, onInject } = inspected;
  const { style, text } = STATES[state];
  const details: [string, string | undefined][] = [
    ['by', version === undefined ? undefined : `mpu ${version}, from ${base ?? 'an unknown image'}`],
    ['layer', isOnTop === undefined ? undefined : isOnTop ? 'the topmost' : 'below others'],
    ['C library', libc],
    ['ld.so.preload', preloadFile?.join(' ')],
    ['LD_PRELOAD', preloadVariable.join(' ')],
    ['mpu inject', describeOnInject(onInject)],
  ];
  const lines = details.filter(([, value]) => value !== undefined && value !== '');
  return [
    `  ${platform}: ${output.style(style, text)}`,
    ...lines.map(([name, value]) => `    ${`${name}:`.padEnd(15)}${value ?? ''}`),
  ];
}

function describe(result: InspectResult, output: Output): string {
  const digest = `  ${hasId(result) ? 'id' : 'digest'}: ${result.digest}`;
  const platforms = result.platforms.flatMap((platform) => describePlatform(platform, output));
  return [output.style('bold', result.image), digest, ...platforms].join('\n');
}

/** Registers `mpu inspect`. */
export const registerInspect: RegisterCommand = (program, run) => {
  program
    .command('inspect')
    .summary('tell whether mpu is in an image')
    .description(DESCRIPTION)
    .argument('<image>', 'image to look at')
    .addOption(imageOption.engine())
    .addOption(imageOption.plainHttp())
    .addOption(imageOption.readLayers())
    .addOption(imageOption.libraryDir())
    .addHelpText('after', EXAMPLES)
    .action(async (image: string, flags: ImageFlags) => {
      const result = await inspect(image, imageOptions(flags, run));
      run.output.result(describe(result, run.output), result);
    });
};
