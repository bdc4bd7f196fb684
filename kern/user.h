/*
 * user.h - copies between kernel memory and that of an environment, as its current context maps it
 */
#ifndef KERN_USER_H
#define KERN_USER_H

#include "kern/lib.h"

struct env;

/* All or nothing. 0 or -E_FAULT. */
int user_read(const struct env *e, void *to, uva_t from, size_t n);
int user_write(const struct env *e, uva_t to, const void *from, size_t n);

#endif
