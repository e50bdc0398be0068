// SPDX-License-Identifier: GPL-2.0-only
/*
 * Leaves calls of the driver in every way there is, and counts what stays behind. Every line on
 * stdout is a JSON document. The simulated driver is slow, so that the library is in the middle of
 * its work most of the time.
 *
 *   leftovers jumps|depths ROUNDS    siglongjmp() out of a timer's handler
 *   leftovers cancels ROUNDS         asynchronous cancellation of threads
 *   leftovers forks ROUNDS           fork() while another thread lists
 *   leftovers handlers ROUNDS        handlers that list themselves, and that fork
 *   leftovers nested ROUNDS          handlers that fork into a PID namespace, where they jump
 *   leftovers pending                signals that the caller has blocked, faults among them
 *   leftovers ends                   a signal without a handler, while the library queries the
 * driver
 */
#define _GNU_SOURCE
#include <alloca.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../rm-sim/client/rm.h"

#define GET_PIDS      0x2080018du
#define GET_PIDS_SIZE 3812u
#define MAX_FD	      256

/* KB; libmpu.so's memory is larger. */
#define MIN_MEMORY 64

static struct rm_client client;
static long call_time; /* of one list, in microseconds */

static uint32_t get_pids(uint32_t *params)
{
	params[0] = 0;
	params[1] = NV20_SUBDEVICE_0;
	params[2] = 0;
	return rm_control(client.fd, client.root, client.subdevice, GET_PIDS, params,
			  GET_PIDS_SIZE);
}

static void list(void)
{
	uint32_t params[GET_PIDS_SIZE / 4] = {0}, status = get_pids(params), i;

	printf("{\"status\":%u,\"self\":%d,\"pids\":[", status, getpid());
	for (i = 0; i < params[2]; i++)
		printf("%s%u", i ? "," : "", params[3 + i]);
	printf("]}\n");
	fflush(stdout);
}

/* Without a system call that the simulation answers. */
static int count_descriptors(void)
{
	int fd, count = 0;

	for (fd = 0; fd < MAX_FD; fd++)
		count += fcntl(fd, F_GETFD) != -1;
	return count;
}

/* Private mappings without a file or a name, in KB. */
static long count_memory(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	unsigned long start, end;
	char line[4096], mode[8];
	long size = 0, inode;
	int named;

	while (maps && fgets(line, sizeof(line), maps)) {
		named = 0;
		if (sscanf(line, "%lx-%lx %7s %*s %*s %ld %n", &start, &end, mode, &inode,
			   &named) == 4 &&
		    !strcmp(mode, "rw-p") && inode == 0 && !line[named])
			size += (long)(end - start) / 1024;
	}
	if (maps)
		fclose(maps);
	return size;
}

static long microseconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (long)(now.tv_sec - start->tv_sec) * 1000000l +
	       (now.tv_nsec - start->tv_nsec) / 1000;
}

/* A moment within a list. */
static long moment(void)
{
	return 1 + rand() % call_time;
}

static void start_timer(long time)
{
	struct itimerval timer = {.it_value = {time / 1000000, time % 1000000}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void stop_timer(void)
{
	struct itimerval none = {0};

	setitimer(ITIMER_REAL, &none, NULL);
}

static void handle(void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
}

static sigjmp_buf target;

static void jump(int signal)
{
	(void)signal;
	siglongjmp(target, 1);
}

static void __attribute__((noinline)) list_below(size_t depth)
{
	volatile char *room = alloca(depth + 1);
	uint32_t params[GET_PIDS_SIZE / 4];

	room[0] = 0;
	get_pids(params);
	room[depth] = 0;
}

static void jumps(int rounds, int depths)
{
	volatile int jumped = 0, i;
	int descriptors;
	long memory;

	list();
	handle(jump);
	descriptors = count_descriptors();
	memory = count_memory();
	for (i = 0; i < rounds; i++) {
		if (sigsetjmp(target, 1)) {
			jumped++;
			continue;
		}
		start_timer(moment());
		list_below(depths ? (size_t)i * 2048 % 100000 : 0);
		stop_timer();
	}
	descriptors = count_descriptors() - descriptors;
	memory = count_memory() - memory;
	printf("{\"jumped\":%d,\"descriptors\":%d,\"memory\":%ld}\n", jumped, descriptors, memory);
	list();
}

static void *list_for_ever(void *unused)
{
	uint32_t params[GET_PIDS_SIZE / 4];

	(void)unused;
	pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
	for (;;)
		get_pids(params);
	return NULL;
}

static pthread_t start_lister(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, list_for_ever, NULL))
		exit(1);
	return thread;
}

