// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { MpuError, fileError } from '#mpu/lib/errors.js';
import { Output, useColor, type OutputStream } from '#mpu/lib/terminal/output.js';

class Recorder implements OutputStream {
  text = '';
  constructor(readonly isTTY: boolean) {}
  write(text: string): void {
    this.text += text;
  }
}

const error = new MpuError({ code: 'broken', what: 'cannot do it', why: 'it is broken', next: 'mend it' });

const record = (json: boolean, isTTY: boolean): { output: Output; stdout: Recorder; stderr: Recorder } => {
  const stdout = new Recorder(isTTY);
  const stderr = new Recorder(isTTY);
  return { output: new Output({ command: 'test', json, stdout, stderr, env: {} }), stdout, stderr };
};

await t.test('text: the result on stdout, the rest on stderr', (t) => {
  const { output, stdout, stderr } = record(false, false);
  output.progress('working');
  output.note('by the way');
  output.result('done', { done: true });
  output.error(error);
  t.equal(stdout.text, 'done\n');
  t.equal(stderr.text, 'by the way\nerror: cannot do it\n  why:  it is broken\n  next: mend it\n');
  t.end();
});

await t.test('JSON: one document, for results and for errors', (t) => {
  const result = record(true, true);
  result.output.progress('working');
  result.output.result('done', { done: true });
  t.same(JSON.parse(result.stdout.text), { schemaVersion: 1, command: 'test', ok: true, done: true });
  t.equal(result.stderr.text, '');
  const failure = record(true, true);
  failure.output.error(error);
  t.same(JSON.parse(failure.stdout.text), {
    schemaVersion: 1,
    command: 'test',
    ok: false,
    error: { code: 'broken', what: 'cannot do it', why: 'it is broken', next: 'mend it', exitCode: 1 },
  });
  t.end();
});

await t.test('a stream of JSON: one document a line', (t) => {
  const { output, stdout } = record(true, false);
  output.stream();
  output.result('1', { at: 1 });
  output.result('2', { at: 2 });
  output.error(error);
  const lines = stdout.text.split('\n');
  t.equal(lines.pop(), '', 'the last one ends, too');
  t.match(
    lines.map((line) => JSON.parse(line) as object),
    [{ schemaVersion: 1, command: 'test', ok: true, at: 1 }, { at: 2 }, { ok: false, error: { code: 'broken' } }],
  );
  t.equal(lines.length, 3);
  t.end();
});

await t.test('progress on a terminal leaves nothing behind', (t) => {
  const { output, stderr } = record(false, true);
  output.progress('working');
  output.result('done', {});
  t.ok(stderr.text.endsWith('\r\u001b[K'));
  t.end();
});

await t.test('colour', (t) => {
  const terminal = new Recorder(true);
  const pipe = new Recorder(false);
  t.ok(useColor(terminal, {}));
  t.notOk(useColor(pipe, {}));
  t.notOk(useColor(terminal, { NO_COLOR: '1' }));
  t.ok(useColor(terminal, { NO_COLOR: '' }));
  t.ok(useColor(pipe, { FORCE_COLOR: '1' }));
  t.notOk(useColor(terminal, { FORCE_COLOR: '0' }));
  t.notOk(useColor(pipe, { FORCE_COLOR: '1', NO_COLOR: '1' }));
  t.notOk(useColor(terminal, { TERM: 'dumb' }));
  t.end();
});

await t.test('errors of the file system', (t) => {
  const failure = (code: string): Error => Object.assign(new Error(code), { code });
  t.match(fileError(failure('EACCES'), 'x'), { code: 'permission-denied', exitCode: 4 });
  t.match(fileError(failure('ENOSPC'), 'x'), { code: 'disk-full', exitCode: 1 });
  t.match(fileError(failure('EIO'), 'x'), { code: 'file-error', exitCode: 1 });
  t.equal(fileError(error, 'x'), error);
  t.end();
});
