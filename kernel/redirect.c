// SPDX-License-Identifier: GPL-2.0-only
/*
 * Redirecting nvidia.ko's ioctl entry with ftrace, as live patches do: no other function of the
 * kernel is touched, so no other device's ioctl pays anything. What decides is the callback, before
 * the driver's function has begun: where it decides for the driver, nothing of this module is on
 * the way any more, however long the driver sleeps.
 *
 * Where a task may be in this module's text because of a redirection, and who waits for it:
 *
 *   in the callback                            unregister_ftrace_function()
 *   from there until the last line of
 *   redirected_ioctl(), the driver included    the count of calls, in mpu_redirect_drain()
 *   on its way out after that line             synchronize_rcu_tasks(): it is running or has been
 *                                              preempted, and does not sleep before it has left
 *
 * nvidia.ko stays while a call is in it: the call holds the file, and the file the module.
 */
#include <linux/delay.h>
#include <linux/freezer.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/pid_namespace.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "driver.h"
#include "ftrace_on.h"
#include "ioctl.h"
#include "redirect.h"
#include "rm/rm.h"

#ifdef MPU_CAN_REDIRECT

/* Instructions before the place of the call to ftrace: landing pads. */
#define MOST_PROLOGUE 16

/* Between two looks at the number of calls in the driver. */
#define DRAIN_STEP (HZ / 50 + 1)
#define DRAIN_SAID (10 * HZ)
#define WAITING	   "waiting for a process whose /proc/PID/stack has redirected_ioctl\n"

struct traffic {
	u64 begun;
	u64 ended;
};

static DEFINE_PER_CPU(struct traffic, traffic);

/*
 * One word, written by one task at a time: whoever reads a generation twice, the same, has in
 * between been answered by the callback as the generation says.
 */
static u64 generation;
static u64 changed_at;

/* nvidia.ko, from before the first callback until after the last; unless ftrace does not let go. */
static struct module *attached;

/* An entry of that module: looking up whose function one is takes longer than all the rest. */
static unsigned long known_entry;

/* The pages of this module's text. */
static unsigned long own_text;
static unsigned long own_text_size;

/* Tries while another tracer of the same function is being attached, and the time between them. */
#define MOST_ATTEMPTS 50
#define ATTEMPT_MS    2

/* Something has been attached since this module was loaded, or was to be. */
static bool used;

/* ftrace has shut itself down and may go on calling into this module. */
static bool stuck;

/*
 * A call that has slept in the driver since before a switch ends as it began: to its caller, the
 * switch is as recent as that.
 */
static void end_call(void)
{
	/* The time is not to be an old one when it is written. */
	preempt_disable();
	if (!(READ_ONCE(generation) & MPU_REDIRECT_ACTIVE))
		WRITE_ONCE(changed_at, ktime_get_seconds());
	preempt_enable();
	/* Whoever sees that the call has ended sees that time: mpu_redirect_in_flight(). */
	smp_wmb();
	this_cpu_inc(traffic.ended);
}

/* Takes the place of the driver's function. */
static long redirected_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long result = mpu_driver_call(file, cmd, arg);

	if (result == 0)
		mpu_ioctl_rewrite(file, cmd, arg);
	end_call();
	return result;
}

/* Whether the function at ip is the driver's, and not another module's of the same name. */
static bool is_driver(unsigned long ip)
{
	const struct module *driver;

	if (ip == READ_ONCE(known_entry))
		return true;
	driver = READ_ONCE(attached);
	if (!driver || !within_module(ip, driver))
		return false;
	WRITE_ONCE(known_entry, ip);
	return true;
}

/*
 * Whether it is what the kernel calls for an ioctl on file. It is not when a third module has put
 * itself before it: mpu_driver_call() would then go in circles.
 */
static bool is_entry(const struct file *file, unsigned long ip)
{
	return ip - (unsigned long)mpu_driver_entry(file) <= MOST_PROLOGUE;
}

