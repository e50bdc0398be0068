// SPDX-License-Identifier: GPL-2.0-only
/** Cgroups as the runtimes name them, version 1 and 2, by cgroupfs and by systemd. */
import t from 'tap';
import { parseCgroup } from '#mpu/lib/containers/cgroup.js';

const ID = '38ec0cc80d193b6a785dc5ebc05bd2f6a42552afb058f2ca54292b470180d1d7';
const OUTER = '1bb067d0c3d99f3acb31f4730e4dfbf29814116bd8e9e62ac5f1669f9dd98d91';
const POD = '8dbc5577-d0e2-4706-8787-57d52c03ddf2';
const SLICE = 'kubepods-burstable-pod8dbc5577_d0e2_4706_8787_57d52c03ddf2.slice';

const cases: [path: string, runtime: string | undefined, id?: string][] = [
  [`/docker/${ID}`, 'docker'],
  [`/system.slice/docker-${ID}.scope`, 'docker'],
  [`/libpod_parent/libpod-${ID}`, 'podman'],
  [`/machine.slice/libpod-${ID}.scope/container`, 'podman'],
  [`/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${ID}.scope`, 'podman'],
  [`/system.slice/web.service/libpod-payload-${ID}`, 'podman'],
  [`/machine.slice/libpod-conmon-${ID}.scope`, undefined],
  [`/kubepods/burstable/pod${POD}/${ID}`, 'cri'],
  [`/kubepods/besteffort/pod0123456789abcdef0123456789abcdef/${ID}`, 'cri'],
  [`/kubepods.slice/kubepods-burstable.slice/${SLICE}/cri-containerd-${ID}.scope`, 'containerd'],
  [`/kubepods.slice/kubepods-burstable.slice/${SLICE}/crio-${ID}.scope`, 'cri-o'],
  [`/kubepods.slice/kubepods-burstable.slice/${SLICE}/crio-${ID}.scope/container`, 'cri-o'],
  [`/kubepods.slice/kubepods-burstable.slice/${SLICE}/crio-conmon-${ID}.scope`, undefined],
  [`/kubepods/besteffort/pod${POD}/crio-${ID}`, 'cri-o'],
  [`/kubepods.slice/${SLICE}/docker-${ID}.scope`, 'docker'],
  [`/system.slice/containerd.service/${SLICE}:cri-containerd:${ID}`, 'containerd'],
  [`/system.slice/nerdctl-${ID}.scope`, 'containerd'],
  [`/docker/${OUTER}/kubelet.slice/kubelet-kubepods.slice/${SLICE}/cri-containerd-${ID}.scope`, 'containerd'],
  ['/lxc.payload.web/system.slice/ssh.service', 'lxc', 'web'],
  ['/lxc/web', 'lxc', 'web'],
  ['/machine.slice/systemd-nspawn@web.service/payload', 'systemd-nspawn', 'web'],
  ['/', undefined],
  ['/user.slice/user-0.slice/session-1.scope', undefined],
  [`/system.slice/${ID}`, undefined],
  [`/docker/${ID.slice(1)}`, undefined],
];

for (const [path, runtime, id = ID] of cases) {
  const expected = runtime === undefined ? undefined : { runtime, id };
  await t.test(path, (t) => {
    t.same(parseCgroup(`0::${path}\n`), expected, 'version 2');
    t.same(parseCgroup(`12:pids:${path}\n11:cpu,cpuacct:${path}\n1:name=systemd:${path}\n0::/\n`), expected, 'both');
    t.end();
  });
}
