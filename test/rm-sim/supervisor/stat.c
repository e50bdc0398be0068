// SPDX-License-Identifier: GPL-2.0-only
/* stat(), access() and readlink() of the simulated names and files. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <sys/sysmacros.h>

#include "supervisor.h"

#define PATH_LENGTH 64

#define MODE_DEVICE 0020666
#define MODE_FILE   0100444

struct stat_x86_64 {
	uint64_t dev;
	uint64_t ino;
	uint64_t nlink;
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	uint32_t pad;
	uint64_t rdev;
	int64_t size;
	int64_t blksize;
	int64_t blocks;
	uint64_t times[6];
	int64_t unused[3];
};

/* struct stat64 of i386: four-byte alignment throughout */
struct stat_i386 {
	uint64_t dev;
	uint32_t pad0;
	uint32_t ino_low;
	uint32_t mode;
	uint32_t nlink;
	uint32_t uid;
	uint32_t gid;
	uint64_t rdev;
	uint32_t pad1;
	int64_t size;
	uint32_t blksize;
	uint64_t blocks;
	uint32_t times[6];
	uint64_t ino;
} __attribute__((packed));

_Static_assert(sizeof(struct stat_x86_64) == 144, "x86-64 struct stat");
_Static_assert(sizeof(struct stat_i386) == 96, "i386 struct stat64");

struct attributes {
	uint32_t mode;
	uint32_t major;
	uint32_t minor;
	uint32_t ino;
};

static struct attributes attributes_of(struct node node)
{
	struct attributes a = {.mode = MODE_DEVICE, .major = NVIDIA_MAJOR, .minor = node.minor};

	if (node.kind == NODE_VERSION || node.kind == NODE_PROC_VERSION) {
		a.mode = MODE_FILE;
		a.major = 0;
		a.minor = 0;
	} else if (node.kind == NODE_UVM || node.kind == NODE_UVM_TOOLS) {
		a.major = UVM_MAJOR;
	}
	a.ino = 0x4d500000 + (uint32_t)node.kind * 256 + node.minor;
	return a;
}

/* The kernel's encoding of a device number towards user space (new_encode_dev). */
static uint32_t encode_dev(uint32_t major, uint32_t minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}

static bool write_stat(const struct request *request, uint64_t to, struct attributes a)
{
	struct stat_x86_64 native = {.dev = 5,
				     .ino = a.ino,
				     .nlink = 1,
				     .mode = a.mode,
				     .rdev = encode_dev(a.major, a.minor),
				     .blksize = 4096};
	struct stat_i386 compat = {.dev = 5,
				   .ino_low = a.ino,
				   .mode = a.mode,
				   .nlink = 1,
				   .rdev = encode_dev(a.major, a.minor),
				   .blksize = 4096,
				   .ino = a.ino};

	if (request->i386)
		return task_write(request->tid, to, &compat, sizeof(compat));
	return task_write(request->tid, to, &native, sizeof(native));
}

static bool write_statx(const struct request *request, uint64_t to, struct attributes a)
{
	struct statx out = {.stx_mask = STATX_BASIC_STATS,
			    .stx_blksize = 4096,
			    .stx_nlink = 1,
			    .stx_mode = (uint16_t)a.mode,
			    .stx_ino = a.ino,
			    .stx_rdev_major = a.major,
			    .stx_rdev_minor = a.minor,
			    .stx_dev_minor = 5};

	return task_write(request->tid, to, &out, sizeof(out));
}

/* The node that a path-taking call names, by path or by descriptor with an empty one. */
static struct node named_node(const struct request *request, uint64_t path_at, bool at,
			      uint64_t flags)
{
	struct node none = {.kind = NODE_NONE};
	const struct sim_file *file;
	char path[PATH_LENGTH];

	if (at && path_at == 0 && (flags & AT_EMPTY_PATH))
		path[0] = '\0';
	else if (!task_read_path(request->tid, path_at, path, sizeof(path)))
		return none;
	if (path[0] != '\0')
		return node_of_path(request->supervisor, path);
	if (!at || !(flags & AT_EMPTY_PATH))
		return none;
	file = file_of_fd(request->supervisor, request->tid, (int)request->args[0]);
	return file ? file->node : none;
}

void answer_stat(const struct request *request)
{
	struct node node = {.kind = NODE_NONE};
	const struct sim_file *file;
	uint64_t to = request->args[1];
	bool written;

	switch (request->kind) {
	case CALL_STAT:
		node = named_node(request, request->args[0], false, 0);
		break;
	case CALL_FSTATAT:
		to = request->args[2];
		node = named_node(request, request->args[1], true, request->args[3]);
		break;
	case CALL_STATX:
		to = request->args[4];
		node = named_node(request, request->args[1], true, request->args[2]);
		break;
	default:
		file = file_of_fd(request->supervisor, request->tid, (int)request->args[0]);
		if (file)
			node = file->node;
		break;
	}
	if (node.kind == NODE_NONE || !request_valid(request)) {
		respond_continue(request);
		return;
	}
	if (node.kind == NODE_ABSENT) {
		respond_error(request, ENOENT);
		return;
	}
	if (request->kind == CALL_STATX)
		written = write_statx(request, to, attributes_of(node));
	else
		written = write_stat(request, to, attributes_of(node));
	respond_error(request, written ? 0 : EFAULT);
}

/* access() and readlink(): only the answer tells that the name is there, and that it is no link. */
void answer_access(const struct request *request)
{
	bool at = request->kind == CALL_FACCESSAT || request->kind == CALL_READLINKAT;
	bool link = request->kind == CALL_READLINK || request->kind == CALL_READLINKAT;
	struct node node = named_node(request, request->args[at ? 1 : 0], at, 0);

	if (node.kind == NODE_NONE || !request_valid(request))
		respond_continue(request);
	else if (node.kind == NODE_ABSENT)
		respond_error(request, ENOENT);
	else
		respond_error(request, link ? EINVAL : 0);
}
