// SPDX-License-Identifier: GPL-2.0-only
/*
 * Identities of PID namespaces: the inode of /proc/TID/ns/pid, and the namespaces above it. A file
 * of every namespace seen stays open, so that its inode number is not used again for another one
 * while clients remember it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor.h"

struct pidns {
	int fd;
	uint64_t inode;
	uint32_t levels;
	uint64_t chain[RMSIM_MAX_LEVELS]; /* from the supervisor's own namespace down to this one */
	struct pidns *next;
};

static struct pidns *known;
static uint64_t initial;

static struct pidns *find(uint64_t inode)
{
	struct pidns *ns = known;

	while (ns && ns->inode != inode)
		ns = ns->next;
	return ns;
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* Walks up to the supervisor's own namespace. */
static bool walk_up(struct pidns *ns)
{
	uint64_t upwards[RMSIM_MAX_LEVELS];
	uint32_t count = 0;
	int fd = dup(ns->fd);
	uint32_t i;

	while (fd >= 0 && count < RMSIM_MAX_LEVELS) {
		int parent;

		upwards[count++] = inode_of(fd);
		if (upwards[count - 1] == initial) {
			close(fd);
			for (i = 0; i < count; i++)
				ns->chain[i] = upwards[count - 1 - i];
			ns->levels = count;
			return true;
		}
		parent = ioctl(fd, NS_GET_PARENT);
		close(fd);
		fd = parent;
	}
	if (fd >= 0)
		close(fd);
	return false;
}

/* The active PID namespace of a task. */
bool pidns_identify(pid_t tid, uint64_t *inode)
{
	struct pidns *ns;
	char path[48];
	char link[48];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/ns/pid", tid);
	length = readlink(path, link, sizeof(link) - 1);
	if (length < 6)
		return false;
	link[length] = '\0';
	*inode = strtoull(link + 5, NULL, 10);
	if (find(*inode))
		return true;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	*inode = inode_of(fd);
	ns = calloc(1, sizeof(*ns));
	if (!ns || find(*inode)) {
		free(ns);
		close(fd);
		return ns != NULL;
	}
	ns->fd = fd;
	ns->inode = *inode;
	if (!walk_up(ns)) {
		close(fd);
		free(ns);
		return false;
	}
	ns->next = known;
	known = ns;
	return true;
}

/* Namespaces from the supervisor's own (first) down to the given one; 0 when it is not known. */
uint32_t pidns_chain(uint64_t inode, uint64_t chain[RMSIM_MAX_LEVELS])
{
	const struct pidns *ns = find(inode);

	if (!ns)
		return 0;
	memcpy(chain, ns->chain, ns->levels * sizeof(chain[0]));
	return ns->levels;
}

bool pidns_init(uint64_t *inode)
{
	struct stat st;

	if (stat("/proc/self/ns/pid", &st) != 0)
		return false;
	initial = (uint64_t)st.st_ino;
	*inode = initial;
	return true;
}
