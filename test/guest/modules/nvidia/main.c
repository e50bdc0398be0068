// SPDX-License-Identifier: GPL-2.0-only
/* Options, as those of rm-sim, and the life of the module. */
#include <linux/module.h>
#include <linux/vmalloc.h>

#include "nvidia.h"

struct rmsim_world *nvidia_world;
const char *nvidia_release;
static const char *built_version;

static char *regime;
module_param(regime, charp, 0444);
MODULE_PARM_DESC(regime, "R0, R1, R2, R3a, R3b or R4; by default the driver's");

static char *driver;
module_param(driver, charp, 0444);
MODULE_PARM_DESC(driver, "release that the driver says it is; by default one of the regime");

static char layouts[32];

static int layouts_set(const char *value, const struct kernel_param *param)
{
	char release[sizeof(layouts)];

	if (strscpy(release, value, sizeof(release)) < 0)
		return -EINVAL;
	strim(release);
	/* There is no world yet while the module is being loaded. */
	if (nvidia_world ? !nvidia_set_layouts(release) : rmsim_regime_of(release) < 0)
		return -EINVAL;
	strscpy(layouts, release, sizeof(layouts));
	return 0;
}

static int layouts_get(char *buffer, const struct kernel_param *param)
{
	return scnprintf(buffer, PAGE_SIZE, "%s\n", layouts);
}

static const struct kernel_param_ops layouts_ops = {.set = layouts_set, .get = layouts_get};
module_param_cb(layouts, &layouts_ops, NULL, 0644);
MODULE_PARM_DESC(layouts, "release whose structures there are; by default the driver's");

static unsigned int gpus = 1;
module_param(gpus, uint, 0444);
MODULE_PARM_DESC(gpus, "number of GPUs, 1 to 8");

static bool accounting = true;
module_param(accounting, bool, 0444);
MODULE_PARM_DESC(accounting, "on or off: records of processes are kept");

static bool set_up(struct rmsim_world *world)
{
	struct rmsim_config config = {
		.gpus = gpus, .accounting = accounting, .init_ns = nvidia_initial_namespace()};
	int found = RMSIM_R0;

	if (regime)
		found = rmsim_parse_regime(regime);
	else if (driver)
		found = rmsim_regime_of(driver);
	if (found < 0)
		return false;
	config.regime = found;
	config.driver = driver ? driver : rmsim_default_driver(config.regime);
	config.layouts = layouts[0] ? layouts : config.driver;
	nvidia_release = config.driver;
	return rmsim_init(world, &config);
}

static int __init nvidia_init(void)
{
	struct rmsim_world *world = vzalloc(rmsim_world_size());
	int error = -EINVAL;

	if (!world)
		return -ENOMEM;
	if (!set_up(world)) {
		pr_err("nvidia: there is no driver with these options\n");
		goto free_world;
	}
	nvidia_world = world;
	error = nvidia_proc_init();
	if (error)
		goto free_world;
	error = nvidia_uvm_init();
	if (error)
		goto remove_proc;
	/* What /sys/module/nvidia/version shows. The kernel frees its own string, not this one. */
	built_version = THIS_MODULE->version;
	THIS_MODULE->version = nvidia_release;
	error = nvidia_devices_init();
	if (error)
		goto remove_uvm;
	return 0;

remove_uvm:
	THIS_MODULE->version = built_version;
	nvidia_uvm_exit();
remove_proc:
	nvidia_proc_exit();
free_world:
	nvidia_world = NULL;
	vfree(world);
	return error;
}

static void __exit nvidia_exit(void)
{
	THIS_MODULE->version = built_version;
	nvidia_devices_exit();
	nvidia_uvm_exit();
	nvidia_proc_exit();
	nvidia_task_exit();
	vfree(nvidia_world);
}

module_init(nvidia_init);
module_exit(nvidia_exit);

MODULE_DESCRIPTION("Simulated NVIDIA driver, for tests");
MODULE_AUTHOR("The mpu authors");
MODULE_VERSION("simulated");
MODULE_LICENSE("GPL");
