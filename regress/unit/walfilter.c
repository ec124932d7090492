/*
 * walfilter.c
 *		walfilter [-d OID]... [-t OID]... START SEGMENT-SIZE <WAL >WAL
 *
 * WAL of a cluster, from the start of a segment on, without the databases (-d)
 * and tablespaces (-t) that are named.  What a filter holds back at the end of
 * the input comes out as zeros, so that both are of one length.  For tests, where
 * a program of PostgreSQL is to judge what the filter makes.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wal/filter.h"

#define CHUNK 65536

static NORETURN void
fail(const char *message)
{
	fprintf(stderr, "walfilter: %s\n", message);
	exit(1);
}

static size_t
write_ready(WalFilter *filter)
{
	size_t n;
	Lsn lsn;
	const uint8_t *p = filter_ready(filter, &n, &lsn);

	if (fwrite(p, 1, n, stdout) != n)
		fail("could not write");
	filter_consume(filter, n);
	return n;
}

int
main(int argc, char **argv)
{
	WalGeometry geometry = {.block_size = 8192};
	WalScope *scope = walscope_new();
	WalFilter *filter;
	size_t total_in = 0;
	size_t total_out = 0;
	Lsn start;
	int option;

	while ((option = getopt(argc, argv, "d:t:")) != -1)
	{
		Oid oid = (Oid) strtoul(option == '?' ? "" : optarg, NULL, 10);

		if (oid == InvalidOid)
			fail("usage: walfilter [-d OID]... [-t OID]... START SEGMENT-SIZE");
		walscope_set(scope, option == 'd' ? SCOPE_DATABASE : SCOPE_TABLESPACE,
			oid, SCOPE_OUT);
	}
	if (argc - optind != 2 || !lsn_parse(argv[optind], &start))
		fail("usage: walfilter [-d OID]... [-t OID]... START SEGMENT-SIZE");
	geometry.segment_size = (uint32_t) strtoul(argv[optind + 1], NULL, 10);
	if (!page_geometry_valid(&geometry) || start % geometry.segment_size != 0)
		fail("no such segment");

	filter = filter_new(&geometry, scope);
	filter_start(filter, start, start);
	for (;;)
	{
		ErrInfo err;
		Lsn lsn;
		size_t n = fread(filter_room(filter, CHUNK, &lsn), 1, CHUNK, stdin);

		if (n == 0)
			break;
		total_in += n;
		switch (filter_push(filter, n, &err))
		{
			case FILTER_OK:
				break;
			case FILTER_LOOKBACK:
				fail("the WAL begins in the middle of a record");
				break;
			case FILTER_HALT:
				fail(err.message);
				break;
		}
		total_out += write_ready(filter);
	}
	for (; total_out < total_in; total_out++)
		putchar(0);
	filter_free(filter);
	if (fflush(stdout) != 0)
		fail("could not write");
	return 0;
}
