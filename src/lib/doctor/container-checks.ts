// SPDX-License-Identifier: GPL-2.0-only
/** Checks of a container: whether nvidia-smi in it shows its own processes. */
import { closeSync, constants, existsSync, openSync } from 'node:fs';
import type { Mount } from '../containers/mountinfo.js';
import { isTranslator, PIDNS_VOLUME, type PidnsState } from '../containers/pidns-file.js';
import { nativeLibrary } from '../payload/libraries.js';
import { PRELOAD_ENTRY, PRELOAD_FILE } from '../payload/preload-file.js';
import { elfMachine } from '../system/elf.js';
import { errnoName, messageOf } from '../errors.js';
import { readRegularFile } from '../system/regular-file.js';
import { fail, findingOf, info, ok, warn, type Check, type Finding } from './check.js';
import type { ContainerContext, LoadedIn, Preload } from './container-context.js';
import { lacks, needsNoMpu } from './driver-checks.js';
import { hasTranslator, whyNotHere } from '../pidns/why.js';
import { versionIn } from './library.js';
import { wrongWith } from './proof.js';

/** The command that makes an image with libmpu.so. */
const INJECT = 'mpu inject IMAGE on the host, and run the image it names';

const isOurs = ({ entry }: Preload): boolean => /(^|\/)libmpu\.so$/.test(entry);
const ours = ({ preloads }: ContainerContext): Preload | undefined => preloads.find(isOurs);

/** Where nvidia-smi is found in containers: NVIDIA's runtime, Google's nodes, WSL. */
const SMI_PATHS = [
  '/usr/bin/nvidia-smi',
  '/usr/local/bin/nvidia-smi',
  '/usr/local/nvidia/bin/nvidia-smi',
  '/usr/lib/wsl/lib/nvidia-smi',
];

/** The control device, which every program that uses a GPU opens. */
const DEVICE = '/dev/nvidiactl';
const GIVE_GPU = 'run it with --gpus all, or with --device nvidia.com/gpu=all';

async function checkDevice({ root, isInside }: ContainerContext): Promise<Finding> {
  const path = await root.resolve(DEVICE);
  if (!existsSync(path)) return fail(`${DEVICE} is not there: the container has no GPU`, GIVE_GPU);
  // From outside, it would be opened by the rights of the host.
  if (!isInside) return ok(`${DEVICE} is there`);
  try {
    closeSync(openSync(path, constants.O_RDWR));
    return ok(`${DEVICE} can be opened`);
  } catch (error) {
    const name = errnoName(error);
    if (name === 'EPERM')
      return fail(`${DEVICE} is there, and the container's device cgroup does not let it be opened`, GIVE_GPU);
    if (name === 'EACCES')
      return fail(
        `${DEVICE} is there, and this user may not open it`,
        `ls -l ${DEVICE}, and run the container as a user who may`,
      );
    return fail(
      `${DEVICE} cannot be opened: ${messageOf(error)}`,
      'on the host: nvidia-smi; it says what the driver thinks',
    );
  }
}

function checkLibC(context: ContainerContext): Finding {
  const { libc } = context;
  switch (libc.name) {
    case 'glibc':
      return ok('glibc, whose loader reads /etc/ld.so.preload');
    case 'musl':
      return info('musl, whose loader reads LD_PRELOAD alone');
    case 'none':
      return lacks(
        context,
        'it has no dynamic loader that is known, and static programs load no library',
        'look at docs/limits.md; run the GPU programs in an image with glibc',
      );
  }
}

/** Another tool, such as HAMi, has mounted a preload file of its own over that of the image. */
function coveredFinding(context: ContainerContext, { point, root }: Mount): Finding {
  const way = `add the line ${PRELOAD_ENTRY} to the file that is mounted, or start the container with LD_PRELOAD=${PRELOAD_ENTRY}`;
  return lacks(
    context,
    `a mount on ${point} (of ${root}) covers the image's own ${PRELOAD_FILE}, and does not name libmpu.so`,
    context.hasFiles ? way : `${INJECT}; and ${way}`,
  );
}

