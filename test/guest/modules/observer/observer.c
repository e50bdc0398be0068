// SPDX-License-Identifier: GPL-2.0-only
/*
 * observer MODE WORKER THREADED STRANGER LAYOUTS: a process in a container that asks the driver
 * about the others and judges every answer. It is built in several ways (32-bit, static, with other
 * libcs), so all it needs is in os.h.
 *
 * WORKER has 100 MiB and a busy GPU, THREADED 200 MiB by a client that a thread of it opened; both
 * are numbers here. STRANGER is the host PID of a process of another container. LAYOUTS is the
 * first number of the release whose structures the driver has, 550 or later.
 *
 * MODE: "once" for one round; "strict" for rounds until standard input ends; "either" likewise,
 * where the driver's own answer, whole, is as good as a right one; "host" for a process outside of
 * all containers, which must not be given an address of the kernel. Exit status 0 when all was
 * well.
 */
#include "os.h"

enum {
	GET_PIDS = 0x2080018d,
	PID_INFO = 0x2080018e,
	SAMPLES_V2 = 0x20802096,
	RECORD = 0xb03,
	RECORD_V2 = 0xb06, /* from 610 on */
	NVENC_SESSIONS = 0x2080016e,
	GPU_ID = 0x100,
	MIB = 1 << 20,
	SERIALIZED = 4,
};

enum {
	MOST_PIDS = 950,
	PIDS_SIZE = 3812,
	INFO_SIZE = 14408,
	INFO_STRIDE = 72,
	SAMPLES = 72,
	ENGINES = 6,
	SESSIONS = 512,
	SESSION_SIZE = 32,
};

/* Of a sample: a time, then the engines. From 570 on an engine ends with a kernel address. */
enum { ENGINE_SIZE = 116, ENGINE_SIZE_570 = 128, KERNEL_ADDRESS = 120 };

static uint32_t engine_size;
static uint32_t has_record_v2;

struct control {
	uint32_t client, object, cmd, flags;
	uint64_t params;
	uint32_t size, status;
};

/* Carries any other request. */
struct xfer {
	uint32_t cmd, size;
	uint64_t argument;
};

enum { XFER = 0xc01046d3, CONTROL = 0xc020462a, CONTROL_NUMBER = 0x2a };

struct alloc {
	uint32_t root, parent, handle, cls;
	uint64_t params, rights;
	uint32_t size, flags, status, padding;
};

static int fd;
static uint32_t root, device, subdevice;
static uint32_t self, worker, threaded, stranger;
static uint32_t params[65536 / 4], sessions[SESSIONS * SESSION_SIZE / 4];
static int either, is_host, wrapped, with_any_word;

/* The driver reads number and size of a request word. These bits are others. */
static const uint32_t other_bits[] = {0,      0x80000000, 0xc0000000, 0x40000000,
				      0x4600, 0x40004700, 0xc000b900};

static uint32_t word(uint32_t request)
{
	static uint32_t turn;

	if (!with_any_word)
		return request;
	return request ^ other_bits[turn++ % (sizeof(other_bits) / sizeof(*other_bits))];
}

static _Noreturn void fail(const char *what)
{
	os_say("observer: wrong: ");
	os_say(what);
	os_say("\n");
	os_exit(1);
}

static uint32_t allocate(uint32_t parent, uint32_t cls)
{
	static uint32_t arguments[14];
	struct alloc alloc = {.root = root, .parent = parent, .cls = cls, .status = 1};

	if (cls)
		alloc.params = (uintptr_t)arguments;
	if (os_ioctl(fd, 0xc030462b, &alloc) != 0 || alloc.status != 0)
		fail("allocation");
	return alloc.handle;
}

static uint32_t ask(uint32_t object, uint32_t cmd, uint32_t size)
{
	struct control control = {.client = root,
				  .object = object,
				  .cmd = cmd,
				  .params = (uintptr_t)params,
				  .size = size,
				  .status = 0xffff};

	const struct xfer xfer = {CONTROL_NUMBER, sizeof(control), (uintptr_t)&control};

	if (os_ioctl(fd, word(wrapped ? XFER : CONTROL),
		     wrapped ? (void *)&xfer : (void *)&control) != 0)
		fail("the ioctl itself");
	if (control.client != root || control.object != object || control.cmd != cmd ||
	    control.flags || control.params != (uintptr_t)params || control.size != size)
		fail("the control is not as it was given");
	return control.status;
}

