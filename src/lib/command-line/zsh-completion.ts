// SPDX-License-Identifier: GPL-2.0-only
/** Completion for zsh, by its own `_arguments` and `_describe`. */
import { allCommands, valueKind, type CommandSpec, type FlagSpec, type ValueSpec } from './tree.js';

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
/** Text inside the brackets or between the colons of an `_arguments` specification. */
const escape = (text: string): string => text.replaceAll(/[\\[\]:]/g, '\\$&');
const functionOf = ({ path }: CommandSpec): string => `_${path.join('_')}`;

function action(value: ValueSpec): string {
  switch (valueKind(value)) {
    case 'choice':
      return `(${value.choices.join(' ')})`;
    case 'directory':
      return '_files -/';
    default:
      return '_files';
  }
}

function flagArguments({ long, short, description, value }: FlagSpec): string {
  const message =
    value === undefined ? '' : `:${escape(value.placeholder.replaceAll(/[<>[\]]/g, ''))}:${action(value)}`;
  const text = `[${escape(description)}]${message}`;
  if (short === undefined) return quote(`${long}${text}`);
  return `${quote(`(${short} ${long})`)}{${short},${long}}${quote(text)}`;
}

function operandArguments(operand: ValueSpec, index: number): string {
  const position = operand.placeholder.includes('...') ? '*' : String(index + 1);
  return quote(`${position}:${escape(operand.placeholder.replaceAll(/[<>[\].]/g, ''))}:${action(operand)}`);
}

function commandFunction(command: CommandSpec, globals: readonly FlagSpec[]): string {
  const own = command.flags.map(({ long }) => long);
  const flags = [...command.flags, ...globals.filter(({ long }) => !own.includes(long))].map(flagArguments);
  if (command.commands.length === 0) {
    const specs = [...flags, ...command.operands.map(operandArguments)];
    return `${functionOf(command)}() {\n  _arguments -s \\\n    ${specs.join(' \\\n    ')}\n}`;
  }
  const names = command.commands.map(({ path, summary }) => `    ${quote(`${path.at(-1) ?? ''}:${summary}`)}`);
  const cases = command.commands.map((child) => `      ${child.path.at(-1) ?? ''}) ${functionOf(child)} ;;`);
  return `${functionOf(command)}() {
  local state line
  typeset -A opt_args
  local -a commands=(
${names.join('\n')}
  )
  _arguments -C \\
    ${flags.join(' \\\n    ')} \\
    '1: :->command' '*:: :->rest'
  case $state in
    command) _describe command commands ;;
    rest)
      case $line[1] in
${cases.join('\n')}
      esac
      ;;
  esac
}`;
}

/** A zsh function file (`#compdef`) that completes the commands, flags and values of a command line. */
export function zshCompletion(root: CommandSpec): string {
  const name = root.path.join(' ');
  const functions = allCommands(root).map((command) => commandFunction(command, root.flags));
  return `#compdef ${name}\n${functions.join('\n')}\n\ncompdef _${name} ${name}\n[[ \${funcstack[1]} != _${name} ]] || _${name} "$@"\n`;
}
