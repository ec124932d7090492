/*
 * sample.h
 *		The captured WAL of regress/data, one sample a major, and what that major's
 *		pg_waldump says about it.  See regress/data/capture.sh.
 */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/lsn.h"
#include "wal/page.h"
#include "wal/walscope.h"

#define SAMPLE_SIZE_MAX (16 * 1024 * 1024)
#define SAMPLE_RECORDS_MAX 100000
#define SAMPLE_OBJECTS_MAX 64
#define SAMPLE_FILENODES_MAX 8

/* Of which there is a sample: regress/data/pgNN. */
static const int sample_majors[] = {13, 15, 17, 18};

typedef struct SampleRecord
{
	Lsn lsn;
	uint32_t total;
	uint32_t xid;
	Lsn prev;
	char rmgr[20];
	char op[28];
	bool blank; /* or to be kept */
} SampleRecord;

typedef struct SampleObject
{
	Oid oid;
	ScopeKind kind;
	char name[64];
	bool out;
} SampleObject;

/* The INSERT of an object's row into pg_database or pg_tablespace. */
typedef struct SampleCreated
{
	Oid oid;
	ScopeKind kind;
	char name[64];
	Lsn lsn;
	/* where the row is: "data", or "image-" and how it is compressed, or "off" */
	char form[16];
} SampleCreated;

/* Where pg_database or pg_tablespace is, from an LSN on. */
typedef struct SampleFilenode
{
	ScopeKind kind;
	uint32_t filenode;
	Lsn lsn;
} SampleFilenode;

typedef struct Sample
{
	int major;
	WalGeometry geometry;
	char marker[64];
	Lsn start;
	uint8_t *wal;
	size_t len;
	SampleRecord *records;
	size_t record_count;
	SampleObject objects[SAMPLE_OBJECTS_MAX];
	size_t object_count;
	SampleCreated created[SAMPLE_OBJECTS_MAX];
	size_t created_count;
	SampleFilenode filenodes[SAMPLE_FILENODES_MAX];
	size_t filenode_count;
} Sample;

static inline void
sample_fail(const char *what, const char *path)
{
	fprintf(stderr, "could not %s \"%s\"\n", what, path);
	exit(1);
}

static inline FILE *
sample_open(int major, const char *name, bool unpack)
{
	const char *top = getenv("TEST_SRCDIR");
	char path[4096];
	char command[4200];
	FILE *file;

	snprintf(path, sizeof(path), "%s/regress/data/pg%d/%s",
		top != NULL ? top : ".", major, name);
	snprintf(command, sizeof(command), "gzip -dc '%s'", path);
	file = unpack ? popen(command, "r") : fopen(path, "r");
	if (file == NULL)
		sample_fail("open", path);
	return file;
}

static inline ScopeKind
sample_kind(const char *text)
{
	return strcmp(text, "database") == 0 ? SCOPE_DATABASE : SCOPE_TABLESPACE;
}

static inline void
sample_read_fact(Sample *sample, const char *line)
{
	SampleObject *object = &sample->objects[sample->object_count];
	SampleCreated *created = &sample->created[sample->created_count];
	SampleFilenode *filenode = &sample->filenodes[sample->filenode_count];
	char kind[20];
	char verdict[8];
	char text[32];

	if (sscanf(line, "start %31s", text) == 1)
	{
		if (!lsn_parse(text, &sample->start))
			sample_fail("understand", line);
	}
	else if (sscanf(line, "object %u %19s %63s %7s", &object->oid, kind,
				 object->name, verdict) == 4)
	{
		object->kind = sample_kind(kind);
		object->out = strcmp(verdict, "out") == 0;
		sample->object_count++;
	}
	else if (sscanf(line, "created %u %19s %63s %31s %15s", &created->oid, kind,
				 created->name, text, created->form) == 5)
	{
		created->kind = sample_kind(kind);
		if (!lsn_parse(text, &created->lsn))
			sample_fail("understand", line);
		sample->created_count++;
	}
	else if (sscanf(line, "filenode %19s %u %31s", kind, &filenode->filenode,
				 text) == 3)
	{
		filenode->kind = sample_kind(kind);
		if (!lsn_parse(text, &filenode->lsn))
			sample_fail("understand", line);
		sample->filenode_count++;
	}
	else if (sscanf(line, "segment_size %u", &sample->geometry.segment_size) !=
				 1 &&
			 sscanf(line, "system_identifier %" SCNu64,
				 &sample->geometry.system_identifier) != 1 &&
			 sscanf(line, "marker %63s", sample->marker) != 1 &&
			 sscanf(line, "version %31s", text) != 1)
		sample_fail("understand", line);
}

