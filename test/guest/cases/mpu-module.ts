// SPDX-License-Identifier: GPL-2.0-only
/** What test/guest/mpu-module.test.ts runs in its guest. */

/** PID 1 of the guest. Its lines are those that test/guest/harness/guest.ts reads; the last write ends QEMU. */
export const INIT = `#!/usr/bin/node
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, writeFileSync, writeSync } from 'node:fs';
const power = spawn('/power-off', { stdio: ['pipe', 'inherit', 'inherit'] });
let number = 0;
const say = (line) => writeSync(1, 'mpu-guest: ' + line + '\\n');
const check = (name, ok, detail) => {
  if (!ok) writeSync(1, JSON.stringify(detail, null, 1) + '\\n');
  say((ok ? '' : 'not ') + 'ok ' + ++number + ' - ' + name);
};
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';
const tool = (args, prefix = [], path = PATH) => {
  const [program, ...rest] = [...prefix, '/usr/bin/node', '/mpu/dist/cli.js', ...args, '--json'];
  const ended = spawnSync(program, rest, { encoding: 'utf8', env: { PATH: path, HOME: '/root' } });
  let document = {};
  try { document = JSON.parse(ended.stdout); } catch { /* said by the check */ }
  return { status: ended.status, stderr: ended.stderr, ...document };
};
const mpu = (args, prefix, path) => tool(['module', ...args], prefix, path);
const verdict = (answer, id) => answer.checks.find((each) => each.id === id)?.verdict + ': ' + answer.checks.find((each) => each.id === id)?.why;
const expect = (name, answer, ok) => check(name, ok(answer), answer);
const user = ['setpriv', '--reuid', '1000', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all'];
const refused = (a) => a.status === 4 && a.error.code === 'permission-denied';
try {
  process.env.PATH = PATH;
  for (const [type, place] of [['proc', '/proc'], ['sysfs', '/sys'], ['devtmpfs', '/dev'], ['securityfs', '/sys/kernel/security']]) execFileSync('mount', ['-t', type, type, place]);
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', '/var']);
  expect('status before', mpu(['status']), (a) => a.ok && a.loaded.owner === 'none' && a.installed.length === 1 && a.atBoot && a.restrictions.secureBoot === 'absent');
  expect('unload with nothing loaded', mpu(['unload']), (a) => a.ok && a.outcome === 'unchanged');
  expect('an unprivileged user may not load it', mpu(['load'], user), refused);
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
  expect('an unprivileged user may not switch it', mpu(['intercept', 'off'], user), refused);
  expect('an unprivileged user may not unload it', mpu(['unload'], user), (a) => refused(a) && a.error.next === 'sudo mpu module unload');
  expect('an unprivileged user may not uninstall it', mpu(['uninstall'], user), (a) => refused(a) && a.error.next === 'sudo mpu module uninstall');
  expect('where netlink is refused', mpu(['intercept'], ['/no-netlink']), (a) => a.status === 1 && a.error.code === 'query-failed' && /EPERM/.test(a.error.why));
  // With the reason why it waits, GET has all there is. The host compares it with the spec.
  for (const line of execFileSync('/sent', { encoding: 'utf8' }).trim().split('\\n')) say('bench sent ' + line);
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

  const release = readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim();
  const installed = '/lib/modules/' + release + '/extra';
  renameSync(installed, '/aside');
  expect('load what is built first', mpu(['load'], [], '/stand-ins:' + PATH), (a) => a.ok && a.outcome === 'loaded' && a.path === '/var/cache/mpu/' + release + '/mpu.ko');
  expect('unload what was built', mpu(['unload']), (a) => a.ok && a.outcome === 'unloaded');
  renameSync('/aside', installed);
  execFileSync('insmod', ['/older.ko']);
  expect('another version is loaded', mpu(['status']), (a) => a.loaded.owner === 'mpu' && a.loaded.version === '0.0.1' && a.version !== '0.0.1');
  expect('it is replaced', mpu(['load']), (a) => a.ok && a.outcome === 'replaced' && a.module.version !== '0.0.1' && a.path === installed + '/mpu.ko');
  expect('by this version', mpu(['status']), (a) => a.loaded.version === a.version);

  // A container that has the host's root at /host, and of root's capabilities hardly more than the one for modules.
  for (const name of ['usr', 'lib', 'lib64', 'bin', 'sbin', 'mpu', 'proc', 'sys', 'dev', 'etc', 'host']) mkdirSync('/container/' + name, { recursive: true });
  const enter = 'for name in usr lib lib64 bin sbin mpu dev; do [ ! -d /$name ] || mount --bind /$name /container/$name; done; mount --rbind / /container/host; mount -t proc proc /container/proc; mount -t sysfs sysfs /container/sys; exec chroot /container "$@"';
  const capabilities = ['setpriv', '--inh-caps=-all', '--bounding-set=-all,+sys_module,+dac_override'];
  const fromContainer = ['unshare', '-pnmf', 'sh', '-c', enter, 'sh'];
  const inContainer = (verb, prefix) => tool(['module', verb, '--root', '/host'], [...fromContainer, ...prefix]);
  expect('a container that has the host: status', inContainer('status', capabilities), (a) => a.ok && a.loaded.owner === 'mpu' && a.installed.length === 1 && a.installed[0].path === '/host' + installed + '/mpu.ko' && a.atBoot && a.loaded.answer.counters === undefined);
  expect('a container that has the host: unload without the capability', inContainer('unload', ['setpriv', '--inh-caps=-all', '--bounding-set=-all,+dac_override']), (a) => refused(a) && a.error.next === 'run it on the host: mpu module unload');
  expect('a container that has the host: unload', inContainer('unload', capabilities), (a) => a.ok && a.outcome === 'unloaded');
  expect('the host sees that', mpu(['status']), (a) => a.loaded.owner === 'none');
  expect('a container that has the host: load', inContainer('load', capabilities), (a) => a.ok && a.outcome === 'loaded' && a.path === '/host' + installed + '/mpu.ko');
  expect('the host has it', mpu(['unload']), (a) => a.ok && a.outcome === 'unloaded');

  execFileSync('insmod', ['/foreign.ko']);
  expect('a foreign module mpu: load', mpu(['load']), (a) => a.status === 1 && a.error.code === 'foreign-module');
  expect('a foreign module mpu: unload', mpu(['unload']), (a) => a.status === 1 && a.error.code === 'foreign-module');
  expect('a foreign module mpu: status', mpu(['status']), (a) => a.loaded.owner === 'foreign');
  execFileSync('rmmod', ['mpu']);

  // Lockdown comes first: with signatures enforced, the kernel never asks it.
  writeFileSync('/sys/kernel/security/lockdown', 'integrity');
  expect('lockdown: status', mpu(['status']), (a) => a.restrictions.lockdown === 'integrity' && !a.restrictions.signaturesEnforced);
  expect('lockdown: unsigned', mpu(['load']), (a) => a.status === 4 && a.error.code === 'lockdown' && /takes signed modules only/.test(a.error.why) && /mokutil --import/.test(a.error.next));
  writeFileSync('/sys/module/module/parameters/sig_enforce', 'Y');
  expect('signatures enforced: status', mpu(['status']), (a) => a.restrictions.signaturesEnforced);
  expect('signatures enforced: unsigned', mpu(['load']), (a) => a.status === 4 && a.error.code === 'signature-refused' && /not signed/.test(a.error.why) && /mokutil --import/.test(a.error.next));
  execFileSync('cp', ['/signed.ko', installed + '/mpu.ko']);
  expect('signatures enforced: a key that is not enrolled', mpu(['load']), (a) => a.status === 4 && a.error.code === 'signature-refused' && /does not know/.test(a.error.why));
  expect('uninstall', mpu(['uninstall']), (a) => a.ok && a.removed.some((path) => path.endsWith('extra/mpu.ko')));
  writeFileSync('/proc/sys/kernel/modules_disabled', '1');
  expect('modules disabled', mpu(['status']), (a) => a.restrictions.modulesDisabled && a.installed.length === 0 && !a.atBoot);
} catch (error) {
  check('the guest has no other trouble', false, String(error.stack));
}
say('done ' + number);
power.stdin.end();
`;
