// SPDX-License-Identifier: GPL-2.0-only
/** Reasons why a kernel or this process cannot have a translator at /run/mpu/pidns. */
import { existsSync } from 'node:fs';
import { BPF_SINCE, isAtLeast, NSFS_SINCE } from '../system/kernel-release.js';
import { parseLockdown } from '../module/restrictions.js';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';
import type { LoaderFailure } from './loader.js';

/** Type information of the running kernel, which the BPF program's offsets come from. */
const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** Bits of CapEff (linux/capability.h). */
const CAPABILITIES = { CAP_SYS_ADMIN: 21n, CAP_PERFMON: 38n, CAP_BPF: 39n } as const;
/** What each translator needs: for its mounts, and for the program. */
const NEEDED = {
  bpf: ['CAP_SYS_ADMIN', 'CAP_BPF', 'CAP_PERFMON'],
  nsfs: ['CAP_SYS_ADMIN'],
} as const;

/** Returns the capabilities that a translator needs and this process lacks. */
async function missingCapabilities(translator: 'bpf' | 'nsfs', host: Host): Promise<string[]> {
  const status = (await readIfPresent(host.kernelFile('/proc/self/status'))) ?? '';
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return NEEDED[translator].filter((name) => ((effective >> CAPABILITIES[name]) & 1n) === 0n);
}

/** Returns why the kernel cannot have a translator; undefined where trying is worth it. */
export function whyNotHere(translator: 'bpf' | 'nsfs', host: Host): string | undefined {
  const { running } = host;
  if (translator === 'nsfs') {
    return isAtLeast(running, NSFS_SINCE)
      ? undefined
      : `Linux ${running} does not translate by namespace file, which came with 6.11`;
  }
  if (!isAtLeast(running, BPF_SINCE)) return `Linux ${running} has no BPF task iterators, which came with 5.8`;
  if (!existsSync(host.kernelFile('/sys/kernel'))) return '/sys is not mounted';
  if (!existsSync(host.kernelFile(KERNEL_BTF)))
    return `the kernel has no BTF: ${KERNEL_BTF} does not exist (CONFIG_DEBUG_INFO_BTF)`;
  return undefined;
}

/** Returns whether the kernel may have a translator without mpu.ko. */
export const hasTranslator = (host: Host): boolean =>
  whyNotHere('bpf', host) === undefined || whyNotHere('nsfs', host) === undefined;

/** A failure in words. */
export interface Reason {
  why: string;
  /** Set where another user, or root outside of a container, may succeed. */
  isPermission: boolean;
}

const NESTED =
  'this host is itself a container (its PID namespace is not the initial one), and the driver counts in that of the real host';

/** Explains a failure of the loader. */
export async function explainFailure(
  translator: 'bpf' | 'nsfs',
  { step, errno, detail }: LoaderFailure,
  host: Host,
): Promise<Reason> {
  const because = (why: string): Reason => ({ why, isPermission: false });
  if (step === 'namespace' && errno === 'EXDEV') return because(NESTED);
  const missing = errno === 'EPERM' || errno === 'EACCES' ? await missingCapabilities(translator, host) : [];
  if (missing.length > 0)
    return { why: `this process lacks ${missing.join(', ')}, which root on the host has`, isPermission: true };
  const lockdown = parseLockdown(await readIfPresent(host.kernelFile('/sys/kernel/security/lockdown')));
  const said = detail === '' ? errno : `${errno}: ${detail}`;
  if (step === 'load' && errno === 'ENOSYS') return because('the kernel has no BPF (CONFIG_BPF_SYSCALL)');
  if (step === 'load' && lockdown === 'confidentiality')
    return because(
      `lockdown=confidentiality allows a BPF program only where struct pid ends in a flexible array (Linux 6.5, and 6.1 of Debian and others); here it was refused (${said})`,
    );
  if (step === 'load' || step === 'link') return because(`the kernel refuses the BPF program (${said})`);
  if (step === 'btf') return because(`${KERNEL_BTF} cannot be read (${said})`);
  if (step === 'mount' && errno === 'ENODEV') return because('the kernel has no BPF file system');
  return because(`${step}: ${said}`);
}
