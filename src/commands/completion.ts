// SPDX-License-Identifier: GPL-2.0-only
/** `mpu completion`: what makes a shell complete mpu's command line. */
import { Argument } from 'commander';
import { bashCompletion } from '../lib/command-line/bash-completion.js';
import { fishCompletion } from '../lib/command-line/fish-completion.js';
import { describeCommand, type CommandSpec } from '../lib/command-line/tree.js';
import { zshCompletion } from '../lib/command-line/zsh-completion.js';
import type { RegisterCommand } from './command.js';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } satisfies Record<
  string,
  (root: CommandSpec) => string
>;

const DESCRIPTION = `Print the script that makes a shell complete mpu's commands, flags and values.`;

const EXAMPLES = `
Examples:
  source <(mpu completion bash)
  mpu completion zsh > /usr/local/share/zsh/site-functions/_mpu
  mpu completion fish > ~/.config/fish/completions/mpu.fish
`;

/** Registers `mpu completion`. */
export const registerCompletion: RegisterCommand = (program, run) => {
  program
    .command('completion')
    .summary('print the completion script of a shell')
    .description(DESCRIPTION)
    .addArgument(new Argument('<shell>', 'shell that is to complete').choices(Object.keys(SHELLS)))
    .addHelpText('after', EXAMPLES)
    .action((shell: keyof typeof SHELLS) => {
      const script = SHELLS[shell](describeCommand(program));
      run.output.result(script, { shell, script });
    });
};
