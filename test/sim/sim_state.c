/*
 * sim_state.c - the whole machine as bytes: hashed to see that nothing changed, saved to come back to
 */
#include <stdlib.h>
#include <string.h>

#include "test/sim/sim.h"

/* sim_state.ld puts the variables between these. */
extern char sim_state_start[], sim_audit_start[], scratch_start[], sim_state_end[], kern_state_start[], kern_state_end[];

struct sim_snapshot {
	size_t ram_bytes, sim_bytes, kern_bytes;
	unsigned char *ram, *sim, *kern;
};

/* Variables carry red zones under AddressSanitizer, which memcpy would mind. */
__attribute__((no_sanitize("address", "undefined")))
static void copy(char *to, const char *from, size_t n)
{
	for (size_t i = 0; i < n; i += 8)
		*(volatile uint64_t *)(to + i) = *(const volatile uint64_t *)(from + i);
}

__attribute__((no_sanitize("address", "undefined")))
static uint64_t mix(uint64_t h, const void *from, size_t n)
{
	const volatile uint64_t *w = from;

	for (size_t i = 0; i < n / 8; i++) {
		h ^= w[i];
		h *= 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return h;
}

/* The same for memory, which is large: four lanes. n is a multiple of 32. */
__attribute__((no_sanitize("address", "undefined")))
static uint64_t mix_page(uint64_t h, const uint64_t *w, size_t n)
{
	uint64_t a = h, b = ~h, c = h << 1, d = h >> 1;

	for (size_t i = 0; i < n / 8; i += 4) {
		a = (a ^ w[i]) * 0x9e3779b97f4a7c15u;
		b = (b ^ w[i + 1]) * 0xc2b2ae3d27d4eb4fu;
		c = (c ^ w[i + 2]) * 0x165667b19e3779f9u;
		d = (d ^ w[i + 3]) * 0x27d4eb2f165667c5u;
		a ^= a >> 31;
		b ^= b >> 31;
	}
	return (a ^ (b << 1)) * 0x9e3779b97f4a7c15u ^ (c >> 3) ^ (c << 31) ^ d ^ (d >> 17);
}

/* The kernel's, copied away before main(), and brought back at every boot. */
static char *pristine;

__attribute__((constructor)) static void keep(void)
{
	pristine = malloc(kern_state_end - scratch_start);
	copy(pristine, scratch_start, kern_state_end - scratch_start);
}

void sim_state_fresh(void)
{
	copy(scratch_start, pristine, kern_state_end - scratch_start);
}

uint64_t sim_state_hash(void)
{
	uint64_t h = mix(1, kern_state_start, kern_state_end - kern_state_start);

	for (size_t at = 0; at < sim_ram.bytes; at += PAGE_SIZE) {
		ppn_t ppn = (SIM_RAM_BASE + at) >> PAGE_SHIFT;
		struct env *e = (void *)(sim_ram.start + at);

		if (frame_exists(ppn) && frame_of(ppn)->type == FRAME_KOBJ && frame_of(ppn)->level == CAP_ENV) {
			uint64_t x[32];
			uint32_t count = e->audit_count, fixed = e->audit_fixed;

			/* Saved registers come and go with every trap. */
			memcpy(x, e->x, sizeof(x));
			memset(e->x, 0, sizeof(x));
			e->audit_count = e->audit_fixed = 0;
			h = mix_page(h, (void *)e, PAGE_SIZE);
			memcpy(e->x, x, sizeof(x));
			e->audit_count = count;
			e->audit_fixed = fixed;
		} else {
			h = mix_page(h, (void *)e, PAGE_SIZE);
		}
	}
	return h;
}

uint64_t sim_hash(uint64_t h, const void *from, size_t n)
{
	return mix(h, from, n);
}

uint64_t sim_machine_hash(void)
{
	uint64_t h = mix_page(1, (void *)sim_state_start, sim_audit_start - sim_state_start);

	h = mix_page(h, (void *)scratch_start, kern_state_end - scratch_start);
	for (size_t at = 0; at < sim_ram.bytes; at += PAGE_SIZE) {
		ppn_t ppn = (SIM_RAM_BASE + at) >> PAGE_SHIFT;

		/* What nobody may find again is nothing. */
		if (frame_exists(ppn) && frame_of(ppn)->type == FRAME_FREE && frame_of(ppn)->last_owner == ~0u)
			continue;
		h = mix_page(h, (void *)(sim_ram.start + at), PAGE_SIZE);
	}
	return h;
}

struct sim_snapshot *sim_save(void)
{
	struct sim_snapshot *s = malloc(sizeof(*s));

	s->ram_bytes = sim_ram.bytes;
	s->sim_bytes = sim_audit_start - sim_state_start;
	s->kern_bytes = kern_state_end - scratch_start;
	s->ram = malloc(s->ram_bytes);
	s->sim = malloc(s->sim_bytes);
	s->kern = malloc(s->kern_bytes);
	memcpy(s->ram, sim_ram.start, s->ram_bytes);
	copy((char *)s->sim, sim_state_start, s->sim_bytes);
	copy((char *)s->kern, scratch_start, s->kern_bytes);
	return s;
}

void sim_restore(const struct sim_snapshot *s)
{
	copy(sim_state_start, (char *)s->sim, s->sim_bytes);
	copy(scratch_start, (char *)s->kern, s->kern_bytes);
	/* Few pages differ; reading is faster than writing. */
	for (size_t at = 0; at < s->ram_bytes; at += PAGE_SIZE)
		if (memcmp(sim_ram.start + at, s->ram + at, PAGE_SIZE) != 0)
			memcpy(sim_ram.start + at, s->ram + at, PAGE_SIZE);
}

void sim_snapshot_free(struct sim_snapshot *s)
{
	free(s->ram);
	free(s->sim);
	free(s->kern);
	free(s);
}
