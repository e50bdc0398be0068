// SPDX-License-Identifier: GPL-2.0-only
/* The seccomp filter: which system calls come to the supervisor, for x86-64 and for 32-bit
 * programs. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervisor.h"

#define MAX_FILTER 128

struct trapped {
	int nr;
	enum call_kind kind;
};

static const struct trapped x86_64[] = {
	{2, CALL_OPEN},		{257, CALL_OPENAT},    {16, CALL_IOCTL},      {4, CALL_STAT},
	{6, CALL_STAT},		{5, CALL_FSTAT},       {262, CALL_FSTATAT},   {332, CALL_STATX},
	{21, CALL_ACCESS},	{269, CALL_FACCESSAT}, {439, CALL_FACCESSAT}, {89, CALL_READLINK},
	{267, CALL_READLINKAT},
};

static const struct trapped i386[] = {
	{5, CALL_OPEN},		{295, CALL_OPENAT},    {54, CALL_IOCTL},      {195, CALL_STAT},
	{196, CALL_STAT},	{197, CALL_FSTAT},     {300, CALL_FSTATAT},   {383, CALL_STATX},
	{33, CALL_ACCESS},	{307, CALL_FACCESSAT}, {439, CALL_FACCESSAT}, {85, CALL_READLINK},
	{305, CALL_READLINKAT},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static enum call_kind classify(const struct trapped *calls, size_t count, int nr)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (calls[i].nr == nr)
			return calls[i].kind;
	}
	return CALL_NONE;
}

enum call_kind filter_classify(uint32_t arch, int nr)
{
	if (arch == AUDIT_ARCH_X86_64)
		return classify(x86_64, COUNT(x86_64), nr);
	return arch == AUDIT_ARCH_I386 ? classify(i386, COUNT(i386), nr) : CALL_NONE;
}

static const struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
static const struct sock_filter notify = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);

static size_t add_range(struct sock_filter *out, uint32_t first, uint32_t last)
{
	out[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, first, 0, 2);
	out[1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, last, 1, 0);
	out[2] = notify;
	return 3;
}

/* The escapes of NVIDIA's driver: a few below the first number, the rest from the second on. */
#define FIRST_RM_ESCAPE	    0x29
#define LAST_RM_ESCAPE	    0x2b
#define FIRST_KERNEL_ESCAPE 200
#define LAST_KERNEL_ESCAPE  218

/*
 * One architecture: every trapped call, but of ioctl only what can be NVIDIA's. The driver reads
 * number and size of a request and no more, so any type and direction can be an escape. Clients
 * send type 'F'; unknown numbers of that type come to the supervisor too. UVM has plain numbers, of
 * which none is above 255 but for the two with 3 in the top nibble.
 */
static size_t add_arch(struct sock_filter *out, const struct trapped *calls, size_t count)
{
	const struct sock_filter load_nr =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	const struct sock_filter load_request =
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]));
	size_t n = 0;
	size_t i;

	out[n++] = load_nr;
	for (i = 0; i < count; i++) {
		if (calls[i].kind == CALL_IOCTL)
			continue;
		out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							(uint32_t)calls[i].nr, 0, 1);
		out[n++] = notify;
	}
	for (i = 0; calls[i].kind != CALL_IOCTL;)
		i++;
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].nr, 1,
						0);
	out[n++] = allow;
	out[n++] = load_request;
	out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00);
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'F' << 8, 0, 1);
	out[n++] = notify;
	out[n++] = load_request;
	out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xcfffff00);
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1);
	out[n++] = notify;
	out[n++] = load_request;
	out[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x3fff0000, 1, 0);
	out[n++] = allow;
	out[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff);
	n += add_range(out + n, FIRST_RM_ESCAPE, LAST_RM_ESCAPE);
	n += add_range(out + n, FIRST_KERNEL_ESCAPE, LAST_KERNEL_ESCAPE);
	out[n++] = allow;
	return n;
}

/*
 * Installs the filter on the calling thread and returns the listener. WAIT_KILLABLE_RECV
 * (Linux 5.19) keeps signals that do not kill from restarting a call that is being answered.
 * no_new_privs only when the kernel insists, so that setuid programs go on working for root.
 */
int filter_install(void)
{
	struct sock_filter filter[MAX_FILTER];
	struct sock_fprog program = {.filter = filter};
	unsigned int flags =
		SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	size_t n = 0;
	size_t jump;
	int fd;

	filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   offsetof(struct seccomp_data, arch));
	filter[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 2, 0);
	filter[n++] =
		(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_I386, 0, 0);
	jump = n - 1;
	filter[n++] = allow;
	n += add_arch(filter + n, x86_64, COUNT(x86_64));
	filter[jump].jt = (uint8_t)(n - jump - 1);
	n += add_arch(filter + n, i386, COUNT(i386));
	program.len = (unsigned short)n;
	for (;;) {
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
		if (fd >= 0)
			return fd;
		if (errno == EACCES && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0) {
			if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
				return -1;
		} else if (errno == EINVAL && (flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)) {
			flags &= ~(unsigned int)SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
		} else {
			return -1;
		}
	}
}
