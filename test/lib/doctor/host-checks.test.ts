// SPDX-License-Identifier: GPL-2.0-only
/** The checks of a host, on hosts that are not at hand: other kernels, Secure Boot, DKMS, modules of other projects. */
import t from 'tap';
import { runChecks, type CheckResult } from '#mpu/lib/doctor/check.js';
import { HOST_CHECKS, hostSummary, type HostContext } from '#mpu/lib/doctor/host-checks.js';
import type { Proof } from '#mpu/lib/doctor/proof.js';
import { Host } from '#mpu/lib/module/host.js';
import type { LoadedModule } from '#mpu/lib/module/loaded.js';
import type { Restrictions } from '#mpu/lib/module/restrictions.js';
import type { ModuleState } from '#mpu/lib/translator.js';
import { makeFixture } from '../../module/fixture.js';

const VERSION = '0.1.0';
const FREE: Restrictions = { secureBoot: 'off', lockdown: 'none', signaturesEnforced: false, modulesDisabled: false };
const answer = (change: Partial<ModuleState> = {}): ModuleState => ({ version: VERSION, abi: 1, features: ['translate'], maxPids: 4096, intercept: 'absent', generation: '1', ...change });
const ours = (change: Partial<ModuleState> = {}): LoadedModule => ({ owner: 'mpu', version: VERSION, answer: answer(change) });

const RIGHT = { host: 4711, back: 1 };
const NOBODY = { why: 'mpu.ko is not loaded' };
const proofOf = (methods: Proof['methods']): Proof => ({ pid: 1, inNamespace: true, methods, truth: 4711 });

/** A host by what is special about it. */
async function host(kernel: string, change: Partial<HostContext> = {}, module: Partial<HostContext['module']> = {}): Promise<HostContext> {
  const { root } = await makeFixture(t.testdir(), kernel);
  return {
    host: await Host.open({ root }),
    driver: undefined,
    module: { kernel, running: kernel, version: VERSION, loaded: { owner: 'none' }, installed: [], atBoot: false, restrictions: FREE, ...module },
    moduleError: undefined,
    loadable: true,
    pidnsPath: '/run/mpu/pidns',
    pidns: 'absent',
    addonError: undefined,
    proof: proofOf({ netlink: NOBODY }),
    proofError: undefined,
    ...change,
  };
}

/** The findings that a case is about, by check. */
type Expected = Record<string, { verdict?: CheckResult['verdict']; why?: RegExp; next?: RegExp } | undefined>;

const byModule = { proof: proofOf({ netlink: RIGHT }) };
const byFile = { proof: proofOf({ netlink: NOBODY, nsfs: RIGHT }), pidns: 'host' as const };

