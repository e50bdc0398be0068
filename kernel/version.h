/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef MPU_VERSION_H
#define MPU_VERSION_H

#define MPU_VERSION "0.1.0"

#endif
