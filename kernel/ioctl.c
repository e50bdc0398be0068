// SPDX-License-Identifier: GPL-2.0-only
/*
 * What libmpu.so does in the process, done for processes that do not have it: the same core
 * (rm/rm.h), the same order of things.
 *
 * The driver has been called, and has read and written the caller's memory; only then is any of it
 * touched here, by copying, into one allocation whose size the table of layouts bounds. Each thing
 * is read once per answer of the driver, and checked as it was read. What the caller's other
 * threads do to that memory meanwhile can spoil the caller's own result, nothing more: all that is
 * ever done with it is what the caller could have asked of the driver and of this module's netlink
 * family itself.
 *
 * To ask the driver again, its function has to be given user memory. It is the caller's own, where
 * the caller's question and answer are: the driver has just accepted it for as many bytes as the
 * caller asked with, and no question of the core's is longer than the one it is about. So nothing
 * is mapped into the process, and it makes no difference what its limits, its locked memory or the
 * rest of its address space are like. Memory and result are put in order before the call returns.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "driver.h"
#include "ioctl.h"
#include "pidmap.h"
#include "redirect.h"
#include "rm/rm.h"

#ifdef MPU_CAN_REDIRECT

#define NOT_ANSWERED 0xffffffffu

static DEFINE_PER_CPU(struct mpu_ioctl_counters, counters);

/* An answered control. */
struct answer {
	struct file *file;
	struct mpu_rm_nvos54 control;
	struct mpu_rm_nvos54 __user *user_control;
	void __user *user_params;
	void __user *user_array;
	u8 *array;
	u32 array_room;
	u32 array_size;
	enum mpu_rm_event event;
	bool asked_again;
};

struct memory {
	struct mpu_rm_work work;
	u8 params[];
};

static void __user *user_pointer(u64 pointer)
{
	return u64_to_user_ptr(pointer);
}

static int answer_translate(void *context, enum mpu_rm_direction direction, const mpu_u32 *in,
			    mpu_u32 *out, mpu_u32 count)
{
	struct pid_namespace *ns = task_active_pid_ns(current);

	if (direction == MPU_RM_TO_HOST)
		return mpu_pidmap_to_host(ns, in, out, count) >= 0;
	return mpu_pidmap_to_ns(ns, in, out, count) >= 0;
}

static mpu_u32 answer_control(void *context, mpu_u32 cmd, void *params, mpu_u32 size)
{
	struct answer *answer = context;
	struct mpu_rm_nvos54 question = answer->control;

	if (size > question.params_size || fatal_signal_pending(current))
		return NOT_ANSWERED;
	question.cmd = cmd;
	question.flags = 0;
	question.params_size = size;
	question.status = NOT_ANSWERED;
	answer->asked_again = true;
	if (copy_to_user(answer->user_params, params, size) ||
	    copy_to_user(answer->user_control, &question, sizeof(question)))
		return NOT_ANSWERED;
	if (mpu_driver_call(answer->file, MPU_RM_IOCTL_CONTROL,
			    (unsigned long)answer->user_control))
		return NOT_ANSWERED;
	if (copy_from_user(&question, answer->user_control, sizeof(question)))
		return NOT_ANSWERED;
	if (question.status == MPU_NV_OK && copy_from_user(params, answer->user_params, size))
		return NOT_ANSWERED;
	return question.status;
}

static int answer_release(void *context, struct mpu_rm_release *release)
{
	const struct answer *answer = context;
	const struct module *owner = answer->file->f_op->owner;
	const char *version = owner ? owner->version : NULL;

	return version && mpu_rm_release_lookup(version, strlen(version), release);
}

static void *answer_array(void *context, mpu_u64 pointer, mpu_u32 size)
{
	struct answer *answer = context;

	if (size > answer->array_room || copy_from_user(answer->array, user_pointer(pointer), size))
		return NULL;
	answer->user_array = user_pointer(pointer);
	answer->array_size = size;
	return answer->array;
}

/* They have been copied by then. */
static int answer_accessible(void *context, void *params, mpu_u32 size)
{
	return 1;
}

static void answer_count(void *context, enum mpu_rm_event event)
{
	struct answer *answer = context;

	answer->event = event;
}

