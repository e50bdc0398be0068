// SPDX-License-Identifier: GPL-2.0-only
#include <linux/init.h>
#include <linux/module.h>

#include "intercept.h"
#include "netlink.h"
#include "uapi/mpu.h"
#include "version.h"

static int __init mpu_init(void)
{
	int err = mpu_intercept_init();

	if (err)
		return err;
	err = mpu_netlink_init();
	if (err) {
		mpu_intercept_exit();
		return err;
	}
	pr_info(MPU_VERSION ", ABI %d\n", MPU_ABI_VERSION);
	return 0;
}

static void __exit mpu_exit(void)
{
	/* This may wait for a process in the driver; libmpu.so is answered meanwhile. */
	mpu_intercept_exit();
	mpu_netlink_exit();
}

module_init(mpu_init);
module_exit(mpu_exit);

MODULE_DESCRIPTION("PID translation between PID namespaces, for GPU process lists in containers");
MODULE_AUTHOR("The mpu authors");
MODULE_VERSION(MPU_VERSION);
MODULE_LICENSE("GPL");
