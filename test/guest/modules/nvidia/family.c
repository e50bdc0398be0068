// SPDX-License-Identifier: GPL-2.0-only
/*
 * Registers and removes a generic netlink family whenever its parameter is written: as any module
 * does that comes and goes. The real driver has none.
 */
#include <linux/module.h>
#include <net/genetlink.h>

static struct genl_family family = {
	.name = "mpu-test",
	.version = 1,
	.module = THIS_MODULE,
};

static int register_once(const char *value, const struct kernel_param *param)
{
	int error = genl_register_family(&family);

	return error ? error : genl_unregister_family(&family);
}

static const struct kernel_param_ops family_ops = {.set = register_once};
module_param_cb(family, &family_ops, NULL, 0200);
MODULE_PARM_DESC(family, "written to: a generic netlink family comes and goes");
