/*
 * audit.h - every invariant of the design, checked over the complete state of the kernel
 *
 * Tests call audit() after every operation, the debug kernel after every system call. A violation panics with the values.
 */
#ifndef KERN_AUDIT_H
#define KERN_AUDIT_H

void audit(void);

#endif