function checkPreload(context: ContainerContext): Finding {
  const { libc, preloads } = context;
  const named = ours(context);
  if (named === undefined) {
    const place = libc.name === 'musl' ? 'LD_PRELOAD' : PRELOAD_FILE;
    if (libc.name === 'glibc' && context.cover !== undefined) return coveredFinding(context, context.cover);
    return lacks(context, `${place} does not name libmpu.so: the image was not injected`, INJECT);
  }
  const missing = preloads.filter(
    (each) => !isOurs(each) && each.path?.startsWith('/') === true && each.data === undefined,
  );
  if (missing.length === 0) return ok(`${named.entry}, by ${named.by}`);
  return warn(
    `${missing.map(({ entry }) => entry).join(', ')} is named and not there: every program complains`,
    `remove it from ${missing[0]?.by ?? ''} in the image`,
  );
}

function checkLibrary(context: ContainerContext): Finding {
  const { libc } = context;
  const named = ours(context);
  if (named?.path === undefined)
    return lacks(
      context,
      `what its loader puts in the place of $LIB is not known, in ${named?.entry ?? ''}`,
      'report the distribution that the image is built on',
    );
  if (named.data === undefined) return lacks(context, `${named.path} is not there, or no file`, INJECT);
  const built = readRegularFile(nativeLibrary());
  const [machine, wanted] = [elfMachine(named.data), libc.name === 'none' ? undefined : libc.machine];
  if (machine !== wanted)
    return lacks(
      context,
      `${named.path} is for another architecture (ELF machine ${machine ?? 'none'}, and the loader's is ${wanted ?? 'none'})`,
      INJECT,
    );
  const version = versionIn(named.data) ?? 'of a version that does not say so';
  if (built === undefined || named.data.equals(built)) return ok(`${version}, for this architecture`);
  return warn(
    `${version}, and not the one of this mpu, ${versionIn(built) ?? 'unknown'}`,
    `${INJECT}, to bring it up to date`,
  );
}

const names = (programs: readonly LoadedIn[]): string =>
  programs
    .slice(0, 3)
    .map(({ command, isStatic }) => `${command}${isStatic ? ', which is static' : ''}`)
    .join('; ');

function checkLoaded(context: ContainerContext): Finding {
  const { loaded } = context;
  const having = loaded.filter((program) => program.loaded);
  const lacking = loaded.filter((program) => !program.loaded);
  const [first] = lacking;
  if (loaded.length === 0) return warn('no program here can be looked at', 'run it as root, on the host');
  if (first === undefined)
    return ok(`in ${having.length === 1 ? names(having) : `all ${having.length} programs that run here`}`);
  if (having.length > 0) return ok(`in ${having.length} of ${loaded.length} programs; not in ${names(lacking)}`);
  if (lacking.every(({ isStatic }) => isStatic))
    return warn(
      `only static programs run here, which load no library: ${names(lacking)}`,
      'start the GPU program, then look again',
    );
  return lacks(
    context,
    `in none of the programs that run here: ${names(lacking)}`,
    'start the container again: programs take the library when they start',
  );
}

const PIDNS_WORDS: Record<Exclude<PidnsState, 'host' | 'iterator'>, string> = {
  absent: 'is not there',
  unreadable: 'cannot be looked at',
  directory: 'is a directory: the file was missing on the host when the container started, and docker made one',
  ordinary: 'is an ordinary file: nothing was mounted on it on the host when the container started',
  'other-namespace': 'is not the initial PID namespace: the host it came from is itself a container',
};

const METHODS = ['netlink', 'nsfs'] as const;

/** Who translates for libmpu.so in this container, in its order; undefined for nobody. */
function translatesBy({ proof, seesModule, intercepted }: ContainerContext): (typeof METHODS)[number] | undefined {
  if (proof === undefined) return undefined;
  // With interception nothing in the container has to see the module.
  if ((seesModule || intercepted) && wrongWith(proof, 'netlink') === undefined) return 'netlink';
  return wrongWith(proof, 'nsfs') === undefined ? 'nsfs' : undefined;
}

/** Why mpu.ko does not answer in this container; undefined where it does, or was not asked. */
function netlinkRefusal({ proof }: ContainerContext): string | undefined {
  const answer = proof?.methods.netlink;
  return answer !== undefined && 'why' in answer ? answer.why.replace(/^netlink: /, '') : undefined;
}

