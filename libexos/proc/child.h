/*
 * child.h - offsets and numbers that child.S shares with spawn.c, which ties them
 */
#ifndef PROC_CHILD_H
#define PROC_CHILD_H

#define BLOCK_ENTRY		16
#define BLOCK_CTX_SLOT		52
#define BLOCK_SEGMENTS		64
#define BLOCK_NSEGMENTS		68
#define SEGMENT_VA		0
#define SEGMENT_SLOT		8
#define SEGMENT_NPAGES		12
#define SEGMENT_PROT		16
#define SEGMENT_BYTES		24
#define NUMBER_EXIT		6
#define NUMBER_PAGE_BIND	16

#endif
