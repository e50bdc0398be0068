// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lists GPU processes in adverse circumstances. Every line on stdout is a JSON document; a list is
 * {"status":N,"self":PID,"pids":[...]}.
 *
 *   rewriting list|wrapped|leaks|descriptors|memory|pointers|stack|storm
 *   rewriting refuse SYSTEM-CALL-NUMBER
 *   rewriting record|record-v2 PID
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../rm-sim/client/rm.h"

#define GET_PIDS      0x2080018du
#define PID_INFO      0x2080018eu
#define RECORD	      0x00000b03u
#define RECORD_V2     0x00000b06u
#define GPU_ID	      0x100u
#define NVENC	      0x2080016eu
#define GET_PIDS_SIZE 3812u

static struct rm_client client;

static uint32_t get_pids(uint32_t *params)
{
	params[0] = 0;
	params[1] = NV20_SUBDEVICE_0;
	params[2] = 0;
	return rm_control(client.fd, client.root, client.subdevice, GET_PIDS, params,
			  GET_PIDS_SIZE);
}

static void print(uint32_t status, const uint32_t *params)
{
	uint32_t i;

	printf("{\"status\":%u,\"self\":%d,\"pids\":[", status, getpid());
	for (i = 0; i < params[2]; i++)
		printf("%s%u", i ? "," : "", params[3 + i]);
	printf("]}\n");
}

static void list(void)
{
	uint32_t params[GET_PIDS_SIZE / 4] = {0}, status = get_pids(params);

	print(status, params);
}

/* The same request inside NV_ESC_IOCTL_XFER_CMD. */
static void wrapped(void)
{
	uint32_t params[GET_PIDS_SIZE / 4] = {0, NV20_SUBDEVICE_0};
	struct rm_control control = {.client = client.root,
				     .object = client.subdevice,
				     .cmd = GET_PIDS,
				     .params = (uintptr_t)params,
				     .params_size = sizeof(params)};
	struct {
		uint32_t cmd, size;
		uint64_t pointer;
	} transfer = {NV_ESC_RM_CONTROL, sizeof(control), (uintptr_t)&control};

	if (ioctl(client.fd, RM_REQUEST(NV_ESC_IOCTL_XFER_CMD, sizeof(transfer)), &transfer) != 0)
		control.status = RM_IOCTL_FAILED;
	print(control.status, params);
}

static int count_descriptors(void)
{
	DIR *directory = opendir("/proc/self/fd");
	int count = 0;

	while (directory && readdir(directory))
		count++;
	closedir(directory);
	return count;
}

static int count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int count = 0, c;

	while (maps && (c = fgetc(maps)) != EOF)
		count += c == '\n';
	fclose(maps);
	return count;
}

static void leaks(void)
{
	uint32_t params[GET_PIDS_SIZE / 4];
	int descriptors, mappings, i, failed = 0;

	list();
	fflush(stdout);
	descriptors = count_descriptors();
	mappings = count_mappings();
	for (i = 0; i < 10000; i++)
		failed += get_pids(params) != NV_OK;
	printf("{\"descriptors\":%d,\"mappings\":%d,\"failed\":%d}\n",
	       count_descriptors() - descriptors, count_mappings() - mappings, failed);
	list();
}

/* Once with no descriptor or memory to be had, and once more when there is. */
static void exhausted(__rlimit_resource_t resource, rlim_t limit)
{
	struct rlimit old, none;

	getrlimit(resource, &old);
	none = old;
	none.rlim_cur = limit;
	setrlimit(resource, &none);
	list();
	setrlimit(resource, &old);
	list();
}

static void refuse(uint32_t number)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	list();
	fflush(stdout);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		perror("seccomp");
	list();
}

static void ask(const char *what, uint32_t object, uint32_t cmd, void *params, uint32_t size)
{
	uint32_t status;

	errno = 0;
	status = rm_control(client.fd, client.root, object, cmd, params, size);
	printf("{\"what\":\"%s\",\"status\":%u,\"errno\":%d}\n", what, status, errno);
}

/* The accounting record of one process: {"status":N,"pid":PID}. */
static void record(uint32_t pid, uint32_t cmd, uint32_t size)
{
	uint32_t params[16] = {GPU_ID, pid};
	uint32_t status = rm_control(client.fd, client.root, client.root, cmd, params, size);

	printf("{\"status\":%u,\"pid\":%u}\n", status, params[1]);
}

