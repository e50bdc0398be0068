// SPDX-License-Identifier: GPL-2.0-only
/** A real systemd on a private host, as the service manager of a user: it runs units in the same way. */
import { PrivateHost } from './host.js';

const SYSTEMD = '/usr/lib/systemd/systemd';

/** Starts a manager that takes the system's units for its own, as at a boot; `systemctl` speaks to it. */
export const BOOT = `
mkdir -p /run/systemd/system /run/user /run/home /etc/systemd/user
rm -rf /etc/systemd/user; ln -s system /etc/systemd/user
printf '[Unit]\\nDescription=stands for the boot\\n' >/etc/systemd/system/multi-user.target
printf '#!/bin/sh\\necho "$*" >>/run/systemctl.log\\nexec /usr/bin/systemctl --user "$@"\\n' >/run/mpu-bin/systemctl
chmod +x /run/mpu-bin/systemctl
${SYSTEMD} --user --log-target=null </dev/null >/run/systemd.log 2>&1 &
echo $! >/run/systemd.pid
for i in $(seq 100); do systemctl is-system-running >/dev/null 2>&1 && exit; kill -0 $! || exit 1; sleep 0.1; done
exit 1`;

/** Nobody reaps the manager: a zombie is as good as gone. */
export const SHUTDOWN =
  'pid=$(cat /run/systemd.pid); kill $pid; while grep -qs "^State:.[^Z]" /proc/$pid/status; do sleep 0.05; done';

/** A host on which {@link BOOT} can be run. Needs root. */
export async function startHostToBoot(env: NodeJS.ProcessEnv = process.env): Promise<PrivateHost> {
  return PrivateHost.start({
    ...env,
    XDG_RUNTIME_DIR: '/run/user',
    HOME: '/run/home',
    DBUS_SESSION_BUS_ADDRESS: '',
  });
}
