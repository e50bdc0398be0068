// SPDX-License-Identifier: GPL-2.0-only
/** Completion for fish. */
import { allCommands, valueKind, type CommandSpec, type FlagSpec } from './tree.js';

const quote = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;

/** True in fish where exactly the words of this command, and no further subcommand, stand on the line. */
function condition({ path, commands }: CommandSpec): string {
  const seen = path.slice(1).map((word) => `__fish_seen_subcommand_from ${word}`);
  const further = commands.map(({ path: child }) => child.at(-1) ?? '');
  const none = further.length === 0 ? [] : [`not __fish_seen_subcommand_from ${further.join(' ')}`];
  return [...seen, ...none].join('; and ');
}

function flagLine(name: string, when: string, { long, short, description, value }: FlagSpec): string {
  const parts = [`complete -c ${name}`];
  if (when !== '') parts.push(`-n ${quote(when)}`);
  parts.push(`-l ${long.replace(/^--/, '')}`);
  if (short !== undefined) parts.push(`-s ${short.slice(1)}`);
  if (value !== undefined) {
    switch (valueKind(value)) {
      case 'choice':
        parts.push(`-x -a ${quote(value.choices.join(' '))}`);
        break;
      case 'directory':
        parts.push("-x -a '(__fish_complete_directories)'");
        break;
      default:
        parts.push('-r');
    }
  }
  return [...parts, `-d ${quote(description)}`].join(' ');
}

/** A fish script that completes the commands, flags and values of a command line. */
export function fishCompletion(root: CommandSpec): string {
  const name = root.path.join(' ');
  const lines = allCommands(root).flatMap((command) => {
    const when = condition(command);
    const children = command.commands.map(
      ({ path, summary }) => `complete -c ${name} -f -n ${quote(when)} -a ${path.at(-1) ?? ''} -d ${quote(summary)}`,
    );
    const operands = command.operands
      .filter(({ choices }) => choices.length > 0)
      .map(({ choices }) => `complete -c ${name} -f -n ${quote(when)} -a ${quote(choices.join(' '))}`);
    // The flags of the whole command line are taken after every command.
    const flags = command.flags.map((flag) => flagLine(name, command === root ? '' : when, flag));
    return [...children, ...operands, ...flags];
  });
  return `# fish completion for ${name}\n${lines.join('\n')}\n`;
}
