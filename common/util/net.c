/*
 * net.c
 *		Peer addresses.  See net.h.
 */
#include "base.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/mem.h"
#include "util/net.h"

/* Address bytes and family of a peer, IPv4-mapped addresses unwrapped. */
static int
peer_bytes(const struct sockaddr *peer, uint8_t bytes[16])
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255};

	if (peer->sa_family == AF_INET)
	{
		memcpy(bytes, &((const struct sockaddr_in *) peer)->sin_addr, 4);
		return AF_INET;
	}
	if (peer->sa_family == AF_INET6)
	{
		memcpy(bytes, &((const struct sockaddr_in6 *) peer)->sin6_addr, 16);
		if (memcmp(bytes, mapped, sizeof(mapped)) == 0)
		{
			memmove(bytes, bytes + 12, 4);
			return AF_INET;
		}
		return AF_INET6;
	}
	return peer->sa_family;
}

/* Whether the first bits of a and b agree. */
static bool
same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	unsigned rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

bool
net_cidr_parse(const char *text, NetCidr *cidr)
{
	char address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t) (slash - text) : strlen(text);
	NetCidr c = {0};
	unsigned size;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, c.bytes) == 1)
		c.family = AF_INET, size = 32;
	else if (inet_pton(AF_INET6, address, c.bytes) == 1)
		c.family = AF_INET6, size = 128;
	else
		return false;
	c.bits = size;
	if (slash != NULL)
	{
		char *end;
		unsigned long bits;

		if (slash[1] < '0' || slash[1] > '9')
			return false;
		bits = strtoul(slash + 1, &end, 10);
		if (*end != '\0' || bits > size)
			return false;
		c.bits = (unsigned) bits;
	}
	for (unsigned i = c.bits; i < size; i++)
	{
		if (c.bytes[i / 8] & (0x80 >> i % 8))
			return false;
	}
	*cidr = c;
	return true;
}

void
net_cidr_format(const NetCidr *cidr, char text[NET_CIDR_SIZE])
{
	char address[INET6_ADDRSTRLEN];

	inet_ntop(cidr->family, cidr->bytes, address, sizeof(address));
	snprintf(text, NET_CIDR_SIZE, "%s/%u", address, cidr->bits);
}

bool
net_cidr_contains(const NetCidr *cidr, const struct sockaddr *peer)
{
	uint8_t bytes[16];

	return peer_bytes(peer, bytes) == cidr->family &&
		   same_prefix(bytes, cidr->bytes, cidr->bits);
}

bool
net_is_local(const struct sockaddr *peer)
{
	uint8_t bytes[16];

	switch (peer_bytes(peer, bytes))
	{
		case AF_UNIX:
			return true;
		case AF_INET:
			return bytes[0] == 127;
		case AF_INET6:
			return memcmp(bytes, &in6addr_loopback, 16) == 0;
		default:
			return false;
	}
}

void
net_split(const struct sockaddr *peer, char host[NET_HOST_SIZE], int *port)
{
	if (peer->sa_family == AF_INET)
	{
		const struct sockaddr_in *in = (const struct sockaddr_in *) peer;

		inet_ntop(AF_INET, &in->sin_addr, host, NET_HOST_SIZE);
		*port = ntohs(in->sin_port);
	}
	else if (peer->sa_family == AF_INET6)
	{
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *) peer;

		inet_ntop(AF_INET6, &in6->sin6_addr, host, NET_HOST_SIZE);
		*port = ntohs(in6->sin6_port);
	}
	else
	{
		snprintf(host, NET_HOST_SIZE, "[local]");
		*port = -1;
	}
}

void
net_format(const struct sockaddr *peer, char text[NET_TEXT_SIZE])
{
	char host[NET_HOST_SIZE];
	int port;

	net_split(peer, host, &port);
	if (port < 0)
		snprintf(text, NET_TEXT_SIZE, "%s", host);
	else
		snprintf(text, NET_TEXT_SIZE,
			peer->sa_family == AF_INET6 ? "[%s]:%d" : "%s:%d", host, port);
}

char *
net_next_name(const char **list)
{
	const char *start;
	const char *end;

	*list += strspn(*list, ", \t");
	if (**list == '\0')
		return NULL;
	start = *list;
	*list += strcspn(*list, ",");
	end = *list;
	while (end > start && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	return mem_asprintf("%.*s", (int) (end - start), start);
}

bool
net_is_listed(const char *list, const char *name,
	int (*compare)(const char *a, const char *b))
{
	char *item;
	bool found = false;

	while (!found && (item = net_next_name(&list)) != NULL)
	{
		found = compare(item, name) == 0;
		free(item);
	}
	return found;
}
