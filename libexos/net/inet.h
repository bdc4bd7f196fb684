/*
 * inet.h - headers on the wire, byte order, and the Internet checksum
 *
 * Headers are structures of bytes, so they have no padding, no alignment and no byte order: fields of more than one byte are
 * arrays that get16() and get32() read. Everything else in the stack is in host order.
 */
#ifndef NET_INET_H
#define NET_INET_H

#include <stddef.h>
#include <stdint.h>

static inline uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

#define ETH_LEN		14
#define ETH_TYPE_IP	0x0800
#define ETH_TYPE_ARP	0x0806

struct eth_hdr {
	uint8_t dst[6], src[6], type[2];
};

#define ARP_LEN		28
#define ARP_REQUEST	1
#define ARP_REPLY	2

struct arp_hdr {			/* RFC 826, for Ethernet and IPv4 */
	uint8_t hrd[2], pro[2], hln, pln, op[2];
	uint8_t sha[6], spa[4], tha[6], tpa[4];
};

#define IP_LEN		20
#define IP_PROTO_ICMP	1
#define IP_PROTO_TCP	6
#define IP_PROTO_UDP	17
#define IP_FLAG_DF	0x4000
#define IP_FLAG_MF	0x2000
#define IP_OFFSET_MASK	0x1fff
#define IP_TTL		64		/* RFC 1700 */

struct ip_hdr {				/* RFC 791 3.1 */
	uint8_t version_ihl, tos, len[2], id[2], fragment[2], ttl, protocol, checksum[2], src[4], dst[4];
};

#define ICMP_LEN	8
#define ICMP_ECHO_REPLY	0
#define ICMP_UNREACH	3
#define ICMP_ECHO	8

struct icmp_hdr {			/* RFC 792, echo and echo reply */
	uint8_t type, code, checksum[2], id[2], seq[2];
};

#define UDP_LEN		8

struct udp_hdr {			/* RFC 768 */
	uint8_t sport[2], dport[2], len[2], checksum[2];
};

#define TCP_LEN		20
#define TCP_MAX_LEN	60
#define TCP_FIN		0x01
#define TCP_SYN		0x02
#define TCP_RST		0x04
#define TCP_PSH		0x08
#define TCP_ACK		0x10
#define TCP_URG		0x20

struct tcp_hdr {			/* RFC 9293 3.1 */
	uint8_t sport[2], dport[2], seq[4], ack[4], offset, flags, wnd[2], checksum[2], urgent[2];
};

_Static_assert(sizeof(struct eth_hdr) == ETH_LEN && sizeof(struct arp_hdr) == ARP_LEN && sizeof(struct ip_hdr) == IP_LEN &&
	sizeof(struct icmp_hdr) == ICMP_LEN && sizeof(struct udp_hdr) == UDP_LEN && sizeof(struct tcp_hdr) == TCP_LEN,
	"wire formats");

/*
 * inet_sum - ones' complement sum of the 16-bit big-endian words from start on, a last odd byte counting as the high half of a word
 * (RFC 1071). The sums of pieces may be added as numbers when every piece but the last has even length. 0 to 0xffff.
 * inet_fold - such a sum of sums folded to 16 bits; a checksum field holds its complement.
 */
uint32_t inet_sum(const void *start, size_t len);

static inline uint16_t inet_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)(sum + (sum >> 16));
}

/* The sum of the pseudo header of TCP (RFC 9293 3.1) and UDP (RFC 768). */
static inline uint32_t inet_pseudo(uint32_t src, uint32_t dst, uint8_t protocol, size_t len)
{
	return (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff) + protocol + (uint32_t)len;
}

#endif
