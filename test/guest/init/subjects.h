/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The subjects of a guest: parts that are tested one after the other in one boot. Each runs in a
 * process and a mount namespace of its own, with the PIDs of a machine that has just booted, and
 * must leave the kernel as it found it.
 */
#ifndef SUBJECTS_H
#define SUBJECTS_H

/* Runs "NAME" or "NAME:ARGUMENT", and prints when it begins, how it ended and what it left behind.
 */
void subject_run(char *task);

/* The next process gets a low PID, as after a boot. */
void restart_pids(void);

#endif
