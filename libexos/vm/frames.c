/*
 * frames.c - pages by colour, and runs of neighbouring frames, chosen from the exposed frame table
 */
#include "frames.h"

#include <stdbool.h>
#include <stdint.h>

#include "exos_calls.h"
#include "exposed.h"
#include "vm.h"

static uint64_t frame_end(void)
{
	return exposed_system()->first_frame + exposed_system()->nframes;
}

static bool is_free(uint64_t frame)
{
	return exposed_frame(frame)->type == FRAME_FREE;
}

long page_colour(unsigned int colour, unsigned int colours)
{
	uint64_t frame = exposed_system()->first_frame;
	unsigned int slot;
	long err = -E_NOMEM;

	if (colour >= colours)
		return -E_INVAL;
	if ((slot = slot_alloc()) == 0)
		return -E_SLOT;
	frame += (colour + colours - frame % colours) % colours;
	for (; frame < frame_end(); frame += colours) {
		if (!is_free(frame))
			continue;
		err = sys_page_alloc(0, slot, frame, 0);
		if (err >= 0)
			return slot;
		if (err != -E_NOMEM)
			break;
	}
	slot_free(slot);
	return err;
}

/* Take n frames from `frame` on into the slots from `slot` on. 0, or an error and nothing is taken. */
static long take_run(uint64_t frame, unsigned int n, unsigned int slot)
{
	for (unsigned int i = 0; i < n; i++) {
		long err = sys_page_alloc(0, slot + i, frame + i, 0);

		if (err < 0) {
			while (i-- > 0)
				sys_cap_delete(slot + i);
			return err;
		}
	}
	return 0;
}

long page_run(unsigned int n, unsigned int align)
{
	uint64_t frame = exposed_system()->first_frame;
	unsigned int slot;
	long err = -E_NOMEM;

	if (n == 0 || align == 0 || (align & (align - 1)) != 0)
		return -E_INVAL;
	if ((slot = slot_alloc_run(n)) == 0)
		return -E_SLOT;
	frame = (frame + align - 1) & ~(uint64_t)(align - 1);
	while (frame + n <= frame_end()) {
		unsigned int free = 0;

		while (free < n && is_free(frame + free))
			free++;
		if (free == n) {
			err = take_run(frame, n, slot);
			if (err == 0)
				return slot;
			if (err != -E_NOMEM)
				break;
		}
		/* No run begins at or before the frame that is in the way. */
		frame = (frame + free + align) & ~(uint64_t)(align - 1);
	}
	slot_free_run(slot, n);
	return err;
}
