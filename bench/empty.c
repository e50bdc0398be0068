// SPDX-License-Identifier: GPL-2.0-only
/* The least that can be preloaded: what exec costs with libmpu.so is compared with this. */
void mpu_empty(void);

void mpu_empty(void)
{
}
