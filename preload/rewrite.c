// SPDX-License-Identifier: GPL-2.0-only
#include "rewrite.h"
#include "debug.h"
#include "driver.h"
#include "guard.h"
#include "interception.h"
#include "translator.h"
#include "sys.h"

#define NO_EVENT MPU_RM_EVENTS

struct context {
	int fd;
	struct mpu_rm_nvos54 *control;
	struct mpu_guard guard;
	struct mpu_resolver resolver;
	int was_open; /* resolver knows what translates */
	int is_open;
	int is_lost; /* a signal handler has forked, and the child has not got the memory */
	enum mpu_rm_event event;
};

static int open_translator(struct context *context)
{
	const char *file = context->guard.scratch->environment.pidns;

	if (!context->is_open) {
		context->is_open =
			(context->was_open ? mpu_resolver_reopen(&context->resolver, file)
					   : mpu_resolver_open(&context->resolver, file)) == 0;
		context->was_open |= context->is_open;
	}
	return context->is_open;
}

static void close_translator(struct context *context)
{
	if (context->is_open)
		mpu_resolver_close(&context->resolver);
	context->is_open = 0;
}

static int context_translate(void *data, enum mpu_rm_direction direction, const mpu_u32 *in,
			     mpu_u32 *out, mpu_u32 count)
{
	struct context *context = data;

	return !context->is_lost && open_translator(context) &&
	       mpu_resolver_translate(&context->resolver, direction, in, out, count) == 0;
}

/* A signal handler can run during the call, and jump out of it or fork. */
static mpu_u32 context_control(void *data, mpu_u32 cmd, void *params, mpu_u32 size)
{
	struct context *context = data;
	mpu_u32 status;

	if (context->is_lost)
		return MPU_DRIVER_NO_ANSWER;
	close_translator(context);
	mpu_guard_pause(&context->guard);
	status = mpu_driver_control(context->fd, context->control, cmd, params, size);
	context->is_lost = !mpu_guard_resume(&context->guard);
	return context->is_lost ? MPU_DRIVER_NO_ANSWER : status;
}

static int context_release(void *data, struct mpu_rm_release *release)
{
	(void)data;
	return mpu_driver_release(release);
}

static void *context_array(void *data, mpu_u64 pointer, mpu_u32 size)
{
	void *array = mpu_as_pointer(pointer);

	(void)data;
	return array && mpu_sys_accessible(array, size) ? array : (void *)0;
}

static int context_accessible(void *data, void *params, mpu_u32 size)
{
	(void)data;
	return mpu_sys_accessible(params, size);
}

static void context_count(void *data, enum mpu_rm_event event)
{
	struct context *context = data;

	context->event = event;
}

static void rewrite(struct context *context, void *params)
{
	struct mpu_rm_nvos54 *control = context->control;
	struct mpu_rm_ops ops;

	ops.translate = context_translate;
	ops.control = context_control;
	ops.release = context_release;
	ops.array = context_array;
	ops.accessible = context_accessible;
	ops.count = context_count;
	ops.self = mpu_sys_getpid();
	ops.context = context;
	control->status = mpu_rm_control(&ops, &context->guard.scratch->work, control->cmd, params,
					 control->params_size, control->status);
	close_translator(context);
}

/*
 * Where params hold a word of the question that an answer replaces: how many there is room for, or
 * whose record is asked for.
 */
static mpu_u32 replaced_word(const struct mpu_rm_layout *layout)
{
	return layout->kind == MPU_RM_KIND_RECORD ? layout->pid : layout->count;
}

/*
 * Issues the application's control again. first is what that word was after its own call. Returns
 * false, and leaves the answer that is there, when it is not possible.
 */
static int ask_again(struct context *context, const struct mpu_rm_layout *layout, void *params,
		     mpu_u32 first)
{
	struct mpu_rm_nvos54 *control = context->control;
	mpu_u32 status, place = replaced_word(layout), word = mpu_rm_load32(params, place);

	if (layout->kind == MPU_RM_KIND_LIST && layout->pointer)
		mpu_rm_store32(params, place, layout->max);
	else if (layout->kind == MPU_RM_KIND_RECORD)
		mpu_rm_store32(params, place, first);
	status = context_control(context, control->cmd, params, control->params_size);
	if (status != MPU_NV_OK)
		mpu_rm_store32(params, place, word);
	if (!mpu_rm_status_matters(control->cmd, status))
		return 0;
	control->status = status;
	return 1;
}

