/*
 * l1_elf.c - L1: files that are no good programs leave a sentence and no page
 *
 * The reader itself is tested on the host (test/unit/test_lib_elf.c); here a good file is broken in one place after another and
 * given to the loader.
 */
#include "check.h"

int main(int argc, char **argv)
{
	struct cpio_entry e;
	uint32_t before, held;
	uint64_t r = 4711;
	unsigned char *copy;
	unsigned int refused = 0;
	size_t len = 0;

	(void)argv;
	if (argc > 1)
		return 0;
	MUST(cpio_find(test_archive(&len), len, "tests/hello", &e) == 1 ? 0 : -E_NODEV);
	copy = malloc(e.size);
	memcpy(copy, e.data, e.size);
	static const char *const args[] = { "hello", NULL };
	struct spawn s = { .elf = copy, .elf_bytes = e.size, .argv = args, .guarantee = 200, .stopped = true };
	struct proc p;

	MUST(proc_spawn(&s, &p));
	CHECK_IS(proc_end(&p), 0);
	before = frames_free();
	held = pages_held();
	for (int n = 0; n < 400; n++) {
		size_t at = random_next(&r) % 400;
		int err;

		memcpy(copy, e.data, e.size);
		copy[at] = (unsigned char)random_next(&r);
		if (n % 3 == 0)
			copy[random_next(&r) % 64] = 0xff;
		s.elf_bytes = n % 5 == 0 ? random_next(&r) % e.size : e.size;
		err = proc_spawn(&s, &p);
		if (err < 0)
			refused++;
		CHECK(strlen(proc_strerror(err)) > 8);
		if (err == 0)
			CHECK_IS(proc_end(&p), 0);
		CHECK_IS(frames_free(), before);
		CHECK_IS(pages_held(), held);
	}
	CHECK(refused > 100);

	/* Too small a guarantee, names that are too long, more than the page holds. */
	memcpy(copy, e.data, e.size);
	s.elf_bytes = e.size;
	s.guarantee = 3;
	CHECK_IS(proc_spawn(&s, &p), PROC_GUARANTEE);
	s.guarantee = ~0ul;
	CHECK_IS(proc_spawn(&s, &p), -E_QUOTA);
	s.guarantee = 200;
	struct proc_grant g = { .name = "a name of more than twenty-three letters", .slot = ctx_slot(), .rights = RIGHT_MAP };
	s.grants = &g;
	s.ngrants = 1;
	CHECK_IS(proc_spawn(&s, &p), PROC_ARGS);
	g.name = "page";
	g.slot = 9999;
	CHECK_IS(proc_spawn(&s, &p), -E_NOCAP);
	g.slot = ctx_slot();
	g.rights = RIGHTS_ALL;
	CHECK_IS(proc_spawn(&s, &p), -E_RIGHTS);
	s.ngrants = 0;
	static char words[5000];
	const char *const many[] = { words, NULL };
	memset(words, 'x', sizeof(words) - 1);
	s.argv = many;
	CHECK_IS(proc_spawn(&s, &p), PROC_ARGS);
	CHECK_IS(frames_free(), before);
	CHECK_IS(pages_held(), held);
	return verdict();
}
