/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A library to be preloaded: the time of day jumps back and forth by years, at every look. Nothing that counts on it
 * for an interval survives that; CLOCK_MONOTONIC and the others stay as they are.
 */
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define JUMP_SECONDS (10LL * 365 * 86400)

static long long jump(void)
{
	static long long turn;

	turn = turn > 0 ? -JUMP_SECONDS : JUMP_SECONDS;
	return turn;
}

int clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	long r = syscall(SYS_clock_gettime, clock, ret_time);

	if (r == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret_time->tv_sec += jump();
	return (int)r;
}

int gettimeofday(struct timeval *restrict ret_time, void *restrict zone)
{
	long r = syscall(SYS_gettimeofday, ret_time, zone);

	if (r == 0)
		ret_time->tv_sec += jump();
	return (int)r;
}

time_t time(time_t *ret_time)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (ret_time)
		*ret_time = now.tv_sec;
	return now.tv_sec;
}
