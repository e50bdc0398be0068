// SPDX-License-Identifier: GPL-2.0-only
/** Runs compiled test files side by side, and reports each when it ends. */
import { createWriteStream, existsSync, mkdirSync, readdirSync } from 'node:fs';
import { availableParallelism, constants } from 'node:os';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import t, { Test } from 'tap';
import { repository } from './source-files.js';

/** Seconds after which a file is ended, unless it sets another limit itself. */
const TIMEOUT = 900;

// tap would end this process after half a minute, for its own test has ended nothing by then.
t.setTimeout(0);

/** Returns the test files below these directories of test/, as paths of the repository. */
export function testsBelow(...directories) {
  return directories.flatMap((directory) =>
    readdirSync(join(repository, 'test', directory), { recursive: true })
      .filter((name) => name.endsWith('.test.ts'))
      .map((name) => join('test', directory, name))
      .sort(),
  );
}

/** Returns the compiled form of a test, a path of the repository. */
const compiled = (test) => join('build', test.replace(/\.ts$/, '.js'));

/** Returns those of the tests that have not been compiled. */
export const unbuilt = (tests) => tests.filter((test) => !existsSync(join(repository, compiled(test))));

/**
 * Starts a test file as a part of the suite. The runner of tap would have a recorder of coverage loaded into every Node.js
 * process that a test starts, by NODE_OPTIONS, at several times the cost of a short process.
 */
function startFile(suite, test) {
  const node = [process.execPath, '--enable-source-maps', join(repository, compiled(test))];
  return suite.spawn('env', ['-u', 'NODE_OPTIONS', `TAP_TIMEOUT=${TIMEOUT}`, ...node], {
    name: test,
    cwd: repository,
    // Where standard input is a socket, bash takes itself for a remote shell and reads its settings.
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: TIMEOUT * 1000,
  });
}

/**
 * Runs tests, as many at a time as there are processors and at most one of each group at a time. SIGINT and SIGTERM end it.
 *
 * @param tests - paths of test files in the order in which they start
 * @param output - path of a file that gets the TAP of all of them
 * @param groupOf - returns the name of the group of a path, or undefined
 * @param onEnd - told about each file when it has ended: its path, seconds, counts of assertions, failures, and whether it passed
 * @returns true when every file passed
 */
export async function runSuite(tests, { output, groupOf = () => undefined, onEnd }) {
  mkdirSync(dirname(output), { recursive: true });
  const jobs = availableParallelism();
  const suite = new Test({ name: 'mpu', jobs, timeout: 0 });
  const file = createWriteStream(output);
  suite.pipe(file);

  const waiting = [...tests];
  const running = new Map();
  let allOk = true;
  const interrupt = (signal) => {
    waiting.length = 0;
    for (const child of running.keys()) child.proc?.kill(signal);
    process.exitCode = 128 + constants.signals[signal];
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, interrupt);

  async function run(test) {
    const start = Date.now();
    const pending = startFile(suite, test);
    running.set(pending.subtest, groupOf(test));
    await pending;
    running.delete(pending.subtest);
    const { counts, lists, results } = pending.subtest;
    const failures = lists.fail.map(({ fullname, diag }) => ({ name: fullname, ...diag }));
    const { pass, fail, skip } = counts;
    // A file that asserts nothing tests nothing.
    const ok = results?.ok === true && pass + skip > 0;
    allOk &&= ok;
    onEnd({ test, seconds: (Date.now() - start) / 1000, pass, fail, skip, failures, ok });
  }

  const isFree = (test) => groupOf(test) === undefined || ![...running.values()].includes(groupOf(test));
  const ends = new Set();
  while (waiting.length > 0 || ends.size > 0) {
    const index = ends.size < jobs ? waiting.findIndex(isFree) : -1;
    if (index < 0) {
      await Promise.race(ends);
    } else {
      const [test] = waiting.splice(index, 1);
      const end = run(test).then(() => ends.delete(end));
      ends.add(end);
    }
  }
  suite.end();
  await finished(file);
  return allOk;
}
