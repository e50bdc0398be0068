// SPDX-License-Identifier: GPL-2.0-only
/** Checks of a host: whether its containers can be shown their own processes. */
import { access } from 'node:fs/promises';
import { findDriver } from '../driver/driver.js';
import { ExitCode, MpuError } from '../errors.js';
import { findNvidiaSmi, queryGpus, type Remarks } from '../gpu/nvidia-smi.js';
import { Host } from '../system/host.js';
import { checkLoadable, chooseCompiler, kernelBuild } from '../module/kernel-build.js';
import { loadedModule } from '../module/loaded-module.js';
import { readRestrictions } from '../module/restrictions.js';
import { sourceVersion } from '../module/source.js';
import { moduleStatus, type ModuleStatus } from '../module/status.js';
import { nativeAddon } from '../native-addon.js';
import { nativeLibrary } from '../payload/libraries.js';
import { isTranslator, pidnsState, type PidnsState } from '../containers/pidns-file.js';
import { DEFAULT_PIDNS, pidnsPath } from '../containers/processes.js';
import { fail, findingOf, info, ok, warn, type Check, type Finding } from './check.js';
import { checkDkms, findDkms, type DkmsState } from './dkms-check.js';
import { lacks, needsNoMpu, type DriverContext } from './driver-checks.js';
import { interceptionFinding } from './interception.js';
import { isAtLeast, MODULE_SINCE } from '../system/kernel-release.js';
import { libraryVersion } from './library.js';
import { hasTranslator, whyNotHere } from '../pidns/why.js';
import { findPidnsBoot, mountCommand, mountedAtBoot, type PidnsBoot } from '../pidns/boot.js';
import { newNamespace, prove, wrongWith, type Proof } from './proof.js';

/** What the checks look at. */
export interface HostContext extends DriverContext {
  /** Ends what takes long. */
  signal?: AbortSignal;
  host: Host;
  module: ModuleStatus;
  /** Why not all of `module` could be read; what is missing then reads as not there. */
  moduleError: unknown;
  /** Whether the kernel takes modules at all. */
  loadable: boolean;
  dkms: DkmsState;
  pidnsPath: string;
  pidns: PidnsState;
  pidnsBoot: PidnsBoot;
  /** Undefined when it could not be tried. */
  proof: Proof | undefined;
  /** Why the proof could not be tried, or not in a PID namespace. */
  proofError: unknown;
}

const byNetlink = ({ proof }: HostContext): boolean => proof !== undefined && wrongWith(proof, 'netlink') === undefined;
const byFile = ({ proof }: HostContext): boolean => proof !== undefined && wrongWith(proof, 'nsfs') === undefined;

/** The command that makes this host translate. */
function remedy({ host, loadable, pidnsBoot }: HostContext): string {
  if (hasTranslator(host)) return mountCommand(pidnsBoot);
  return loadable ? 'sudo mpu module load' : 'use a kernel that takes modules, or Linux 5.11 or later with BTF';
}

/** What can be said about the module even where its files cannot be read. */
async function leastStatus(host: Host): Promise<ModuleStatus> {
  const [loaded, restrictions, version] = [
    await loadedModule(host),
    await readRestrictions(host),
    await sourceVersion(),
  ];
  return { kernel: host.kernel, running: host.running, version, loaded, installed: [], atBoot: false, restrictions };
}

/** Looks at everything the checks need. */
export async function hostContext(): Promise<HostContext> {
  const host = await Host.open();
  const path = pidnsPath();
  const pidns = pidnsState(path);
  let addonError: MpuError | undefined;
  let proof: Proof | undefined;
  let proofError: unknown;
  try {
    nativeAddon();
    const file = isTranslator(pidns) ? path : undefined;
    // Not everybody may make a PID namespace.
    proof = await prove(newNamespace(), file).catch((error: unknown) => {
      proofError = error;
      return prove([], file);
    });
  } catch (error) {
    if (error instanceof MpuError && error.code.startsWith('addon-')) addonError = error;
    else proofError = error;
  }
  const loadable = await checkLoadable(host).then(
    () => true,
    () => false,
  );
  let moduleError: unknown;
  const module = await moduleStatus(host).catch(async (error: unknown) => {
    moduleError = error;
    return leastStatus(host);
  });
  const dkms = await findDkms(host);
  const pidnsBoot = await findPidnsBoot(host);
  return {
    host,
    driver: await findDriver(),
    module,
    moduleError,
    loadable,
    dkms,
    pidnsPath: path,
    pidns,
    pidnsBoot,
    addonError,
    proof,
    proofError,
  };
}

