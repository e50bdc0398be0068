// SPDX-License-Identifier: GPL-2.0-only
/** The checks of container runtimes: docker for real, the others with stand-ins, and what is said of CDI devices. */
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { runChecks, type CheckResult } from '#mpu/lib/doctor/check.js';
import { checkCdi, RUNTIME_CHECKS, type RuntimeState } from '#mpu/lib/doctor/runtime-checks.js';
import { lacking, startDocker } from '../../support/engines.js';
import { check, checkout } from '../../support/mpu.js';

const RUNTIMES = ['docker', 'podman', 'containerd', 'crio'];

/** What is said of runtimes that are shell scripts; those without a script do not run. */
async function checkWith(t: Test, scripts: Record<string, string>): Promise<CheckResult | undefined> {
  const directory = t.testdir();
  for (const name of RUNTIMES)
    await writeFile(join(directory, name), `#!/bin/sh\n${scripts[name] ?? 'exit 1'}\n`, { mode: 0o755 });
  const path = process.env.PATH;
  process.env.PATH = `${directory}:${path ?? ''}`;
  try {
    return (
      await runChecks(
        RUNTIME_CHECKS.filter(({ id }) => id === 'runtimes'),
        undefined,
      )
    )[0];
  } finally {
    process.env.PATH = path;
  }
}

await t.test('runtimes that work, and that do not', async (t) => {
  const version = 'echo "$0 version 4.9.3"';
  const docker = `echo '{"ServerVersion":"28.3.0","CDISpecDirs":["/etc/cdi"]}'`;
  const works = { docker, podman: version, containerd: version, crio: version };
  t.match(await checkWith(t, works), {
    verdict: 'ok',
    why: /^docker 28\.3\.0 \(CDI\), podman 4\.9\.3 \(CDI\)/,
    next: undefined,
  });
  t.match(await checkWith(t, { ...works, docker: 'echo "Cannot connect to the Docker daemon" >&2; exit 1' }), {
    verdict: 'info',
    why: /^docker \(its daemon does not answer\), podman 4\.9\.3/,
    next: /^sudo systemctl start docker$/,
  });
  t.match(await checkWith(t, { ...works, podman: 'exit 1' }), {
    verdict: 'info',
    why: /podman \(it does not run\)/,
    next: /^podman --version$/,
  });
  t.match(await checkWith(t, {}), {
    verdict: 'warn',
    next: /^sudo systemctl start docker; podman --version; containerd --version; crio --version$/,
  });
});

await t.test(
  'docker, and a user who may not ask it',
  { skip: await lacking(['dockerd', 'docker', 'setpriv'], true), timeout: 120_000 },
  async (t) => {
    const engine = await startDocker();
    t.teardown(() => engine.stop());
    await chmod(engine.directory, 0o755);
    const script = `import { findRuntimes } from ${JSON.stringify(join(checkout, 'dist/lib/doctor/runtime-checks.js'))};
    console.log(JSON.stringify((await findRuntimes()).find(({ name }) => name === 'docker')));`;
    const ask = async (...around: string[]): Promise<RuntimeState> => {
      return JSON.parse(
        await check('env', [...around, process.execPath, '--input-type=module', '-e', script], { env: engine.env }),
      ) as RuntimeState;
    };
    t.match(await ask(), { name: 'docker', version: /^\d/, problem: undefined });
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'];
    t.match(await ask(...nobody), { problem: 'this user may not ask its daemon', next: 'sudo mpu doctor' });
  },
);

await t.test('CDI devices', (t) => {
  const [ours, nvidia] = [['/etc/cdi/mpu.json'], ['/etc/cdi/nvidia.yaml']];
  t.match(checkCdi(ours, nvidia), {
    verdict: 'info',
    why: 'mpu in /etc/cdi/mpu.json; GPUs in /etc/cdi/nvidia.yaml',
    next: undefined,
  });
  t.match(checkCdi([], nvidia), { verdict: 'info', next: 'for untouched images: sudo mpu cdi install' });
  t.match(checkCdi(ours, []), {
    next: 'for untouched images: sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml',
  });
  t.match(checkCdi([], []), {
    why: 'none of mpu; none for GPUs',
    next: /nvidia-ctk cdi generate.*; sudo mpu cdi install$/,
  });
  t.end();
});