const cases: [name: string, context: HostContext, expected: Expected][] = [
  ['nothing is there, on a kernel that needs the module', await host('6.1.0-18-amd64'), {
    kernel: { verdict: 'ok', why: /needs mpu\.ko/ },
    module: { verdict: 'info', why: /^not loaded$/, next: /sudo mpu module load/ },
    pidns: { verdict: 'info', why: /came with 6\.11/ },
    build: { verdict: 'info', next: /apt-get install linux-headers-6\.1\.0-18-amd64/ },
    proof: { verdict: 'fail', next: /sudo mpu module load/ },
    boot: undefined, interception: undefined, dkms: undefined,
  }],
  ['nothing is there, on a kernel that needs none', await host('6.12.1'), { proof: { verdict: 'fail', next: /mount --bind/ } }],
  ['nothing can be there', await host('6.1.0', { loadable: false }), { proof: { verdict: 'fail', next: /a kernel that takes modules/ }, build: undefined }],
  ['a kernel that is too old', await host('5.4.0-1-generic'), { kernel: { verdict: 'fail', next: /5\.10/ } }],
  ['the namespace file alone', await host('6.12.1', byFile), {
    module: { verdict: 'info', why: /the namespace file does its work/ }, pidns: { verdict: 'ok' }, proof: { verdict: 'ok', why: /4711 on the host and back, as in \/proc, by the namespace file/ },
  }],
  ['the module alone', await host('6.1.0', byModule, { loaded: ours(), atBoot: true }), {
    module: { verdict: 'ok', why: /answers over netlink/ }, boot: { verdict: 'ok' }, signatures: undefined, interception: { verdict: 'info', why: /this mpu\.ko cannot/ }, proof: { verdict: 'ok', why: /by mpu\.ko/ },
  }],
  ['the module, and no file where there could be one', await host('6.12.1', byModule, { loaded: ours() }), {
    pidns: { verdict: 'info', why: /mpu\.ko does its work/ }, boot: { verdict: 'warn', next: /mpu module install/ },
  }],
  ['interception on', await host('6.1.0', byModule, { loaded: ours({ intercept: 'on' }) }), { interception: { verdict: 'ok', why: /without libmpu\.so/ } }],
  ['interception off', await host('6.1.0', byModule, { loaded: ours({ intercept: 'off' }) }), { interception: { verdict: 'info' } }],
  ['another version is loaded', await host('6.1.0', byModule, { loaded: ours({ version: '0.0.9' }) }), { module: { verdict: 'warn', why: /0\.0\.9 is loaded, and this mpu is 0\.1\.0/, next: /sudo mpu module load/ } }],
  ['a module that cannot be asked', await host('6.1.0', {}, { loaded: { owner: 'mpu', version: VERSION } }), { module: { verdict: 'warn', why: /cannot be asked/ } }],
  ['a foreign module, and nothing else', await host('6.1.0', {}, { loaded: { owner: 'foreign' } }), { module: { verdict: 'fail', next: /rmmod mpu/ } }],
  ['a foreign module beside the file', await host('6.12.1', byFile, { loaded: { owner: 'foreign' } }), { module: { verdict: 'warn', next: /rmmod mpu/ } }],
  ['a foreign module on disk', await host('6.1.0', {}, { installed: [{ path: '/lib/modules/6.1.0/extra/mpu.ko', ours: false, version: undefined, kernel: '6.1.0', signed: false, release: '6.1.0', place: 'extra' }] }), {
    'foreign-module': { verdict: 'warn', why: /extra\/mpu\.ko/, next: /sudo rm .*depmod/ },
  }],
  ['Secure Boot', await host('6.1.0', {}, { restrictions: { ...FREE, secureBoot: 'on', lockdown: 'integrity' } }), { signatures: { verdict: 'info', why: /signed modules only \(Secure Boot on, lockdown integrity\)/, next: /docs\/secure-boot\.md/ } }],
  ['forced signatures', await host('6.1.0', {}, { restrictions: { ...FREE, signaturesEnforced: true } }), { signatures: { verdict: 'info', next: /--key/ } }],
  ['modules disabled', await host('6.1.0', {}, { restrictions: { ...FREE, modulesDisabled: true } }), { signatures: { verdict: 'info', why: /until the next boot/ } }],
  ['unsigned modules are taken', await host('6.1.0'), { signatures: { verdict: 'ok' } }],
  ['DKMS has it', await host('6.1.0', {}, { dkms: [{ version: VERSION, kernel: '6.1.0', state: 'installed' }] }), { dkms: { verdict: 'ok' } }],
  ['DKMS has it for the kernel before', await host('6.1.0', {}, { dkms: [{ version: VERSION, kernel: '6.0.0', state: 'installed' }] }), { dkms: { verdict: 'warn', next: /dkms autoinstall/ } }],
  ['DKMS could not build it', await host('6.1.0', {}, { dkms: [{ version: VERSION, kernel: '6.1.0', state: 'added' }] }), { dkms: { verdict: 'warn' } }],
  ['DKMS does not have it', await host('6.1.0', {}, { dkms: [] }), { dkms: { verdict: 'info' } }],
  ['a host in a container', await host('6.12.1', { pidns: 'other-namespace' }), { pidns: { verdict: 'info', why: /itself a container/, next: /real host/ } }],
  ['a directory in the place of the file', await host('6.12.1', { pidns: 'directory' }), { pidns: { verdict: 'info', next: /^sudo rmdir \/run\/mpu\/pidns; sudo mkdir/ } }],
  ['a translator that lies', await host('6.12.1', { proof: proofOf({ netlink: { host: 12, back: 1 } }) }), { proof: { verdict: 'fail', why: /PID 1 became 12, and is 4711/ } }],
  ['a translator that is not sure', await host('6.12.1', { proof: proofOf({ netlink: { host: 4711, back: 3 } }) }), { proof: { verdict: 'fail', why: /PID 1 became 4711, and that 3/ } }],
  ['a translator that knows nobody', await host('6.12.1', { proof: proofOf({ netlink: { host: 0, back: 0 } }) }), { proof: { verdict: 'fail', why: /is not known/ } }],
  ['a system without user namespaces', await host('6.12.1', { ...byFile, proof: { pid: 7, inNamespace: false, methods: { nsfs: { host: 7, back: 7 } } } }), { proof: { verdict: 'warn', why: /the namespace file answers.*not proven/, next: /sudo mpu doctor/ } }],
  ['a probe that does not run', await host('6.12.1', { proof: undefined, proofError: new Error('spawn EAGAIN') }), { proof: { verdict: 'fail', why: /EAGAIN/ } }],
  ['modules that cannot be read', await host('6.1.0', { moduleError: new Error('no xz') }), { 'module-files': { verdict: 'warn', why: /no xz/ } }],
];

for (const [name, context, expected] of cases) {
  await t.test(name, async (t) => {
    const results = await runChecks(HOST_CHECKS, context);
    for (const [id, wanted] of Object.entries(expected)) {
      const found = results.find((each) => each.id === id);
      if (wanted === undefined) t.equal(found, undefined, `${id} does not apply`);
      else t.match(found, wanted, id);
    }
  });
}

await t.test('the summary of a host that is right', async (t) => {
  t.match(hostSummary(await host('6.12.1', byFile)), /that are given the namespace file are shown/);
  t.match(hostSummary(await host('6.12.1', byModule, { loaded: ours() })), /^Containers of injected images \(mpu inject\) are shown/);
  t.match(hostSummary(await host('6.12.1', byModule, { loaded: ours({ intercept: 'on' }) })), /^Containers here are shown/);
});

await t.test('a check that breaks is a failure with words', async (t) => {
  const broken = { id: 'x', title: 'x', applies: () => true, run: () => { throw new Error('no luck'); } };
  t.match(await runChecks([broken], undefined), [{ id: 'x', verdict: 'fail', why: 'no luck', next: String }]);
});
