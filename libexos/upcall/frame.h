/*
 * frame.h - offsets that entry.S and dispatch.c share
 */
#ifndef UPCALL_FRAME_H
#define UPCALL_FRAME_H

#define FRAME_CAUSE	256
#define FRAME_TVAL	264
#define FRAME_BYTES	272	/* struct upcall_frame; a multiple of 16 */
#define FP_BYTES	272	/* f0..f31, fcsr; a multiple of 16 */

/* Further "kinds" of entry beside UP_*. */
#define UP_PENDING	UP_KINDS	/* pending bits were found at resume */

#endif
