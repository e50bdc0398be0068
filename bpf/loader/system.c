// SPDX-License-Identifier: GPL-2.0-only
#include "system.h"

static const char *last_step = "", *last_detail = "";

int failed(const char *step, long error)
{
	last_step = step;
	return (int)error;
}

int failed_for(const char *detail, long error)
{
	last_detail = detail;
	return (int)error;
}

const char *failed_step(void)
{
	return last_step;
}

const char *failed_detail(void)
{
	return last_detail;
}

unsigned long length_of(const char *text)
{
	unsigned long length = 0;

	while (text[length])
		length++;
	return length;
}

void print(int fd, const char *text)
{
	mpu_sys_write(fd, text, length_of(text));
}

void print_number(int fd, unsigned long number)
{
	char digits[20];
	unsigned long at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	mpu_sys_write(fd, digits + at, sizeof(digits) - at);
}

int is_equal(const char *left, const char *right)
{
	while (*left && *left == *right) {
		left++;
		right++;
	}
	return *left == *right;
}

int join(char *to, unsigned long size, const char *left, const char *right)
{
	unsigned long first = length_of(left), second = length_of(right), i;

	if (first + second >= size)
		return -ENAMETOOLONG;
	for (i = 0; i < first; i++)
		to[i] = left[i];
	for (i = 0; i <= second; i++)
		to[first + i] = right[i];
	return 0;
}

void *memcpy(void *to, const void *from, unsigned long size)
{
	char *target = to;
	const char *source = from;

	while (size--)
		*target++ = *source++;
	return to;
}

void *memset(void *to, int value, unsigned long size)
{
	char *target = to;

	while (size--)
		*target++ = (char)value;
	return to;
}
