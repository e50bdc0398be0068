// SPDX-License-Identifier: GPL-2.0-only
/** The package sources of this system's apt: sources.list and sources.list.d, one-line and deb822 form. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ExitCode, messageOf, MpuError } from '../errors.js';

const run = promisify(execFile);

/** One source of binary packages, as the system's apt is configured to use it. */
export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** Path of a keyring, fingerprints, or an inline key; undefined: apt's own trusted keys. */
  signedBy: string | undefined;
  /** The administrator has told apt to skip signature checks for this source. */
  trusted: boolean;
}

const words = (value: string | undefined): string[] => value?.split(/\s+/).filter((word) => word !== '') ?? [];
const isYes = (value: string | undefined): boolean => /^(yes|true|with|on|enable|1)$/i.test(value ?? '');
const isNo = (value: string | undefined): boolean => /^(no|false|without|off|disable|0)$/i.test(value ?? '');

/** Parses the one-line form (`deb [option=value] uri suite component...`) of sources.list(5). */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)([^#]*)/.exec(line);
    if (match === null) continue;
    const [, optionText, uri = '', suite = '', components] = match;
    const options = new Map(
      words(optionText).map((option): [string, string] => {
        const [name = '', ...value] = option.split('=');
        return [name.toLowerCase(), value.join('=')];
      }),
    );
    sources.push({
      uris: [uri],
      suites: [suite],
      components: words(components),
      signedBy: options.get('signed-by'),
      trusted: isYes(options.get('trusted')),
    });
  }
  return sources;
}

/** Parses the deb822 form (`.sources` files) of sources.list(5). */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const withoutComments = text.replace(/^#.*\n?/gm, '');
  for (const stanza of withoutComments.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of stanza.split('\n')) {
      const field = /^([^\s:]+):\s*(.*)$/.exec(line);
      if (field !== null) {
        last = (field[1] ?? '').toLowerCase();
        fields.set(last, field[2] ?? '');
      } else if (/^\s/.test(line) && last !== '') {
        fields.set(last, `${fields.get(last) ?? ''}\n${line}`);
      }
    }
    if (!words(fields.get('types')).includes('deb') || isNo(fields.get('enabled'))) continue;
    sources.push({
      uris: words(fields.get('uris')),
      suites: words(fields.get('suites')),
      components: words(fields.get('components')),
      signedBy: fields.get('signed-by'),
      trusted: isYes(fields.get('trusted')),
    });
  }
  return sources;
}

async function readIfPresent(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch {
    return '';
  }
}

/**
 * Reads the sources apt uses on this system, wherever its configuration says they lie.
 * Unreadable files count as absent, as they do for apt. Throws when there is no apt.
 */
export async function readSystemSources(): Promise<AptSource[]> {
  let dump: string;
  try {
    ({ stdout: dump } = await run('apt-config', [
      'shell',
      'LIST',
      'Dir::Etc::sourcelist/f',
      'PARTS',
      'Dir::Etc::sourceparts/d',
    ]));
  } catch (error) {
    throw new MpuError({
      code: 'no-apt',
      what: 'NVIDIA clients cannot be fetched',
      why: `they are downloaded by apt, and apt-config does not run (${messageOf(error)})`,
      next: 'run it on Debian or Ubuntu',
      exitCode: ExitCode.hostUnsupported,
      cause: error,
    });
  }
  const setting = (name: string): string => new RegExp(`^${name}='(.*)'$`, 'm').exec(dump)?.[1] ?? '';
  const sources = parseOneLineSources(await readIfPresent(setting('LIST')));
  const parts = setting('PARTS');
  const names = await readdir(parts).catch((): string[] => []);
  for (const name of names.sort()) {
    const path = join(parts, name);
    if (name.endsWith('.list')) sources.push(...parseOneLineSources(await readIfPresent(path)));
    if (name.endsWith('.sources')) sources.push(...parseDeb822Sources(await readIfPresent(path)));
  }
  return sources;
}

const DEBIAN_SUITE =
  /^(buster|bullseye|bookworm|trixie|forky|sid|oldoldstable|oldstable|stable|testing|unstable|experimental)$/;

/**
 * The sources that are Debian's own archive or a mirror of it. Other vendors name their suites
 * after Debian releases too; they are told apart by the component and, where that is not enough,
 * by the word "debian" in the address.
 */
export function debianMirrors(sources: AptSource[]): AptSource[] {
  const candidates = sources.filter(
    (source) => source.components.includes('main') && source.suites.some((suite) => DEBIAN_SUITE.test(suite)),
  );
  const named = candidates.filter((source) => source.uris.some((uri) => uri.includes('debian')));
  return named.length > 0 ? named : candidates;
}