static int cancel(pthread_t thread)
{
	void *result;

	usleep((useconds_t)(call_time / 2 + moment()));
	pthread_cancel(thread);
	pthread_join(thread, &result);
	return result == PTHREAD_CANCELED;
}

static void cancels(int rounds)
{
	int descriptors, cancelled = 0, i;
	long memory;

	list();
	cancel(start_lister()); /* libc keeps the stack */
	descriptors = count_descriptors();
	memory = count_memory();
	for (i = 0; i < rounds; i++)
		cancelled += cancel(start_lister());
	printf("{\"cancelled\":%d,\"descriptors\":%d,\"memory\":%ld}\n", cancelled,
	       count_descriptors() - descriptors, count_memory() - memory);
	list();
}

static void forks(int rounds)
{
	int descriptors, with_descriptors = 0, with_memory = 0, i, status;
	long memory;
	pthread_t lister;

	list();
	lister = start_lister();
	cancel(lister);
	descriptors = count_descriptors();
	memory = count_memory();
	lister = start_lister();
	for (i = 0; i < rounds; i++) {
		pid_t pid;

		usleep((useconds_t)moment());
		pid = fork();
		if (pid == 0)
			_exit((count_descriptors() > descriptors) |
			      (count_memory() > memory + MIN_MEMORY) << 1);
		waitpid(pid, &status, 0);
		with_descriptors += WEXITSTATUS(status) & 1;
		with_memory += WEXITSTATUS(status) >> 1;
	}
	cancel(lister);
	printf("{\"children\":%d,\"descriptors\":%d,\"memory\":%d}\n", rounds, with_descriptors,
	       with_memory);
	list();
}

static uint32_t wanted[GET_PIDS_SIZE / 4];
static volatile sig_atomic_t handled, wrong, in_child;

static int is_wanted(const uint32_t *params)
{
	return params[2] == wanted[2] && !memcmp(params + 3, wanted + 3, wanted[2] * 4);
}

static void list_in_handler(int signal)
{
	uint32_t params[GET_PIDS_SIZE / 4];

	(void)signal;
	handled++;
	wrong += get_pids(params) != NV_OK || !is_wanted(params);
}

/* Its child goes on with what was interrupted. */
static void fork_in_handler(int signal)
{
	pid_t pid = fork();
	int status = 0;

	(void)signal;
	handled++;
	if (pid == 0) {
		in_child = 1;
		return;
	}
	waitpid(pid, &status, 0);
	wrong += !WIFEXITED(status) || WEXITSTATUS(status);
}

static int is_same(const sigset_t *a, const sigset_t *b)
{
	int signal, same = 1;

	for (signal = 1; signal < NSIG; signal++)
		same &= sigismember(a, signal) == sigismember(b, signal);
	return same;
}

