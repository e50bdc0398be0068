// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one symbol that libmpu.so exports. Call first, look after: nothing of the application's is
 * read before the driver has accepted it, and nothing is kept between calls.
 */
#include "driver.h"
#include "environment.h"
#include "next.h"
#include "resolve.h"
#include "sys.h"

/* By enum mpu_rm_event, of this process. */
mpu_u32 mpu_counters[MPU_RM_EVENTS];

/* What a rewrite needs beyond a few words; mapped for its duration, since stacks can be small. */
struct scratch {
	struct mpu_environment environment;
	struct mpu_rm_work work;
};

struct context {
	int fd;
	const struct mpu_rm_nvos54 *control;
	struct mpu_resolver resolver;
};

static int context_translate(void *data, enum mpu_rm_direction direction, const mpu_u32 *in,
			     mpu_u32 *out, mpu_u32 count)
{
	const struct context *context = data;

	return context->resolver.translate(context->resolver.fd, direction, in, out, count);
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
	(void)data;
	__atomic_fetch_add(&mpu_counters[event], 1, __ATOMIC_RELAXED);
}

static void rewrite(struct scratch *scratch, int fd, struct mpu_rm_nvos54 *control, void *params)
{
	struct context context;
	struct mpu_rm_ops ops;

	mpu_environment_read(&scratch->environment);
	if (scratch->environment.disabled)
		return;
	if (!mpu_resolver_open(&context.resolver, &scratch->environment)) {
		context_count(&context, MPU_RM_EVENT_NO_TRANSLATOR);
		return;
	}
	context.fd = fd;
	context.control = control;
	ops.translate = context_translate;
	ops.control = context_control;
	ops.release = context_release;
	ops.array = context_array;
	ops.accessible = context_accessible;
	ops.count = context_count;
	ops.self = mpu_sys_getpid();
	ops.context = &context;
	control->status = mpu_rm_control(&ops, &scratch->work, control->cmd, params,
					 control->params_size, control->status);
	mpu_resolver_close(&context.resolver);
}

/* The control inside the wrapper, or NULL when it wraps something else. */
static struct mpu_rm_nvos54 *unwrap(unsigned long request, void *argument)
{
	const struct mpu_rm_xfer *xfer = argument;

	if ((mpu_u32)request != MPU_RM_IOCTL_XFER)
		return argument;
	if (xfer->cmd != MPU_RM_ESC_CONTROL || xfer->size != sizeof(struct mpu_rm_nvos54))
		return 0;
	return as_pointer(xfer->ptr);
}

/* NV_ESC_RM_CONTROL, bare or wrapped. */
mpu_ioctl_fn mpu_rm_ioctl __attribute__((visibility("hidden"), used));

int mpu_rm_ioctl(int fd, unsigned long request, void *argument)
{
	struct mpu_rm_nvos54 *control;
	struct scratch *scratch;
	int *error, saved = 0;
	void *params;
	int result = mpu_next_ioctl(fd, request, argument);

	if (result != 0)
		return result;
	control = unwrap(request, argument);
	if (!control || !mpu_rm_is_known(control->cmd) ||
	    (control->flags & MPU_RM_FLAG_SERIALIZED) ||
	    !mpu_rm_status_matters(control->cmd, control->status))
		return 0;
	params = as_pointer(control->params);
	if (!params || !mpu_sys_is_device(fd, MPU_RM_DEV_MAJOR, MPU_RM_DEV_MINOR))
		return 0;
	scratch = mpu_sys_map(sizeof(*scratch));
	if (!scratch)
		return 0;
	error = mpu_errno();
	if (error)
		saved = *error;
	rewrite(scratch, fd, control, params);
	if (error)
		*error = saved;
	mpu_sys_unmap(scratch, sizeof(*scratch));
	return 0;
}

/*
 * Not declared variadic: on x86-64, aarch64 and i386 Linux the third argument of a variadic call
 * arrives where a named one does, and this way the compiler adds nothing. The driver compares
 * number and size of a request only, but every client sends these exact words.
 */
#if defined(__x86_64__)
/* Five instructions for everybody else's ioctl; compilers make six. */
#define UNUSED __attribute__((unused))
__attribute__((naked)) int mpu_ioctl(UNUSED int fd, UNUSED unsigned long request,
				     UNUSED void *argument)
{
	__asm__("cmpl %0, %%esi\n\t"
		"je 1f\n\t"
		"cmpl %1, %%esi\n\t"
		"je 1f\n\t"
		"jmp *mpu_next_ioctl(%%rip)\n"
		"1:\tjmp mpu_rm_ioctl\n" ::"i"((int)MPU_RM_IOCTL_CONTROL),
		"i"((int)MPU_RM_IOCTL_XFER));
}
#else
int mpu_ioctl(int fd, unsigned long request, void *argument)
{
	if (__builtin_expect((mpu_u32)request == MPU_RM_IOCTL_CONTROL ||
				     (mpu_u32)request == MPU_RM_IOCTL_XFER,
			     0))
		return mpu_rm_ioctl(fd, request, argument);
	return mpu_next_ioctl(fd, request, argument);
}
#endif

__attribute__((visibility("default"), alias("mpu_ioctl"))) mpu_ioctl_fn ioctl;
