// SPDX-License-Identifier: GPL-2.0-only
/** shared-page.so, which test/gpu/shared_page.py preloads into NVIDIA's clients, on a client that does as they do on plain files. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { check, checkout } from '../support/mpu.js';

const LIBRARY = join(checkout, 'build', 'test', 'gpu', 'shared-page.so');
const skip = process.arch === 'x64' ? false : 'NOT TESTED: shared-page.so is built on x86-64 alone';

/** Allocates the class, asks for polling, maps a page and reads two of its words; prints the two statuses. */
const CLIENT = `
import ctypes, mmap, struct, sys
libc = ctypes.CDLL(None)
def pointer(data):
    return ctypes.create_string_buffer(data, len(data))
def call(request, data):
    buffer = pointer(data)
    libc.ioctl(file.fileno(), ctypes.c_ulong(request), buffer)
    return buffer.raw
file = open(sys.argv[1], "rb")
mask = pointer(struct.pack("<Q", 0x84))
at = ctypes.addressof(mask)
allocated = call(0xc030462b, struct.pack("<4IQQQ2I", 1, 2, 77, 0xde, at, 0, 0, 0, 0))
asked = call(0xc020462a, struct.pack("<4IQ2I", 1, 77, 0xde0001, 0, at, 8, 0))
call(0xc038464e, struct.pack("<4I", 1, 2, 77, 0) + bytes(32) + struct.pack("<2I", file.fileno(), 0))
page = mmap.mmap(file.fileno(), 4096, prot=mmap.PROT_READ)
seen = page[16], page[4000]
print(struct.unpack_from("<I", allocated, 40)[0], struct.unpack_from("<I", asked, 28)[0], *seen)
`;

async function play(t: Test, mode: string): Promise<{ output: string; report: string[] }> {
  const scratch = await mkdtemp(join(tmpdir(), 'mpu-shared-page-'));
  t.teardown(() => rm(scratch, { recursive: true, force: true }));
  const [data, log] = [join(scratch, 'data'), join(scratch, 'log')];
  await writeFile(data, Buffer.alloc(4096, 7));
  const env = { ...process.env, LD_PRELOAD: LIBRARY, SHARED_PAGE: mode, SHARED_PAGE_LOG: log };
  const output = await check('python3', ['-c', CLIENT, data], { env });
  const lines = (await readFile(log, 'utf8')).trim().split('\n');
  return { output: output.trim(), report: lines };
}

void t.test('what a client asks and reads is reported', { skip }, async (t) => {
  const { output, report } = await play(t, '');
  t.equal(output, '0 0 7 7', 'it gets what is there');
  t.same(report, ['alloc mask 0x84', 'poll mask 0x84', 'mapped 4096 bytes', 'read 16', 'read 4000']);
});

void t.test('a driver without the class', { skip }, async (t) => {
  const { output, report } = await play(t, 'refuse');
  t.match(output, /^86 0 /, 'NV_ERR_NOT_SUPPORTED');
  t.equal(report[0], 'alloc mask 0x84');
});

void t.test('a driver that does not poll', { skip }, async (t) => {
  const { output } = await play(t, 'refuse-polling');
  t.match(output, /^0 86 /);
});
