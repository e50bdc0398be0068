// SPDX-License-Identifier: GPL-2.0-only
/*
 * When nvidia.ko's ioctl entry is redirected (redirect.c): while it is wanted, by the parameter or
 * by MPU_CMD_SET, and nvidia.ko is loaded.
 *
 * nvidia.ko is known by the notification of its coming, or, if that was before this module came, by
 * its directory in /sys/module. A notification comes when ftrace knows the functions of a module
 * that comes, and still knows those of one that goes; between the two the pointer is good.
 */
#include <linux/capability.h>
#include <linux/delay.h>
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "compat.h"
#include "intercept.h"
#include "redirect.h"

#define DRIVER "nvidia"

/* Seconds: long enough for a caller whose call has ended to have seen what became of it. */
#define SETTLED_AGE 60

/*
 * After unload nothing records that interception was on just now. That state stays readable long
 * enough for nearly every caller to see it, even for one that was preempted.
 */
#define LINGER_MS 200

enum phase { PHASE_LOADING, PHASE_RUNNING, PHASE_UNLOADING };

/*
 * Protects all below. Taken inside module notifications, so never around registering for them, and
 * held while ftrace waits for all tasks, so never where a container could make others wait.
 */
static DEFINE_MUTEX(lock);
static enum phase phase;
static bool wanted;
static struct module *driver;
static int refusal; /* of the last attempt to attach or detach */

/* Stands for the generation where none can come after it. */
static u64 loaded_at;

static const char *explain(int err)
{
	switch (err) {
	case -EOPNOTSUPP:
		return "this kernel is built without the ftrace that can redirect functions";
	case -EBUSY:
		return "nvidia.ko is redirected by somebody else, or ftrace is switched off";
	case -EINVAL:
		return "ftrace does not know an ioctl entry in nvidia.ko";
	case -EAGAIN:
		return "another tracer of nvidia.ko is being attached: try again";
	case -ENOMEM:
		return "there is no memory left to redirect nvidia.ko with";
	case -ESHUTDOWN:
		return "mpu.ko is being unloaded";
	case -ENODEV:
		return "ftrace has shut itself down after a fault: restart this machine";
	default:
		return "ftrace refuses to redirect nvidia.ko";
	}
}

/* Attaches or detaches so that the redirection matches on, if that is possible now. */
static int apply(bool on)
{
	bool attach = on && driver && phase == PHASE_RUNNING;

	if (attach && !mpu_redirect_attached())
		return mpu_redirect_attach(driver);
	if (!attach && mpu_redirect_attached())
		return mpu_redirect_detach();
	return attach && mpu_redirect_silenced() ? -EBUSY : 0;
}

static void apply_aloud(void)
{
	int err = apply(wanted);

	WRITE_ONCE(refusal, err);
	if (err)
		pr_warn("no interception: %s (%d)\n", explain(err), err);
}

/* Whether the last attempt may have failed for what has passed since. */
static bool may_have_passed(void)
{
	return refusal == -EAGAIN || refusal == -ENOMEM;
}

static int driver_event(struct notifier_block *block, unsigned long event, void *data)
{
	struct module *module = data;
	struct module *present = event == MODULE_STATE_GOING ? NULL : module;

	if (strcmp(module->name, DRIVER) != 0)
		return NOTIFY_DONE;
	mutex_lock(&lock);
	if (driver != present || (event == MODULE_STATE_LIVE && may_have_passed())) {
		driver = present;
		apply_aloud();
	}
	mutex_unlock(&lock);
	return NOTIFY_OK;
}

static struct notifier_block driver_notifier = {.notifier_call = driver_event};

/* The driver, if it is in use already. Any other state of it is going to be notified. */
static struct module *find_driver(void)
{
	struct kset *modules = THIS_MODULE->mkobj.kobj.kset;
	struct kobject *directory = modules ? kset_find_obj(modules, DRIVER) : NULL;
	struct module *module;

	if (!directory)
		return NULL;
	/* The directory keeps the module from being freed, for as long as it is held. */
	module = container_of(directory, struct module_kobject, kobj)->mod;
	if (module && READ_ONCE(module->state) != MODULE_STATE_LIVE)
		module = NULL;
	kobject_put(directory);
	return module;
}

int mpu_intercept_set(bool on, const char **reason)
{
	bool before;
	int err;

	if (!mpu_redirect_possible()) {
		*reason = explain(-EOPNOTSUPP);
		return -EOPNOTSUPP;
	}
	mutex_lock(&lock);
	before = wanted;
	/* Whoever looks meanwhile sees what was, or what is: never a state in between. */
	if (!on)
		WRITE_ONCE(wanted, false);
	err = on && phase == PHASE_UNLOADING ? -ESHUTDOWN : apply(on);
	if (on && !err)
		WRITE_ONCE(wanted, true);
	/* If interception was off, a refused request leaves it off and is not remembered. */
	WRITE_ONCE(refusal, on && !before ? 0 : err);
	if (phase == PHASE_RUNNING && !err && on != before && !driver)
		mpu_redirect_renew();
	mutex_unlock(&lock);
	if (err)
		*reason = explain(err);
	return err;
}

