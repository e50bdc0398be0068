// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one symbol that libmpu.so exports. Call first, look after: nothing of the application's is
 * read before the driver has accepted it, and nothing is kept between calls.
 */
#include "debug.h"
#include "driver.h"
#include "environment.h"
#include "interception.h"
#include "translator.h"
#include "sys.h"

/* Both libcs that programs here use have it. Weak: libmpu.so depends on no library. */
extern int *__errno_location(void) __attribute__((weak));

/* What a rewrite needs beyond a few words; mapped for its duration, since stacks can be small. */
struct scratch {
	struct mpu_environment environment;
	struct mpu_rm_work work;
};

struct context {
	int fd;
	const struct mpu_rm_nvos54 *control;
	const struct mpu_environment *environment;
	struct mpu_resolver resolver;
};

static int context_translate(void *data, enum mpu_rm_direction direction, const mpu_u32 *in,
			     mpu_u32 *out, mpu_u32 count)
{
	struct context *context = data;

	return mpu_resolver_translate(&context->resolver, direction, in, out, count) == 0;
}

static mpu_u32 context_control(void *data, mpu_u32 cmd, void *params, mpu_u32 size)
{
	const struct context *context = data;

	return mpu_driver_control(context->fd, context->control, cmd, params, size);
}

static int context_release(void *data, struct mpu_rm_release *release)
{
	(void)data;
	return mpu_driver_release(release);
}

static void *as_pointer(mpu_u64 pointer)
{
	return (unsigned long)pointer == pointer ? (void *)(unsigned long)pointer : (void *)0;
}

static void *context_array(void *data, mpu_u64 pointer, mpu_u32 size)
{
	void *array = as_pointer(pointer);

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
	const struct context *context = data;

	if (context->environment->debug)
		mpu_debug(context->control->cmd, context->control->params_size, event);
}

static void put_right(struct context *context, struct scratch *scratch,
		      struct mpu_rm_nvos54 *control, void *params)
{
	struct mpu_rm_ops ops;

	if (mpu_resolver_open(&context->resolver, scratch->environment.pidns) != 0) {
		context_count(context, MPU_RM_EVENT_NO_TRANSLATOR);
		return;
	}
	ops.translate = context_translate;
	ops.control = context_control;
	ops.release = context_release;
	ops.array = context_array;
	ops.accessible = context_accessible;
	ops.count = context_count;
	ops.self = mpu_sys_getpid();
	ops.context = context;
	control->status = mpu_rm_control(&ops, &scratch->work, control->cmd, params,
					 control->params_size, control->status);
	mpu_resolver_close(&context->resolver);
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
static int ask_again(const struct context *context, const struct mpu_rm_layout *layout,
		     struct mpu_rm_nvos54 *control, void *params, mpu_u32 first)
{
	mpu_u32 status, place = replaced_word(layout), word = mpu_rm_load32(params, place);