/*
 * Returns true for a control that may carry PIDs. Nearly none does, and all others go into the
 * driver at once. Where another thread of the caller makes it another one before the driver looks,
 * the driver's own answer stays, which such a thread could read anyway. What is not there now, the
 * driver may find.
 */
static bool may_matter(const struct mpu_rm_nvos54 __user *control)
{
	u32 number;
	int err;

	pagefault_disable();
	err = get_user(number, &control->cmd);
	pagefault_enable();
	return err || mpu_rm_is_known(number);
}

static void notrace decide(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			   struct mpu_ftrace_regs *regs)
{
	const struct file *file;
	unsigned int cmd;

	if (mpu_ftrace_redirect_witness(ip, regs))
		return;
	if (task_active_pid_ns(current) == &init_pid_ns)
		return;
	cmd = mpu_ftrace_argument(regs, 1);
	if (!mpu_ioctl_is_control(cmd) && !mpu_ioctl_is_xfer(cmd))
		return;
	if (parent_ip - own_text < own_text_size)
		return;
	/* What belongs to it is read later. */
	if (!(smp_load_acquire(&generation) & MPU_REDIRECT_ACTIVE) || !is_driver(ip))
		return;
	/*
	 * The driver's own function has been called, so the file is one of its devices, and the
	 * argument of such a request is the control's only on nvidiactl. Up to 535 the function is
	 * that of nvidia-modeset's device too, whose requests are others.
	 */
	file = (const struct file *)mpu_ftrace_argument(regs, 0);
	if (!mpu_driver_is_control_device(file))
		return;
	if (mpu_ioctl_is_control(cmd) &&
	    !may_matter((const struct mpu_rm_nvos54 __user *)mpu_ftrace_argument(regs, 2)))
		return;
	if (!is_entry(file, ip)) {
		mpu_ioctl_pass();
		return;
	}
	this_cpu_inc(traffic.begun);
	mpu_ftrace_redirect(regs, (unsigned long)redirected_ioctl);
}

/* It calls nothing that it is called for, hence safe under recursion. */
static struct ftrace_ops redirection = {
	.func = decide,
	.flags = FTRACE_OPS_FL_IPMODIFY | MPU_FTRACE_PERMANENT | MPU_FTRACE_REGISTERS |
		 MPU_FTRACE_RECURSION_SAFE,
};

/* ftrace takes a buffer that it may write to. */
static int trace(const char *name, bool alone)
{
	unsigned char buffer[40];
	int length = strscpy(buffer, name, sizeof(buffer));

	return length < 0 ? length : ftrace_set_filter(&redirection, buffer, length, alone);
}

/* nv-frontend.c has them up to 535, nv.c has one for both from 545 on. */
static int trace_entries(void)
{
	int err = trace("nvidia_frontend_unlocked_ioctl", true);

	if (err == -EINVAL)
		return trace("nvidia_unlocked_ioctl", true);
	if (err)
		return err;
	err = trace("nvidia_frontend_compat_ioctl", false);
	/* Not there where the kernel runs no 32-bit programs. */
	return err == -EINVAL ? 0 : err;
}

bool mpu_redirect_used(void)
{
	return used;
}

bool mpu_redirect_attached(void)
{
	return attached;
}

bool mpu_redirect_silenced(void)
{
	/* It is read again later. */
	u64 before = smp_load_acquire(&generation);

	/* Unchanged: ftrace has not been silent because the redirection was being taken back. */
	return before & MPU_REDIRECT_ACTIVE && !mpu_ftrace_is_on() &&
	       before == READ_ONCE(generation);
}

u64 mpu_redirect_generation(void)
{
	/* What belongs to it is read later: its age. */
	u64 now = smp_load_acquire(&generation);

	return mpu_redirect_silenced() ? now & ~(u64)MPU_REDIRECT_ACTIVE : now;
}

