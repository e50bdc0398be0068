// SPDX-License-Identifier: GPL-2.0-only
/*
 * Request words. The driver reads the number and the size of a word, so many words are the same
 * request to it. What it accepts as a control must be rewritten; a word of another device that
 * looks like one is nobody's business.
 */
#include "gpu.h"
#include "intercept.h"
#include "questions.h"
#include "report.h"
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { WORDS = 4000, LEAST_ACCEPTED = 300, CONTROL_NUMBER = 0x2a, XFER_NUMBER = 211 };

/* Bits of a word that the driver does not read: direction and type. */
static const uint32_t other_bits[] = {0,      0x80000000, 0xc0000000, 0x40000000, 0x4600,
				      0x4700, 0xc000b900, 0xc0004600, 0x8000ff00};

static bool is_right(const struct question *question)
{
	return question->is_right(page(PARAMS), page(ARRAY));
}

static void try_other_bits(void)
{
	for (int wrapped = 0; wrapped < 2; wrapped++)
		for (int i = 0; i < QUESTIONS; i++)
			for (size_t k = 0; k < sizeof(other_bits) / sizeof(*other_bits); k++) {
				const uint32_t word = request_word(wrapped) ^ other_bits[k];
				int error;

				write_question(&questions[i], area);
				error = call_by(word, wrapped);
				CHECK(error == 0 && is_right(&questions[i]),
				      "%#x by %#x: errno %d, or not rewritten", questions[i].cmd,
				      word, error);
			}
}

static uint32_t one_of(unsigned int *seed, const uint32_t *values, size_t count)
{
	return values[(size_t)rand_r(seed) % count];
}

/* No number by which a driver does anything but the two. */
static uint32_t random_word(unsigned int *seed)
{
	static const uint32_t numbers[] = {
		CONTROL_NUMBER, CONTROL_NUMBER, CONTROL_NUMBER, XFER_NUMBER, XFER_NUMBER, 0,
		0x10,		0x55,		0x80,		0xff};
	static const uint32_t sizes[] = {32, 32, 32, 16, 16, 0, 4, 31, 33, 17, 48, 0x3fff};
	uint32_t word = (uint32_t)rand_r(seed) << 16 ^ (uint32_t)rand_r(seed);

	return (word & 0xc000ff00) | one_of(seed, numbers, 10) | one_of(seed, sizes, 12) << 16;
}

/* The rule of NVIDIA's driver. */
static bool is_control(uint32_t word, const uint32_t *xfer)
{
	const uint32_t number = word & 0xff, size = word >> 16 & 0x3fff;

	if (number == XFER_NUMBER && size == 16)
		return xfer[0] == CONTROL_NUMBER && xfer[1] == 32;
	return number == CONTROL_NUMBER && size == 32;
}

/* Any word: what the driver accepts is rewritten, and what it refuses is as it was. */
static void try_any_word(void)
{
	static const uint32_t inner[] = {
		CONTROL_NUMBER, CONTROL_NUMBER, CONTROL_NUMBER, 0xc020462a, 0x12a, XFER_NUMBER, 0};
	static const uint32_t inner_sizes[] = {32, 32, 32, 31, 33, 0, 16};
	static uint8_t before[PAGES * PAGE];
	unsigned int seed = 13;
	int accepted = 0;

	for (int i = 0; i < WORDS; i++) {
		const struct question *question = &questions[i % QUESTIONS];
		const uint32_t word = random_word(&seed);
		const bool wrapped = (word & 0xff) == XFER_NUMBER;
		uint32_t *xfer = page(XFER);
		int error;

		write_question(question, area);
		xfer[0] = one_of(&seed, inner, 7);
		xfer[1] = one_of(&seed, inner_sizes, 7);
		memcpy(before, area, sizeof(before));
		error = call_by(word, wrapped);
		if (is_control(word, xfer)) {
			accepted++;
			CHECK(error == 0 && is_right(question),
			      "%#x by %#x: errno %d, or not rewritten", question->cmd, word, error);
		} else {
			CHECK(error == EINVAL && memcmp(before, area, sizeof(before)) == 0,
			      "%#x (%#x, %u): errno %d, or written to", word, xfer[0], xfer[1],
			      error);
		}
	}
	CHECK(accepted >= LEAST_ACCEPTED, "only %d words were controls", accepted);
}

/* Arguments that mean something else, and one that is no address at all. */
static void try_other_devices(void)
{
	static const char *const devices[] = {"/dev/null", "/dev/zero", "/nvidia0"};

	for (size_t d = 0; d < sizeof(devices) / sizeof(*devices); d++) {
		const int fd = open(devices[d], O_RDWR | O_CLOEXEC);

		CHECK(fd >= 0, "%s: errno %d", devices[d], errno);
		for (int wrapped = 0; wrapped < 2; wrapped++)
			for (size_t k = 0; k < sizeof(other_bits) / sizeof(*other_bits); k++) {
				const uint32_t word = request_word(wrapped) ^ other_bits[k];

				CHECK(ioctl(fd, word, 1L) < 0 && errno == (d < 2 ? ENOTTY : EFAULT),
				      "%s, %#x: errno %d", devices[d], word, errno);
				/* Without a fault it is refused, and as it was. */
				write_question(&questions[0], area);
				CHECK(ioctl(fd, word, page(wrapped ? XFER : CONTROL)) < 0 &&
					      errno == (d < 2 ? ENOTTY : EINVAL),
				      "%s, %#x: errno %d", devices[d], word, errno);
			}
		close(fd);
	}
}

static struct {
	volatile uint32_t rewritten, go_on;
} * words;

static void send_words(void *unused)
{
	(void)unused;
	area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(area != MAP_FAILED, "errno %d", errno);
	gpu_open(&asker, 100, 30);
	try_other_bits();
	try_any_word();
	words->rewritten = 1;
	await_word(&words->go_on);
	try_other_devices();
}

void case_words(void)
{
	struct state before, after;
	pid_t stranger, sender;

	words = shared_memory(sizeof(*words));
	driver_load("unlocked", "regime=R0");
	unlink("/nvidia0");
	CHECK(mknod("/nvidia0", S_IFCHR | 0666, makedev(195, 0)) == 0, "errno %d", errno);
	load_intercepting("intercept=1");
	stranger = stranger_start();
	sender = start(CLONE_NEWPID, send_words, NULL);
	await_word(&words->rewritten);
	get_state(&before);
	words->go_on = 1;
	finish(sender);
	get_state(&after);
	CHECK(before.rewritten == after.rewritten && before.untouched == after.untouched,
	      "another device's request was looked at");
	stop(stranger);
	unload_intercepting();
	driver_unload();
}
