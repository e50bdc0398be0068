// SPDX-License-Identifier: GPL-2.0-only
/* A caller whose memory is changed, protected or gone at a moment of the call. */
#include "cases.h"
#include "gpu.h"
#include "intercept.h"
#include "questions.h"
#include "report.h"
#include "world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "uapi/mpu.h"

/*
 * What is done to the memory of a call, or to its process, at a moment of it. The kernel finds one
 * page of the area at a time, so each time it goes from one to another is such a moment.
 */
enum deed { NOTHING, UNMAP, PROTECT, SCRIBBLE, CLOSE, DIE };

/* What the driver answers by itself, how many moments that has, and how many there are in all. */
static struct {
	uint8_t answers[2][QUESTIONS][PAGES * PAGE];
	unsigned int driver[2][QUESTIONS];
	unsigned int all[2][QUESTIONS];
	volatile uint32_t asked, on, dying, unloaded;
} * shared;

static struct {
	int faults;
	/* What is in the pages that are not there, and which of them are. */
	uint8_t kept[PAGES * PAGE];
	volatile bool present[PAGES];
	volatile unsigned int moments;
	volatile unsigned int at;
	volatile enum deed deed;
	unsigned int seed;
} watch;

static void map_area(int flags)
{
	struct uffdio_register range = {.mode = UFFDIO_REGISTER_MODE_MISSING};

	area = mmap(area, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
	CHECK(area != MAP_FAILED, "errno %d", errno);
	range.range.start = (uintptr_t)area;
	range.range.len = PAGES * PAGE;
	CHECK(ioctl(watch.faults, UFFDIO_REGISTER, &range) == 0, "errno %d", errno);
	for (unsigned int i = 0; i < PAGES; i++)
		watch.present[i] = false;
}

static void hide_pages(void)
{
	for (unsigned int i = 0; i < PAGES; i++) {
		if (!watch.present[i])
			continue;
		memcpy(watch.kept + i * PAGE, page(i), PAGE);
		CHECK(madvise(page(i), PAGE, MADV_DONTNEED) == 0, "errno %d", errno);
		watch.present[i] = false;
	}
}

static void show_page(unsigned int number)
{
	struct uffdio_copy copy = {.dst = (uintptr_t)page(number),
				   .src = (uintptr_t)(watch.kept + number * PAGE),
				   .len = PAGE};

	/* Before the copy, which wakes the one who looks for it. */
	watch.present[number] = true;
	CHECK(ioctl(watch.faults, UFFDIO_COPY, &copy) == 0, "errno %d", errno);
}

/* Some words anew; numbers as the driver's requests hold, and any others. */
static void scribble(void)
{
	static const uint32_t words[] = {0,	     1,		 512,	     0x2080018d, 0x2080018e,
					 0x2080016e, 0x20802096, 3812,	     14408,	 50704,
					 16,	     0xffffffff, 0x7fffffff, 950,	 4};

	for (int i = 0; i < 40; i++) {
		static const unsigned int starts[] = {CONTROL, CONTROL, XFER, PARAMS, ARRAY};
		unsigned int start = starts[rand_r(&watch.seed) % 5] * PAGE;
		unsigned int offset = start + (unsigned int)rand_r(&watch.seed) % 16 * 4;
		uint32_t word =
			words[(unsigned int)rand_r(&watch.seed) % (sizeof(words) / sizeof(*words))];

		if (i % 4 == 0)
			word = (uint32_t)rand_r(&watch.seed);
		memcpy(watch.kept + offset, &word, sizeof(word));
	}
}

static void do_deed(void)
{
	struct uffdio_range all = {(uintptr_t)area, PAGES * PAGE};

	switch (watch.deed) {
	case NOTHING:
		break;
	case UNMAP:
		munmap(area, PAGES * PAGE);
		ioctl(watch.faults, UFFDIO_WAKE, &all);
		break;
	case PROTECT:
		mprotect(area, PAGES * PAGE, PROT_READ);
		break;
	case SCRIBBLE:
		scribble();
		break;
	case CLOSE:
		close(asker.fd);
		break;
	case DIE:
		shared->dying = 1;
		for (;;)
			pause();
	}
}

static void *serve(void *unused)
{
	struct uffd_msg fault;

	while (read(watch.faults, &fault, sizeof(fault)) == sizeof(fault)) {
		bool now = ++watch.moments == watch.at;

		hide_pages();
		if (now)
			do_deed();
		if (!now || watch.deed != UNMAP)
			show_page((unsigned int)((fault.arg.pagefault.address - (uintptr_t)area) /
						 PAGE));
	}
	return unused;
}

static void start_watch(void)
{
	struct uffdio_api api = {.api = UFFD_API};
	pthread_t thread;

	watch.faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	CHECK(watch.faults >= 0 && ioctl(watch.faults, UFFDIO_API, &api) == 0, "errno %d", errno);
	map_area(0);
	CHECK(pthread_create(&thread, NULL, serve, NULL) == 0, "no thread");
}

/*
 * Asks, with a deed at a moment of the call. Returns what call() does; the memory is in watch.kept
 * then, unless it has been unmapped.
 */
static int ask(const struct question *question, bool wrapped, unsigned int at, enum deed deed)
{
	int error;

	hide_pages();
	write_question(question, watch.kept);
	watch.moments = 0;
	watch.at = at;
	watch.deed = deed;
	watch.seed = at;
	error = call(wrapped);
	watch.at = 0;
	if (watch.moments >= at && deed == UNMAP)
		map_area(MAP_FIXED);
	if (watch.moments >= at && deed == CLOSE)
		gpu_open(&asker, 100, 30);
	mprotect(area, PAGES * PAGE, PROT_READ | PROT_WRITE);
	hide_pages();
	return error;
}

static void check_right(const struct question *question, bool wrapped)
{
	int error = ask(question, wrapped, 0, NOTHING);

	CHECK(error == 0 && question->is_right((const uint32_t *)(watch.kept + PARAMS * PAGE),
					       (const uint32_t *)(watch.kept + ARRAY * PAGE)),
	      "%#x: errno %d", question->cmd, error);
}

static void meet_driver(void)
{
	for (unsigned int wrapped = 0; wrapped < 2; wrapped++)
		for (unsigned int i = 0; i < QUESTIONS; i++) {
			int error = ask(&questions[i], wrapped, 0, NOTHING);

			CHECK(error == 0, "%#x: errno %d", questions[i].cmd, error);
			memcpy(shared->answers[wrapped][i], watch.kept, PAGES * PAGE);
			shared->driver[wrapped][i] = watch.moments;
		}
	shared->asked = 1;
	await_word(&shared->on);
}

/* Where nothing can be written after the driver has, its own answer stays. */
static void check_own_answer(unsigned int i, bool wrapped)
{
	const uint8_t *wanted = shared->answers[wrapped][i];
	int error = ask(&questions[i], wrapped, shared->driver[wrapped][i] + 1, PROTECT);

	CHECK(error == 0, "%#x: errno %d", questions[i].cmd, error);
	CHECK(watch.moments > shared->driver[wrapped][i], "%#x was not looked at",
	      questions[i].cmd);
	/* But for the handles, which are others after CLOSE. */
	for (unsigned int byte = 8; byte < PAGES * PAGE; byte++)
		CHECK(watch.kept[byte] == wanted[byte], "%#x: byte %#x is %#x, not %#x",
		      questions[i].cmd, byte, watch.kept[byte], wanted[byte]);
}

static void be_hostile(void *unused)
{
	(void)unused;
	gpu_open(&asker, 100, 30);
	start_watch();
	meet_driver();
	for (unsigned int i = 0; i < QUESTIONS; i++) {
		for (unsigned int wrapped = 0; wrapped < 2; wrapped++) {
			const unsigned int driver = shared->driver[wrapped][i];
			unsigned int all;

			check_right(&questions[i], wrapped);
			all = shared->all[wrapped][i] = watch.moments;
			check_own_answer(i, wrapped);
			for (unsigned int at = 1; at <= all; at++) {
				enum deed deed = UNMAP + (at + i + wrapped) % 4;
				int error = ask(&questions[i], wrapped, at, deed);

				/* What the driver said is what is returned. */
				CHECK(error == 0 || (at <= driver &&
						     (error == EFAULT || error == EINVAL)),
				      "%#x: deed %d at %u of %u: errno %d", questions[i].cmd, deed,
				      at, all, error);
			}
			check_right(&questions[i], wrapped);
		}
	}
}

/* Is killed at a moment of its first call. */
static void die(void *argument)
{
	const unsigned int *at = argument;

	gpu_open(&asker, 100, 30);
	start_watch();
	ask(&questions[0], false, *at, DIE);
}

/* True for a thread whose call has come to the module and has not left it. */
static bool is_in_module(const char *process, const char *thread)
{
	char path[600], text[4096];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%s/task/%s/stack", process, thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length < 0)
		return false;
	text[length] = '\0';
	return strstr(text, "redirected_ioctl") != NULL;
}

/* Finds threads of a process in the module, as the command in docs/interception.md does. */
static unsigned int threads_in_module(const char *process)
{
	unsigned int found = 0;
	struct dirent *thread;
	char path[300];
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%s/task", process);
	tasks = opendir(path);
	while (tasks && (thread = readdir(tasks)))
		found += thread->d_name[0] != '.' && is_in_module(process, thread->d_name);
	if (tasks)
		closedir(tasks);
	return found;
}

static void check_found(pid_t holder)
{
	unsigned int found = 0;
	struct dirent *process;
	DIR *proc = opendir("/proc");

	CHECK(proc, "errno %d", errno);
	while ((process = readdir(proc))) {
		unsigned int threads = threads_in_module(process->d_name);

		CHECK(threads == 0 || atoi(process->d_name) == holder, "%s is in the module",
		      process->d_name);
		found += threads;
	}
	closedir(proc);
	CHECK(found == 1, "%u threads are in the module", found);
}

/* How many moments the driver's part of a call has. */
static void count_moments(void *unused)
{
	(void)unused;
	gpu_open(&asker, 100, 30);
	start_watch();
	CHECK(ask(&questions[0], false, 0, NOTHING) == 0, "refused");
	shared->driver[0][0] = watch.moments;
}

static void unload(void *unused)
{
	(void)unused;
	unload_intercepting();
	shared->unloaded = 1;
}

/*
 * A process that serves its own page faults keeps its call in the module, and the module in the
 * kernel. It can be found, and it can be killed.
 */
void case_held_up(void)
{
	shared = shared_memory(sizeof(*shared));
	driver_load("frontend", "regime=R0");
	load_intercepting("");
	run_in(CLONE_NEWPID, count_moments, NULL);
	unload_intercepting();
	/* In the driver; and after it, where the module reads the answer. */
	for (int after = 0; after < 2; after++) {
		unsigned int moment = after ? shared->driver[0][0] + 1 : 1;
		pid_t holder, unloader;

		load_intercepting("intercept=1");
		shared->dying = shared->unloaded = 0;
		holder = start(CLONE_NEWPID, die, &moment);
		await_word(&shared->dying);
		check_found(holder);
		unloader = start_as(0, NULL, 0, unload, NULL);
		usleep(500000);
		CHECK(!shared->unloaded, "unloaded under a call");
		check_found(holder);
		stop(holder);
		finish(unloader);
		CHECK(shared->unloaded, "not unloaded");
	}
	driver_unload();
}

void case_hostile(void)
{
	struct state state;
	pid_t hostile, stranger;
	int error;

	shared = shared_memory(sizeof(*shared));
	driver_load("frontend", "regime=R0");
	load_intercepting("");
	stranger = stranger_start();
	hostile = start(CLONE_NEWPID, be_hostile, NULL);
	await_word(&shared->asked);
	CHECK((error = set_intercept(MPU_INTERCEPT_ON)) == 0, "error %d", error);
	shared->on = 1;
	finish(hostile);
	/* From where the driver is about to return. */
	for (unsigned int at = shared->driver[0][0]; at <= shared->all[0][0]; at += 5) {
		shared->dying = 0;
		hostile = start(CLONE_NEWPID, die, &at);
		await_word(&shared->dying);
		stop(hostile);
	}
	get_state(&state);
	CHECK(state.in_flight == 0, "%u in flight", (unsigned int)state.in_flight);
	stop(stranger);
	unload_intercepting();
	driver_unload();
}
