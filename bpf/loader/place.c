// SPDX-License-Identifier: GPL-2.0-only
#include "place.h"
#include "load.h"
#include "system.h"

#define OWN_NAMESPACE "/proc/self/ns/pid"
#define STAGE_SUFFIX  ".new"

#define PATH_SIZE 4096

/* linux/mount.h, linux/fcntl.h */
#define MS_RDONLY	1
#define MS_NOSUID	2
#define MS_NODEV	4
#define MS_NOEXEC	8
#define MS_REMOUNT	32
#define MS_BIND		4096
#define MS_HARMLESS	(MS_NOSUID | MS_NODEV | MS_NOEXEC)
#define MNT_DETACH	2
#define UMOUNT_NOFOLLOW 8
#define AT_REMOVEDIR	0x200
#define O_CREAT		0100
#define LOCK_EX		2

static long mount(const char *from, const char *to, const char *type, unsigned long flags,
		  const char *options)
{
	return mpu_syscall6(NR_mount, (long)from, (long)to, (long)type, (long)flags, (long)options,
			    0);
}

static long unmount(const char *path)
{
	return mpu_syscall3(NR_umount2, (long)path, MNT_DETACH | UMOUNT_NOFOLLOW, 0);
}

static long make_directory(const char *path, int mode)
{
	long result = mpu_syscall3(NR_mkdirat, MPU_AT_FDCWD, (long)path, mode);

	return result == -EEXIST ? 0 : result;
}

static long remove_path(const char *path, int flags)
{
	return mpu_syscall3(NR_unlinkat, MPU_AT_FDCWD, (long)path, flags);
}

/* The directory that a path is in. */
static int parent_of(const char *path, char *parent)
{
	unsigned long end = length_of(path);
	int error = join(parent, PATH_SIZE, path, "");

	while (!error && end > 1 && path[end - 1] != '/')
		end--;
	if (!error)
		parent[end > 1 ? end - 1 : end] = '\0';
	return error;
}

/* Makes the directory of a path, and waits until no other loader works in it. */
static int lock_parent(const char *path)
{
	char parent[PATH_SIZE];
	long result = parent_of(path, parent);

	if (!result)
		result = make_directory(parent, 0755);
	if (result < 0)
		return failed("directory", result);
	result = mpu_sys_open(parent);
	/* Until this program ends. */
	if (result >= 0)
		result = mpu_syscall3(NR_flock, result, LOCK_EX, 0);
	return result < 0 ? failed("directory", result) : 0;
}

static int clear(const char *path)
{
	int mounts = 0;

	while (unmount(path) == 0)
		mounts++;
	return mounts;
}

/* Binds a file to the path. What was there stays until the new file is ready. */
static int bind(const char *file, const char *path)
{
	long result;

	clear(path);
	/* Docker makes a directory of a path that it cannot find. */
	remove_path(path, AT_REMOVEDIR);
	result = mpu_syscall4(MPU_NR_openat, MPU_AT_FDCWD, (long)path, O_CREAT | MPU_O_CLOEXEC,
			      0444);
	if (result < 0)
		return failed("file", result);
	mpu_sys_close((int)result);
	result = mount(file, path, 0, MS_BIND, 0);
	if (!result) {
		result = mount(0, path, 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_HARMLESS, 0);
		if (result)
			unmount(path);
	}
	if (result)
		remove_path(path, 0);
	return result ? failed("bind", result) : 0;
}

int place_namespace(const char *path)
{
	int error = lock_parent(path);

	return error ? error : bind(OWN_NAMESPACE, path);
}

/*
 * A file system of its own, read-only before a container sees it: the kernel then refuses to open
 * the link for writing through the file (BPF_OBJ_GET), with which a container that has CAP_BPF
 * could replace its program. It lasts as long as the file is mounted anywhere.
 */
static int fill_stage(const char *stage, const char *path, int link, const char *name)
{
	char file[PATH_SIZE], separated[64];
	long result = join(separated, sizeof(separated), "/", name);

	if (!result)
		result = join(file, sizeof(file), stage, separated);
	if (result)
		return failed("directory", result);
	result = mount("mpu", stage, "bpf", MS_HARMLESS, "mode=0700");
	if (result)
		return failed("mount", result);
	result = pin_link(link, file);
	if (result < 0)
		return failed("pin", result);
	result = mpu_syscall3(NR_fchmodat, MPU_AT_FDCWD, (long)file, 0444);
	if (!result)
		result = mount(0, stage, 0, MS_REMOUNT | MS_RDONLY | MS_HARMLESS, 0);
	return result ? failed("remount", result) : bind(file, path);
}

int place_iterator(const char *path, int link, const char *name)
{
	char stage[PATH_SIZE];
	int error = lock_parent(path);
	long result;

	if (error)
		return error;
	result = join(stage, sizeof(stage), path, STAGE_SUFFIX);
	if (!result) {
		/* Of a loader that was killed. */
		clear(stage);
		result = make_directory(stage, 0700);
	}
	if (result)
		return failed("directory", result);
	error = fill_stage(stage, path, link, name);
	clear(stage);
	remove_path(stage, AT_REMOVEDIR);
	return error;
}

int take_away(const char *path)
{
	char parent[PATH_SIZE];
	int error = parent_of(path, parent), mounts;
	long fd, result;

	if (error)
		return failed("directory", error);
	fd = mpu_sys_open(parent);
	if (fd == -MPU_ENOENT)
		return 1;
	if (fd < 0)
		return failed("directory", fd);
	mpu_syscall3(NR_flock, fd, LOCK_EX, 0);
	mounts = clear(path);
	result = remove_path(path, 0);
	if (result && result != -MPU_ENOENT)
		return failed("file", result);
	/* Only where it is empty. */
	remove_path(parent, AT_REMOVEDIR);
	return result && !mounts;
}
