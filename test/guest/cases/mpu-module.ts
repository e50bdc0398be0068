// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: `mpu module` for real, and what mpu does with the module that it has loaded. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { runChecks } from '#mpu/lib/doctor/check.js';
import { HOST_CHECKS, hostContext } from '#mpu/lib/doctor/host-checks.js';
import { collectMetrics } from '#mpu/lib/metrics/metrics.js';
import { queryModule, translate } from '#mpu/lib/translator.js';
import { step, say } from '../init/say.js';
import {
  check,
  expect,
  installedModules,
  mpu,
  mpuModule as module,
  STAND_INS,
  verdict,
  type Answer,
} from './mpu-command.js';

const USER = ['setpriv', '--reuid', '1000', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
const NETLINK = { method: 'netlink' } as const;
/** Requests, of which one message cannot carry as many PIDs. */
const MANY = Array.from({ length: 10_000 }, (_, index) => index % 2);
/** Has the module say what a container is told. */
const INSIDE = `import('/mpu/dist/lib/translator.js').then(async ({ translate, queryModule }) => {
  const host = await translate([1], 'to-host', { method: 'netlink' });
  const back = await translate([host[0], 1], 'to-ns', { method: 'netlink' });
  console.log(JSON.stringify({ host, back, counters: (await queryModule()).counters }));
})`;

const refused = (a: Answer): boolean => a.status === 4 && a.error.code === 'permission-denied';

function loading(): void {
  expect('status before', module(['status']), (a) => {
    const { owner } = a.loaded;
    return a.ok && owner === 'none' && a.installed.length === 1 && a.atBoot && a.restrictions.secureBoot === 'absent';
  });
  expect('unload with nothing loaded', module(['unload']), (a) => a.ok && a.outcome === 'unchanged');
  expect('an unprivileged user may not load it', module(['load'], USER), refused);
  expect(
    'load',
    module(['load']),
    (a) => a.ok && a.outcome === 'loaded' && a.module.abi === 1 && a.module.features.includes('translate'),
  );
  expect('load again', module(['load']), (a) => a.ok && a.outcome === 'unchanged');
  expect('status', module(['status']), (a) => {
    const { owner, answer } = a.loaded;
    return a.ok && owner === 'mpu' && answer.version === a.version && (answer.counters?.requests ?? -1) >= 0;
  });
}

async function translating(): Promise<void> {
  const state = await queryModule();
  const translated = await translate([1, 0, process.pid, 4_000_000], 'to-host', NETLINK);
  const own = String(process.pid);
  check('translate over netlink', () => state?.counters?.requests === 0 && translated.join() === `1,0,${own},0`, {
    ...state,
    translated,
  });
  const back = await translate(MANY, 'to-ns', NETLINK);
  check('more PIDs than one request carries', () => back.join() === MANY.join(), {});
  const said = execFileSync('unshare', ['-pnf', '/usr/bin/node', '-e', INSIDE], { encoding: 'utf8' });
  const container = JSON.parse(said) as { host: number[]; back: number[]; counters?: unknown };
  check(
    'a container in namespaces of its own',
    () => (container.host[0] ?? 0) > 1 && container.back.join() === '1,0' && container.counters === undefined,
    container,
  );
}

function intercepting(): void {
  expect(
    'interception before the driver is there',
    module(['intercept', 'on']),
    (a) => a.ok && a.outcome === 'switched' && a.intercept === 'waiting' && a.reason.includes('nvidia'),
  );
  expect('interception again', module(['intercept', 'on']), (a) => a.ok && a.outcome === 'unchanged');
  expect(
    'interception in the status',
    module(['status']),
    ({ loaded: { answer } }) => answer.intercept === 'waiting' && answer.features.includes('intercept'),
  );
  expect('an unprivileged user may not switch it', module(['intercept', 'off'], USER), refused);
  expect(
    'an unprivileged user may not unload it',
    module(['unload'], USER),
    (a) => refused(a) && a.error.next === 'sudo mpu module unload',
  );
  expect(
    'an unprivileged user may not uninstall it',
    module(['uninstall'], USER),
    (a) => refused(a) && a.error.next === 'sudo mpu module uninstall',
  );
  expect(
    'where netlink is refused',
    module(['intercept'], ['/no-netlink']),
    (a) => a.status === 1 && a.error.code === 'query-failed' && a.error.why.includes('EPERM'),
  );
  // With the reason why it waits, GET has all there is. The host compares it with the spec.
  for (const line of execFileSync('/sent', { encoding: 'utf8' }).trim().split('\n')) say(`bench sent ${line}`);
  expect(
    'interception off',
    module(['intercept', 'off']),
    (a) => a.ok && a.outcome === 'switched' && a.intercept === 'off',
  );
  expect(
    'load with interception what is loaded',
    module(['load', '--intercept']),
    (a) => a.ok && a.outcome === 'unchanged' && a.module.intercept === 'waiting',
  );
}

async function observing(): Promise<void> {
  // Within this program: another node takes seconds to start here.
  const host = await runChecks(HOST_CHECKS, await hostContext());
  check(
    'doctor',
    () =>
      ['module', 'boot', 'proof'].every((id) => verdict(host, id).startsWith('ok: ')) &&
      /as in .proc, by mpu.ko/.test(verdict(host, 'proof')),
    host,
  );
  expect(
    'doctor in a container',
    mpu(['doctor'], ['unshare', '-pnf', '--mount-proc']),
    (a) => a.place === 'container' && /^ok: this program, PID 1, is .* by mpu.ko/.test(verdict(a.checks, 'proof')),
  );
  const idle = ['--kill-child', '-pnf', '/usr/bin/node', '-e', 'console.log(1); setInterval(() => 0, 1e6)'];
  const neighbour = spawn('unshare', idle, { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(neighbour.stdout, 'data');
  const pid = String(neighbour.pid);
  const init = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  expect(
    'doctor of a container from outside',
    mpu(['doctor', '--container', init]),
    (a) =>
      a.place === 'container' &&
      /^ok: a process in its namespaces, .* as in .proc, by mpu.ko/.test(verdict(a.checks, 'proof')),
  );
  neighbour.kill('SIGKILL');
  // Otherwise this program would wait for as long as another process had the pipe.
  neighbour.stdout.destroy();
  const families = await collectMetrics(() => undefined);
  const counted = (await queryModule())?.counters;
  const metric = (name: string): number | undefined =>
    families.find((family) => family.name === `mpu_module_${name}`)?.samples[0]?.value;
  check(
    'metrics',
    () =>
      counted !== undefined &&
      metric('loaded') === 1 &&
      metric('requests_total') === counted.requests &&
      counted.requests > 0 &&
      metric('pids_total') === counted.pids &&
      metric('hidden_pids_total') === counted.hidden &&
      metric('rewritten_total') === counted.rewritten &&
      metric('untouched_total') === counted.untouched &&
      metric('calls_in_flight') === counted.inFlight,
    { families, counted },
  );
}

function unloading(): void {
  expect('unload', module(['unload']), (a) => a.ok && a.outcome === 'unloaded');
  expect(
    'interception without the module',
    module(['intercept']),
    (a) => a.status === 1 && a.error.code === 'not-loaded',
  );
  expect('status after', module(['status']), (a) => a.loaded.owner === 'none');
}

function otherVersions(installed: string): void {
  const built = `/var/cache/mpu/${basename(dirname(installed))}/mpu.ko`;
  renameSync(installed, '/aside');
  expect(
    'load what is built first',
    module(['load'], [], STAND_INS),
    (a) => a.ok && a.outcome === 'loaded' && a.path === built,
  );
  expect('unload what was built', module(['unload']), (a) => a.ok && a.outcome === 'unloaded');
  renameSync('/aside', installed);
  execFileSync('insmod', ['/older.ko']);
  expect(
    'another version is loaded',
    module(['status']),
    (a) => a.loaded.owner === 'mpu' && a.loaded.version === '0.0.1' && a.version !== '0.0.1',
  );
  expect(
    'it is replaced',
    module(['load']),
    (a) => a.ok && a.outcome === 'replaced' && a.module.version !== '0.0.1' && a.path === `${installed}/mpu.ko`,
  );
  expect('by this version', module(['status']), (a) => a.loaded.version === a.version);
}

/** In a container that has the host's root at /host, and of root's capabilities hardly more than the one for modules. */
function fromContainer(installed: string): void {
  const system = ['usr', 'lib', 'lib64', 'bin', 'sbin', 'mpu', 'dev'];
  for (const name of [...system, 'proc', 'sys', 'etc', 'host']) mkdirSync(`/container/${name}`, { recursive: true });
  const enter = [
    `for name in ${system.join(' ')}; do [ ! -d /$name ] || mount --bind /$name /container/$name; done`,
    'mount --rbind / /container/host',
    'mount -t proc proc /container/proc',
    'mount -t sysfs sysfs /container/sys',
    'exec chroot /container "$@"',
  ].join('; ');
  const capable = ['setpriv', '--inh-caps=-all', '--bounding-set=-all,+sys_module,+dac_override'];
  const incapable = ['setpriv', '--inh-caps=-all', '--bounding-set=-all,+dac_override'];
  const inContainer = (verb: string, prefix: string[]): Answer =>
    module([verb, '--root', '/host'], ['unshare', '-pnmf', 'sh', '-c', enter, 'sh', ...prefix]);
  const path = `/host${installed}/mpu.ko`;
  expect('a container that has the host: status', inContainer('status', capable), (a) => {
    const { owner, answer } = a.loaded;
    const [first, ...others] = a.installed;
    const found = first?.path === path && others.length === 0;
    return a.ok && owner === 'mpu' && found && a.atBoot && answer.counters === undefined;
  });
  expect(
    'a container that has the host: unload without the capability',
    inContainer('unload', incapable),
    (a) => refused(a) && a.error.next === 'run it on the host: mpu module unload',
  );
  expect(
    'a container that has the host: unload',
    inContainer('unload', capable),
    (a) => a.ok && a.outcome === 'unloaded',
  );
  expect('the host sees that', module(['status']), (a) => a.loaded.owner === 'none');
  expect(
    'a container that has the host: load',
    inContainer('load', capable),
    (a) => a.ok && a.outcome === 'loaded' && a.path === path,
  );
  expect('the host has it', module(['unload']), (a) => a.ok && a.outcome === 'unloaded');
}

function foreign(): void {
  const isForeign = (a: Answer): boolean => a.status === 1 && a.error.code === 'foreign-module';
  execFileSync('insmod', ['/foreign.ko']);
  expect('a foreign module mpu: load', module(['load']), isForeign);
  expect('a foreign module mpu: unload', module(['unload']), isForeign);
  expect('a foreign module mpu: status', module(['status']), (a) => a.loaded.owner === 'foreign');
  execFileSync('rmmod', ['mpu']);
}

/** Runs everything that a kernel permits which takes modules. */
export async function mpuModule(): Promise<void> {
  await step('the guest has no other trouble', async () => {
    execFileSync('mount', ['-t', 'securityfs', 'securityfs', '/sys/kernel/security']);
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var']);
    const installed = installedModules();
    loading();
    await translating();
    intercepting();
    await observing();
    unloading();
    otherVersions(installed);
    fromContainer(installed);
    foreign();
  });
}
