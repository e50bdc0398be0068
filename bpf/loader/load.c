// SPDX-License-Identifier: GPL-2.0-only
#include "load.h"
#include "relocate.h"
#include "system.h"

#define KERNEL_BTF "/sys/kernel/btf/vmlinux"

/* linux/bpf.h */
#define BPF_PROG_LOAD	      5
#define BPF_OBJ_PIN	      6
#define BPF_LINK_CREATE	      28
#define BPF_PROG_TYPE_TRACING 26
#define BPF_TRACE_ITER	      28

/* The arguments of each command, as far as they are used: what follows is 0 for the kernel. */
struct prog_load {
	mpu_u32 type, instruction_count;
	mpu_u64 instructions, license;
	mpu_u32 log_level, log_size;
	mpu_u64 log;
	mpu_u32 kernel_version, flags;
	char name[16];
	mpu_u32 device, attach_type, btf, function_record_size;
	mpu_u64 functions;
	mpu_u32 function_count, line_record_size;
	mpu_u64 lines;
	mpu_u32 line_count, attach_btf_id;
};

struct link_create {
	mpu_u32 program, target, attach_type, flags;
	mpu_u64 information;
	mpu_u32 information_size, padding;
};

struct obj_pin {
	mpu_u64 path;
	mpu_u32 object, flags;
};

#define LOG_SIZE (1 << 20)

static long bpf(int command, void *arguments, unsigned long size)
{
	return mpu_syscall3(NR_bpf, command, (long)arguments, (long)size);
}

static mpu_u64 address(const void *pointer)
{
	return (unsigned long)pointer;
}

/* Returns the line before the statistics with which the verifier ends its log. */
static const char *reason_in(char *log)
{
	char *line = log, *before = log, *at;

	for (at = log; *at; at++) {
		if (*at != '\n')
			continue;
		*at = '\0';
		if (is_equal(line, "") || !at[1] || at[1] == '\n')
			continue;
		before = line;
		line = at + 1;
	}
	return before;
}

/* Reads a file whose size nobody tells, into memory that stays. */
static int read_whole(const char *path, const void **data, unsigned long *size)
{
	enum { ROOM = 64 << 20 }; /* the BTF of a kernel has 4 to 10 MB */
	char *memory = mpu_sys_map(0, ROOM);
	int fd = (int)mpu_sys_open(path);
	long got = 1;

	if (fd < 0)
		return fd;
	if (!memory)
		return -ENOMEM;
	for (*size = 0; got > 0 && *size < ROOM; *size += (unsigned long)got) {
		got = mpu_sys_read(fd, memory + *size, ROOM - *size);
		if (got < 0)
			return (int)got;
	}
	mpu_sys_close(fd);
	*data = memory;
	return 0;
}

static long load_program(const struct object *form, const struct btf *kernel)
{
	struct prog_load arguments = {
		.type = BPF_PROG_TYPE_TRACING, .attach_type = BPF_TRACE_ITER, .name = "mpu_pidns"};
	struct section code, license;
	struct bpf_instruction *program;
	char *log;
	long result = object_section(form, "iter/task", &code);

	if (!result)
		result = object_section(form, "license", &license);
	if (result)
		return result;
	program = mpu_sys_map(0, code.size);
	if (!program)
		return -ENOMEM;
	memcpy(program, code.data, code.size);
	arguments.instruction_count = (mpu_u32)(code.size / sizeof(*program));
	result = relocate(form, kernel, program, arguments.instruction_count);
	if (result)
		return result;
	arguments.instructions = address(program);
	arguments.license = address(license.data);
	arguments.attach_btf_id = btf_find(kernel, BTF_FUNC, "bpf_iter_task");
	if (!arguments.attach_btf_id)
		return failed_for("bpf_iter_task", -MPU_ENOENT);
	result = bpf(BPF_PROG_LOAD, &arguments, sizeof(arguments));
	if (result != -EACCES && result != -MPU_EINVAL)
		return result;
	/* Once more, to learn why. */
	log = mpu_sys_map(0, LOG_SIZE);
	if (!log)
		return result;
	arguments.log_level = 1;
	arguments.log_size = LOG_SIZE;
	arguments.log = address(log);
	result = bpf(BPF_PROG_LOAD, &arguments, sizeof(arguments));
	return result < 0 ? failed_for(reason_in(log), result) : result;
}

int load_iterator(const struct object **form)
{
	struct link_create link = {.attach_type = BPF_TRACE_ITER};
	const struct object *each;
	const void *data = 0;
	unsigned long size = 0;
	struct btf kernel;
	long result = read_whole(KERNEL_BTF, &data, &size);

	if (result)
		return failed("btf", result);
	result = btf_read(&kernel, data, size);
	if (result)
		return failed("btf", result);
	for (each = objects; each->name; each++) {
		result = load_program(each, &kernel);
		if (result >= 0 || result == -EPERM)
			break;
	}
	if (result < 0)
		return failed("load", result);
	*form = each;
	link.program = (mpu_u32)result;
	result = bpf(BPF_LINK_CREATE, &link, sizeof(link));
	mpu_sys_close((int)link.program);
	return result < 0 ? failed("link", result) : (int)result;
}

int pin_link(int link, const char *path)
{
	struct obj_pin arguments = {.path = address(path), .object = (mpu_u32)link};

	return (int)bpf(BPF_OBJ_PIN, &arguments, sizeof(arguments));
}
