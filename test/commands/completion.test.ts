// SPDX-License-Identifier: GPL-2.0-only
/** The completion scripts, in the shells that they are for. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import t from 'tap';
import { lacking } from '../support/engines.js';
import { check, checkout, mpu } from '../support/mpu.js';

const directory = await mkdtemp(join(tmpdir(), 'mpu-completion-'));
t.teardown(() => rm(directory, { recursive: true }));

async function script(shell: string): Promise<string> {
  const { status, stdout, stderr } = await mpu(['completion', shell]);
  if (status !== 0) throw new Error(stderr);
  const path = join(directory, shell === 'zsh' ? '_mpu' : `mpu.${shell}`);
  await writeFile(path, stdout);
  return path;
}

/** What a shell offers after a command line, by the word that is completed last. */
type Offer = (line: string) => Promise<string[]>;

/** Each shell as a program that is given the script and a line and prints one offer a line. */
const SHELLS: Record<string, (path: string) => Offer> = {
  bash: (path) => async (line) => {
    // Twice, as a user's start-up files may.
    const program = `source "$0"; source "$0"; read -ra COMP_WORDS <<<"$1"; [[ $1 != *' ' ]] || COMP_WORDS+=('')
      compopt() { :; }
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); COMPREPLY=(); _mpu; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return lines(await check('bash', ['-euc', program, path, line], { cwd: checkout }));
  },
  fish: (path) => async (line) => {
    const text = await check('fish', ['--no-config', '-c', `source ${path}; complete -C $argv[1]`, line], {
      cwd: checkout,
    });
    return lines(text).map((offer) => offer.split('\t')[0] ?? '');
  },
  zsh: () => async (line) => {
    // A terminal of its own, in which Tab is pressed and the menu read.
    const program = `zmodload zsh/zpty
      zpty shell zsh -f -i
      zpty -w shell "PS1= PS2=; stty -echo columns 200 rows 100; fpath=($0 \\$fpath); autoload -U compinit; compinit -u -D; zstyle ':completion:*' list-colors ''; setopt no_list_ambiguous auto_list; zstyle ':completion:*' format '<%d>'; LISTMAX=1000; print READY"
      zpty -r -m shell out '*READY*'
      zpty -n -w shell "$1"$'\\t\\t'
      sleep 2
      out=; while zpty -r -t shell part; do out+=$part; done; print -r -- $out
      zpty -d shell`;
    const text = await check('zsh', ['-f', '-c', program, directory, line], { cwd: checkout });
    return stripVTControlCharacters(text).split(/\s+/);
  },
};

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

for (const [shell, offerOf] of Object.entries(SHELLS)) {
  await t.test(shell, { skip: await lacking([shell]) }, async (t) => {
    const offer = offerOf(await script(shell));
    const module = await offer('mpu module ');
    for (const verb of ['build', 'load', 'unload', 'install', 'uninstall', 'sign', 'status']) {
      t.ok(module.includes(verb), `mpu module ${verb}`);
    }
    t.notOk(module.includes('inject'), 'no command of another level');
    const flags = await offer('mpu inject --');
    for (const flag of ['--engine', '--tag', '--force', '--json']) t.ok(flags.includes(flag), `mpu inject ${flag}`);
    const engines = await offer('mpu inject --engine ');
    for (const engine of ['docker', 'podman']) t.ok(engines.includes(engine), `--engine ${engine}`);
    t.same((await offer('mpu completion ')).filter((word) => ['bash', 'zsh', 'fish'].includes(word)).sort(), [
      'bash',
      'fish',
      'zsh',
    ]);
    const directories = (await offer('mpu inject --library-dir pre')).join(' ');
    t.match(directories, /preload/, 'directories where a directory is asked for');
  });
}

await t.test('an unknown shell', async (t) => {
  const { status, stderr } = await mpu(['completion', 'tcsh']);
  t.equal(status, 2);
  t.match(stderr, /bash, zsh, fish/);
});
