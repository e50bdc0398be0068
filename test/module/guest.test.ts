// SPDX-License-Identifier: GPL-2.0-only
/** `mpu module` for real: node in a guest whose kernel takes the module, refuses it, or has another one of that name. */
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { lacking } from '../lib/engines.js';
import { check, checkout, mpu } from '../lib/mpu.js';
import { runGuest } from '../qemu/guest.js';
import { kernelOf } from '../qemu/kernels.js';
import { Userland } from '../qemu/userland.js';
import { addHeaders, makeFixture } from './fixture.js';

const skip = await lacking(['qemu-system-x86_64', 'make', 'gcc-12', 'depmod', 'insmod', 'openssl', 'mount', 'setpriv', 'cpio']);

/** mpu as it is installed from its package, with what it depends on. */
async function addPackage(userland: Userland): Promise<void> {
  for (const path of ['dist', 'kernel', 'package.json', 'build/native/Release/mpu.node']) {
    await userland.add(join(checkout, path), join('mpu', path));
  }
  const own = JSON.parse(await readFile(join(checkout, 'package.json'), 'utf8')) as { dependencies: Record<string, string> };
  const wanted = Object.keys(own.dependencies);
  for (const name of wanted) {
    const source = join(checkout, 'node_modules', name);
    await userland.add(source, join('mpu/node_modules', name));
    const manifest = JSON.parse(await readFile(join(source, 'package.json'), 'utf8')) as { dependencies?: Record<string, string> };
    for (const dependency of Object.keys(manifest.dependencies ?? {})) if (!wanted.includes(dependency)) wanted.push(dependency);
  }
}

/** A module of another project that has the name. */
async function buildForeign(headers: string, directory: string): Promise<string> {
  await mkdir(directory);
  await writeFile(join(directory, 'mpu.c'), '#include <linux/module.h>\nMODULE_LICENSE("GPL");\n');
  await writeFile(join(directory, 'Makefile'), 'obj-m := mpu.o\n');
  await check('make', ['-C', headers, `M=${directory}`, 'CC=gcc-12', 'modules']);
  return join(directory, 'mpu.ko');
}

