// SPDX-License-Identifier: GPL-2.0-only
/** Manual pages (man(7)) of commands, from the same description as their help. */
import type { CommandSpec, FlagSpec } from './tree.js';

/** What a page says beyond its commands. */
export interface ManPage {
  /** The command that the page is about, with those below it. */
  command: CommandSpec;
  /** Commands below it that have a page of their own, by the name of the page. */
  elsewhere: Readonly<Record<string, string>>;
  section: number;
  version: string;
  /** Flags that every command takes. */
  globals: readonly FlagSpec[];
  seeAlso: readonly string[];
}

/** Text as roff takes it: `-` is a minus to be copied, `\\` no escape, a leading `.` or `'` no request. */
function roff(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll(/^(?=[.'])/gm, '\\&');
}

const bold = (text: string): string => `\\fB${roff(text)}\\fR`;

/** Text with blank lines between its paragraphs; indented ones are examples. */
function paragraphs(text: string): string {
  return text
    .split(/\n{2,}/)
    .map((paragraph) => (/^ /m.test(paragraph) ? `.EX\n${roff(paragraph)}\n.EE` : roff(paragraph)))
    .join('\n.PP\n');
}

function flagEntry({ long, short, description, value, variable }: FlagSpec): string {
  const names = [short, long].filter((name) => name !== undefined).map(bold);
  const placeholder = value === undefined ? '' : ` \\fI${roff(value.placeholder.replaceAll(/[<>]/g, ''))}\\fR`;
  const choices = value === undefined || value.choices.length === 0 ? '' : ` (${value.choices.join(', ')})`;
  const also = variable === undefined ? '' : `\nEnvironment: ${bold(variable)}.`;
  return `.TP\n${names.join(', ')}${placeholder}\n${roff(`${description}${choices}`)}.${also}`;
}

function commandSections(command: CommandSpec, page: ManPage, isTop: boolean): string[] {
  const name = command.path.join(' ');
  const other = page.elsewhere[name];
  if (other !== undefined) return [`.SS ${name}\n${roff(command.summary)}: see ${bold(other)}.`];
  const own = [
    `.SS ${name}`,
    `.B ${roff(name)}\n${roff(command.usage)}\n.PP`,
    paragraphs(command.description),
    ...command.flags.filter(({ long }) => long !== '--help').map(flagEntry),
    ...(command.epilogue === '' ? [] : [`.PP\n.EX\n${roff(command.epilogue)}\n.EE`]),
  ].join('\n');
  return [...(isTop ? [] : [own]), ...command.commands.flatMap((child) => commandSections(child, page, false))];
}

/** One page in man(7)'s macros. */
export function manPage(page: ManPage): string {
  const { command, section, version, globals, seeAlso } = page;
  const title = command.path.join('-');
  return `.\\" SPDX-License-Identifier: GPL-2.0-only
.TH ${title.toUpperCase()} ${section} "" "mpu ${version}" "mpu"
.SH NAME
${roff(title)} \\- ${roff((command.summary || command.description).replace(/\.$/, ''))}
.SH SYNOPSIS
.B ${roff(command.path.join(' '))}
${roff(command.usage)}
.SH DESCRIPTION
${paragraphs(command.description)}
.PP
The result goes to standard output, everything else to standard error.
.SH OPTIONS
${globals.map(flagEntry).join('\n')}
.SH COMMANDS
${commandSections(command, page, true).join('\n')}
.SH ENVIRONMENT
Flags name the variables that stand in for them; a flag wins, and an empty variable counts as unset.
${bold('MPU_PIDNS')} is the path of the host's PID namespace file, for another than /run/mpu/pidns;
where it is set, that namespace counts as the host's.
${bold('NO_COLOR')} and ${bold('FORCE_COLOR')} are honoured;
${bold('MPU_DEBUG=1')} adds the stack to unexpected errors.
.SH "EXIT STATUS"
.TP
.B 0
Done, or nothing to do.
.TP
.B 1
Failed.
.TP
.B 2
The command line cannot be understood.
.TP
.B 3
This system lacks something.
.TP
.B 4
Permission denied.
.SH "SEE ALSO"
${seeAlso.map(bold).join(',\n')}
`;
}
