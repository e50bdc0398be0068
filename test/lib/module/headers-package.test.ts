// SPDX-License-Identifier: GPL-2.0-only
import t from 'tap';
import type { Family } from '#mpu/lib/module/distribution.js';
import { headersCommand } from '#mpu/lib/module/headers-package.js';

const CASES: [family: Family, kernel: string, command: string][] = [
  ['debian', '6.8.0-45-generic', 'apt-get install linux-headers-6.8.0-45-generic'],
  ['debian', '6.8.12-1-pve', 'apt-get install proxmox-headers-6.8.12-1-pve'],
  ['debian', '6.5.13-6-pve', 'apt-get install proxmox-headers-6.5.13-6-pve'],
  ['debian', '5.15.158-2-pve', 'apt-get install pve-headers-5.15.158-2-pve'],
  ['debian', '5.15.148-tegra', 'apt-get install nvidia-l4t-kernel-headers'],
  ['debian', '6.6.31+rpt-rpi-v8', 'apt-get install linux-headers-6.6.31+rpt-rpi-v8'],
  ['redhat', '5.14.0-427.13.1.el9_4.x86_64', 'dnf install kernel-devel-5.14.0-427.13.1.el9_4.x86_64'],
  ['redhat', '5.14.0-427.13.1.el9_4.aarch64+64k', 'dnf install kernel-64k-devel-5.14.0-427.13.1.el9_4.aarch64'],
  ['redhat', '5.14.0-427.13.1.el9_4.x86_64+rt', 'dnf install kernel-rt-devel-5.14.0-427.13.1.el9_4.x86_64'],
  ['redhat', '6.8.5-301.fc40.x86_64+debug', 'dnf install kernel-debug-devel-6.8.5-301.fc40.x86_64'],
  ['redhat', '5.14.0-503.el9.x86_64+rt-debug', 'dnf install kernel-rt-debug-devel-5.14.0-503.el9.x86_64'],
  ['redhat', '4.18.0-553.rt7.342.el8_10.x86_64', 'dnf install kernel-rt-devel-4.18.0-553.rt7.342.el8_10.x86_64'],
  ['redhat', '5.15.0-3.el9uek.x86_64', 'dnf install kernel-uek-devel-5.15.0-3.el9uek.x86_64'],
  ['redhat', '6.1.102-111.182.amzn2023.x86_64', 'dnf install kernel-devel-6.1.102-111.182.amzn2023.x86_64'],
  ['redhat', '6.12.37-61.105.amzn2023.x86_64', 'dnf install kernel6.12-devel-6.12.37-61.105.amzn2023.x86_64'],
  ['suse', '6.4.0-150600.21-default', 'zypper install kernel-default-devel'],
  ['suse', '6.4.0-150600.21-64kb', 'zypper install kernel-64kb-devel'],
  ['suse', '5.14.21-150500.13.5-rt', 'zypper install kernel-rt-devel'],
  ['suse', '6.4.0-150600.8.8-azure', 'zypper install kernel-azure-devel'],
  ['arch', '6.9.1-arch1-1', 'pacman -S linux-headers'],
  ['arch', '6.6.30-1-lts', 'pacman -S linux-lts-headers'],
  ['arch', '6.9.1-zen1-1-zen', 'pacman -S linux-zen-headers'],
  ['arch', '6.6.30-rt30-1-rt-lts', 'pacman -S linux-rt-lts-headers'],
  ['arch', '6.9.1-2-cachyos', 'pacman -S linux-cachyos-headers'],
  ['arch', '6.9.1-2-cachyos-bore', 'pacman -S linux-cachyos-bore-headers'],
  ['arch', '6.6.30-2-MANJARO', 'pacman -S linux66-headers'],
  ['arch', '6.10.3-3-MANJARO', 'pacman -S linux610-headers'],
  ['arch', '6.6.30-rt30-1-MANJARO', 'pacman -S linux66-rt-headers'],
  ['alpine', '6.6.30-0-virt', 'apk add linux-virt-dev'],
  ['azure', '6.6.47.1-1.azl3', 'tdnf install kernel-devel-6.6.47.1-1.azl3'],
  ['photon', '5.10.78-4.ph4-esx', 'tdnf install linux-esx-devel'],
  ['photon', '5.10.78-5.ph4', 'tdnf install linux-devel'],
  ['void', '6.6.30_1', 'xbps-install linux6.6-headers'],
];

void t.test('the package of each kernel', (t) => {
  for (const [family, kernel, command] of CASES) t.equal(headersCommand(family, kernel), command, kernel);
  t.match(
    headersCommand('redhat', '6.9.1-1.el9.elrepo.x86_64'),
    /^dnf install kernel-ml-devel-\S+ \(or kernel-lt-devel-/,
  );
  t.end();
});

void t.test('kernels and distributions without a package', (t) => {
  const wsl = headersCommand('debian', '5.15.153.1-microsoft-standard-WSL2');
  t.match(wsl, /no package of headers/);
  t.notMatch(wsl, 'apt-get');
  t.match(headersCommand('alpine', '6.10.14-linuxkit'), /Docker Desktop/);
  t.match(headersCommand('unknown', '6.6.58-talos'), /system extension/);
  t.match(headersCommand('unknown', '6.6.46', 'cos'), /kernel-headers\.tgz/);
  t.match(headersCommand('unknown', '6.1.109', 'bottlerocket'), /Bottlerocket/);
  t.match(headersCommand('unknown', '6.6.30-custom'), /kernel 6\.6\.30-custom from where the kernel came/);
  t.end();
});