u64 mpu_redirect_age(void)
{
	u64 at = READ_ONCE(changed_at);
	u64 now = ktime_get_seconds();

	/* A call may have ended between the two lines. */
	return now > at ? now - at : 0;
}

static void change(bool active)
{
	u64 next = (generation | MPU_REDIRECT_ACTIVE) + 1;

	/* Numbers of an earlier load do not come again. */
	if (!generation)
		next = ktime_get_boottime_ns() & ~(u64)MPU_REDIRECT_ACTIVE;
	/* Without the time that the machine sleeps: tasks do not get on meanwhile. */
	WRITE_ONCE(changed_at, ktime_get_seconds());
	/* A new number never comes with the age of the old one. */
	smp_store_release(&generation, next | (active ? MPU_REDIRECT_ACTIVE : 0));
}

void mpu_redirect_renew(void)
{
	change(attached);
}

/* A module's text is whole pages of its own. */
static void find_own_text(void)
{
	unsigned long start = (unsigned long)redirected_ioctl & PAGE_MASK;
	unsigned long end = start + PAGE_SIZE;

	while (within_module_core(start - 1, THIS_MODULE))
		start -= PAGE_SIZE;
	while (within_module_core(end, THIS_MODULE))
		end += PAGE_SIZE;
	own_text = start;
	own_text_size = end - start;
}

/* ftrace does not take its calls back any more, now or ever: this module has to stay. */
static void get_stuck(int err)
{
	stuck = true;
	__module_get(THIS_MODULE);
	pr_err("ftrace has shut itself down (%d): not to be unloaded\n", err);
}

/* A tracer of BPF's that is just being attached or detached makes ftrace ask to try again. */
static int register_redirection(void)
{
	int attempt = 0;
	int err;

	while ((err = register_ftrace_function(&redirection)) == -EAGAIN) {
		if (++attempt == MOST_ATTEMPTS)
			break;
		msleep(ATTEMPT_MS);
	}
	return err;
}

int mpu_redirect_attach(struct module *driver)
{
	int err;

	used = true;
	err = stuck ? -ENODEV : trace_entries();
	if (!err && MPU_FTRACE_WITNESS)
		err = trace(MPU_FTRACE_WITNESS, false);
	if (err)
		return err;
	find_own_text();
	known_entry = 0;
	attached = driver;
	err = register_redirection();
	if (err) {
		/* It broke down on the way: a part of the calls may be in place. */
		if (err == -ENODEV)
			get_stuck(err);
		WRITE_ONCE(attached, NULL);
		return err;
	}
	if (!mpu_ftrace_is_on()) {
		err = mpu_redirect_detach();
		return err ? err : -EBUSY;
	}
	change(true);
	return 0;
}

int mpu_redirect_detach(void)
{
	int err;

	change(false);
	err = unregister_ftrace_function(&redirection);
	if (err)
		get_stuck(err);
	WRITE_ONCE(attached, NULL);
	return err;
}

u64 mpu_redirect_in_flight(void)
{
	u64 begun = 0, ended = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		ended += READ_ONCE(per_cpu_ptr(&traffic, cpu)->ended);
	/* In this order, so that no call is seen to end that was not seen to begin. */
	smp_rmb();
	for_each_possible_cpu(cpu)
		begun += READ_ONCE(per_cpu_ptr(&traffic, cpu)->begun);
	return begun - ended;
}

void mpu_redirect_drain(void)
{
	unsigned long said = jiffies;

	/* Stuck here: only where that came to light in this very unloading. */
	while (stuck || mpu_redirect_in_flight()) {
		if (!stuck && said && time_after(jiffies, said + DRAIN_SAID)) {
			pr_warn(WAITING);
			said = 0;
		}
		/* Idle: it may take as long as it likes, and the machine may go to sleep. */
		schedule_timeout_idle(DRAIN_STEP);
		try_to_freeze();
	}
	synchronize_rcu_tasks();
	ftrace_set_filter(&redirection, NULL, 0, true);
}

#endif
