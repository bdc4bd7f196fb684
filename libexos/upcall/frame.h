/*
 * frame.h - offsets that entry.S and dispatch.c share
 */
#ifndef UPCALL_FRAME_H
#define UPCALL_FRAME_H

#define FRAME_CAUSE	256
#define FRAME_TVAL	264
#define FRAME_BYTES	272	/* struct upcall_frame; a multiple of 16 */
#define FP_BYTES	272	/* f0..f31, fcsr; a multiple of 16 */

/* The library's word in the u-area: the stack pointer of a call that gave the processor away. */
#define U_SWITCH_SP	U_LIB

/* Calls that switch.S makes; transfer.c ties them to exos/calls.h. */
#define NUMBER_PCT_CALL	1
#define NUMBER_PCT_REPLY 2
#define NUMBER_PCT_SEND	3
#define NUMBER_YIELD	4
#define NUMBER_WAIT	5
#define PCT_STACK_BYTES	8192

/* Further "kinds" of entry beside UP_*. */
#define UP_PENDING	UP_KINDS	/* pending bits were found at resume */

#endif