	if (layout->kind == MPU_RM_KIND_LIST && layout->pointer)
		mpu_rm_store32(params, place, layout->max);
	else if (layout->kind == MPU_RM_KIND_RECORD)
		mpu_rm_store32(params, place, first);
	status = mpu_driver_control(context->fd, control, control->cmd, params,
				    control->params_size);
	if (status != MPU_NV_OK)
		mpu_rm_store32(params, place, word);
	if (!mpu_rm_status_matters(control->cmd, status))
		return 0;
	control->status = status;
	return 1;
}

/*
 * Switched on or off while this call was on its way: what became of the answer cannot be seen from
 * it. What is asked now, with the same state before and after, is known.
 */
#define MOST_SWITCHES 16

static void rewrite(struct scratch *scratch, int fd, struct mpu_rm_nvos54 *control, void *params)
{
	const struct mpu_rm_layout *layout;
	struct context context;
	struct mpu_interception before, after;
	mpu_u32 first;
	int i, known;

	mpu_environment_read(&scratch->environment);
	if (scratch->environment.disabled)
		return;
	context.fd = fd;
	context.control = control;
	context.environment = &scratch->environment;

	layout = mpu_rm_find(control->cmd, control->params_size, params);
	if (!layout) {
		context_count(&context, MPU_RM_EVENT_UNKNOWN_LAYOUT);
		return;
	}
	/* The driver need not have read what it refused. */
	if (control->status != MPU_NV_OK && !mpu_sys_accessible(params, layout->size))
		return;
	first = mpu_rm_load32(params, replaced_word(layout));

	known = mpu_interception_read(&before);
	for (i = 0; known && i < MOST_SWITCHES; i++) {
		int settled = i == 0 && mpu_interception_is_settled(&before);

		if (!settled && !ask_again(&context, layout, control, params, first)) {
			known = 0;
			break;
		}
		if (!mpu_interception_is_on(&before))
			put_right(&context, scratch, control, params);
		else if (settled)
			return;
		/* What was put right was asked of the driver too. */
		known = mpu_interception_read(&after);
		if (known && mpu_interception_is_same(&before, &after))
			return;
		before = after;
	}
	if (!known)
		context_count(&context, MPU_RM_EVENT_UNDECIDED);
}

/* The control inside the wrapper, or NULL when it wraps something else. */
static struct mpu_rm_nvos54 *unwrap(const struct mpu_rm_xfer *xfer)
{
	if (xfer->cmd != MPU_RM_ESC_CONTROL || xfer->size != sizeof(struct mpu_rm_nvos54))
		return 0;
	return as_pointer(xfer->ptr);
}

static int is_nvidiactl(int fd)
{
	return mpu_sys_is_device(fd, MPU_RM_DEV_MAJOR, MPU_RM_DEV_MINOR);
}

/*
 * After NV_ESC_RM_CONTROL, bare or wrapped, succeeded. No system call is made for the many controls
 * that are not ours; the request word says that the driver has read these 32 bytes, whosever driver
 * it is.
 */
static __attribute__((noinline)) void look_after(int fd, mpu_u32 request, void *argument)
{
	struct mpu_rm_nvos54 *control = argument;
	struct scratch *scratch;
	void *params;

	if (request == MPU_RM_IOCTL_XFER)
		control = is_nvidiactl(fd) ? unwrap(argument) : 0;
	if (!control || !mpu_rm_is_known(control->cmd) ||
	    (control->flags & MPU_RM_FLAG_SERIALIZED) ||
	    !mpu_rm_status_matters(control->cmd, control->status))
		return;
	params = as_pointer(control->params);
	if (!params || !is_nvidiactl(fd))
		return;
	scratch = mpu_sys_map(sizeof(*scratch));
	if (!scratch)
		return;
	rewrite(scratch, fd, control, params);
	mpu_sys_unmap(scratch, sizeof(*scratch));
}

/*
 * Not declared variadic: on x86-64, aarch64 and i386 Linux the third argument of a variadic call
 * arrives where a named one does, and this way the compiler adds nothing. The driver compares
 * number and size of a request only, but every client sends these exact words.
 *
 * The system call is made here and not by libc's ioctl, which does nothing else: that would have to
 * be looked up, and dlsym() takes the dynamic loader's lock, which a thread that waits for this one
 * may hold, and clears dlerror(). So an ioctl that other libraries define behind this one is not
 * called.
 */
__attribute__((visibility("default"))) int ioctl(int fd, unsigned long request, void *argument)
{
	long result = mpu_sys_ioctl(fd, request, (unsigned long)argument);

	if (__builtin_expect((unsigned long)result >= (unsigned long)-MPU_MAX_ERRNO, 0)) {
		if (__errno_location)
			*__errno_location() = (int)-result;
		return -1;
	}
	if (__builtin_expect((mpu_u32)request == MPU_RM_IOCTL_CONTROL ||
				     (mpu_u32)request == MPU_RM_IOCTL_XFER,
			     0))
		if (result == 0)
			look_after(fd, (mpu_u32)request, argument);
	return (int)result;
}
