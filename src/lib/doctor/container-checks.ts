// SPDX-License-Identifier: GPL-2.0-only
/** Checks of a container: whether nvidia-smi in it shows its own processes. */
import { existsSync } from 'node:fs';
import type { PidnsState } from '../pidns-file.js';
import { MOUNT_PIDNS, PIDNS_VOLUME } from '../pidns-file.js';
import { nativeLibrary } from '../native-library.js';
import { elfMachine } from '../elf.js';
import { readRegularFile } from '../regular-file.js';
import { fail, findingOf, info, ok, warn, type Check, type Finding } from './check.js';
import type { ContainerContext, LoadedIn, Preload } from './container-view.js';
import { versionIn } from './library.js';
import { wrongWith } from './proof.js';

/** The command that makes an image with libmpu.so. */
const INJECT = 'mpu inject IMAGE on the host, and run the image it names';

const isOurs = ({ entry }: Preload): boolean => /(^|\/)libmpu\.so$/.test(entry);
const ours = ({ preloads }: ContainerContext): Preload | undefined => preloads.find(isOurs);

/** Where nvidia-smi is found in containers: NVIDIA's runtime, Google's nodes, WSL. */
const SMI_PATHS = ['/usr/bin/nvidia-smi', '/usr/local/bin/nvidia-smi', '/usr/local/nvidia/bin/nvidia-smi', '/usr/lib/wsl/lib/nvidia-smi'];

function checkLibC({ libc }: ContainerContext): Finding {
  switch (libc.name) {
    case 'glibc':
      return ok('glibc, whose loader reads /etc/ld.so.preload');
    case 'musl':
      return info('musl, whose loader reads LD_PRELOAD alone');
    case 'none':
      return fail('it has no dynamic loader that is known, and static programs load no library', 'look at docs/limits.md; run the GPU programs in an image with glibc');
  }
}

function checkPreload(context: ContainerContext): Finding {
  const { libc, preloads } = context;
  const named = ours(context);
  if (named === undefined) {
    const place = libc.name === 'musl' ? 'LD_PRELOAD' : '/etc/ld.so.preload';
    return fail(`${place} does not name libmpu.so: the image was not injected`, INJECT);
  }
  const missing = preloads.filter((each) => !isOurs(each) && each.path?.startsWith('/') === true && each.data === undefined);
  if (missing.length === 0) return ok(`${named.entry}, by ${named.by}`);
  return warn(`${missing.map(({ entry }) => entry).join(', ')} is named and not there: every program complains`, `remove it from ${missing[0]?.by ?? ''} in the image`);
}

function checkLibrary(context: ContainerContext): Finding {
  const { libc } = context;
  const named = ours(context);
  if (named?.path === undefined) return fail(`what its loader puts in the place of $LIB is not known, in ${named?.entry ?? ''}`, 'report the distribution that the image is built on');
  if (named.data === undefined) return fail(`${named.path} is not there, or no file`, INJECT);
  const built = readRegularFile(nativeLibrary());
  const [machine, wanted] = [elfMachine(named.data), libc.name === 'none' ? undefined : libc.machine];
  if (machine !== wanted) return fail(`${named.path} is for another architecture (ELF machine ${machine ?? 'none'}, and the loader's is ${wanted ?? 'none'})`, INJECT);
  const version = versionIn(named.data) ?? 'of a version that does not say so';
  if (built === undefined || named.data.equals(built)) return ok(`${version}, for this architecture`);
  return warn(`${version}, and not the one of this mpu, ${versionIn(built) ?? 'unknown'}`, `${INJECT}, to bring it up to date`);
}

const names = (programs: readonly LoadedIn[]): string => programs
    .slice(0, 3)
    .map(({ command, isStatic }) => `${command}${isStatic ? ', which is static' : ''}`)
    .join('; ');

function checkLoaded({ loaded }: ContainerContext): Finding {
  const having = loaded.filter((program) => program.loaded);
  const lacking = loaded.filter((program) => !program.loaded);
  const [first] = lacking;
  if (loaded.length === 0) return warn('no program here can be looked at', 'run it as root, on the host');
  if (first === undefined) return ok(`in ${having.length === 1 ? names(having) : `all ${having.length} programs that run here`}`);
  if (having.length > 0) return ok(`in ${having.length} of ${loaded.length} programs; not in ${names(lacking)}`);
  if (lacking.every(({ isStatic }) => isStatic)) return warn(`only static programs run here, which load no library: ${names(lacking)}`, 'start the GPU program, then look again');
  return fail(`in none of the programs that run here: ${names(lacking)}`, 'start the container again: programs take the library when they start');
}

const PIDNS_WORDS: Record<Exclude<PidnsState, 'host'>, string> = {
  absent: 'is not there',
  unreadable: 'cannot be looked at',
  directory: 'is a directory: the file was missing on the host when the container started, and docker made one',
  ordinary: 'is an ordinary file: nothing was mounted on it on the host when the container started',
  'other-namespace': 'is not the initial PID namespace: the host it came from is itself a container',
};

