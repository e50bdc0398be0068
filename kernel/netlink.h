/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MPU_NETLINK_H
#define MPU_NETLINK_H

int mpu_netlink_init(void);
void mpu_netlink_exit(void);

#endif
