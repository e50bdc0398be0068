// SPDX-License-Identifier: GPL-2.0-only
/** The Python clients of NVML, pinned, in a directory of their own. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PrivateApt } from '#mpu/lib/nvidia-clients/apt-download.js';
import { debianMirrors, readSystemSources } from '#mpu/lib/nvidia-clients/apt-sources.js';
import { terminalProgress } from '#mpu/lib/nvidia-clients/nvidia-clients.js';
import { pythonPackages } from './pip.js';

const run = promisify(execFile);

/** What is installed: the clients, and what they need. */
const REQUIREMENTS = [
  'nvidia-ml-py==13.615.71',
  'nvitop==1.7.2',
  'gpustat==1.1.1',
  'psutil==7.2.2',
  'blessed==1.52.0',
  'jinxed==2.1.0',
  'wcwidth==0.9.4',
];

/** The pip command of this system; on one without, the wheel of the distribution's python3-pip-whl. */
async function findPip(scratch: string): Promise<string[]> {
  const installed = ['python3', '-m', 'pip'];
  try {
    await run('python3', ['-m', 'pip', '--version']);
    return installed;
  } catch {
    const system = await readSystemSources();
    const [mirror] = debianMirrors(system);
    const sources = mirror === undefined ? system : [{ ...mirror, components: ['main'] }];
    const apt = await PrivateApt.open(join(scratch, 'apt'), sources);
    const [wheelPackage] = await apt.versions(['python3-pip-whl']);
    if (wheelPackage === undefined) throw new Error(`neither pip nor python3-pip-whl is to be had; ${apt.complaints}`);
    const unpacked = join(scratch, 'pip');
    await apt.unpack(wheelPackage, unpacked);
    const wheels = join(unpacked, 'usr', 'share', 'python-wheels');
    const wheel = (await readdir(wheels)).find((name) => name.startsWith('pip-'));
    if (wheel === undefined) throw new Error('python3-pip-whl holds no pip');
    return ['python3', join(wheels, wheel, 'pip')];
  }
}

/**
 * A directory for PYTHONPATH with nvidia-ml-py, nvitop and gpustat, from `cacheDirectory` or else
 * installed into it from the package index that pip is configured to use.
 */
export async function fetchPythonClients(cacheDirectory: string): Promise<string> {
  const { stdout } = await run('python3', ['-c', 'import platform; print(platform.python_version())']);
  // Compiled modules fit one minor version of Python only.
  const python = stdout.trim().split('.').slice(0, 2).join('.');
  const digest = createHash('sha256').update(REQUIREMENTS.join('\n')).digest('hex').slice(0, 8);
  return pythonPackages(join(cacheDirectory, 'python'), `${python}-${digest}`, REQUIREMENTS, async (scratch) => {
    terminalProgress(`${REQUIREMENTS.slice(0, 3).join(', ')}: downloading`);
    return findPip(scratch);
  });
}