/*
 * Whether the table has a row for the control, and how long the array behind a pointer in its
 * params can be at most.
 */
static bool find_room(const struct mpu_rm_nvos54 *control, u32 *array_room)
{
	const struct mpu_rm_layout *row;
	bool found = false;
	unsigned int i;

	*array_room = 0;
	for (i = 0; (row = mpu_rm_row(i)); i++) {
		if (row->cmd != control->cmd || row->size != control->params_size)
			continue;
		found = true;
		if (row->pointer)
			*array_room = max_t(u32, *array_room, row->max * row->stride);
	}
	return found;
}

/* The caller's memory as it is to be seen. What cannot be written any more is the caller's loss. */
static void give_back(struct answer *answer, const u8 *params, u32 status)
{
	bool changed = answer->asked_again || answer->event == MPU_RM_EVENT_HANDLED;
	bool failed = false;

	if (!changed)
		return;
	if (answer->user_array)
		failed |= copy_to_user(answer->user_array, answer->array, answer->array_size);
	failed |= copy_to_user(answer->user_params, params, answer->control.params_size);
	answer->control.status = status;
	failed |= copy_to_user(answer->user_control, &answer->control, sizeof(answer->control));
	if (failed)
		answer->event = MPU_RM_EVENT_UNDECIDED;
}

static void rewrite(struct answer *answer, struct memory *memory)
{
	struct mpu_rm_ops ops = {
		.translate = answer_translate,
		.control = answer_control,
		.release = answer_release,
		.array = answer_array,
		.accessible = answer_accessible,
		.count = answer_count,
		.self = task_tgid_vnr(current),
		.context = answer,
	};
	u32 size = answer->control.params_size;
	u32 status;

	answer->array = memory->params + size;
	if (copy_from_user(memory->params, answer->user_params, size))
		return;
	status = mpu_rm_control(&ops, &memory->work, answer->control.cmd, memory->params, size,
				answer->control.status);
	give_back(answer, memory->params, status);
}

/* The control, bare or in an XFER, which names it by number and size too. */
static struct mpu_rm_nvos54 __user *find_control(unsigned int cmd, unsigned long arg)
{
	struct mpu_rm_xfer xfer;

	if (mpu_ioctl_is_control(cmd))
		return (struct mpu_rm_nvos54 __user *)arg;
	if (copy_from_user(&xfer, (const void __user *)arg, sizeof(xfer)) ||
	    xfer.cmd != MPU_RM_ESC_CONTROL || xfer.size != sizeof(struct mpu_rm_nvos54))
		return NULL;
	return user_pointer(xfer.ptr);
}

void mpu_ioctl_rewrite(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct answer call = {.file = file, .event = MPU_RM_EVENT_UNKNOWN_LAYOUT};
	const struct mpu_rm_nvos54 *control = &call.control;
	struct memory *memory = NULL;

	call.user_control = find_control(cmd, arg);
	if (!call.user_control ||
	    copy_from_user(&call.control, call.user_control, sizeof(call.control)))
		return;
	if (!mpu_rm_is_known(control->cmd) || (control->flags & MPU_RM_FLAG_SERIALIZED) ||
	    !mpu_rm_status_matters(control->cmd, control->status))
		return;
	call.user_params = user_pointer(control->params);
	if (find_room(control, &call.array_room)) {
		size_t size = sizeof(*memory) + control->params_size + call.array_room;

		/* Zeroed, for parts of it are copied to the caller. */
		memory = kvzalloc(size, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (memory)
			rewrite(&call, memory);
		kvfree(memory);
	}
	if (call.event == MPU_RM_EVENT_HANDLED)
		this_cpu_inc(counters.rewritten);
	else
		this_cpu_inc(counters.untouched);
}

void mpu_ioctl_pass(void)
{
	this_cpu_inc(counters.untouched);
}

void mpu_ioctl_count(struct mpu_ioctl_counters *sum)
{
	int cpu;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct mpu_ioctl_counters *one = per_cpu_ptr(&counters, cpu);

		sum->rewritten += READ_ONCE(one->rewritten);
		sum->untouched += READ_ONCE(one->untouched);
	}
}

#endif
