// SPDX-License-Identifier: GPL-2.0-only
/** Runs a scenario (scenario.ts) under the simulated RM. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';
import type { ClientCommand, Scenario, ScenarioOutcome } from './scenario.js';
import { WORLD } from './world.js';
import { nativeLibrary } from '#mpu/lib/payload/libraries.js';

/** The behaviours of drivers, by which namespace they speak of in each control; see README. */
export const REGIMES = ['R0', 'R1', 'R2', 'R3a', 'R3b', 'R4'] as const;
export type Regime = (typeof REGIMES)[number];

/** Where downloads are kept. */
export const CACHE = join(packageRoot, '.cache');

/** The libmpu.so for this machine. */
export const LIBMPU = nativeLibrary();

export const simulator = join(packageRoot, 'build', 'test', 'rm-sim', 'rm-sim');
const gpuProcess = join(packageRoot, 'build', 'test', 'rm-sim', 'gpu-process');
const runner = fileURLToPath(new URL('run-scenario.js', import.meta.url));

/** Path of a Python program beside the sources of the tests. */
export const pythonProgram = (name: string): string => join(packageRoot, 'test', 'nvidia-clients', name);

/** Why libmpu.so cannot translate PIDs on this machine; undefined where it can. */
export const cannotTranslate = ((): string | undefined => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  if (major > 6 || (major === 6 && minor >= 11)) return undefined;
  return `with libmpu.so: its translation by nsfs needs Linux 6.11 or later, this is ${release()}`;
})();

/** Each command without libmpu.so and, where the machine allows, with it. */
export const withAndWithout = (commands: ClientCommand[]): ClientCommand[] =>
  commands.flatMap((command) =>
    cannotTranslate === undefined ? [command, { ...command, preload: LIBMPU }] : [command],
  );

/** Reports as skipped, in a loud way, the half of a matrix that this machine cannot run. */
export async function noteUntested(t: Test): Promise<void> {
  if (cannotTranslate !== undefined) await t.test(cannotTranslate, { skip: cannotTranslate }, () => undefined);
}

/**
 * Starts the world of world.ts under a simulated driver and runs the commands in its container A.
 *
 * @param regime - behaviour; the driver says that it is a release which behaves so
 * @param layouts - release whose controls and structures the driver has nevertheless, the clients' own
 * @throws Error with all that was said when the world cannot be set up
 */
export async function runScenario(
  regime: Regime,
  layouts: string,
  commands: ClientCommand[],
): Promise<ScenarioOutcome> {
  const scenario: Scenario = { gpuProcess, nsfs: true, world: WORLD, commands };
  const directory = await mkdtemp(join(tmpdir(), 'mpu-scenario-'));
  try {
    const file = join(directory, 'scenario.json');
    await writeFile(file, JSON.stringify(scenario));
    const options = ['--regime', regime, '--layouts', layouts, '--gpus', '2', '--accounting', 'on'];
    const child = spawn(simulator, [...options, '--', process.execPath, runner, file], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
    if (status !== 0) {
      throw new Error(
        `rm-sim (${regime}, layouts of ${layouts}) ended with ${status ?? signal ?? '?'}: ${stderr}${stdout}`,
      );
    }
    return JSON.parse(stdout) as ScenarioOutcome;
  } finally {
    await rm(directory, { recursive: true });
  }
}