function checkModule(context: HostContext): Finding {
  const { loaded, version } = context.module;
  if (loaded.owner === 'foreign') {
    const next = 'sudo rmmod mpu, and remove what loads it: grep -rw mpu /etc/modules /etc/modules-load.d';
    const why = "another project's module is loaded under the name mpu, which answers to nobody";
    return byFile(context) ? warn(why, next) : lacks(context, why, next);
  }
  if (loaded.owner === 'none') {
    return byFile(context)
      ? info('not loaded; the namespace file does its work')
      : info('not loaded', context.loadable ? 'sudo mpu module load' : undefined);
  }
  if (loaded.answer === undefined)
    return warn(
      `${loaded.version ?? 'of unknown version'}, loaded, and cannot be asked over netlink`,
      'run it outside of sandboxes that refuse netlink sockets',
    );
  if (loaded.answer.version !== version)
    return warn(`${loaded.answer.version} is loaded, and this mpu is ${version}`, 'sudo mpu module load');
  return ok(`${loaded.answer.version} is loaded and answers over netlink (ABI ${loaded.answer.abi})`);
}

function checkSignatures({ module: { restrictions, loaded, installed, running }, loadable }: HostContext): Finding {
  const { secureBoot, lockdown, signaturesEnforced, modulesDisabled } = restrictions;
  const state = `Secure Boot ${secureBoot}, lockdown ${lockdown}`;
  if (!loadable) return info('the kernel was built without loadable modules');
  if (modulesDisabled)
    return info(
      'kernel.modules_disabled is set: no module can be loaded until the next boot',
      'grep -r modules_disabled /etc/sysctl.d',
    );
  if (!signaturesEnforced && lockdown !== 'integrity' && lockdown !== 'confidentiality')
    return ok(`the kernel takes unsigned modules (${state})`);
  const why = `the kernel takes signed modules only (${state})`;
  const unsigned = installed
    .filter((file) => file.ours && !file.signed && file.release === running)
    .map(({ path }) => path);
  if (unsigned.length > 0)
    return warn(
      `${why}, and ${unsigned.join(', ')} is not signed`,
      'sudo mpu module install --key MOK.key --cert MOK.der; see docs/secure-boot.md',
    );
  if (loaded.owner === 'mpu')
    return info(
      `${why}, and has taken mpu.ko; that of another kernel has to be signed as well`,
      'see docs/secure-boot.md for who signs it',
    );
  return info(why, 'sudo mpu module load --key MOK.key --cert MOK.der; see docs/secure-boot.md');
}

async function checkBuild({ host }: HostContext): Promise<Finding> {
  try {
    const { program } = await chooseCompiler(host, await kernelBuild(host));
    return ok(`headers of ${host.kernel} and ${program} are there`);
  } catch (error) {
    return findingOf('info', error);
  }
}

const PIDNS_FINDINGS: Record<Exclude<PidnsState, 'host' | 'iterator'>, (path: string) => string> = {
  absent: (path) => `${path} is not there; the mount is gone after each boot`,
  unreadable: (path) => `${path} cannot be looked at`,
  directory: (path) => `${path} is a directory: docker makes one when it is asked for a file that is missing`,
  ordinary: (path) => `${path} is an ordinary file: nothing is mounted on it, as after a boot`,
  'other-namespace': (path) => `${path} is not the initial PID namespace: this "host" is itself a container`,
};

