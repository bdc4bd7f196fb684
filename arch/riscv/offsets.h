/*
 * offsets.h - what entry.S knows of the kernel's structures; machine.c ties each to its offsetof
 */
#ifndef ARCH_RISCV_OFFSETS_H
#define ARCH_RISCV_OFFSETS_H

#define E_X(n)		(8 * (n))	/* struct env: register n; 0: pc */
#define E_HART		256
#define E_UAREA		264
#define E_UAREA_VA	272
#define E_HANDLER_FAULT	280

#define E_GATE		336
#define E_OPEN		344
#define E_SATP		352
#define E_CALLER	360
#define E_CALLEE	368
#define E_BASE_PC	376
#define E_CALL_DEADLINE	384
#define E_CALL_SLOT	392
#define E_CALL_ENV	400
#define E_YIELD_SLOT	408
#define E_YIELD_ENV	416
#define E_PUB		424
#define E_ID		432
#define E_STATE		436		/* state, resume, slice_upcall, entry_waits: a byte each */
#define E_PLAIN		2		/* ENV_READY, RESUME_LEAN, and nothing to think about */
#define E_LEAN		440
#define P_USED		88		/* struct exposed_env */
#define P_SWITCHES	104

#define H_STACK		0		/* struct hart */
#define H_CURRENT	8
#define H_FRAME_SAVED	16
#define H_PUB		24
#define H_PAYER		32
#define H_PAYER_ID	40
#define H_FP_OWNER	44
#define H_SINCE		48
#define H_SLICE_END	56
#define H_GRACE		64
#define H_INDEX		68
#define H_WAITS		72
#define P_CURRENT	16		/* struct exposed_hart */
#define SSTATUS_FS_MASK	0x6000
#define SSTATUS_FS_CLEAN 0x4000

#define CAUSE_ECALL_U	8
#define CALLS		42		/* system calls; those below TRANSFERS_END but null are transfers */
#define TRANSFERS_END	4
#define CALL_DELETE	10
#define FAST_END	5		/* and yield */

#endif