static void handlers(int rounds)
{
	uint32_t params[GET_PIDS_SIZE / 4];
	sigset_t mask, mask_after;
	int descriptors, i;
	long memory;

	list();
	get_pids(wanted);
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR2);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	descriptors = count_descriptors();
	memory = count_memory();
	for (i = 0; i < rounds; i++) {
		handle(i % 2 ? fork_in_handler : list_in_handler);
		start_timer(moment());
		get_pids(params);
		stop_timer();
		wrong += !is_wanted(params);
		if (in_child)
			_exit(!is_wanted(params) || count_descriptors() > descriptors ||
			      count_memory() > memory + MIN_MEMORY);
	}
	sigprocmask(SIG_BLOCK, NULL, &mask_after);
	printf("{\"handled\":%d,\"wrong\":%d,\"descriptors\":%d,\"memory\":%ld,\"mask\":%d}\n",
	       (int)handled, (int)wrong, count_descriptors() - descriptors, count_memory() - memory,
	       is_same(&mask, &mask_after));
}

/* Its child is process 1 of a PID namespace. */
static pid_t fork_into_namespace(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0);
}

static void jump_in_child(int signal)
{
	pid_t pid = fork_into_namespace();
	int status = 0;

	if (pid == 0)
		jump(signal);
	handled++;
	waitpid(pid, &status, 0);
	wrong += pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status);
}

/* The caller and its children have the same PID, and not the same memory. */
static int list_as_first_process(int rounds)
{
	volatile int i;

	handle(jump_in_child);
	for (i = 0; i < rounds; i++) {
		int is_child = sigsetjmp(target, 1);

		if (!is_child)
			start_timer(moment());
		list_below(0);
		if (is_child)
			_exit(0);
		stop_timer();
	}
	printf("{\"handled\":%d,\"wrong\":%d}\n", (int)handled, (int)wrong);
	fflush(stdout);
	return 0;
}

static void nested(int rounds)
{
	pid_t pid;

	list();
	pid = fork_into_namespace();
	if (pid == 0)
		_exit(list_as_first_process(rounds));
	waitpid(pid, NULL, 0);
}

/* A thread may have blocked every signal, for another one to wait for them. */
static void pending(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS, SIGTERM};
	const int count = sizeof(faults) / sizeof(faults[0]);
	sigset_t all, found;
	int i, waiting = 0;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	for (i = 0; i < count; i++)
		kill(getpid(), faults[i]);
	list();
	sigpending(&found);
	for (i = 0; i < count; i++)
		waiting += sigismember(&found, faults[i]);
	printf("{\"sent\":%d,\"waiting\":%d}\n", count, waiting);
}

/* The timer's signal comes in the second half of a list, which is the library's own query. */
static void ends(void)
{
	uint32_t params[GET_PIDS_SIZE / 4];
	struct timespec start;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	clock_gettime(CLOCK_MONOTONIC, &start);
	pid = fork();
	if (pid == 0) {
		start_timer(call_time * 3 / 4);
		get_pids(params);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	printf("{\"signal\":%d,\"time\":%ld,\"whole\":%ld}\n",
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0, microseconds_since(&start), call_time);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int rounds = argc > 2 ? atoi(argv[2]) : 0;
	uint32_t params[GET_PIDS_SIZE / 4];
	uint32_t status = rm_open(&client, 0);
	struct timespec start;
	int i;

	if (status != NV_OK) {
		fprintf(stderr, "leftovers: no client: 0x%x\n", status);
		return 1;
	}
	srand(1);
	/* The shortest of three: other programs can be in the way. */
	call_time = 1000000000;
	for (i = 0; i < 3; i++) {
		long time;

		clock_gettime(CLOCK_MONOTONIC, &start);
		get_pids(params);
		time = microseconds_since(&start);
		call_time = time < call_time ? time : call_time;
	}
	if (!strcmp(what, "jumps"))
		jumps(rounds, 0);
	else if (!strcmp(what, "depths"))
		jumps(rounds, 1);
	else if (!strcmp(what, "cancels"))
		cancels(rounds);
	else if (!strcmp(what, "forks"))
		forks(rounds);
	else if (!strcmp(what, "handlers"))
		handlers(rounds);
	else if (!strcmp(what, "nested"))
		nested(rounds);
	else if (!strcmp(what, "pending"))
		pending();
	else if (!strcmp(what, "ends"))
		ends();
	else
		return 2;
	return 0;
}
