// SPDX-License-Identifier: GPL-2.0-only
/* Callers whose threads change the memory of a call all the time. */
#include "cases.h"
#include "gpu.h"
#include "intercept.h"
#include "questions.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* Threads that change everything about the memory of a call while it is made, as often as they can.
 */
static struct {
	int pipe[2];
	volatile uint32_t stop;
} race;

/* Into memory that may not be there: only the kernel can. */
static void put(const void *data, size_t size, void *to)
{
	uint8_t rest[64];
	ssize_t ignored = write(race.pipe[1], data, size);

	ignored = read(race.pipe[0], to, size);
	(void)ignored;
	/* What did not get there. */
	while (read(race.pipe[0], rest, sizeof(rest)) > 0)
		;
}

static void *change_memory(void *unused)
{
	unsigned int seed = (unsigned int)getpid();

	while (!race.stop) {
		void *place = page((unsigned int)rand_r(&seed) % PAGES);

		switch (rand_r(&seed) % 4) {
		case 0:
			mprotect(place, PAGE, PROT_NONE);
			break;
		case 1:
			mprotect(place, PAGE, PROT_READ);
			break;
		case 2:
			munmap(place, PAGE);
			break;
		}
		/* Mostly it is there. */
		if (rand_r(&seed) % 4)
			mmap(place, PAGE, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	}
	return unused;
}

static void *change_words(void *unused)
{
	int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	unsigned int seed = (unsigned int)getpid() + 1;

	while (!race.stop) {
		ssize_t size = read(random,
				    (uint8_t *)page((unsigned int)rand_r(&seed) % PAGES) +
					    rand_r(&seed) % 64,
				    1 + (size_t)rand_r(&seed) % 8);
		(void)size;
	}
	return unused;
}

static void be_wild(void *argument)
{
	static uint8_t call_memory[PAGES * PAGE];
	const volatile uint32_t *until = argument;
	pthread_t threads[2];

	gpu_open(&asker, 100, 30);
	area = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		    -1, 0);
	CHECK(area != MAP_FAILED && pipe2(race.pipe, O_CLOEXEC | O_NONBLOCK) == 0, "errno %d",
	      errno);
	CHECK(pthread_create(&threads[0], NULL, change_memory, NULL) == 0 &&
		      pthread_create(&threads[1], NULL, change_words, NULL) == 0,
	      "no threads");
	for (unsigned int i = 0; !*until; i++) {
		write_question(&questions[i % QUESTIONS], call_memory);
		put(call_memory + CONTROL * PAGE, 32, page(CONTROL));
		put(call_memory + XFER * PAGE, 16, page(XFER));
		put(call_memory + PARAMS * PAGE, 64, page(PARAMS));
		call(i & 1);
	}
	race.stop = 1;
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
}

void case_wild(void)
{
	static const enum observer observers[] = {OBSERVER_STATIC, OBSERVER_32};
	uint32_t *until = shared_memory(sizeof(*until));
	struct container *others;
	struct state before, after;
	pid_t wild[2], stranger;

	driver_load("frontend", "regime=R0");
	load_intercepting("intercept=1");
	stranger = stranger_start();
	get_state(&before);
	for (int i = 0; i < 2; i++)
		wild[i] = start(CLONE_NEWPID, be_wild, until);
	others = container_start("strict", observers, 2, (uint32_t)stranger);
	sleep(5);
	*until = 1;
	for (int i = 0; i < 2; i++)
		finish(wild[i]);
	container_finish(others);
	get_state(&after);
	CHECK(after.in_flight == 0 && after.rewritten > before.rewritten, "%u in flight",
	      (unsigned int)after.in_flight);
	stop(stranger);
	unload_intercepting();
	driver_unload();
}
