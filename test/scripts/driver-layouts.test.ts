// SPDX-License-Identifier: GPL-2.0-only
/** scripts/driver-layouts.js on a tree of a few lines, in which a size, a place and a structure are new. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import t from 'tap';
import { packageRoot } from '#mpu/lib/package/root.js';

const directory = mkdtempSync(join(tmpdir(), 'mpu-tree-'));
t.teardown(() => {
  rmSync(directory, { recursive: true });
});

const INCLUDE = 'src/common/sdk/nvidia/inc';

/** Headers with the controls of one release, as far as they matter here. */
const HEADERS: Record<string, string> = {
  'nvtypes.h': 'typedef unsigned int NvU32; typedef unsigned long long NvU64;\n',
  'ctrl/ctrl0000/ctrl0000gpuacct.h': `
#define NV0000_CTRL_CMD_GPUACCT_GET_PROC_ACCOUNTING_INFO_V2 (0xb06)
typedef struct NV0000_CTRL_GPUACCT_GET_PROC_ACCOUNTING_INFO_V2_PARAMS {
  NvU32 gpuId, pid, subPid, gpuUtil, fbUtil, sampleCount; NvU64 rest[5];
} NV0000_CTRL_GPUACCT_GET_PROC_ACCOUNTING_INFO_V2_PARAMS;
`,
  'ctrl/ctrl0000/ctrl0000nvd.h': '',
  'ctrl/ctrl2080/ctrl2080gpu.h': `
#define NV2080_CTRL_CMD_GPU_GET_PIDS (0x2080018d)
typedef struct NV2080_CTRL_GPU_GET_PIDS_PARAMS {
  NvU32 id, idType, more;
  NvU32 pidTbl[949];
  NvU32 pidTblCount;
} NV2080_CTRL_GPU_GET_PIDS_PARAMS;
/* a comment that names NvU32 pid; */
typedef struct NV2080_CTRL_GPU_BRAND_NEW_PARAMS {
    NvU32 ownerPid;
} NV2080_CTRL_GPU_BRAND_NEW_PARAMS;
typedef struct NV2080_CTRL_GPU_RAPID_PARAMS {
    NvU32 rapidity;
} NV2080_CTRL_GPU_RAPID_PARAMS;
`,
  'ctrl/ctrl2080/ctrl2080perf.h': '',
  'ctrl/ctrl90cc/ctrl90cchwpm.h': `
#define NV90CC_CTRL_CMD_HWPM_GET_RESERVATION_INFO (0x90cc0103)
typedef struct NV90CC_CTRL_HWPM_GET_RESERVATION_INFO_PARAMS {
  NvU32 reservationCount, pid, more[2];
} NV90CC_CTRL_HWPM_GET_RESERVATION_INFO_PARAMS;
`,
};

function tree(name: string, headers: Record<string, string>): string {
  const root = join(directory, name);
  for (const [path, text] of Object.entries(headers)) {
    const file = join(root, INCLUDE, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  writeFileSync(join(root, 'version.mk'), 'NVIDIA_VERSION = 999.1\n');
  return root;
}

const compare = (...args: string[]): ReturnType<typeof spawnSync> =>
  spawnSync(process.execPath, [join(packageRoot, 'scripts', 'driver-layouts.js'), ...args], { encoding: 'utf8' });

void t.test('a release that differs', (t) => {
  const { status, stdout, stderr } = compare(tree('differs', HEADERS));
  t.equal(status, 1, String(stderr));
  const lines = String(stdout).split('\n');
  t.equal(lines[0], 'release 999.1');
  for (const line of [
    'same GPUACCT_GET_PROC_ACCOUNTING_INFO_V2, 0x00000b06: 64 bytes',
    'differs GPU_GET_PIDS: the place of the count is 3808, layouts.c has 8',
    'differs GPU_GET_PIDS: the number of elements is 949, layouts.c has 950',
    'new HWPM_GET_RESERVATION_INFO, 0x90cc0103: its 16 bytes have no row',
    'absent NVD_GET_RCERR_RPT',
    `unknown NV2080_CTRL_GPU_BRAND_NEW_PARAMS, in ${INCLUDE}/ctrl/ctrl2080/ctrl2080gpu.h: has a PID`,
  ]) {
    t.ok(lines.includes(line), line, { stdout });
  }
  t.notMatch(stdout, /RAPID/, 'not every "pid" is a PID');
  t.end();
});

void t.test('a release that does not', (t) => {
  const same = { ...HEADERS, 'ctrl/ctrl2080/ctrl2080gpu.h': '', 'ctrl/ctrl90cc/ctrl90cchwpm.h': '' };
  const { status, stdout } = compare(tree('same', same));
  t.equal(status, 0, String(stdout));
  t.end();
});

void t.test('what is no tree', (t) => {
  t.equal(compare().status, 2);
  t.match(compare(directory), { status: 3, stderr: /is no source tree of the open driver/ });
  const broken = { ...HEADERS, 'nvtypes.h': '#error nothing\n' };
  t.match(compare(tree('broken', broken)), { status: 3, stderr: /cannot be compiled/ });
  t.end();
});
