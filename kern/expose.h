/*
 * expose.h - where the kernel keeps what everyone may read
 *
 * Each region lies on pages of its own, so that nothing else shows. Their frames have type FRAME_EXPOSED; leaves that lead
 * there carry PROT_R only and belong to no capability.
 */
#ifndef KERN_EXPOSE_H
#define KERN_EXPOSE_H

#include "exos/expose.h"
#include "kern/lib.h"

extern struct exposed_system *system_info;
extern struct exposed_hart *hart_pages;		/* HARTS_MAX records, one page each */

/* Boot: tell where a region lies; its frames become EXPOSED when mark is true. */
void expose_region(enum expose_region region, void *kva, size_t bytes);

#endif
