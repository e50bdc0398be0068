// SPDX-License-Identifier: GPL-2.0-only
/** Completion for bash. */
import { allCommands, valueKind, type CommandSpec, type FlagSpec, type ValueSpec } from './tree.js';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function completeValue(value: ValueSpec): string {
  switch (valueKind(value)) {
    case 'choice':
      return `words=${quote(value.choices.join(' '))}`;
    case 'directory':
      return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$current")); return';
    default:
      // readline's own completion of file names, by `complete -o default`.
      return 'return';
  }
}

function valuePattern(command: CommandSpec, { long, short }: FlagSpec): string {
  return [long, ...(short === undefined ? [] : [short])]
    .map((flag) => quote(`${command.path.join(' ')} ${flag}`))
    .join(' | ');
}

function wordsOf(command: CommandSpec, globals: readonly FlagSpec[]): string {
  const flags = [...command.flags, ...globals].map(({ long }) => long);
  const operands = command.operands.flatMap(({ choices }) => choices);
  return [...new Set([...command.commands.map(({ path }) => path.at(-1) ?? ''), ...operands, ...flags])].join(' ');
}

/** A bash script that completes the commands, flags and values of a command line. It may be sourced again and again. */
export function bashCompletion(root: CommandSpec): string {
  const name = root.path.join(' ');
  const commands = allCommands(root);
  const steps = commands.filter(({ path }) => path.length > 1).map(({ path }) => quote(path.join(' ')));
  const values = commands.flatMap((command) =>
    command.flags.flatMap((flag) =>
      flag.value === undefined ? [] : [`    ${valuePattern(command, flag)}) ${completeValue(flag.value)} ;;`],
    ),
  );
  const words = commands.map(
    (command) => `      ${quote(command.path.join(' '))}) words=${quote(wordsOf(command, root.flags))} ;;`,
  );
  return `# bash completion for ${name}
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command=${name} words='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "$command \${COMP_WORDS[i]}" in
    ${steps.join(' | ')}) command+=" \${COMP_WORDS[i]}" ;;
    esac
  done
  case "$command $previous" in
${values.join('\n')}
    *)
      case "$command" in
${words.join('\n')}
      esac
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _${name} ${name}
`;
}
