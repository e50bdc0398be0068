// SPDX-License-Identifier: GPL-2.0-only
/*
 * mpu-pidns: puts a translator of PIDs at a path. The command mpu runs it; where there is no
 * Node.js it works alone.
 *
 *   mpu-pidns enable bpf PATH    prints "bpf direct" or "bpf read", by the form that was loaded
 *   mpu-pidns enable nsfs PATH   prints "nsfs"
 *   mpu-pidns disable PATH       prints "removed" or "unchanged"
 *
 * Exits 0, 1 with a line "mpu-pidns: STEP: errno NUMBER: DETAIL" on standard error, or 2 for usage.
 */
#include "load.h"
#include "place.h"
#include "preload/own_fd.h"
#include "system.h"

#define STDOUT 1
#define STDERR 2

/* The inode number of the initial PID namespace's file (PROC_PID_INIT_INO). */
#define INITIAL_PIDNS 0xeffffffcu

static int refuse_nested_host(void)
{
	struct mpu_own own;
	long fd = mpu_sys_open("/proc/self/ns/pid");

	if (fd < 0)
		return failed("namespace", fd);
	mpu_sys_own(&own, (int)fd);
	mpu_sys_close((int)fd);
	return own.inode == INITIAL_PIDNS ? 0 : failed("namespace", -MPU_EXDEV);
}

static int enable_iterator(const char *path)
{
	const struct object *form = 0;
	int link = load_iterator(&form), error;

	if (link < 0)
		return link;
	error = place_iterator(path, link, form->name);
	if (error)
		return error;
	print(STDOUT, "bpf ");
	print(STDOUT, form->name);
	print(STDOUT, "\n");
	return 0;
}

static int enable(const char *translator, const char *path)
{
	int error = refuse_nested_host();

	if (error)
		return error;
	if (is_equal(translator, "bpf"))
		return enable_iterator(path);
	error = place_namespace(path);
	if (!error)
		print(STDOUT, "nsfs\n");
	return error;
}

static int disable(const char *path)
{
	int result = take_away(path);

	if (result >= 0)
		print(STDOUT, result ? "unchanged\n" : "removed\n");
	return result < 0 ? result : 0;
}

static int report(int error)
{
	if (!error)
		return 0;
	print(STDERR, "mpu-pidns: ");
	print(STDERR, failed_step());
	print(STDERR, ": errno ");
	print_number(STDERR, (unsigned long)-error);
	print(STDERR, ": ");
	print(STDERR, failed_detail());
	print(STDERR, "\n");
	return 1;
}

static int run(long count, char **arguments)
{
	/* The modes below are meant as they are written. */
	mpu_syscall3(NR_umask, 0, 0, 0);
	if (count == 4 && is_equal(arguments[1], "enable") && arguments[3][0] == '/' &&
	    (is_equal(arguments[2], "bpf") || is_equal(arguments[2], "nsfs")))
		return report(enable(arguments[2], arguments[3]));
	if (count == 3 && is_equal(arguments[1], "disable") && arguments[2][0] == '/')
		return report(disable(arguments[2]));
	print(STDERR, "usage: mpu-pidns enable bpf|nsfs PATH, or: mpu-pidns disable PATH\n");
	return 2;
}

/* The kernel starts the program with the number of arguments, then their addresses, on the stack.
 */
__attribute__((noreturn, used)) void start(long *stack)
{
	int code = run(stack[0], (char **)(stack + 1));

	for (;;)
		mpu_syscall3(NR_exit_group, code, 0, 0);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tcall start\n");
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl start\n");
#endif
