// SPDX-License-Identifier: GPL-2.0-only
/** inject, inspect and eject on images of podman. */
import t from 'tap';
import { Subject, checkBuildah, checkEngine } from '../support/engine-images.js';
import { lacking, startPodman } from '../support/engines.js';

await t.test('podman', { skip: await lacking(['podman', 'runc', 'musl-gcc', 'tar'], true) }, async (t) => {
  const podman = await startPodman();
  t.teardown(() => podman.stop());
  const subject = new Subject('podman', podman);
  await checkEngine(t, subject);
  await checkBuildah(t, subject);
});