function checkPidns(context: HostContext): Finding {
  const { pidns, pidnsPath: path, pidnsBoot, host } = context;
  if (isTranslator(pidns)) return checkPidnsBoot(context);
  if (!hasTranslator(host)) {
    return info(`none on this kernel: ${whyNotHere('bpf', host) ?? ''}; ${whyNotHere('nsfs', host) ?? ''}`);
  }
  const why = PIDNS_FINDINGS[pidns](path);
  if (byNetlink(context)) return info(`${why}; mpu.ko does its work`);
  if (pidns === 'other-namespace') return info(why, 'mount it on the real host, and mount that file here');
  const mount = mountCommand(pidnsBoot);
  return info(why, pidns === 'directory' ? `sudo rmdir ${path}; ${mount}` : mount);
}

/** Whether the file, which is there now, is there after a boot. */
function checkPidnsBoot(context: HostContext): Finding {
  const { pidns, pidnsPath: path, pidnsBoot } = context;
  const why = `${path} is ${pidns === 'iterator' ? 'a BPF iterator' : "the host's PID namespace"}`;
  // Who has it elsewhere does not have it from mpu.
  if (path !== DEFAULT_PIDNS) return ok(why);
  const unit = mountedAtBoot(pidnsBoot);
  if (unit !== undefined) return ok(`${why}, and is there again after a boot by ${unit}`);
  const gone = `${why}; nothing that is known here mounts it again after a boot`;
  const next = pidnsBoot.hasSystemd
    ? mountCommand(pidnsBoot)
    : `have the system run at each boot: ${mountCommand(pidnsBoot)}`;
  return byNetlink(context) ? info(`${gone}; mpu.ko does its work`) : warn(gone, next);
}

async function checkGpu({ signal }: HostContext): Promise<Finding> {
  try {
    const remarks: Remarks = { warnings: new Set(), unnamed: 0 };
    const gpus = await queryGpus({ ...(await findNvidiaSmi({ signal })), remarks });
    if (gpus.length === 0)
      return fail(
        'nvidia-smi finds none',
        'lspci -d 10de: shows whether there is one; sudo dmesg | grep NVRM says what the driver thinks',
      );
    const names = new Set(gpus.map(({ name }) => name));
    const found = `${gpus.length}: ${[...names].join(', ')}`;
    const [warning] = remarks.warnings;
    if (warning !== undefined)
      return warn(`${found}; nvidia-smi warns: ${warning}`, 'nvidia-smi -q shows more about that GPU');
    return ok(found);
  } catch (error) {
    if (!(error instanceof MpuError) || error.exitCode !== ExitCode.hostUnsupported) throw error;
    if (error.code === 'no-nvidia-smi')
      return warn('there is no nvidia-smi on this host, so mpu ps has nobody to ask', error.next);
    if (error.code === 'nvidia-smi-hangs') return fail(error.why, error.next);
    const next = 'sudo nvidia-smi; after an update of the driver: reboot, or unload and load the kernel modules';
    return fail(error.why, next);
  }
}

async function checkLibrary(context: HostContext): Promise<Finding> {
  const path = nativeLibrary();
  if (
    !(await access(path).then(
      () => true,
      () => false,
    ))
  )
    return lacks(context, `${path} is not there, so nothing can be injected`, 'npm run build');
  return ok(`${libraryVersion(path) ?? 'of unknown version'}, ready to inject`);
}

function checkProof(context: HostContext): Finding {
  const { proof, proofError, addonError } = context;
  if (addonError !== undefined) return fail('cannot be made without the native addon', addonError.next);
  if (proof === undefined) return findingOf(needsNoMpu(context) ? 'warn' : 'fail', proofError);
  const wrong = (['netlink', 'nsfs'] as const).map((method) => wrongWith(proof, method));
  if (wrong.every((each) => each !== undefined)) {
    const isLie = Object.values(proof.methods).some((answer) => 'host' in answer);
    return isLie
      ? fail(`what translates for containers is not right: ${wrong.join('; ')}`, remedy(context))
      : lacks(context, `nobody translates for containers: ${wrong.join('; ')}`, remedy(context));
  }
  const method = wrong[0] === undefined ? 'mpu.ko' : 'the namespace file';
  const answer = wrong[0] === undefined ? proof.methods.netlink : proof.methods.nsfs;
  const host = answer !== undefined && 'host' in answer ? answer.host : 0;
  if (!proof.inNamespace) {
    // Root may make one: something else is missing, as it can be for others.
    const isRefused = process.getuid?.() !== 0 && !(proofError instanceof MpuError);
    const { why, next = 'sudo mpu doctor' } = isRefused
      ? { why: 'this user may not make one' }
      : findingOf('warn', proofError);
    return warn(
      `${method} answers; that it is right for containers is not proven without a PID namespace: ${why}`,
      next,
    );
  }
  const checked = proof.truth === undefined ? '' : ', as in /proc';
  return ok(`in a new PID namespace, PID ${proof.pid} is ${host} on the host and back${checked}, by ${method}`);
}

