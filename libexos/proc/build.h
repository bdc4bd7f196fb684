/*
 * build.h - the steps of making an environment, which spawn.c and fork.c share
 */
#ifndef PROC_BUILD_H
#define PROC_BUILD_H

#include "proc.h"
#include "start.h"

/* The first instructions of a child (child.S). */
extern const char proc_child_code[], proc_child_code_end[];

/* A page of ours becomes an environment, a context. Return 0 or an error. */
long proc_new_env(struct proc *p, unsigned long guarantee, unsigned long borrow);
long proc_new_ctx(struct proc *p);

/* A page that is given to the child for its life and comes back with proc_end(): its slot, or an error. */
long proc_donated(struct proc *p);
void proc_take_back(struct proc *p);

/* A page table for va, if there is none yet. Returns 0 or an error. */
long proc_give_table(struct proc *p, uint64_t va, unsigned int level);

/* Pages of slots, until there are nslots. Returns their number, or an error. */
long proc_give_captab(struct proc *p, unsigned int nslots);

/* Room for n bytes behind what is in a start page, at a multiple of 8. Returns its offset, or 0: full. */
uint32_t proc_room(struct start_block *b, size_t n);

/* The first instructions, behind all else. Returns 0 or PROC_ARGS. */
int proc_put_code(struct start_block *b);

/* A copy of the page b at va of the child, readable and executable. Returns 0 or an error. */
long proc_give_start_page(struct proc *p, const struct start_block *b, uint64_t va);

#endif
