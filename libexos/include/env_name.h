/*
 * env_name.h - names of environments: what the word of an environment means to programs made with this library
 *
 * The kernel keeps one word for each environment and never reads it. Whoever starts a program puts the first eight bytes of its name
 * there, the first in the lowest byte, so that everyone who reads the exposed records can print it.
 */
#ifndef ENV_NAME_H
#define ENV_NAME_H

#include <stdint.h>

#define ENV_NAME_BYTES 8

/* The word for a name: what stands behind the last slash, cut after eight bytes. */
static inline uint64_t env_name_word(const char *name)
{
	const char *base = name;
	uint64_t word = 0;

	for (; *name != '\0'; name++)
		if (*name == '/')
			base = name + 1;
	for (unsigned int i = 0; i < ENV_NAME_BYTES && base[i] != '\0'; i++)
		word |= (uint64_t)(unsigned char)base[i] << (8 * i);
	return word;
}

/* The name in a word. Others may have put anything there: what is not a letter, digit, '.', '-' or '_' comes out as '?'. */
static inline void env_name(uint64_t word, char out[ENV_NAME_BYTES + 1])
{
	unsigned int i;

	for (i = 0; i < ENV_NAME_BYTES && (word & 0xff) != 0; i++, word >>= 8) {
		char c = (char)(word & 0xff), low = (char)(c | 0x20);
		int plain = (low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';

		out[i] = plain ? c : '?';
	}
	out[i] = '\0';
}

#endif
