// SPDX-License-Identifier: GPL-2.0-only
/** `mpu translate`: PIDs of containers and the host. */
import { Option } from 'commander';
import { ExitCode, usageError } from '../lib/errors.js';
import { shortList } from '../lib/terminal/short-list.js';
import { translatePids } from '../lib/containers/translate-pids.js';
import type { RegisterCommand } from './command.js';

const DESCRIPTION = `Translate PIDs between a container and the host.

Prints one number a line, in the order given; 0 for a process that does not exist
or is not in the container. The id of a thread counts as its process.`;

const EXAMPLES = `
On the host it needs neither mpu.ko nor a GPU; --in is a container's name, id or first
digits, POD, NAMESPACE/POD, or the host PID of a process in it. Inside a container it
asks mpu.ko, or the host's PID namespace file.

Examples:
  mpu translate 4711 --to-container
  mpu translate 1 7 --to-host --in web
  mpu translate $$ --to-host

Exit codes: 0 done; 1 a process is not there, or no such container; 2 usage;
3 this container has nobody to ask.
`;

interface Flags {
  toHost?: boolean;
  toContainer?: boolean;
  in?: string;
}

const MAX_PID = 0xffffffff;

function parsePid(text: string): number {
  if (/^\d{1,10}$/.test(text) && Number(text) <= MAX_PID) return Number(text);
  throw usageError('cannot translate the PIDs', `${JSON.stringify(text)} is no PID`, 'mpu translate --help');
}

/** Registers `mpu translate`. */
export const registerTranslate: RegisterCommand = (program, run) => {
  program
    .command('translate')
    .summary('translate PIDs between a container and the host')
    .description(DESCRIPTION)
    .argument('<pid...>', 'PIDs to translate')
    .addOption(new Option('--to-host', 'from the container to the host').env('MPU_TO_HOST').conflicts('toContainer'))
    .addOption(new Option('--to-container', 'from the host to the container').env('MPU_TO_CONTAINER'))
    .addOption(new Option('-i, --in <container>', 'the container, seen from the host').env('MPU_IN'))
    .addHelpText('after', EXAMPLES)
    .action(async (pids: string[], flags: Flags) => {
      if (flags.toHost !== true && flags.toContainer !== true) {
        throw usageError(
          'cannot translate the PIDs',
          'it has to be said in which direction',
          `mpu translate ${pids.join(' ')} --to-host, or --to-container`,
        );
      }
      const direction = flags.toHost === true ? 'to-host' : 'to-container';
      const answers = await translatePids(pids.map(parsePid), direction, flags.in);
      const missing = answers.filter(({ translated }) => translated === null).map(({ pid }) => pid);
      if (missing.length > 0) run.exitCode = ExitCode.failed;
      if (missing.length > 0 && !run.output.json) run.output.note(`not there: ${shortList(missing)}`);
      run.output.result(answers.map(({ translated }) => translated ?? 0).join('\n'), {
        ok: run.exitCode === ExitCode.ok,
        direction,
        pids: answers,
      });
    });
};
