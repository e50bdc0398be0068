// SPDX-License-Identifier: GPL-2.0-only
/** Hosts for the checks of `mpu doctor`: other kernels, Secure Boot, DKMS, modules of other projects. */
import t from 'tap';
import { runChecks, type CheckResult } from '#mpu/lib/doctor/check.js';
import { HOST_CHECKS, type HostContext } from '#mpu/lib/doctor/host-checks.js';
import type { Proof } from '#mpu/lib/doctor/proof.js';
import { REGIMES } from '#mpu/lib/driver/regimes.js';
import type { DkmsEntry } from '#mpu/lib/module/dkms.js';
import { Host } from '#mpu/lib/system/host.js';
import type { LoadedModule } from '#mpu/lib/module/loaded-module.js';
import type { InstalledModule } from '#mpu/lib/module/module-file.js';
import type { Restrictions } from '#mpu/lib/module/restrictions.js';
import type { ModuleState } from '#mpu/lib/translator.js';
import { makeFixture } from './module-fixture.js';

export const VERSION = '0.1.0';
export const FREE: Restrictions = {
  secureBoot: 'off',
  lockdown: 'none',
  signaturesEnforced: false,
  modulesDisabled: false,
};
const answer = (change: Partial<ModuleState> = {}): ModuleState => ({
  version: VERSION,
  abi: 1,
  features: ['translate'],
  maxPids: 4096,
  intercept: 'absent',
  generation: '1',
  ...change,
});
export const ours = (change: Partial<ModuleState> = {}): LoadedModule => ({
  owner: 'mpu',
  version: VERSION,
  answer: answer(change),
});

const RIGHT = { host: 4711, back: 1 };
const NOBODY = { why: 'mpu.ko is not loaded' };
export const proofOf = (methods: Proof['methods']): Proof => ({ pid: 1, inNamespace: true, methods, truth: 4711 });

/** A host by what is special about it. */
export async function host(
  kernel: string,
  change: Partial<HostContext> = {},
  module: Partial<HostContext['module']> = {},
): Promise<HostContext> {
  const { root } = await makeFixture(t.testdir(), kernel);
  return {
    host: await Host.open({ root }),
    driver: undefined,
    module: {
      kernel,
      running: kernel,
      version: VERSION,
      loaded: { owner: 'none' },
      installed: [],
      atBoot: false,
      restrictions: FREE,
      ...module,
    },
    moduleError: undefined,
    loadable: true,
    pidnsPath: '/run/mpu/pidns',
    pidns: 'absent',
    dkms: { isThere: false, newerKernels: [] },
    pidnsBoot: { hasSystemd: true, unit: 'absent' },
    addonError: undefined,
    proof: proofOf({ netlink: NOBODY }),
    proofError: undefined,
    ...change,
  };
}

export const isRoot = process.getuid?.() === 0;
const regimes = REGIMES.filter(({ id }) => id === 'R4').map((regime) => ({
  driver: { release: '580.95.05', flavour: 'open' as const, regime },
}));
/** A driver that needs no mpu. */
export const R4 = { ...regimes[0] };

export const dkms = (isThere: boolean, ...newerKernels: string[]): Pick<HostContext, 'dkms'> => ({
  dkms: { isThere, newerKernels },
});
export const entry = (kernel: string, change: Partial<DkmsEntry> = {}): DkmsEntry => ({
  version: VERSION,
  kernel,
  state: 'installed',
  ...change,
});
export const file = (kernel: string): InstalledModule => ({
  path: `/lib/modules/${kernel}/extra/mpu.ko`,
  ours: true,
  version: VERSION,
  kernel,
  signed: false,
  release: kernel,
  place: 'extra',
});

export const byModule = { proof: proofOf({ netlink: RIGHT }) };
export const byFile = {
  proof: proofOf({ netlink: NOBODY, nsfs: RIGHT }),
  pidns: 'host' as const,
  pidnsBoot: { hasSystemd: true, unit: 'enabled' as const },
};

/** The findings that a case is about, by check. */
type Expected = Record<string, { verdict?: CheckResult['verdict']; why?: RegExp; next?: RegExp } | undefined>;

/** Hosts, each with its name and what the checks must find there. */
type Cases = [name: string, context: HostContext, expected: Expected][];

/** Runs the checks on each host, and compares what a case is about. */
export async function checkHosts(cases: Cases): Promise<void> {
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
}
