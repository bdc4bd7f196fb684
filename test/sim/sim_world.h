/*
 * sim_world.h - environments to test with, built through system calls like everything else
 *
 * Every environment that sim_child() makes has the same small world: one leaf table that covers the addresses below 2 MiB, a page
 * of code, a page of data, a page for the arguments of calls and a u-area.
 */
#ifndef TEST_SIM_WORLD_H
#define TEST_SIM_WORLD_H

#include "test/sim/sim.h"

#define SIM_CODE	0x100000ul
#define SIM_DATA	0x101000ul
#define SIM_ARGS	0x102000ul	/* two pages */
#define SIM_UAREA	0x104000ul
#define SIM_FREE	0x110000ul	/* from here to 2 MiB nothing is bound */
#define SIM_NOTABLE	0x40000000ul	/* and here no table is donated */

/* Slots that an environment of sim_child() finds in its own table. */
enum { SIM_SLOT_SELF = 1, SIM_SLOT_CTX, SIM_SLOT_CODE, SIM_SLOT_DATA, SIM_SLOT_ARGS, SIM_SLOT_ARGS2, SIM_SLOT_UAREA, SIM_SLOT_L1,
       SIM_SLOT_L0, SIM_SLOT_FREE };

struct sim_child {
	struct env *env;
	uint32_t id;
	unsigned slot;		/* ENV capability of the parent */
	unsigned ctx;		/* CTX capability of the parent */
};

/* "-E_INVAL" for a result that is an error. */
const char *sim_error(long result);

/* An empty slot of e's table. */
unsigned sim_slot(const struct env *e);
/* A page in a slot of e; a context of its own with tables for the addresses below 2 MiB. */
unsigned sim_page(struct env *e);
unsigned sim_context(struct env *e);
/* The capability in a slot. */
struct cap *sim_cap(const struct env *e, unsigned slot);
/* The frame that a slot names. */
ppn_t sim_frame(const struct env *e, unsigned slot);
/* Bind the page in a slot of e at an address of e's own context; which slot holds that: SLOT_CTX and SIM_SLOT_CTX are equal. */
void sim_bind(struct env *e, vaddr_t va, unsigned slot, unsigned prot);

/* sim_child() stops where it is refused, instead of failing the test. */
extern bool sim_lenient;
/* A child of parent, ready to run, with pages for its guarantee. It pays for its world itself. */
struct sim_child sim_child(struct env *parent, uint32_t guarantee);
/* End a child completely. */
void sim_end(struct env *parent, unsigned slot);

/* Put bytes into e's argument pages, and read them. */
vaddr_t sim_put(struct env *e, const void *bytes, size_t n);
void sim_get(struct env *e, void *bytes, size_t n);

#endif
