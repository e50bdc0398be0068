/* SPDX-License-Identifier: GPL-2.0-only */
/* The user-space side of the simulation: runs a command under a seccomp filter and answers what the
 * filter reports. */
#ifndef RMSIM_SUPERVISOR_H
#define RMSIM_SUPERVISOR_H

#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/types.h>

#include "../model/rmsim.h"

/* What a trapped system call is, whatever the architecture calls it. */
enum call_kind {
	CALL_NONE,
	CALL_OPEN,   /* (path, flags) */
	CALL_OPENAT, /* (dirfd, path, flags) */
	CALL_IOCTL,
	CALL_STAT, /* (path, buf), struct stat64 on i386 */
	CALL_FSTAT,
	CALL_FSTATAT, /* (dirfd, path, buf, flags) */
	CALL_STATX,
	CALL_ACCESS, /* (path, mode) */
	CALL_FACCESSAT,
	CALL_READLINK, /* (path, ...) */
	CALL_READLINKAT,
};

/* Which of the simulated names a path is. */
enum node_kind {
	NODE_NONE,
	NODE_CONTROL,
	NODE_GPU,
	NODE_UVM,
	NODE_UVM_TOOLS,
	NODE_VERSION,	   /* /sys/module/nvidia/version */
	NODE_PROC_VERSION, /* /proc/driver/nvidia/version */
	NODE_ABSENT,	   /* must not exist, even if it does on this machine */
};

struct node {
	enum node_kind kind;
	uint32_t minor;
};

#define UVM_MAJOR    511
#define NVIDIA_MAJOR 195

/* An open simulated file: one end of a socket pair is in the client, the other one here tells of
 * the last close. */
struct sim_file {
	int peer;
	ino_t inode; /* of the client's end */
	struct node node;
	struct rmsim_file *file;
	struct sim_file *next;
};

struct options {
	const char *regime;
	const char *driver;
	const char *layouts;
	uint32_t gpus;
	uint32_t instances; /* of MIG */
	bool version_file;
	bool accounting;
	const char *log;
	uint32_t delay; /* of every RM control, in milliseconds */
	char **command;
};

struct supervisor {
	struct options options;
	char driver[64];
	struct rmsim_world *world;
	FILE *log;
	int listener;
	int epoll;
	int file_epoll; /* the peers of all open files, itself in epoll */
	int signals;
	pid_t child;
	struct sim_file *files;
	struct seccomp_notif *notif;
	struct seccomp_notif_resp *resp;
	size_t notif_size;
	size_t resp_size;
};

/* One notification being answered. */
struct request {
	struct supervisor *supervisor;
	uint64_t id;
	pid_t tid;
	bool i386;
	enum call_kind kind;
	uint64_t args[6];
};

/* filter.c */
int filter_install(void);
enum call_kind filter_classify(uint32_t arch, int nr);

/* launch.c */
int launch(struct supervisor *supervisor);

/* serve.c */
int serve(struct supervisor *supervisor);
void respond_error(const struct request *request, int error);
void respond_value(const struct request *request, int64_t value);
void respond_continue(const struct request *request);
bool request_valid(const struct request *request);

/* task.c */
bool task_read(pid_t tid, void *to, uint64_t from, size_t size);
bool task_write(pid_t tid, uint64_t to, const void *from, size_t size);
bool task_read_path(pid_t tid, uint64_t from, char *path, size_t size);
/* The context is the struct request. */
extern const struct rmsim_ops task_ops;

/* pidns.c */
bool pidns_identify(pid_t tid, uint64_t *ns);
uint32_t pidns_chain(uint64_t ns, uint64_t chain[RMSIM_MAX_LEVELS]);
bool pidns_init(uint64_t *ns);

/* files.c */
struct node node_of_path(const struct supervisor *supervisor, const char *path);
struct sim_file *file_of_fd(struct supervisor *supervisor, pid_t tid, int fd);
void file_released(struct supervisor *supervisor, struct sim_file *file);
void release_closed_files(struct supervisor *supervisor);

/* open.c, stat.c, ioctl.c: the trapped calls */
void answer_open(const struct request *request);
void answer_stat(const struct request *request);
void answer_access(const struct request *request);
void answer_ioctl(const struct request *request);

uint64_t wall_clock(void);

#endif
