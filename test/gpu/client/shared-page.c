// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a client of NVIDIA's driver: reports what it asks of the page that RM shares with
 * all clients of a GPU (class 0xde), and which of its bytes it reads. SHARED_PAGE_LOG names the
 * file for the report. SHARED_PAGE=refuse has the driver seem not to have the class,
 * SHARED_PAGE=refuse-polling not to poll for it.
 *
 * Layouts: NVOS64_PARAMETERS, NVOS54_PARAMETERS, NVOS33_PARAMETERS, NV00DE_ALLOC_PARAMETERS and
 * NV00DE_CTRL_REQUEST_DATA_POLL_PARAMS of the open driver, 580 to 595.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum {
	RM_CONTROL = 0x2a,
	RM_ALLOC = 0x2b,
	RM_MAP_MEMORY = 0x4e,
	SHARED_PAGE_CLASS = 0xde,
	REQUEST_DATA_POLL = 0xde0001,
	NOT_SUPPORTED = 0x56,
	TRAP_FLAG = 0x100,
	PAGE = 4096,
	MAX_WORDS = 4 * PAGE / 8,
};

static uint32_t memory;
static int mapped_fd = -1;
static char *page;
static size_t page_length;
static unsigned int reads[MAX_WORDS];

static FILE *report(void)
{
	static FILE *file;

	if (!file) {
		const char *path = getenv("SHARED_PAGE_LOG");

		file = path ? fopen(path, "ae") : NULL;
		if (!file)
			file = stderr;
	}
	return file;
}

static bool wanted(const char *mode)
{
	const char *value = getenv("SHARED_PAGE");

	return value && !strcmp(value, mode);
}

static uint32_t word(const void *base, size_t offset)
{
	uint32_t value;

	memcpy(&value, (const char *)base + offset, sizeof(value));
	return value;
}

static uint64_t mask_at(const void *base, size_t offset)
{
	const uint64_t *mask;

	memcpy(&mask, (const char *)base + offset, sizeof(mask));
	return mask ? *mask : 0;
}

static void set_status(void *base, size_t offset)
{
	const uint32_t status = NOT_SUPPORTED;

	memcpy((char *)base + offset, &status, sizeof(status));
}

int ioctl(int fd, unsigned long request, ...)
{
	const unsigned int number = _IOC_NR(request), size = _IOC_SIZE(request);
	int (*next)(int, unsigned long, ...);
	va_list list;
	void *arg;
	int result;

	*(void **)&next = dlsym(RTLD_NEXT, "ioctl");
	va_start(list, request);
	arg = va_arg(list, void *);
	va_end(list);

	if (number == RM_ALLOC && size >= 32 && word(arg, 12) == SHARED_PAGE_CLASS) {
		fprintf(report(), "alloc mask %#llx\n", (unsigned long long)mask_at(arg, 16));
		if (wanted("refuse")) {
			set_status(arg, size == 48 ? 40 : size - 4);
			return 0;
		}
		result = next(fd, request, arg);
		memory = word(arg, 8);
		return result;
	}
	if (number == RM_CONTROL && size == 32 && word(arg, 8) == REQUEST_DATA_POLL) {
		fprintf(report(), "poll mask %#llx\n", (unsigned long long)mask_at(arg, 16));
		if (wanted("refuse-polling")) {
			set_status(arg, 28);
			return 0;
		}
	}
	if (number == RM_MAP_MEMORY && size == 56 && memory && word(arg, 8) == memory)
		mapped_fd = (int)word(arg, 48);
	return next(fd, request, arg);
}

static void on_read(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;
	const ptrdiff_t offset = (char *)info->si_addr - page;

	if (!page || offset < 0 || (size_t)offset >= page_length) {
		struct sigaction original = {.sa_handler = SIG_DFL};

		sigaction(signal, &original, NULL);
		return;
	}
	if (offset / 8 < MAX_WORDS)
		reads[offset / 8]++;
	mprotect(page, page_length, PROT_READ);
	user->uc_mcontext.gregs[REG_EFL] |= TRAP_FLAG;
}

/* After the one instruction that has read. */
static void on_step(int signal, siginfo_t *info, void *context)
{
	ucontext_t *user = context;

	(void)signal;
	(void)info;
	mprotect(page, page_length, PROT_NONE);
	user->uc_mcontext.gregs[REG_EFL] &= ~(long long)TRAP_FLAG;
}

static void watch(char *address, size_t length)
{
	struct sigaction reading = {.sa_sigaction = on_read, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct sigaction stepping = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};

	page = address;
	page_length = length;
	fprintf(report(), "mapped %zu bytes\n", length);
	sigaction(SIGSEGV, &reading, NULL);
	sigaction(SIGTRAP, &stepping, NULL);
	mprotect(page, page_length, PROT_NONE);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	void *(*next)(void *, size_t, int, int, int, off_t);
	void *result;

	*(void **)&next = dlsym(RTLD_NEXT, "mmap");
	result = next(address, length, protection, flags, fd, offset);
	if (fd >= 0 && fd == mapped_fd && result != MAP_FAILED) {
		mapped_fd = -1;
		if (!page)
			watch(result, length);
	}
	return result;
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	return mmap(address, length, protection, flags, fd, offset);
}

int munmap(void *address, size_t length)
{
	int (*next)(void *, size_t);

	*(void **)&next = dlsym(RTLD_NEXT, "munmap");
	if (address == page)
		page = NULL;
	return next(address, length);
}

__attribute__((destructor)) static void summarise(void)
{
	for (size_t i = 0; i < MAX_WORDS; i++) {
		if (reads[i])
			fprintf(report(), "read %zu\n", i * 8);
	}
	fflush(report());
}