/* Params that the driver cannot, or does not, touch: never a crash, and the driver's own status. */
static void pointers(void)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *pages =
		mmap(NULL, 16 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t nvenc[4] = {512};
	uint64_t half;

	munmap(pages + 8 * page, page);
	ask("nowhere", client.subdevice, GET_PIDS, (void *)8, GET_PIDS_SIZE);
	ask("NULL", client.subdevice, GET_PIDS, NULL, GET_PIDS_SIZE);
	ask("NULL without size", client.subdevice, GET_PIDS, NULL, 0);
	ask("half mapped", client.subdevice, PID_INFO, pages + 7 * page, 14408);
	ask("half mapped record", client.root, RECORD, pages + 8 * page - 16, 48);
	ask("half mapped record of another size", client.root, RECORD, pages + 8 * page - 16, 64);
	half = (uintptr_t)(pages + 7 * page);
	memcpy(nvenc + 2, &half, sizeof(half));
	ask("half mapped sessions", client.subdevice, NVENC, nvenc, sizeof(nvenc));
	memset(pages, 0, page);
	pages[4] = 0xfe;
	pages[5] = 0xff;
	mprotect(pages, page, PROT_READ);
	ask("read-only record of nobody", client.root, RECORD, pages, 48);
	ask("read-only list", client.subdevice, GET_PIDS, pages, GET_PIDS_SIZE);
	mprotect(pages, page, PROT_NONE);
	ask("hidden record", client.root, RECORD, pages, 48);
}

static uint32_t from_small[GET_PIDS_SIZE / 4], status_of_small;

static void *list_in_thread(void *unused)
{
	(void)unused;
	status_of_small = get_pids(from_small);
	return NULL;
}

/* A thread with the smallest stack that libc permits. */
static void small_stack(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	if (pthread_attr_setstacksize(&attributes, 16384) ||
	    pthread_create(&thread, &attributes, list_in_thread, NULL))
		exit(1);
	pthread_join(thread, NULL);
	print(status_of_small, from_small);
}

static uint32_t wanted[GET_PIDS_SIZE / 4];
static volatile int stop;

static int is_wanted(const uint32_t *params)
{
	return params[2] == wanted[2] && !memcmp(params + 3, wanted + 3, wanted[2] * 4);
}

static void *lister(void *unused)
{
	uint32_t params[GET_PIDS_SIZE / 4];
	long wrong = 0;

	(void)unused;
	while (!stop)
		wrong += get_pids(params) != NV_OK || !is_wanted(params);
	return (void *)wrong;
}

static void storm(void)
{
	uint32_t params[GET_PIDS_SIZE / 4];
	long wrong = 0, children = 0;
	pthread_t threads[4];
	void *result;
	int i, status;

	list();
	fflush(stdout);
	get_pids(wanted);
	for (i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, lister, NULL);
	for (i = 0; i < 200; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(get_pids(params) != NV_OK || !is_wanted(params));
		waitpid(pid, &status, 0);
		children += !WIFEXITED(status) || WEXITSTATUS(status);
	}
	stop = 1;
	for (i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		wrong += (long)result;
	}
	printf("{\"wrong\":%ld,\"children\":%ld}\n", wrong, children);
}

static long pages_mapped(void)
{
	FILE *statm = fopen("/proc/self/statm", "re");
	long pages = 0;

	if (!statm || fscanf(statm, "%ld", &pages) != 1)
		pages = 0;
	if (statm)
		fclose(statm);
	return pages;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint32_t status = rm_open(&client, 0);

	setvbuf(stdout, malloc(1 << 16), _IOFBF, 1 << 16);
	if (status != NV_OK) {
		fprintf(stderr, "rewriting: no client: 0x%x\n", status);
		return 1;
	}
	if (!strcmp(what, "list"))
		list();
	else if (!strcmp(what, "wrapped"))
		wrapped();
	else if (!strcmp(what, "leaks"))
		leaks();
	else if (!strcmp(what, "descriptors"))
		exhausted(RLIMIT_NOFILE, 3);
	else if (!strcmp(what, "memory"))
		exhausted(RLIMIT_AS, (rlim_t)(pages_mapped() * sysconf(_SC_PAGESIZE)));
	else if (!strcmp(what, "pointers"))
		pointers();
	else if (!strcmp(what, "stack"))
		small_stack();
	else if (!strcmp(what, "storm"))
		storm();
	else if (!strcmp(what, "refuse") && argc == 3)
		refuse((uint32_t)strtoul(argv[2], NULL, 0));
	else if (!strcmp(what, "record") && argc == 3)
		record((uint32_t)strtoul(argv[2], NULL, 0), RECORD, 48);
	else if (!strcmp(what, "record-v2") && argc == 3)
		record((uint32_t)strtoul(argv[2], NULL, 0), RECORD_V2, 64);
	else
		return 2;
	return 0;
}
