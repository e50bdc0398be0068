// SPDX-License-Identifier: GPL-2.0-only
/** What a command prints: the result on stdout, everything else on stderr, or one JSON document, or one a line. */
import type { MpuError } from '../errors.js';

/** Version of the JSON documents; it grows when a field changes its meaning or goes away. */
export const SCHEMA_VERSION = 1;

/** The part of a terminal or pipe that is written to. */
export interface OutputStream {
  write(text: string): unknown;
  isTTY?: boolean;
}

/** Where and how an {@link Output} prints. */
export interface OutputOptions {
  /** Name of the command, given in every JSON document. */
  command: string;
  json: boolean;
  stdout?: OutputStream;
  stderr?: OutputStream;
  env?: NodeJS.ProcessEnv;
}

/** Colours and emphasis that a terminal may be given. */
export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const STYLE_CODES: Record<Style, string> = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33', cyan: '36' };
const ERASE_LINE = '\r\u001b[K';

/** Whether to colour what goes to a stream: NO_COLOR, then FORCE_COLOR, then whether it is a terminal. */
export function useColor(stream: OutputStream, env: NodeJS.ProcessEnv): boolean {
  if ((env.NO_COLOR ?? '') !== '') return false;
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/** Prints for one run of one command. */
export class Output {
  readonly json: boolean;
  readonly #command: string;
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #env: NodeJS.ProcessEnv;
  #progressShown = false;
  #indent: number | undefined = 2;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.#command = options.command;
    this.#stdout = options.stdout ?? process.stdout;
    this.#stderr = options.stderr ?? process.stderr;
    this.#env = options.env ?? process.env;
  }

  /** The text in a style, for stdout; unchanged where stdout takes no colour. */
  style(style: Style, text: string): string {
    return this.#styled(this.#stdout, style, text);
  }

  /** From now on each JSON document is one line, for a command that prints results until it is interrupted. */
  stream(): void {
    this.#indent = undefined;
  }

  /** The result: `text` for a person, or `fields` in the one JSON document. */
  result(text: string, fields: object): void {
    this.#endProgress();
    if (this.json) this.#document({ ok: true, ...fields });
    else this.#stdout.write(text.endsWith('\n') ? text : `${text}\n`);
  }

  /** Something worth knowing that is not the result. */
  note(line: string): void {
    this.#endProgress();
    this.#stderr.write(`${line}\n`);
  }

  /** What is being done right now: one line that the next one replaces, on a terminal only. */
  progress(line: string): void {
    if (this.json || this.#stderr.isTTY !== true) return;
    this.#stderr.write(`${ERASE_LINE}${this.#styled(this.#stderr, 'dim', line)}`);
    this.#progressShown = true;
  }

  /** A failure: what, why and the next command on stderr, or in the one JSON document. */
  error(error: MpuError): void {
    this.#endProgress();
    if (this.json) {
      const { code, what, why, next, exitCode } = error;
      this.#document({ ok: false, error: { code, what, why, next, exitCode } });
      return;
    }
    const label = this.#styled(this.#stderr, 'red', 'error:');
    this.#stderr.write(`${label} ${error.what}\n  why:  ${error.why}\n  next: ${error.next}\n`);
  }

  #document(fields: object): void {
    const document = { schemaVersion: SCHEMA_VERSION, command: this.#command, ...fields };
    this.#stdout.write(`${JSON.stringify(document, undefined, this.#indent)}\n`);
  }

  #styled(stream: OutputStream, style: Style, text: string): string {
    return useColor(stream, this.#env) ? `\u001b[${STYLE_CODES[style]}m${text}\u001b[0m` : text;
  }

  #endProgress(): void {
    if (this.#progressShown) this.#stderr.write(ERASE_LINE);
    this.#progressShown = false;
  }
}