static void clear(void)
{
	for (unsigned int i = 0; i < sizeof(params) / 4; i++)
		params[i] = 0;
}

/* Host PIDs are numbers that nobody has here: the test starts enough processes on the host. */
static int is_here(uint32_t pid)
{
	return pid <= 0x7fffffff && os_exists((int)pid);
}

static int listed(uint32_t pid)
{
	for (uint32_t i = 0; i < params[2]; i++)
		if (params[3 + i] == pid)
			return 1;
	return 0;
}

static void check_list(void)
{
	clear();
	params[1] = 0x2080;
	if (ask(subdevice, GET_PIDS, PIDS_SIZE) != 0 || params[0] != 0 || params[1] != 0x2080)
		fail("list refused");
	if (params[2] > MOST_PIDS)
		fail("list too long");
	if (either && listed(stranger) && !listed(self))
		return;
	if (!listed(worker) || !listed(threaded) || !listed(self))
		fail("list lacks a process");
	for (uint32_t i = 0; i < params[2]; i++) {
		if (!is_here(params[3 + i]))
			fail("list names a process of elsewhere");
		for (uint32_t j = 0; j < i; j++)
			if (params[3 + i] == params[3 + j])
				fail("list names a process twice");
	}
	for (uint32_t i = params[2]; i < MOST_PIDS && !either; i++)
		if (params[3 + i] == stranger)
			fail("a process of elsewhere behind the list");
}

static uint32_t memory(uint32_t i)
{
	return params[2 + i * INFO_STRIDE / 4 + 4] / MIB;
}

static void check_info(void)
{
	const uint32_t asked[] = {worker, threaded, stranger, self};

	clear();
	params[0] = 4;
	for (uint32_t i = 0; i < 4; i++)
		params[2 + i * INFO_STRIDE / 4] = asked[i];
	if (ask(subdevice, PID_INFO, INFO_SIZE) != 0)
		fail("info refused");
	for (uint32_t i = 0; i < 4; i++)
		if (params[2 + i * INFO_STRIDE / 4] != asked[i])
			fail("info is not about who was asked for");
	if (either && memory(0) == 0 && memory(1) == 0)
		return;
	if (memory(0) != 100 || memory(1) != 200 || memory(2) != 0 || memory(3) != 0)
		fail("memory");
}

static void check_samples(void)
{
	int busy = 0, strangers = 0, addresses = 0;

	const uint32_t sample_size = 8 + ENGINES * engine_size;

	clear();
	params[1] = SAMPLES * sample_size;
	if (ask(subdevice, SAMPLES_V2, 16 + SAMPLES * sample_size) != 0)
		fail("samples refused");
	for (uint32_t i = 0; i < SAMPLES * ENGINES; i++) {
		const uint32_t *engine = params + 4 + i / ENGINES * (sample_size / 4) + 2 +
					 i % ENGINES * (engine_size / 4);
		uint32_t pid = engine[2];

		if (engine_size == ENGINE_SIZE_570 &&
		    (engine[KERNEL_ADDRESS / 4] || engine[KERNEL_ADDRESS / 4 + 1]))
			addresses++;
		if (pid == 0 || pid == 0xffffffff)
			continue;
		busy |= pid == worker && engine[0] > 0;
		strangers |= !is_here(pid);
	}
	/* Up to 570 of everybody, then of whom the caller is not to see. */
	if (either && strangers && (!busy || addresses))
		return;
	if (addresses)
		fail("an address of the kernel");
	if (is_host)
		return;
	if (strangers)
		fail("a sample of a process of elsewhere");
	if (!busy)
		fail("no sample of the busy process");
}

static void check_record(uint32_t cmd, uint32_t size)
{
	uint32_t status;

	clear();
	params[0] = GPU_ID;
	params[1] = worker;
	status = ask(root, cmd, size);
	if (either && (status == 0x57 || params[1] != worker))
		return;
	if (status != 0)
		fail("record refused");
	if (params[0] != GPU_ID || params[1] != worker || params[3] != 30)
		fail("record");
}

