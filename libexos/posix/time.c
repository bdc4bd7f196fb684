/*
 * time.c - clocks: the time CSR counts since boot, and there is no calendar
 */
#include <errno.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "exos_calls.h"
#include "exposed.h"
#include "posix.h"
#include "upcall.h"

#define FALLBACK_HZ 10000000ul

static unsigned long hz(void)
{
	const volatile struct exposed_system *s = exposed_system();

	return s != NULL && s->timebase_hz != 0 ? s->timebase_hz : FALLBACK_HZ;
}

static unsigned long since_boot(void)
{
	const volatile struct exposed_system *s = exposed_system();

	return time_now() - (s != NULL ? s->boot_time : 0);
}

/* ticks * scale / hz without overflow for any number of ticks. */
static uint64_t scaled(unsigned long ticks, unsigned long scale)
{
	unsigned long f = hz();

	return ticks / f * scale + ticks % f * scale / f;
}

uint64_t now_us(void)
{
	return scaled(since_boot(), 1000000);
}

uint64_t now_ns(void)
{
	return scaled(since_boot(), 1000000000);
}

unsigned long deadline_us(uint64_t us)
{
	unsigned long f = hz();

	return time_now() + us / 1000000 * f + us % 1000000 * f / 1000000 + 1;
}

int clock_gettime(clockid_t clock, struct timespec *ts)
{
	uint64_t ns = now_ns();

	(void)clock;
	ts->tv_sec = (time_t)(ns / 1000000000);
	ts->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	uint64_t us = now_us();

	(void)zone;
	tv->tv_sec = (time_t)(us / 1000000);
	tv->tv_usec = (suseconds_t)(us % 1000000);
	return 0;
}

clock_t times(struct tms *t)
{
	t->tms_utime = (clock_t)(now_us() * CLOCKS_PER_SEC / 1000000);
	t->tms_stime = t->tms_cutime = t->tms_cstime = 0;
	return t->tms_utime;
}

int usleep(useconds_t us)
{
	unsigned long deadline = deadline_us(us);

	while (time_now() < deadline)
		if (event_wait(0, deadline) < 0)
			return -1;
	return 0;
}

unsigned int sleep(unsigned int seconds)
{
	for (; seconds > 0; seconds--)
		usleep(1000000);
	return 0;
}

int nanosleep(const struct timespec *ts, struct timespec *left)
{
	if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec > 999999999) {
		errno = EINVAL;
		return -1;
	}
	sleep((unsigned int)ts->tv_sec);
	usleep((useconds_t)((ts->tv_nsec + 999) / 1000));
	if (left != NULL)
		left->tv_sec = left->tv_nsec = 0;
	return 0;
}