/** PID 1 of the guest. Its lines are those that test/qemu/guest.ts reads; the last write ends QEMU. */
const INIT = `#!/usr/bin/node
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync, writeSync } from 'node:fs';
const power = spawn('/power-off', { stdio: ['pipe', 'inherit', 'inherit'] });
let number = 0;
const say = (line) => writeSync(1, 'mpu-guest: ' + line + '\\n');
const check = (name, ok, detail) => {
  if (!ok) writeSync(1, JSON.stringify(detail, null, 1) + '\\n');
  say((ok ? '' : 'not ') + 'ok ' + ++number + ' - ' + name);
};
const tool = (args, prefix = []) => {
  const [program, ...rest] = [...prefix, '/usr/bin/node', '/mpu/dist/cli.js', ...args, '--json'];
  const ended = spawnSync(program, rest, { encoding: 'utf8', env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' } });
  let document = {};
  try { document = JSON.parse(ended.stdout); } catch { /* said by the check */ }
  return { status: ended.status, stderr: ended.stderr, ...document };
};
const mpu = (args, prefix) => tool(['module', ...args], prefix);
const verdict = (answer, id) => answer.checks.find((each) => each.id === id)?.verdict + ': ' + answer.checks.find((each) => each.id === id)?.why;
const expect = (name, answer, ok) => check(name, ok(answer), answer);
try {
  process.env.PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
  for (const [type, place] of [['proc', '/proc'], ['sysfs', '/sys'], ['devtmpfs', '/dev'], ['securityfs', '/sys/kernel/security']]) execFileSync('mount', ['-t', type, type, place]);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var']);
  expect('status before', mpu(['status']), (a) => a.ok && a.loaded.owner === 'none' && a.installed.length === 1 && a.atBoot && a.restrictions.secureBoot === 'absent');
  expect('unload with nothing loaded', mpu(['unload']), (a) => a.ok && a.outcome === 'unchanged');
  expect('an unprivileged user may not load it', mpu(['load'], ['setpriv', '--reuid', '1000', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all']), (a) => a.status === 4 && a.error.code === 'permission-denied');
  expect('load', mpu(['load']), (a) => a.ok && a.outcome === 'loaded' && a.module.abi === 1 && a.module.features.includes('translate'));
  expect('load again', mpu(['load']), (a) => a.ok && a.outcome === 'unchanged');
  expect('status', mpu(['status']), (a) => a.ok && a.loaded.owner === 'mpu' && a.loaded.answer.version === a.version && a.loaded.answer.counters.requests >= 0);
  const { translate, queryModule } = await import('/mpu/dist/lib/translator.js');
  const state = await queryModule();
  const translated = await translate([1, 0, process.pid, 4000000], 'to-host', { method: 'netlink' });
  check('translate over netlink', state.counters.requests === 0 && translated.join() === '1,0,1,0', { ...state, translated });
  const many = Array.from({ length: 10000 }, (_, index) => index % 2);
  check('more PIDs than one request carries', (await translate(many, 'to-ns', { method: 'netlink' })).join() === many.join(), {});
  const inside = "import('/mpu/dist/lib/translator.js').then(async ({ translate, queryModule }) => { const host = await translate([1], 'to-host', { method: 'netlink' }); console.log(JSON.stringify({ host, back: await translate([host[0], 1], 'to-ns', { method: 'netlink' }), counters: (await queryModule()).counters })); })";
  const container = JSON.parse(execFileSync('unshare', ['-pnf', '/usr/bin/node', '-e', inside], { encoding: 'utf8' }));
  check('a container in namespaces of its own', container.host[0] > 1 && container.back.join() === '1,0' && container.counters === undefined, container);
  expect('interception before the driver is there', mpu(['intercept', 'on']), (a) => a.ok && a.outcome === 'switched' && a.intercept === 'waiting' && /nvidia/.test(a.reason));
  expect('interception again', mpu(['intercept', 'on']), (a) => a.ok && a.outcome === 'unchanged');
  expect('interception in the status', mpu(['status']), (a) => a.loaded.answer.intercept === 'waiting' && a.loaded.answer.features.includes('intercept'));
  expect('an unprivileged user may not switch it', mpu(['intercept', 'off'], ['setpriv', '--reuid', '1000', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all']), (a) => a.status === 4 && a.error.code === 'permission-denied');
  expect('interception off', mpu(['intercept', 'off']), (a) => a.ok && a.outcome === 'switched' && a.intercept === 'off');
  expect('load with interception what is loaded', mpu(['load', '--intercept']), (a) => a.ok && a.outcome === 'unchanged' && a.module.intercept === 'waiting');
  const contained = ['unshare', '-pnf', '--mount-proc'];
  // Within this program: another node takes seconds to start here.
  const { HOST_CHECKS, hostContext } = await import('/mpu/dist/lib/doctor/host-checks.js');
  const { runChecks } = await import('/mpu/dist/lib/doctor/check.js');
  const host = { checks: await runChecks(HOST_CHECKS, await hostContext()) };
  check('doctor', ['module', 'boot', 'proof'].every((id) => verdict(host, id).startsWith('ok: ')) && /as in .proc, by mpu.ko/.test(verdict(host, 'proof')), host);
  expect('doctor in a container', tool(['doctor'], contained), (a) => a.place === 'container' && /^ok: this program, PID 1, is .* by mpu.ko/.test(verdict(a, 'proof')));
  const neighbour = spawn('unshare', ['-pnf', '/usr/bin/node', '-e', 'console.log(1); setInterval(() => 0, 1e6)'], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => neighbour.stdout.once('data', resolve));
  const init = readFileSync('/proc/' + neighbour.pid + '/task/' + neighbour.pid + '/children', 'utf8').trim();
  expect('doctor of a container from outside', tool(['doctor', '--container', init]), (a) => a.place === 'container' && /^ok: a process in its namespaces, .* as in .proc, by mpu.ko/.test(verdict(a, 'proof')));
  neighbour.kill('SIGKILL');
  const { collectMetrics } = await import('/mpu/dist/lib/metrics/metrics.js');
  const families = await collectMetrics(() => undefined);
  const counted = (await queryModule()).counters;
  const metric = (name) => families.find((family) => family.name === 'mpu_module_' + name)?.samples[0]?.value;
  check('metrics', metric('loaded') === 1 && metric('requests_total') === counted.requests && counted.requests > 0 && metric('pids_total') === counted.pids && metric('hidden_pids_total') === counted.hidden
    && metric('rewritten_total') === counted.rewritten && metric('untouched_total') === counted.untouched && metric('calls_in_flight') === counted.inFlight, { families, counted });
  expect('unload', mpu(['unload']), (a) => a.ok && a.outcome === 'unloaded');
  expect('interception without the module', mpu(['intercept']), (a) => a.status === 1 && a.error.code === 'not-loaded');
  expect('status after', mpu(['status']), (a) => a.loaded.owner === 'none');

  execFileSync('insmod', ['/foreign.ko']);
  expect('a foreign module mpu: load', mpu(['load']), (a) => a.status === 1 && a.error.code === 'foreign-module');
  expect('a foreign module mpu: unload', mpu(['unload']), (a) => a.status === 1 && a.error.code === 'foreign-module');
  expect('a foreign module mpu: status', mpu(['status']), (a) => a.loaded.owner === 'foreign');
  execFileSync('rmmod', ['mpu']);

  writeFileSync('/sys/module/module/parameters/sig_enforce', 'Y');
  expect('signatures enforced: status', mpu(['status']), (a) => a.restrictions.signaturesEnforced);
  expect('signatures enforced: unsigned', mpu(['load']), (a) => a.status === 4 && a.error.code === 'signature-refused' && /not signed/.test(a.error.why) && /mokutil --import/.test(a.error.next));
  execFileSync('cp', ['/signed.ko', '/lib/modules/' + readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim() + '/extra/mpu.ko']);
  expect('signatures enforced: a key that is not enrolled', mpu(['load']), (a) => a.status === 4 && a.error.code === 'signature-refused' && /does not know/.test(a.error.why));
  writeFileSync('/sys/kernel/security/lockdown', 'integrity');
  expect('lockdown: status', mpu(['status']), (a) => a.restrictions.lockdown === 'integrity');
  expect('lockdown', mpu(['load']), (a) => a.status === 4 && ['lockdown', 'signature-refused'].includes(a.error.code));
  expect('uninstall', mpu(['uninstall']), (a) => a.ok && a.removed.some((path) => path.endsWith('extra/mpu.ko')));
  writeFileSync('/proc/sys/kernel/modules_disabled', '1');
  expect('modules disabled', mpu(['status']), (a) => a.restrictions.modulesDisabled && a.installed.length === 0 && !a.atBoot);
} catch (error) {
  check('the guest has no other trouble', false, String(error.stack));
}
say('done ' + number);
power.stdin.end();
`;