static void check_records(void)
{
	check_record(RECORD, 48);
	if (has_record_v2)
		check_record(RECORD_V2, 64);
}

static void check_sessions(void)
{
	uint32_t mine = 0, strangers = 0;

	clear();
	for (uint32_t i = 0; i < SESSIONS * SESSION_SIZE / 4; i++)
		sessions[i] = 0;
	params[0] = SESSIONS;
	*(uint64_t *)(params + 2) = (uintptr_t)sessions;
	if (ask(subdevice, NVENC_SESSIONS, 16) != 0 || params[0] > SESSIONS)
		fail("sessions refused");
	for (uint32_t i = 0; i < params[0]; i++) {
		uint32_t pid = sessions[i * SESSION_SIZE / 4];

		mine += pid == worker;
		strangers += !is_here(pid);
	}
	if (either && strangers && !mine)
		return;
	if (strangers || mine != 1)
		fail("sessions");
}

/* What the driver refuses is refused. */
static void refused(const struct control *control, const char *what)
{
	struct control bare = *control, inner = *control;
	const struct xfer xfer = {CONTROL_NUMBER, sizeof(inner), (uintptr_t)&inner};

	if (os_ioctl(fd, CONTROL, &bare) == 0 && bare.status == 0)
		fail(what);
	if (os_ioctl(fd, XFER, &xfer) == 0 && inner.status == 0)
		fail(what);
}

static void check_refusals(void)
{
	struct control control = {.client = root, .object = subdevice, .cmd = GET_PIDS};
	struct xfer xfer = {CONTROL_NUMBER, sizeof(control), 16};

	control.params = 16;
	control.size = PIDS_SIZE;
	refused(&control, "params that are not there are accepted");
	control.size = PIDS_SIZE - 4;
	refused(&control, "a wrong size is accepted");
	if (os_ioctl(fd, CONTROL, (void *)16) == 0 || os_ioctl(fd, XFER, (void *)16) == 0 ||
	    os_ioctl(fd, XFER, &xfer) == 0)
		fail("an argument that is not there is accepted");
	xfer.argument = (uintptr_t)&control;
	xfer.size = sizeof(control) - 4;
	if (os_ioctl(fd, XFER, &xfer) == 0)
		fail("a control of a wrong size is accepted");

	clear();
	params[1] = 0x2080;
	control.params = (uintptr_t)params;
	control.size = PIDS_SIZE;
	control.flags = SERIALIZED;
	refused(&control, "plain parameters are taken for serialised ones");
	if (params[0] != 0 || params[1] != 0x2080 || params[2] != 0)
		fail("what was refused has been written to");
}

static void (*const checks[])(void) = {check_list, check_info, check_samples, check_records,
				       check_sessions};

static void check_all(void)
{
	for (wrapped = 0; wrapped < 2; wrapped++)
		for (unsigned int i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
			checks[i]();
			os_rest();
		}
	check_refusals();
}

/* Answered, and rewritten, under any word that the driver takes for the same. */
static void check_words(void)
{
	with_any_word = 1;
	check_all();
	check_all();
}

static int observe(int count, char **arguments)
{
	char mode;

	if (count != 6)
		fail("usage");
	mode = arguments[1][0];
	either = mode == 'e';
	is_host = mode == 'h';
	worker = os_number(arguments[2]);
	threaded = os_number(arguments[3]);
	stranger = os_number(arguments[4]);
	engine_size = os_number(arguments[5]) < 570 ? ENGINE_SIZE : ENGINE_SIZE_570;
	has_record_v2 = os_number(arguments[5]) >= 610;
	self = os_self();
	fd = os_open("/dev/nvidiactl");
	if (fd < 0)
		fail("/dev/nvidiactl");
	root = allocate(0, 0);
	device = allocate(root, 0x80);
	subdevice = allocate(device, 0x2080);
	if (is_host)
		check_samples();
	else if (mode == 'o')
		check_words();
	else
		do
			check_all();
		while (os_goes_on());
	return 0;
}

OS_MAIN(observe)
