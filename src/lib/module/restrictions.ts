// SPDX-License-Identifier: GPL-2.0-only
/** What may keep a kernel from taking a module, and who may load one. */
import { readFile } from 'node:fs/promises';
import type { Host } from '../system/host.js';
import { readIfPresent } from '../system/regular-file.js';

/** What the system says about loading modules. */
export interface Restrictions {
  /** `absent` on systems without UEFI; `unknown` where its variables cannot be read. */
  secureBoot: 'on' | 'off' | 'absent' | 'unknown';
  /** Kernel lockdown; `unknown` where securityfs is not mounted. */
  lockdown: 'none' | 'integrity' | 'confidentiality' | 'unknown';
  /** Only signed modules are taken: module.sig_enforce, or CONFIG_MODULE_SIG_FORCE. */
  signaturesEnforced: boolean;
  /** kernel.modules_disabled is set: none can be loaded until the next boot. */
  modulesDisabled: boolean;
}

/** The variable of the UEFI global namespace; efivarfs puts 4 bytes of attributes before the value. */
const SECURE_BOOT = '/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c';

const CAP_SYS_MODULE = 16n;

async function secureBoot(host: Host): Promise<Restrictions['secureBoot']> {
  const variable = await readFile(host.kernelFile(SECURE_BOOT)).catch(() => undefined);
  if (variable !== undefined) return variable[4] === 1 ? 'on' : 'off';
  const uefi = await readIfPresent(host.kernelFile('/sys/firmware/efi/fw_platform_size'));
  return uefi === undefined ? 'absent' : 'unknown';
}

/** The word in brackets, as in `none [integrity] confidentiality`. */
export function parseLockdown(text: string | undefined): Restrictions['lockdown'] {
  const mode = /\[(\w+)\]/.exec(text ?? '')?.[1];
  return mode === 'none' || mode === 'integrity' || mode === 'confidentiality' ? mode : 'unknown';
}

/** Reads what restricts modules on the running kernel. */
export async function readRestrictions(host: Host): Promise<Restrictions> {
  const read = async (path: string): Promise<string | undefined> =>
    (await readIfPresent(host.kernelFile(path)))?.trim();
  return {
    secureBoot: await secureBoot(host),
    lockdown: parseLockdown(await read('/sys/kernel/security/lockdown')),
    signaturesEnforced: (await read('/sys/module/module/parameters/sig_enforce')) === 'Y',
    modulesDisabled: (await read('/proc/sys/kernel/modules_disabled')) === '1',
  };
}

/** Whether this process may load modules: CAP_SYS_MODULE, which root in a container mostly lacks. */
export async function mayLoadModules(host: Host): Promise<boolean> {
  const status = (await readIfPresent(host.kernelFile('/proc/self/status'))) ?? '';
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1];
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_SYS_MODULE) & 1n) === 1n;
}
