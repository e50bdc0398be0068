// SPDX-License-Identifier: GPL-2.0-only
#include "interception.h"
#include "sys.h"

int mpu_interception_read(struct mpu_interception *state)
{
	long size, fd = mpu_sys_open("/sys/module/mpu/parameters/intercepting");

	state->size = 0;
	if (fd == -MPU_ENOENT)
		return 1;
	size = fd;
	if (fd >= 0) {
		size = mpu_sys_read((int)fd, state->text, sizeof(state->text));
		mpu_sys_close((int)fd);
	}
	if (size >= 0) {
		state->size = (mpu_u32)size;
	} else if (size == -MPU_ENODEV) {
		/* Taken away just now: off, and not settled. */
		state->text[0] = '\0';
		state->size = 1;
	}
	return state->size != 0;
}

int mpu_interception_is_on(const struct mpu_interception *state)
{
	return state->size > 2 && state->text[0] == 'o' && state->text[1] == 'n';
}

/* Up to the last word. */
static mpu_u32 without_age(const struct mpu_interception *state)
{
	mpu_u32 size = state->size;

	while (size && state->text[size - 1] != ' ')
		size--;
	return size;
}

int mpu_interception_is_settled(const struct mpu_interception *state)
{
	mpu_u32 age = without_age(state);

	return age == state->size || state->text[age] == 's';
}

int mpu_interception_is_same(const struct mpu_interception *a, const struct mpu_interception *b)
{
	mpu_u32 i, size = without_age(a);

	if (size != without_age(b))
		return 0;
	for (i = 0; i < size; i++)
		if (a->text[i] != b->text[i])
			return 0;
	return 1;
}
