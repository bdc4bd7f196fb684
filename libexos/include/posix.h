/*
 * posix.h - what lies under picolibc
 *
 * printf, malloc, errno, string and time functions come from picolibc; this part gives it a console, a heap, a clock and an end.
 * stdin, stdout and stderr are the grant "console" (the first environment: SLOT_CONSOLE); without one, output is dropped and input
 * is at its end. Output leaves at a newline or when 256 bytes are waiting, before input is read, and at exit. Input is raw, byte by
 * byte, without echo; reading waits with event_wait().
 */
#ifndef POSIX_H
#define POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Write to the console past stdio's buffer; all of it. Usable in upcall handlers. */
void console_write_all(const void *buf, size_t n);

/* A byte of console input, or -1: none by the deadline (time CSR; 0: wait for ever; 1: do not wait), or no console. */
int console_getc(unsigned long deadline);

/* Slot of the console, 0: none. */
unsigned int console_slot(void);

/* Microseconds and nanoseconds since boot. */
uint64_t now_us(void);
uint64_t now_ns(void);

/* POSIX clocks, which picolibc declares for hosted systems only. All clocks are one: nanoseconds since boot. */
#ifndef CLOCK_MONOTONIC
#define CLOCK_MONOTONIC	4
int clock_gettime(clockid_t clock, struct timespec *ts);
int nanosleep(const struct timespec *ts, struct timespec *left);
#endif

/* The value of the time CSR us microseconds from now: a deadline for sys_wait(). */
unsigned long deadline_us(uint64_t us);

/* An errno value for an E_* code of the kernel. */
int errno_of(long err);

#endif