const isRefused = (why: string): boolean => why !== 'mpu.ko is not loaded';

function checkModule(context: ContainerContext): Finding {
  const { proof, isInside, seesModule, intercepted } = context;
  const where = isInside ? 'here' : 'in its namespaces';
  if (proof === undefined) return info(`whether it answers ${where} could not be tried`);
  const refusal = netlinkRefusal(context);
  if (refusal === undefined) {
    if (seesModule || intercepted) return ok(`answers over netlink ${where}`);
    return info(`answers over netlink ${where}, and libmpu.so does not ask it: /sys/module/mpu is not visible here`);
  }
  const why = isRefused(refusal) ? `cannot be asked ${where}: ${refusal}` : 'not loaded';
  if (translatesBy(context) === 'nsfs') return info(`${why}; the namespace file does its work`);
  return info(
    why,
    isRefused(refusal) ? 'let the container make sockets of AF_NETLINK, or give it the namespace file' : undefined,
  );
}

function checkPidns(context: ContainerContext): Finding {
  const { pidns, pidnsPath, root, mountCommand } = context;
  if (isTranslator(pidns)) {
    return ok(`${pidnsPath} is ${pidns === 'iterator' ? 'a BPF iterator of the host' : "the host's PID namespace"}`);
  }
  if (!hasTranslator(root)) {
    return info(`none on this kernel: ${whyNotHere('bpf', root) ?? ''}; ${whyNotHere('nsfs', root) ?? ''}`);
  }
  const why = `${pidnsPath} ${PIDNS_WORDS[pidns]}`;
  if (translatesBy(context) === 'netlink') return info(`${why}; mpu.ko does its work`);
  return info(why, `on the host: ${mountCommand}; then run the container again with ${PIDNS_VOLUME}`);
}

/** A filter cannot be looked at; whether it lets mpu's calls through is seen only under it. */
function checkSeccomp(context: ContainerContext): Finding {
  const { seccomp, isInside } = context;
  if (seccomp !== 2) return ok(seccomp === 0 ? 'no filter' : 'no filter that can be seen');
  if (!isInside) {
    return info(
      'a filter is in force, and what is tried here from the host is not under it; those of docker, podman and containerd let mpu through',
      'MPU_DEBUG=1 nvidia-smi, in the container, says so if this one does not',
    );
  }
  const method = translatesBy(context);
  if (method !== undefined)
    return ok(`a filter is in force, and lets ${method === 'netlink' ? 'netlink' : 'the namespace file'} through`);
  const refusal = netlinkRefusal(context);
  if (refusal === undefined || !isRefused(refusal)) return info('a filter is in force');
  return warn(
    `a filter is in force, and may be what refuses netlink (${refusal})`,
    'run it without, to compare: --security-opt seccomp=unconfined',
  );
}

function checkProof(context: ContainerContext): Finding {
  const { proof, proofError, addonError, seesModule, intercepted, isInside } = context;
  if (addonError !== undefined) return fail('cannot be made without the native addon', addonError.next);
  if (proof === undefined) return findingOf(intercepted || needsNoMpu(context) ? 'warn' : 'fail', proofError);
  const method = translatesBy(context);
  if (method !== undefined) {
    const answer = proof.methods[method];
    const host = answer !== undefined && 'host' in answer ? answer.host : 0;
    const where = isInside ? 'this program' : 'a process in its namespaces';
    return ok(
      `${where}, PID ${proof.pid}, is ${host} on the host and back${proof.truth === undefined ? '' : ', as in /proc'}, by ${method === 'netlink' ? 'mpu.ko' : 'the namespace file'}`,
    );
  }
  const wrong = METHODS.map((each) => wrongWith(proof, each)).filter((why) => why !== undefined);
  const next = `on the host: mpu doctor; then run the container again with ${PIDNS_VOLUME}`;
  const isLie = METHODS.some((each) => wrongWith(proof, each) !== undefined && 'host' in (proof.methods[each] ?? {}));
  if (isLie) return fail(`what translates here is not right: ${wrong.join('; ')}`, next);
  if (intercepted) return info(`nobody can be asked here, and with interception nobody has to be: ${wrong.join('; ')}`);
  const hidden = wrongWith(proof, 'netlink') === undefined && !seesModule;
  if (hidden)
    return lacks(
      context,
      'mpu.ko would answer, but /sys/module/mpu is not visible here, so libmpu.so does not ask',
      next,
    );
  return lacks(context, `nobody translates here: ${wrong.join('; ')}`, next);
}