/*
 * Interception was switched while the call was on its way, so the answer does not show whether the
 * kernel has rewritten it. A control that is issued now, with the same state before and after,
 * does.
 */
#define MAX_SWITCHES 16

static void rewrite_unless_intercepted(struct context *context, const struct mpu_rm_layout *layout,
				       void *params)
{
	struct mpu_interception before, after;
	mpu_u32 first = mpu_rm_load32(params, replaced_word(layout));
	int known = mpu_interception_read(&before);
	int i;

	for (i = 0; known && i < MAX_SWITCHES; i++) {
		int settled = i == 0 && mpu_interception_is_settled(&before);

		if (settled || ask_again(context, layout, params, first)) {
			if (!mpu_interception_is_on(&before))
				rewrite(context, params);
			else if (settled)
				return;
		} else if (!context->is_lost) {
			known = 0;
			break;
		}
		if (context->is_lost) {
			mpu_environment_read(&context->guard.scratch->environment);
			context->is_lost = 0;
			continue;
		}
		/* rewrite() queries the driver as well, so check that the state is still the same.
		 */
		known = mpu_interception_read(&after);
		if (known && mpu_interception_is_same(&before, &after))
			return;
		before = after;
	}
	if (!known)
		context->event = MPU_RM_EVENT_UNDECIDED;
}

static void rewrite_unless_disabled(struct context *context, void *params)
{
	const struct mpu_rm_nvos54 *control = context->control;
	const struct mpu_rm_layout *layout =
		mpu_rm_find(control->cmd, control->params_size, params);

	if (!layout)
		context->event = MPU_RM_EVENT_UNKNOWN_LAYOUT;
	/* The driver need not have read what it refused. */
	else if (control->status == MPU_NV_OK || mpu_sys_accessible(params, layout->size))
		rewrite_unless_intercepted(context, layout, params);
}

static void rewrite_answer(int fd, struct mpu_rm_nvos54 *control, void *params)
{
	mpu_u32 cmd = control->cmd, size = control->params_size;
	struct context context;
	int debug;

	if (!mpu_guard_begin(&context.guard))
		return;
	context.fd = fd;
	context.control = control;
	context.was_open = context.is_open = context.is_lost = 0;
	context.event = NO_EVENT;
	mpu_environment_read(&context.guard.scratch->environment);
	debug = context.guard.scratch->environment.debug;
	if (!context.guard.scratch->environment.disabled)
		rewrite_unless_disabled(&context, params);
	mpu_guard_end(&context.guard);
	/* Standard error may be a pipe that is full. */
	if (debug && context.event != NO_EVENT)
		mpu_debug(cmd, size, context.event);
}

#define CONTROL MPU_RM_ESCAPE(MPU_RM_IOCTL_CONTROL)
#define XFER	MPU_RM_ESCAPE(MPU_RM_IOCTL_XFER)

/* The control inside the wrapper, or NULL when it wraps something else. */
static struct mpu_rm_nvos54 *unwrap(const struct mpu_rm_xfer *xfer)
{
	if (xfer->cmd != MPU_RM_ESC_CONTROL || xfer->size != sizeof(struct mpu_rm_nvos54))
		return 0;
	return mpu_as_pointer(xfer->ptr);
}

__attribute__((noinline)) int mpu_look_after(int fd, unsigned long request, void *argument)
{
	mpu_u32 escape = MPU_RM_ESCAPE(request);
	struct mpu_rm_nvos54 *control = argument;
	void *params;

	if ((escape != CONTROL && escape != XFER) ||
	    !mpu_sys_is_device(fd, MPU_RM_DEV_MAJOR, MPU_RM_DEV_MINOR))
		return 0;
	if (escape == XFER)
		control = unwrap(argument);
	if (!control || !mpu_rm_is_known(control->cmd) ||
	    (control->flags & MPU_RM_FLAG_SERIALIZED) ||
	    !mpu_rm_status_matters(control->cmd, control->status))
		return 0;
	params = mpu_as_pointer(control->params);
	if (params)
		rewrite_answer(fd, control, params);
	return 0;
}
