// SPDX-License-Identifier: GPL-2.0-only
/**
 * The subjects of a guest that run in node: `node-init.js SUBJECT`, started by subjects.c. What a subject found out goes to
 * its part of the guest's disk as JSON.
 */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { DISK, diskOffset, type NodeSubject, type Plans } from './plan.js';

const plans = JSON.parse(readFileSync('/plan.json', 'utf8')) as Plans;

// Each loads no more than it needs: node is slow here.
const SUBJECTS: Record<NodeSubject, () => Promise<unknown>> = {
  driver: async () => (await import('../cases/examine-driver.js')).examineDrivers(plans.driver),
  clients: async () => (await import('../cases/plays.js')).playAll(plans.clients),
  'intercepted-clients': async () => (await import('../cases/plays.js')).playAll(plans['intercepted-clients']),
  'mpu-module': async () => (await import('../cases/mpu-module.js')).mpuModule(),
  'mpu-module-locked': async () => {
    (await import('../cases/mpu-module-locked.js')).mpuModuleLocked();
  },
};

const name = process.argv[2] as NodeSubject;
const outcome = await SUBJECTS[name]();
if (outcome !== undefined) {
  const disk = openSync(DISK, 'r+');
  writeSync(disk, `${JSON.stringify(outcome)}\n`, diskOffset(name));
  fsyncSync(disk);
  closeSync(disk);
}
