/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * System calls without libc: libmpu.so lives in processes of every libc, and a call that fails here
 * must not show in the process's errno. Each returns what the kernel returned, a negative errno
 * included.
 */
#ifndef MPU_PRELOAD_SYS_H
#define MPU_PRELOAD_SYS_H

#include "rm/rm.h"

#define MPU_ENOENT    2
#define MPU_ENODEV    19
#define MPU_ESRCH     3
#define MPU_EBADF     9
#define MPU_EXDEV     18
#define MPU_EFAULT    14
#define MPU_EINVAL    22
#define MPU_EBADMSG   74
#define MPU_MAX_ERRNO 4095

#define MPU_AT_FDCWD		  (-100)
#define MPU_O_RDONLY		  0
#define MPU_O_NOCTTY		  0400
#define MPU_O_NONBLOCK		  04000
#define MPU_O_CLOEXEC		  02000000
#define MPU_PROT_RW		  3
#define MPU_MAP_PRIVATE_ANONYMOUS 0x22
#define MPU_MAP_FIXED_NOREPLACE	  0x100000
#define MPU_MADV_DONTFORK	  10
#define MPU_SIG_BLOCK		  0
#define MPU_SIG_SETMASK		  2
#define MPU_SIGSET_SIZE		  8

#if defined(__x86_64__)

#define MPU_NR_read	      0
#define MPU_NR_write	      1
#define MPU_NR_close	      3
#define MPU_NR_fstat	      5
#define MPU_NR_mmap	      9
#define MPU_NR_munmap	      11
#define MPU_NR_rt_sigprocmask 14
#define MPU_NR_fstatfs	      138
#define MPU_NR_ioctl	      16
#define MPU_NR_madvise	      28
#define MPU_NR_getpid	      39
#define MPU_NR_socket	      41
#define MPU_NR_sendmsg	      46
#define MPU_NR_recvmsg	      47
#define MPU_NR_gettid	      186
#define MPU_NR_openat	      257
#define MPU_STAT_INODE	      8
#define MPU_STAT_MODE	      24
#define MPU_STAT_RDEV	      40

/* Of their own, not six with zeros: those are most of a call's instructions. */
static inline long mpu_syscall3(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static inline long mpu_syscall4(long nr, long a, long b, long c, long d)
{
	register long r10 __asm__("r10") = d;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10)
			 : "rcx", "r11", "memory");
	return result;
}

static inline long mpu_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

#elif defined(__aarch64__)

#define MPU_NR_ioctl	      29
#define MPU_NR_fstatfs	      44
#define MPU_NR_openat	      56
#define MPU_NR_close	      57
#define MPU_NR_read	      63
#define MPU_NR_write	      64
#define MPU_NR_fstat	      80
#define MPU_NR_rt_sigprocmask 135
#define MPU_NR_getpid	      172
#define MPU_NR_gettid	      178
#define MPU_NR_socket	      198
#define MPU_NR_sendmsg	      211
#define MPU_NR_recvmsg	      212
#define MPU_NR_munmap	      215
#define MPU_NR_mmap	      222
#define MPU_NR_madvise	      233
#define MPU_STAT_INODE	      8
#define MPU_STAT_MODE	      16
#define MPU_STAT_RDEV	      32

static inline long mpu_syscall3(long nr, long a, long b, long c)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory", "cc");
	return x0;
}

static inline long mpu_syscall4(long nr, long a, long b, long c, long d)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;

	__asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory", "cc");
	return x0;
}

static inline long mpu_syscall6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long x8 __asm__("x8") = nr;
	register long x0 __asm__("x0") = a;
	register long x1 __asm__("x1") = b;
	register long x2 __asm__("x2") = c;
	register long x3 __asm__("x3") = d;
	register long x4 __asm__("x4") = e;
	register long x5 __asm__("x5") = f;

	__asm__ volatile("svc #0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory", "cc");
	return x0;
}

#elif defined(__i386__)

#define MPU_NR_read   3
#define MPU_NR_write  4
#define MPU_NR_close  6
#define MPU_NR_getpid 20
#define MPU_NR_ioctl  54
#define MPU_NR_mmap                                                                                \
	90 /* the old one, whose arguments lie in memory: only four fit the registers used here */
#define MPU_NR_munmap	      91
#define MPU_NR_fstatfs	      100
#define MPU_NR_socketcall     102
#define MPU_NR_rt_sigprocmask 175
#define MPU_NR_fstat	      197 /* fstat64 */
#define MPU_NR_madvise	      219
#define MPU_NR_gettid	      224
#define MPU_NR_openat	      295
#define MPU_STAT_INODE	      88
#define MPU_STAT_MODE	      16
#define MPU_STAT_RDEV	      32