function checkPidns(context: ContainerContext): Finding {
  const { pidns, pidnsPath } = context;
  if (pidns === 'host') return ok(`${pidnsPath} is the host's PID namespace`);
  const why = `${pidnsPath} ${PIDNS_WORDS[pidns]}`;
  return info(translatesBy(context) === 'netlink' ? `${why}; mpu.ko does its work` : why, translatesBy(context) === 'netlink' ? undefined : `on the host: ${MOUNT_PIDNS}; then run the container again with ${PIDNS_VOLUME}`);
}

/** Who translates for libmpu.so in this container, in its order; undefined for nobody. */
function translatesBy({ proof, seesModule }: ContainerContext): 'netlink' | 'nsfs' | undefined {
  if (proof === undefined) return undefined;
  if (seesModule && wrongWith(proof, 'netlink') === undefined) return 'netlink';
  return wrongWith(proof, 'nsfs') === undefined ? 'nsfs' : undefined;
}

function checkProof(context: ContainerContext): Finding {
  const { proof, proofError, addonError, seesModule, isInside } = context;
  if (addonError !== undefined) return fail('cannot be made without the native addon', addonError.next);
  if (proof === undefined) return { ...findingOf('fail', proofError), next: 'install mpu where every user may read it, e.g. below /usr/lib' };
  const method = translatesBy(context);
  if (method === undefined) {
    const hidden = wrongWith(proof, 'netlink') === undefined && !seesModule;
    const why = hidden
      ? 'mpu.ko would answer, but /sys/module/mpu is not visible here, so libmpu.so does not ask'
      : `nobody translates here: ${[wrongWith(proof, 'netlink'), wrongWith(proof, 'nsfs')].join('; ')}`;
    return fail(why, `on the host: mpu doctor; then run the container again with ${PIDNS_VOLUME}`);
  }
  const answer = proof.methods[method];
  const host = answer !== undefined && 'host' in answer ? answer.host : 0;
  const where = isInside ? 'this program' : 'a process in its namespaces';
  return ok(`${where}, PID ${proof.pid}, is ${host} on the host and back${proof.truth === undefined ? '' : ', as in /proc'}, by ${method === 'netlink' ? 'mpu.ko' : 'the namespace file'}`);
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
    run: ({ sharesHost }) => (sharesHost ? info('the host\'s (--pid=host): nvidia-smi shows everybody\'s processes, by PIDs that are right here; mpu changes nothing') : ok('its own')),
  },
  {
    id: 'device',
    title: 'GPU',
    applies: () => true,
    run: async ({ root }) =>
      existsSync(await root.resolve('/dev/nvidiactl')) ? ok('/dev/nvidiactl is there') : fail('/dev/nvidiactl is not there: the container has no GPU', 'run it with --gpus all, or with --device nvidia.com/gpu=all'),
  },
  {
    id: 'nvidia-smi',
    title: 'nvidia-smi',
    applies: () => true,
    run: async ({ root }) => {
      const places = await Promise.all(SMI_PATHS.map((path) => root.resolve(path)));
      const path = SMI_PATHS.find((_, index) => existsSync(places[index] ?? ''));
      return path === undefined ? warn('it has no nvidia-smi', 'run it with -e NVIDIA_DRIVER_CAPABILITIES=compute,utility') : ok(path);
    },
  },
  {
    id: 'interception',
    title: 'interception',
    applies: ({ intercepted }) => intercepted,
    run: () => ok('mpu.ko rewrites the driver\'s answers: nothing has to be in the container'),
  },
  { id: 'libc', title: 'C library', applies: needsLibrary, run: checkLibC },
  { id: 'preload', title: 'preload entry', applies: needsLibrary, run: checkPreload },
  { id: 'library', title: 'libmpu.so', applies: hasEntry, run: checkLibrary },
  { id: 'loaded', title: 'loaded', applies: hasEntry, run: checkLoaded },
  {
    id: 'environment',
    title: 'variables',
    applies: ({ environment }) => ['MPU_DISABLE', 'MPU_PIDNS'].some((name) => environment.has(name)),
    run: ({ environment }) =>
      environment.get('MPU_DISABLE') === '1'
        ? fail('MPU_DISABLE=1 switches mpu off', 'start the container without that variable')
        : info(`MPU_PIDNS=${environment.get('MPU_PIDNS') ?? ''} is used in the place of /run/mpu/pidns`),
  },
  {
    id: 'seccomp',
    title: 'seccomp',
    applies: needsTranslation,
    run: ({ seccomp }) =>
      seccomp === 2
        ? info('a filter is in force; those of docker, podman and containerd let mpu through', 'MPU_DEBUG=1 nvidia-smi, in the container, says so if this one does not')
        : ok(seccomp === 0 ? 'no filter' : 'no filter that can be seen'),
  },
  { id: 'pidns', title: 'namespace file', applies: needsTranslation, run: checkPidns },
  { id: 'proof', title: 'live proof', applies: needsTranslation, run: checkProof },
];
