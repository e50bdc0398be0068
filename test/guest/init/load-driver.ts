// SPDX-License-Identifier: GPL-2.0-only
/** In a guest: nvidia.ko, loaded and ready for clients. */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';

const NVIDIA_MAJOR = 195;

/** As nvidia-modprobe does. */
function makeNodes(): void {
  const [, uvm] = /^\s*(\d+) nvidia-uvm$/m.exec(readFileSync('/proc/devices', 'utf8')) ?? [];
  const nodes: [name: string, major: number, minor: number][] = [
    ['nvidiactl', NVIDIA_MAJOR, 255],
    ['nvidia0', NVIDIA_MAJOR, 0],
    ['nvidia1', NVIDIA_MAJOR, 1],
    ['nvidia-uvm', Number(uvm), 0],
    ['nvidia-uvm-tools', Number(uvm), 1],
  ];
  for (const [name, major, minor] of nodes) {
    const path = `/dev/${name}`;
    if (statSync(path, { throwIfNoEntry: false })?.rdev === major * 256 + minor) continue;
    rmSync(path, { force: true });
    execFileSync('mknod', ['-m', '666', path, 'c', String(major), String(minor)]);
  }
}

/** Loads nvidia.ko, given with its parameters, and removes it after `body`. */
export async function withDriver<T>(driver: string[], body: () => Promise<T> | T): Promise<T> {
  execFileSync('insmod', driver);
  try {
    makeNodes();
    return await body();
  } finally {
    execFileSync('rmmod', ['nvidia']);
  }
}

/** Gives the loaded driver the structures of a release. */
export function setLayouts(release: string): void {
  writeFileSync('/sys/module/nvidia/parameters/layouts', release);
}