await t.test('in a guest', { skip, timeout: 850_000 }, async (t) => {
  const kernel = await kernelOf('6.1');
  const scratch = await mkdtemp(join(tmpdir(), 'mpu-guest-'));
  t.teardown(() => rm(scratch, { recursive: true, force: true }));
  const { root, env } = await makeFixture(join(scratch, 'build'), kernel.release);
  await addHeaders(root, kernel.release);

  const userland = new Userland(join(scratch, 'tree'));
  const { tree } = userland;
  await userland.directories('proc', 'sys', 'dev', 'var', 'tmp', 'root', 'etc/modules-load.d', `lib/modules/${kernel.release}`);
  await userland.addNode();
  await userland.addPrograms('mount', 'setpriv', 'unshare', 'insmod', 'rmmod', 'nsenter', 'depmod', 'cp', 'dmesg');
  await addPackage(userland);
  const [key, cert] = [join(scratch, 'MOK.key'), join(scratch, 'MOK.der')];
  await check('openssl', ['req', '-new', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '3650', '-subj', '/CN=mpu', '-keyout', key, '-outform', 'DER', '-out', cert]);
  const module = async (...args: string[]): Promise<void> => {
    const ended = await mpu(['module', ...args, '--root', root], { env });
    if (ended.status !== 0) throw new Error(ended.stderr);
  };
  await module('install');
  await cp(join(root, 'lib/modules', kernel.release, 'extra'), join(tree, 'lib/modules', kernel.release, 'extra'), { recursive: true });
  await cp(join(root, 'etc/modules-load.d'), join(tree, 'etc/modules-load.d'), { recursive: true });
  await module('build', '--key', key, '--cert', cert, '--output', join(tree, 'signed.ko'));
  await cp(await buildForeign(kernel.headers, join(scratch, 'foreign')), join(tree, 'foreign.ko'));
  await userland.init(INIT);
  const initramfs = join(scratch, 'initramfs');
  await userland.pack(initramfs);
  const result = await runGuest(kernel, initramfs, { timeout: 600 });
  for (const { name, ok } of result.cases) t.ok(ok, name);
  t.ok(result.cases.length >= 24, 'the guest ran all its cases');
  if (!t.ok(result.finished && result.cases.every(({ ok }) => ok), 'the guest ended by its own will')) t.comment(result.ending);
});