static inline long mpu_syscall3(long nr, long a, long b, long c)
{
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "0"(nr), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static inline long mpu_syscall4(long nr, long a, long b, long c, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory");
	return result;
}

#else
#error "libmpu.so is made for x86-64, aarch64 and i386"
#endif

/* For reading. Never waits, whatever lies at path. */
static inline long mpu_sys_open(const char *path)
{
	return mpu_syscall4(MPU_NR_openat, MPU_AT_FDCWD, (long)path,
			    MPU_O_RDONLY | MPU_O_NOCTTY | MPU_O_NONBLOCK | MPU_O_CLOEXEC, 0);
}

static inline long mpu_sys_read(int fd, void *buffer, unsigned long size)
{
	return mpu_syscall3(MPU_NR_read, fd, (long)buffer, (long)size);
}

static inline void mpu_sys_write(int fd, const void *buffer, unsigned long size)
{
	mpu_syscall3(MPU_NR_write, fd, (long)buffer, (long)size);
}

static inline long mpu_sys_close(int fd)
{
	return mpu_syscall3(MPU_NR_close, fd, 0, 0);
}

static inline long mpu_sys_ioctl(int fd, unsigned long request, unsigned long argument)
{
	return mpu_syscall3(MPU_NR_ioctl, fd, (long)request, (long)argument);
}

static inline mpu_u32 mpu_sys_getpid(void)
{
	return (mpu_u32)mpu_syscall3(MPU_NR_getpid, 0, 0, 0);
}

static inline mpu_u32 mpu_sys_gettid(void)
{
	return (mpu_u32)mpu_syscall3(MPU_NR_gettid, 0, 0, 0);
}

/* Zeroed pages, or NULL; at address, unless that is NULL, where nothing is mapped there yet. */
static inline void *mpu_sys_map(void *address, unsigned long size)
{
	long flags = MPU_MAP_PRIVATE_ANONYMOUS | (address ? MPU_MAP_FIXED_NOREPLACE : 0);
#if defined(__i386__)
	long arguments[6] = {(long)address, (long)size, MPU_PROT_RW, flags, -1, 0};
	long result = mpu_syscall3(MPU_NR_mmap, (long)arguments, 0, 0);
#else
	long result =
		mpu_syscall6(MPU_NR_mmap, (long)address, (long)size, MPU_PROT_RW, flags, -1, 0);
#endif
	return result < 0 && result > -4096 ? (void *)0 : (void *)result;
}

static inline void mpu_sys_unmap(void *address, unsigned long size)
{
	mpu_syscall3(MPU_NR_munmap, (long)address, (long)size, 0);
}

/* Leaves the pages out of what a fork copies. */
static inline void mpu_sys_do_not_fork(void *address, unsigned long size)
{
	mpu_syscall3(MPU_NR_madvise, (long)address, (long)size, MPU_MADV_DONTFORK);
}

/* Blocks more signals in this thread, and returns its mask from before in earlier, unless that is
 * NULL. */
static inline long mpu_sys_block_signals(const mpu_u64 *signals, mpu_u64 *earlier)
{
	return mpu_syscall4(MPU_NR_rt_sigprocmask, MPU_SIG_BLOCK, (long)signals, (long)earlier,
			    MPU_SIGSET_SIZE);
}

static inline void mpu_sys_restore_signals(const mpu_u64 *signals)
{
	mpu_syscall4(MPU_NR_rt_sigprocmask, MPU_SIG_SETMASK, (long)signals, 0, MPU_SIGSET_SIZE);
}

/*
 * /proc/NAME of this task, by either of two paths: the second is gone once the main thread has
 * ended, the first came with Linux 3.17.
 */
static inline long mpu_sys_open_own(const char *of_thread, const char *of_process)
{
	long fd = mpu_sys_open(of_thread);

	return fd == -MPU_ENOENT ? mpu_sys_open(of_process) : fd;
}

/* A pointer of the driver's ABI, or NULL where this process cannot have it. */
static inline void *mpu_as_pointer(mpu_u64 pointer)
{
	return (unsigned long)pointer == pointer ? (void *)(unsigned long)pointer : (void *)0;
}

/* struct iovec */
struct mpu_iovec {
	void *base;
	unsigned long size;
};

/* A socket of generic netlink, or a negative errno. */
long mpu_sys_netlink_socket(void);

/* To the kernel. */
long mpu_sys_netlink_send(int fd, struct mpu_iovec *parts, unsigned long count);

/* One message that is there already, or -EAGAIN; 0 when it came from anybody but the kernel. */
long mpu_sys_netlink_receive(int fd, struct mpu_iovec *parts, unsigned long count);

/*
 * Whether size bytes can be read and written, found out without a fault: rt_sigprocmask reads and
 * writes 8 bytes at addresses it is given, and with an impossible "how" changes nothing.
 */
int mpu_sys_accessible(void *memory, mpu_u32 size);

/* Returns true if 8 bytes can be read there. */
int mpu_sys_is_readable(const void *memory);

/* Whether fd is a character device with these numbers. */
int mpu_sys_is_device(int fd, mpu_u32 major, mpu_u32 minor);

#endif
