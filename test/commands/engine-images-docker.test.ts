// SPDX-License-Identifier: GPL-2.0-only
/** inject, inspect and eject on images of docker. */
import t from 'tap';
import { Subject, checkEngine } from '../support/engine-images.js';
import { lacking, startDocker } from '../support/engines.js';

await t.test(
  'docker',
  { skip: await lacking(['docker', 'dockerd', 'unshare', 'musl-gcc', 'tar'], true) },
  async (t) => {
    const docker = await startDocker();
    t.teardown(() => docker.stop());
    await checkEngine(t, new Subject('docker', docker));
  },
);