/** The variables that libmpu.so heeds, where it is needed (preload/environment.c). */
const isDisabled = ({ environment }: ContainerContext): boolean => environment.get('MPU_DISABLE') === '1';
const namesFile = ({ environment }: ContainerContext): boolean => (environment.get('MPU_PIDNS') ?? '') !== '';

function checkEnvironment(context: ContainerContext): Finding {
  if (isDisabled(context))
    return lacks(context, 'MPU_DISABLE=1 switches mpu off', 'start the container without that variable');
  return info(`MPU_PIDNS=${context.environment.get('MPU_PIDNS') ?? ''} is used in the place of /run/mpu/pidns`);
}

const needsTranslation = ({ sharesHost }: ContainerContext): boolean => !sharesHost;
const needsLibrary = (context: ContainerContext): boolean => needsTranslation(context) && !context.intercepted;
const hasEntry = (context: ContainerContext): boolean => needsLibrary(context) && ours(context) !== undefined;

/** The checks that only a container has, in order. */
export const CONTAINER_CHECKS: readonly Check<ContainerContext>[] = [
  {
    id: 'pid-namespace',
    title: 'PID namespace',
    applies: () => true,
    run: ({ sharesHost }) =>
      sharesHost
        ? info(
            "the host's (--pid=host): nvidia-smi shows everybody's processes, by PIDs that are right here; mpu changes nothing",
          )
        : ok('its own'),
  },
  {
    id: 'device',
    title: 'GPU',
    applies: () => true,
    run: checkDevice,
  },
  {
    id: 'nvidia-smi',
    title: 'nvidia-smi',
    applies: () => true,
    run: async ({ root }) => {
      const places = await Promise.all(SMI_PATHS.map((path) => root.resolve(path)));
      const path = SMI_PATHS.find((_, index) => existsSync(places[index] ?? ''));
      return path === undefined
        ? warn('it has no nvidia-smi', 'run it with -e NVIDIA_DRIVER_CAPABILITIES=compute,utility')
        : ok(path);
    },
  },
  {
    id: 'interception',
    title: 'interception',
    applies: ({ intercepted }) => intercepted,
    run: () => ok("mpu.ko rewrites the driver's answers: nothing has to be in the container"),
  },
  { id: 'libc', title: 'C library', applies: needsLibrary, run: checkLibC },
  { id: 'preload', title: 'preload entry', applies: needsLibrary, run: checkPreload },
  { id: 'library', title: 'libmpu.so', applies: hasEntry, run: checkLibrary },
  { id: 'loaded', title: 'loaded', applies: hasEntry, run: checkLoaded },
  {
    id: 'environment',
    title: 'variables',
    applies: (context) => needsLibrary(context) && (isDisabled(context) || namesFile(context)),
    run: checkEnvironment,
  },
  { id: 'module', title: 'mpu.ko', applies: needsTranslation, run: checkModule },
  { id: 'seccomp', title: 'seccomp', applies: needsTranslation, run: checkSeccomp },
  { id: 'pidns', title: 'namespace file', applies: needsTranslation, run: checkPidns },
  { id: 'proof', title: 'live proof', applies: needsTranslation, run: checkProof },
];

/** Whether libmpu.so, or mpu.ko for it, puts right what the driver answers. */
const isTranslated = (context: ContainerContext): boolean =>
  context.intercepted ||
  (translatesBy(context) !== undefined &&
    !isDisabled(context) &&
    ours(context) !== undefined &&
    context.loaded.some(({ loaded }) => loaded));

/** For a container in which no check failed: what is right, in one line. */
export function containerSummary(context: ContainerContext): string {
  if (!needsTranslation(context) || !needsNoMpu(context) || isTranslated(context))
    return 'nvidia-smi in this container shows the right processes';
  return `nvidia-smi in this container shows the right processes without mpu; what remains without it: ${context.driver?.regime?.wrong ?? ''}`;
}
