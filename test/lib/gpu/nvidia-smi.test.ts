// SPDX-License-Identifier: GPL-2.0-only
/** What nvidia-smi prints on machines that are not at hand: an H200, MIG, nine GPUs. */
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseMonitor, queryGpus, queryProcesses, type NvidiaSmi, type Remarks } from '#mpu/lib/gpu/nvidia-smi.js';

/** Copied from a machine with an H200 and driver 580.159.04. */
const H200 = `# gpu         pid   type     sm    mem    enc    dec    jpg    ofa     fb   ccpm    command 
# Idx           #    C/G      %      %      %      %      %      %     MB     MB    name 
    0        517     C     14     14      -      -      -      -   2518      0    python3        
    0        520     C     84     85      -      -      -      -   3518      0    python3        
`;

await t.test('pmon', (t) => {
  t.same(parseMonitor(H200), [
    { gpu: 0, pid: 517, type: 'C', memory: 2518, utilization: { sm: 14, memory: 14, encoder: null, decoder: null } },
    { gpu: 0, pid: 520, type: 'C', memory: 3518, utilization: { sm: 84, memory: 85, encoder: null, decoder: null } },
  ]);
  t.same(
    parseMonitor(
      `${H200.split('\n').slice(0, 2).join('\n')}\n    0          -     -      -      -      -      -      -      -      -      -    -              \n`,
    ),
    [],
  );
  t.same(parseMonitor('Process monitoring is not supported on MIG\n'), []);
  const [heading = '', units = '', row = ''] = H200.split('\n');
  const forged = `${heading}\n${units}\n${row}\n    0        519     C      1      1      -      -      -      -      1      0    x\n 0 517 C 99 9 \n    0        521     C      1      1      -      -      -      -      1      0    x\n# gpu pid fb \n${row.replace('14', '99')}\n`;
  t.match(
    parseMonitor(forged),
    [{ pid: 517, utilization: { sm: 14 } }, { pid: 519 }, { pid: 521 }],
    'names that look like rows',
  );
  t.equal(parseMonitor(forged).length, 3);
  t.end();
});

await t.test('nine GPUs, of which one cannot be monitored', async (t) => {
  const directory = t.testdir();
  const [program, calls] = [join(directory, 'nvidia-smi'), join(directory, 'calls')];
  await writeFile(
    program,
    `#!/bin/sh
echo "$*" >>${calls}
case $1 in
--query-gpu=*) for i in 0 1 2 3 4 5 6 7 8; do echo "$i, GPU-$i, [N/A], 17, NVIDIA H200, of a kind"; done ;;
--query-compute*) echo "GPU-8, 17, [N/A]"; echo "GPU-3, 33, 99"; echo "MIG-1, 5, 7"; echo "MIG-2, 5, 8"; echo ;;
pmon) case $7 in *3*) echo '# gpu pid type sm mem fb command'; echo ' 3 33 C+G 50 - 98 train'; echo ' 3 34 G - - 12 X'; esac ;;
esac
`,
  );
  await chmod(program, 0o755);
  const smi = { command: [program], env: process.env };
  const gpus = await queryGpus(smi);
  t.match(gpus.at(-1), { index: 8, uuid: 'GPU-8', memoryTotal: null, memoryUsed: 17, name: 'NVIDIA H200, of a kind' });
  const unknown = { sm: null, memory: null, encoder: null, decoder: null };
  t.same(await queryProcesses(smi, gpus), [
    { gpu: null, uuid: 'MIG-1', pid: 5, type: 'C', memory: 7, utilization: unknown },
    { gpu: null, uuid: 'MIG-2', pid: 5, type: 'C', memory: 8, utilization: unknown },
    { gpu: 3, uuid: 'GPU-3', pid: 33, type: 'C+G', memory: 99, utilization: { ...unknown, sm: 50 } },
    { gpu: 3, uuid: 'GPU-3', pid: 34, type: 'G', memory: 12, utilization: unknown },
    { gpu: 8, uuid: 'GPU-8', pid: 17, type: 'C', memory: null, utilization: unknown },
  ]);
  const monitored = (await readFile(calls, 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('pmon'))
    .map((line) => line.split(' ').at(-1));
  t.same(monitored.sort(), ['0,1,2,3', '4,5,6,7', '8'], 'no more than four at once');
});

/** A program in place of nvidia-smi; `$*` is the question. */
async function fake(t: Test, script: string): Promise<NvidiaSmi & { remarks: Remarks }> {
  const program = join(t.testdir(), 'nvidia-smi');
  await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { command: [program], env: process.env, remarks: { warnings: new Set(), unnamed: 0 } };
}

const ROWS = `case "$*" in
*query-gpu*) echo '0, GPU-1, 81559, 10000, NVIDIA H100' ;;
*query-compute*) echo 'GPU-1, 33, 99'; echo 'GPU-1, [Insufficient Permissions], [Insufficient Permissions]' ;;
esac`;

await t.test('rows and a warning, with another status than 0', async (t) => {
  for (const [after, warning] of [
    [
      "echo 'WARNING: infoROM is corrupted at gpu 0000:65:00.0'; exit 14",
      'WARNING: infoROM is corrupted at gpu 0000:65:00.0',
    ],
    ["echo 'Unable to determine the device handle for GPU1: 0000:66:00.0: Unknown Error'; exit 15", /device handle/],
    ["echo 'a GPU is lost' >&2; exit 255", 'a GPU is lost'],
  ] as const) {
    const smi = await fake(t, `${ROWS}\n${after}`);
    const gpus = await queryGpus(smi);
    t.match(gpus, [{ index: 0, uuid: 'GPU-1', memoryTotal: 81559 }], after);
    t.match(await queryProcesses(smi, gpus), [{ pid: 33, memory: 99 }], 'the process that has a PID');
    t.match([...smi.remarks.warnings], [warning], 'the warning, once');
    t.equal(smi.remarks.unnamed, 1, 'the process that has none is counted');
  }
});

await t.test('no rows', async (t) => {
  const failing = await fake(t, "echo 'WARNING: infoROM is corrupted at gpu 0000:65:00.0'; exit 14");
  await t.rejects(queryGpus(failing), { code: 'nvidia-smi-failed', why: /infoROM/ });
  const none = await fake(t, "echo 'No devices were found'");
  t.same(await queryGpus(none), []);
  t.equal(none.remarks.warnings.size, 0, 'nothing to warn of');
});