/** The checks that only a host has, in order. */
export const HOST_CHECKS: readonly Check<HostContext>[] = [
  { id: 'gpu', title: 'GPUs', applies: ({ driver }) => driver !== undefined, run: checkGpu },
  {
    id: 'kernel',
    title: 'kernel',
    applies: () => true,
    run: (context) => {
      const { running } = context.host;
      if (hasTranslator(context.host)) return ok(`${running}: can translate with or without mpu.ko`);
      if (isAtLeast(running, MODULE_SINCE)) {
        return ok(`${running}: needs mpu.ko, since ${whyNotHere('bpf', context.host) ?? ''}`);
      }
      return lacks(
        context,
        `${running} is older than 4.18, the oldest that mpu.ko is written for`,
        'boot Linux 5.4 or later',
      );
    },
  },
  { id: 'module', title: 'mpu.ko', applies: () => true, run: checkModule },
  {
    id: 'interception',
    title: 'interception',
    applies: ({ module: { loaded } }) => loaded.answer !== undefined,
    run: ({ module: { loaded } }) => interceptionFinding(loaded.answer ?? { intercept: 'unknown' }),
  },
  {
    id: 'foreign-module',
    title: 'other modules',
    applies: ({ module: { installed } }) => installed.some(({ ours }) => !ours),
    run: ({ module: { installed } }) => {
      const paths = installed.filter(({ ours }) => !ours).map(({ path }) => path);
      return warn(
        `a module of another project has the name mpu: ${paths.join(', ')}`,
        `remove it: sudo rm ${paths.join(' ')}, and: sudo depmod`,
      );
    },
  },
  {
    id: 'module-files',
    title: 'module files',
    applies: ({ moduleError }) => moduleError !== undefined,
    run: ({ moduleError }) => findingOf('warn', moduleError),
  },
  { id: 'signatures', title: 'signatures', applies: () => true, run: checkSignatures },
  { id: 'build', title: 'headers, compiler', applies: ({ loadable }) => loadable, run: checkBuild },
  {
    id: 'dkms',
    title: 'DKMS',
    applies: ({ loadable }) => loadable,
    run: ({ module, dkms, host }) => checkDkms(module, dkms, !hasTranslator(host)),
  },
  {
    id: 'boot',
    title: 'next boot',
    applies: ({ module: { loaded } }) => loaded.owner === 'mpu',
    run: ({ module: { atBoot } }) =>
      atBoot ? ok('mpu.ko is loaded again') : warn('mpu.ko is not loaded again', 'sudo mpu module install'),
  },
  { id: 'pidns', title: 'namespace file', applies: () => true, run: checkPidns },
  { id: 'library', title: 'libmpu.so', applies: () => true, run: checkLibrary },
  { id: 'proof', title: 'live proof', applies: () => true, run: checkProof },
];

/** For a host on which no check failed: which containers are right, in one line. */
export function hostSummary(context: HostContext): string {
  if (context.module.loaded.answer?.intercept === 'on') return 'Containers here are shown the right GPU processes';
  const isTranslated = byNetlink(context) || byFile(context);
  const given = byNetlink(context) ? '' : ' that are given the namespace file';
  const injected = `ontainers of injected images (mpu inject)${given}`;
  if (!needsNoMpu(context)) return `C${injected} are shown the right GPU processes`;
  const remains = `what remains without it: ${context.driver?.regime?.wrong ?? ''}`;
  return `Containers here are shown the right GPU processes without mpu; ${remains}${isTranslated ? `; c${injected} are right in that, too` : ''}`;
}
