// SPDX-License-Identifier: GPL-2.0-only
/*
 * Issues ioctl requests of many words. What a word does is printed, so that runs with and without
 * libmpu.so can be compared; "listed" lines have the word and the PIDs that came back.
 *
 *   words driver SEED COUNT    random words with a GET_PIDS control as argument, to nvidiactl
 *   words device PATH          words that the driver takes for a control, with argument 1
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "../rm-sim/client/rm.h"

#define GET_PIDS      0x2080018du
#define GET_PIDS_SIZE 3812u
#define CONTROL	      0x0020002aul /* number and size of NV_ESC_RM_CONTROL */
#define XFER	      0x001000d3ul /* and of the escape that wraps it */
#define ESCAPE	      0x3fff00fful

/* musl's request is an int. */
#ifdef __GLIBC__
typedef unsigned long request_type;
#else
typedef int request_type;
#endif

/* The largest argument that a word can have. */
#define ARGUMENT_SIZE 16384

static union {
	struct rm_control control;
	struct {
		uint32_t cmd, size;
		uint64_t pointer;
	} xfer;
	unsigned char bytes[ARGUMENT_SIZE];
} argument;

static struct rm_control wrapped;
static uint32_t params[GET_PIDS_SIZE / 4];
static uint64_t state;

/* xorshift64*: the same words with every libc. */
static uint64_t next_random(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 0x2545f4914f6cdd1dull;
}

/* Type and direction are anything; the upper half too, where a request has one. */
static unsigned long make_word(unsigned int kind)
{
	unsigned long word = (unsigned long)next_random();

	switch (kind % 8) {
	case 0:
	case 1:
	case 2:
		return (word & ~ESCAPE) | CONTROL;
	case 3:
		return (word & ~ESCAPE) | XFER;
	case 4: /* one bit beside */
		return ((word & ~ESCAPE) | CONTROL) ^ (1ul << (next_random() % 32));
	case 5:
		return ((word & ~ESCAPE) | XFER) ^ (1ul << (next_random() % 32));
	case 6: /* another size */
		return (word & ~0xfful) | 0x2a;
	default:
		return word | 0x80; /* none of the kernel's own requests */
	}
}

static void fill(const struct rm_client *client, unsigned long word)
{
	struct rm_control control = {.client = client->root,
				     .object = client->subdevice,
				     .cmd = GET_PIDS,
				     .params = (uintptr_t)params,
				     .params_size = GET_PIDS_SIZE,
				     .status = RM_IOCTL_FAILED};

	memset(params, 0, sizeof(params));
	params[1] = NV20_SUBDEVICE_0;
	memset(&argument, 0, sizeof(argument));
	wrapped = control;
	if ((word & 0xff) == NV_ESC_IOCTL_XFER_CMD) {
		argument.xfer.cmd = NV_ESC_RM_CONTROL;
		argument.xfer.size = sizeof(wrapped);
		argument.xfer.pointer = (uintptr_t)&wrapped;
	} else {
		argument.control = control;
	}
}

static void driver(uint64_t seed, int count)
{
	struct rm_client client;
	uint32_t i;
	int k;

	if (rm_open(&client, 0) != NV_OK) {
		fprintf(stderr, "words: no client\n");
		exit(1);
	}
	state = seed;
	for (k = 0; k < count; k++) {
		unsigned long word = make_word((unsigned int)next_random());
		int result;

		fill(&client, word);
		errno = 0;
		result = ioctl(client.fd, (request_type)word, &argument);
		if (result == 0 && params[2]) {
			printf("listed 0x%x", (unsigned int)word);
			for (i = 0; i < params[2]; i++)
				printf(" %u", params[3 + i]);
			printf("\n");
		} else {
			printf("other 0x%x %d %d\n", (unsigned int)word, result, errno);
		}
	}
	printf("self %d\n", getpid());
}

static void device(const char *path)
{
	static const unsigned long words[] = {0xc020462a, 0xc01046d3, 0x4020462a,
					      0x0020462a, 0xc020002a, 0x0020ff2a,
					      0x001000d3, 0x801061d3, 0xffdf002a};
	static const unsigned long arguments[] = {1, 0, (unsigned long)-1, 4096, 0x7fff0000};
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t i, k;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (k = 0; k < sizeof(arguments) / sizeof(arguments[0]); k++) {
			int result;

			errno = 77;
			result = ioctl(fd, (request_type)words[i], (void *)arguments[k]);
			printf("0x%lx 0x%lx: %d, errno %d\n", words[i], arguments[k], result,
			       errno);
		}
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "driver"))
		driver(strtoull(argv[2], NULL, 0), atoi(argv[3]));
	else if (argc == 3 && !strcmp(argv[1], "device"))
		device(argv[2]);
	else
		return 2;
	return 0;
}