void mpu_intercept_get(struct mpu_intercept_status *status)
{
	int err = READ_ONCE(refusal);

	*status = (struct mpu_intercept_status){
		.state = MPU_INTERCEPT_OFF,
		.generation = loaded_at,
	};
	if (!mpu_redirect_possible()) {
		status->state = MPU_INTERCEPT_ABSENT;
		status->reason = explain(-EOPNOTSUPP);
		return;
	}
	status->generation = mpu_redirect_generation();
	if (status->generation & MPU_REDIRECT_ACTIVE) {
		status->state = MPU_INTERCEPT_ON;
	} else if (mpu_redirect_silenced()) {
		status->state = MPU_INTERCEPT_BLOCKED;
		status->reason = explain(-EBUSY);
	} else if (err) {
		status->state = READ_ONCE(wanted) ? MPU_INTERCEPT_BLOCKED : MPU_INTERCEPT_OFF;
		status->reason = explain(err);
	} else if (READ_ONCE(wanted)) {
		status->state = MPU_INTERCEPT_WAITING;
		status->reason = "nvidia.ko is not loaded";
	}
}

static int set_parameter(const char *value, const struct kernel_param *parameter)
{
	bool loading = READ_ONCE(phase) == PHASE_LOADING;
	const char *reason = "";
	bool on;
	int err = kstrtobool(value, &on);

	if (err)
		return err;
	/* The file is there while the module is being loaded, for others than who loads it too. */
	if (!capable(loading ? CAP_SYS_MODULE : CAP_SYS_ADMIN))
		return -EPERM;
	/* When loading, a module that cannot is loaded without; GET tells. */
	if (loading)
		return mpu_redirect_possible() ? mpu_intercept_set(on, &reason) : 0;
	/*
	 * Reading any parameter takes this lock, which libmpu.so does in containers: they are not
	 * to wait for ftrace. Unloading waits for whoever writes to the file.
	 */
	kernel_param_unlock(THIS_MODULE);
	err = mpu_intercept_set(on, &reason);
	kernel_param_lock(THIS_MODULE);
	return err;
}

static int get_parameter(char *buffer, const struct kernel_param *parameter)
{
	return sysfs_emit(buffer, "%d\n", READ_ONCE(wanted));
}

static const struct kernel_param_ops intercept_parameter = {
	.set = set_parameter,
	.get = get_parameter,
};

module_param_cb(intercept, &intercept_parameter, NULL, 0644);
MODULE_PARM_DESC(intercept, "rewrite the NVIDIA driver's answers for containers (default: 0)");

static int refuse(const char *value, const struct kernel_param *parameter)
{
	return -EPERM;
}

/*
 * For libmpu.so: "on" or "off", the generation, and whether that has been so for a while. It is the
 * state of the task that reads it: the answers to a task in the initial PID namespace are never
 * rewritten, whatever is switched, and a task does not leave its namespace.
 */
static int get_state(char *buffer, const struct kernel_param *parameter)
{
	u64 generation;
	bool settled;

	if (!mpu_redirect_possible() || task_active_pid_ns(current) == &init_pid_ns)
		return sysfs_emit(buffer, "off 0 settled\n");
	generation = mpu_redirect_generation();
	/* The first one comes while this file is there already. */
	settled = generation && mpu_redirect_age() >= SETTLED_AGE;
	return sysfs_emit(buffer, "%s %llu %s\n", generation & MPU_REDIRECT_ACTIVE ? "on" : "off",
			  generation, settled ? "settled" : "recent");
}

static const struct kernel_param_ops state_parameter = {
	.set = refuse,
	.get = get_state,
};

module_param_cb(intercepting, &state_parameter, NULL, 0444);
MODULE_PARM_DESC(intercepting, "if it does so now for the reader, and since when (read-only)");

int mpu_intercept_init(void)
{
	int err;

	loaded_at = ktime_get_boottime_ns();
	if (!mpu_redirect_possible()) {
		/* From now on the parameter is refused, too. */
		WRITE_ONCE(phase, PHASE_RUNNING);
		return 0;
	}
	err = register_module_notifier(&driver_notifier);
	if (err)
		return err;
	mutex_lock(&lock);
	phase = PHASE_RUNNING;
	mpu_redirect_renew();
	if (!driver)
		driver = find_driver();
	apply_aloud();
	mutex_unlock(&lock);
	return 0;
}

void mpu_intercept_exit(void)
{
	if (!mpu_redirect_possible())
		return;
	mutex_lock(&lock);
	phase = PHASE_UNLOADING;
	WRITE_ONCE(wanted, false);
	apply(false);
	mutex_unlock(&lock);
	unregister_module_notifier(&driver_notifier);
	if (!mpu_redirect_used())
		return;
	mpu_redirect_drain();
	if (mpu_redirect_age() < SETTLED_AGE)
		msleep(LINGER_MS);
}
