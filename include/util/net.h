/*
 * net.h
 *		Peer addresses: what a rule matches on and what the log shows.
 */
#ifndef UTIL_NET_H
#define UTIL_NET_H

#include "base.h"

#include <sys/socket.h>

/* "192.0.2.0/24", "2001:db8::/32", or one address without a mask. */
typedef struct NetCidr
{
	int family;        /* AF_INET or AF_INET6 */
	uint8_t bytes[16]; /* network order; 4 or 16 are used */
	unsigned bits;     /* prefix length */
} NetCidr;

/*
 * Read a network.  False if text is not an address with an optional prefix
 * length in range, or if bits are set behind the prefix (a typing error that
 * PostgreSQL's cidr type refuses too).
 */
MUST_CHECK bool net_cidr_parse(const char *text, NetCidr *cidr);
/* With its prefix length, also if that is an address; always terminated. */
#define NET_CIDR_SIZE 52
void net_cidr_format(const NetCidr *cidr, char text[NET_CIDR_SIZE]);

/*
 * Whether a peer is in the network.  An IPv4 peer that arrives on an IPv6
 * socket (::ffff:192.0.2.1) is an IPv4 peer.  A Unix-domain peer is in none.
 */
bool net_cidr_contains(const NetCidr *cidr, const struct sockaddr *peer);

/* 127.0.0.0/8, ::1, or a Unix-domain socket. */
bool net_is_local(const struct sockaddr *peer);

/*
 * "192.0.2.1", "::1" or "[local]" into host, always terminated; *port is -1 for a
 * Unix-domain socket.
 */
#define NET_HOST_SIZE 48
void net_split(
	const struct sockaddr *peer, char host[NET_HOST_SIZE], int *port);

/* "192.0.2.1:5433", "[::1]:5433" or "[local]" into text, always terminated. */
#define NET_TEXT_SIZE 64
void net_format(const struct sockaddr *peer, char text[NET_TEXT_SIZE]);

/*
 * The next word of a comma-separated list, without the blanks around it; malloc'd.
 * *list goes behind it.  NULL at the end.
 */
MUST_CHECK char *net_next_name(const char **list);

/* Whether name is one of such a list, by strcmp or strcasecmp. */
bool net_is_listed(const char *list, const char *name,
	int (*compare)(const char *a, const char *b));

#endif /* UTIL_NET_H */
