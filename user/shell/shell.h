/*
 * shell.h - the parts of the shell
 *
 *	shell.c   the prompt, the line and its words
 *	jobs.c    starting programs, waiting for them, ending them
 *	trace.c   trace: the kernel's trace rings
 *	show.c    ps, top, pages, slices, filters: the kernel's bookkeeping as tables
 */
#ifndef SHELL_H
#define SHELL_H

#include <stdbool.h>
#include <stdint.h>

#define WORDS_MAX 16		/* of one line */

/* ---- shell.c ---- */

/* One byte from the console: type-ahead first. -1: none now. */
int input_byte(void);

/* Keep a byte that came while a program ran, for the next line. */
void type_ahead(char c);

/* ---- jobs.c ---- */

void jobs_init(void);

/* run [-p PAGES] [-b PAGES] [-s SLICES] [-g SLICES] [-f FILTERS] PROGRAM [ARGUMENT...], in the background or not. words[0] is "run". */
void jobs_run(int n, char **words, bool background);
void jobs_kill(const char *which);

/* Tell which background programs have ended, and take them apart. */
void jobs_report(void);

/* Names of the programs in the boot archive. */
void jobs_programs(void);

/* ---- trace.c ---- */

/* trace on|off|show [N]. False: these words mean nothing. */
bool trace_command(int n, char **words);

/* ---- show.c ---- */

/* Name of an environment, or its number when it has none; good until the next call but one. */
const char *show_name(uint32_t id);

void show_ps(void);
void show_memory(void);		/* until a key is pressed; likewise */
void show_shares(void);
void show_top(void);		/* until a key is pressed */
void show_pages(void);
void show_slices(void);
void show_filters(void);

#endif
