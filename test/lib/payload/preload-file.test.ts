// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import { PRELOAD_ENTRY, addPreloadEntry, preloadEntries } from '#mpu/lib/payload/preload-file.js';

const add = (text: string): string => addPreloadEntry(Buffer.from(text, 'latin1')).toString('latin1');

await t.test('the entry is appended, everything else stays', (t) => {
  t.equal(addPreloadEntry(undefined).toString(), `${PRELOAD_ENTRY}\n`);
  t.equal(add(''), `${PRELOAD_ENTRY}\n`);
  t.equal(add('/a.so\n'), `/a.so\n${PRELOAD_ENTRY}\n`);
  t.equal(add('/a.so'), `/a.so\n${PRELOAD_ENTRY}\n`, 'no last newline');
  t.equal(add('/a.so:/b.so /c.so\t/d.so'), `/a.so:/b.so /c.so\t/d.so\n${PRELOAD_ENTRY}\n`);
  t.equal(add('# why\n/a.so # because'), `# why\n/a.so # because\n${PRELOAD_ENTRY}\n`);
  t.equal(add('/caf\u00e9.so\n'), `/caf\u00e9.so\n${PRELOAD_ENTRY}\n`, 'bytes that are no UTF-8');
  t.end();
});

await t.test('it is not added twice', (t) => {
  const variants = [
    `${PRELOAD_ENTRY}\n`,
    PRELOAD_ENTRY,
    `/a.so:${PRELOAD_ENTRY}`,
    `${PRELOAD_ENTRY} /b.so`,
    `${PRELOAD_ENTRY} # mpu\n`,
  ];
  for (const text of variants) t.equal(add(text), text);
  t.equal(add(`# ${PRELOAD_ENTRY}\n`), `# ${PRELOAD_ENTRY}\n${PRELOAD_ENTRY}\n`, 'a comment is no entry');
  t.equal(add(`${PRELOAD_ENTRY}.old\n`), `${PRELOAD_ENTRY}.old\n${PRELOAD_ENTRY}\n`, 'nor is a longer name');
  t.end();
});

await t.test('entries', (t) => {
  t.same(preloadEntries('/a.so:/b.so /c.so\n\n#x\n/d.so#y'), ['/a.so', '/b.so', '/c.so', '/d.so']);
  t.end();
});