static inline void
sample_read_facts(Sample *sample)
{
	FILE *file = sample_open(sample->major, "facts", false);
	char line[256];

	while (fgets(line, sizeof(line), file) != NULL)
	{
		if (sample->object_count == SAMPLE_OBJECTS_MAX ||
			sample->created_count == SAMPLE_OBJECTS_MAX ||
			sample->filenode_count == SAMPLE_FILENODES_MAX)
			sample_fail("find room for", line);
		sample_read_fact(sample, line);
	}
	fclose(file);
	sample->geometry.block_size = 8192;
}

static inline void
sample_read_records(Sample *sample)
{
	FILE *file = sample_open(sample->major, "records.gz", true);
	unsigned high;
	unsigned low;
	unsigned prev_high;
	unsigned prev_low;
	char verdict[8];
	SampleRecord r;

	sample->records = calloc(SAMPLE_RECORDS_MAX, sizeof(SampleRecord));
	while (
		sample->record_count < SAMPLE_RECORDS_MAX &&
		fscanf(file, "%X/%X %u %u %X/%X %19s %27s %7s", &high, &low, &r.total,
			&r.xid, &prev_high, &prev_low, r.rmgr, r.op, verdict) == 9)
	{
		r.lsn = (Lsn) high << 32 | low;
		r.prev = (Lsn) prev_high << 32 | prev_low;
		r.blank = strcmp(verdict, "blank") == 0;
		sample->records[sample->record_count++] = r;
	}
	if (pclose(file) != 0)
		sample_fail("unpack", "records.gz");
}

static inline void
sample_read_wal(Sample *sample)
{
	FILE *file = sample_open(sample->major, "wal.gz", true);

	sample->wal = malloc(SAMPLE_SIZE_MAX);
	sample->len = fread(sample->wal, 1, SAMPLE_SIZE_MAX, file);
	if (pclose(file) != 0)
		sample_fail("unpack", "wal.gz");
}

/* The sample of a major.  Ends the program if it cannot be had. */
static inline void
sample_read_major(Sample *sample, int major)
{
	*sample = (Sample){.major = major, .start = InvalidLsn};
	sample_read_facts(sample);
	sample_read_records(sample);
	sample_read_wal(sample);
	if (sample->start == InvalidLsn || sample->record_count == 0 ||
		sample->object_count == 0 || sample->created_count == 0 ||
		sample->filenode_count < 2 || sample->marker[0] == '\0' ||
		sample->len == 0 || sample->len % sample->geometry.segment_size != 0)
		sample_fail("use", "regress/data");
}

/* For what does not depend on the major. */
static inline void
sample_read(Sample *sample)
{
	sample_read_major(sample, 15);
}

static inline void
sample_free(Sample *sample)
{
	free(sample->wal);
	free(sample->records);
}

static inline Oid
sample_oid(const Sample *sample, const char *name)
{
	for (size_t i = 0; i < sample->object_count; i++)
	{
		if (strcmp(sample->objects[i].name, name) == 0)
			return sample->objects[i].oid;
	}
	sample_fail("find object", name);
	return InvalidOid;
}

/* The scope that the verdicts are for, but without what except names (or NULL). */
static inline WalScope *
sample_scope(const Sample *sample, const char *except)
{
	WalScope *scope = walscope_new();

	for (size_t i = 0; i < sample->object_count; i++)
	{
		const SampleObject *object = &sample->objects[i];

		if (object->out &&
			(except == NULL || strcmp(object->name, except) != 0))
			walscope_set(scope, object->kind, object->oid, SCOPE_OUT);
	}
	return scope;
}

/*
 * The bytes of the record at lsn, page headers taken out, from WAL that begins
 * at start; false if it is not all there.  Our own walk, not the scanner's.
 */
static inline bool
sample_assemble(const WalGeometry *geometry, const uint8_t *wal, Lsn start,
	size_t len, Lsn lsn, uint32_t total, uint8_t *record)
{
	uint32_t have = 0;

	while (have < total)
	{
		uint32_t left;

		if (lsn % geometry->block_size == 0)
			lsn += lsn % geometry->segment_size == 0 ? 40 : 24;
		left = geometry->block_size - (uint32_t) (lsn % geometry->block_size);
		left = Min(left, total - have);
		if (lsn - start + left > len)
			return false;
		memcpy(record + have, wal + (lsn - start), left);
		have += left;
		lsn += left;
	}
	return true;
}

/* Behind the first n bytes of a record, page headers counted. */
static inline Lsn
sample_bytes_end(const Sample *sample, const SampleRecord *r, uint32_t n)
{
	uint32_t block = sample->geometry.block_size;
	Lsn lsn = r->lsn;

	for (;;)
	{
		uint32_t room;

		if (lsn % block == 0)
			lsn += lsn % sample->geometry.segment_size == 0 ? 40 : 24;
		room = block - (uint32_t) (lsn % block);
		if (room >= n)
			return lsn + n;
		lsn += room;
		n -= room;
	}
}

/* Where a record ends, its pad not included. */
static inline Lsn
sample_record_end(const Sample *sample, const SampleRecord *r)
{
	return sample_bytes_end(sample, r, r->total);
}

#endif /* SAMPLE_H */
