/*
 * secret.c - what an outsider must not guess: sequence numbers and ports
 *
 * Everything comes from SipHash-2-4 (Aumasson, Bernstein, INDOCRYPT 2012) under the 128-bit key that the program supplied.
 * Random numbers are the hash of a counter; they need be no better than the key.
 */
#include "internal.h"

#define ROTL(x, n) ((x) << (n) | (x) >> (64 - (n)))

static void sip_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = ROTL(v[1], 13) ^ v[0];
	v[0] = ROTL(v[0], 32);
	v[2] += v[3];
	v[3] = ROTL(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = ROTL(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = ROTL(v[1], 17) ^ v[2];
	v[2] = ROTL(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t m)
{
	v[3] ^= m;
	sip_round(v);
	sip_round(v);
	v[0] ^= m;
}

/* SipHash-2-4 of the 16 bytes a, b: always the same length, so the last word of the padding is constant. */
uint64_t net_siphash(const uint64_t key[2], uint64_t a, uint64_t b)
{
	uint64_t v[4] = {
		key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573,
	};

	sip_word(v, a);
	sip_word(v, b);
	sip_word(v, (uint64_t)16 << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void secret_init(struct net *net, const uint8_t seed[16])
{
	for (int i = 0; i < 2; i++) {
		net->key[i] = 0;
		for (int j = 0; j < 8; j++)
			net->key[i] |= (uint64_t)seed[8 * i + j] << 8 * j;
	}
	net->random_count = 0;
}

/* The top bit of b keeps these inputs apart from those of tcp_isn(). */
uint64_t net_random(struct net *net)
{
	return net_siphash(net->key, net->random_count++, (uint64_t)1 << 63);
}

/* RFC 6528 3: ISN = M + F(localip, localport, remoteip, remoteport, secretkey), M counting up every 4 microseconds. */
uint32_t tcp_isn(const struct net *net, uint32_t lip, uint16_t lport, uint32_t rip, uint16_t rport)
{
	uint64_t f = net_siphash(net->key, (uint64_t)lip << 32 | rip, (uint64_t)lport << 16 | rport);

	return (uint32_t)(net->now / 4) + (uint32_t)f;
}
