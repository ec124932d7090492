/*
 * hostcheck.c
 *		The Host header.  See hostcheck.h.
 */
#include "base.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "monitor/hostcheck.h"
#include "util/mem.h"
#include "util/net.h"

/* Where a header has no port (RFC 9110, section 4.2.1). */
#define HTTP_PORT 80

static bool
is_address(const char *name)
{
	struct in_addr addr;

	return name[0] == '[' || inet_pton(AF_INET, name, &addr) == 1;
}

bool
hostcheck_may_be_us(const char *host, int port, const char *names)
{
	const char *colon = host != NULL ? strrchr(host, ':') : NULL;
	char *name;
	bool ok;

	if (host == NULL || (colon != NULL ? atoll(colon + 1) : HTTP_PORT) != port)
		return true;
	name = mem_asprintf("%.*s",
		(int) (colon != NULL ? (size_t) (colon - host) : strlen(host)), host);
	ok = is_address(name) || strcasecmp(name, "localhost") == 0 ||
		 net_is_listed(names, name, strcasecmp);
	free(name);
	return ok;
}
