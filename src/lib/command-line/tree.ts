// SPDX-License-Identifier: GPL-2.0-only
/** The command line as plain data, read off commander's: what completions and man pages are made from. */
import type { Argument, Command, Option } from 'commander';

/** What stands for a value on the command line. */
export interface ValueSpec {
  /** The placeholder as the help shows it: `<file>`, `[dir]`. */
  placeholder: string;
  /** The values that are taken; empty when it is not one of a few. */
  choices: readonly string[];
}

/** A flag. */
export interface FlagSpec {
  long: string;
  short: string | undefined;
  description: string;
  /** Undefined for a flag without a value. */
  value: ValueSpec | undefined;
  /** Environment variable that stands in for it. */
  variable: string | undefined;
}

/** A command with all that it takes. */
export interface CommandSpec {
  /** The words that call it: `['mpu', 'module', 'load']`. */
  path: readonly string[];
  summary: string;
  description: string;
  /** How it is called, without the path: `[options] <image>`. */
  usage: string;
  operands: readonly ValueSpec[];
  flags: readonly FlagSpec[];
  /** What the help ends with: examples, exit codes. */
  epilogue: string;
  commands: readonly CommandSpec[];
}

function flagSpec({ long, short, description, flags, argChoices, envVar, required, optional }: Option): FlagSpec {
  const placeholder = /[<[].*$/.exec(flags)?.[0] ?? '';
  return {
    long: long ?? short ?? flags,
    short: long === undefined ? undefined : short,
    description,
    value: required || optional ? { placeholder, choices: argChoices ?? [] } : undefined,
    variable: envVar,
  };
}

function operandSpec(argument: Argument): ValueSpec {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return { placeholder: argument.required ? `<${name}>` : `[${name}]`, choices: argument.argChoices ?? [] };
}

/** The text that `addHelpText('after', ...)` was given: what the help says beyond what commander generates. */
function epilogueOf(command: Command): string {
  const output = { ...command.configureOutput() };
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) });
  command.outputHelp();
  command.configureOutput(output);
  return text.slice(command.helpInformation().length).trim();
}

/** Describes a command of commander's and those below it. The help command that commander adds is left out. */
export function describeCommand(command: Command, parents: readonly string[] = []): CommandSpec {
  const path = [...parents, command.name()];
  const help = command.createHelp();
  const children = help.visibleCommands(command).filter((child) => command.commands.includes(child));
  return {
    path,
    summary: command.summary() || command.description(),
    description: command.description(),
    usage: command.usage(),
    operands: command.registeredArguments.map(operandSpec),
    flags: help.visibleOptions(command).map(flagSpec),
    epilogue: epilogueOf(command),
    commands: children.map((child) => describeCommand(child, path)),
  };
}

/** A command and all those below it, the command first. */
export function allCommands(root: CommandSpec): CommandSpec[] {
  return [root, ...root.commands.flatMap(allCommands)];
}

/** What a value is, for completion: one of a few, a path, or anything. */
export function valueKind({ placeholder, choices }: ValueSpec): 'choice' | 'directory' | 'file' | 'other' {
  if (choices.length > 0) return 'choice';
  if (/^.(?:dir|directory)\b/.test(placeholder)) return 'directory';
  return /^.(?:file|path)\b/.test(placeholder) ? 'file' : 'other';
}
