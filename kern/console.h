/*
 * console.h - the serial line, the report channel, and the power switch
 *
 * Input waits in a small queue of the kernel until somebody with the capability takes it; when it is full the rest is
 * dropped, as on any serial line.
 */
#ifndef KERN_CONSOLE_H
#define KERN_CONSOLE_H

#include "kern/env.h"

void console_init(unsigned irq);
void console_interrupt(unsigned irq);
void console_forget(struct env *e);

#endif
