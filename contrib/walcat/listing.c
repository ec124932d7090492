/*
 * listing.c
 *		What is printed of records.  See listing.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "util/buf.h"
#include "util/mem.h"

typedef struct Count
{
	uint64_t records;
	uint64_t bytes;
} Count;

typedef struct Row
{
	Oid database;
	uint8_t rmid;
	Count kept;
	Count blanked;
} Row;

struct Summary
{
	Row *rows; /* ascending by database, then by resource manager */
	size_t count;
	size_t cap;
	size_t last; /* where the last one was found */
	Row total;
};

/* A resource manager's name; that of an extension has its number. */
static void
print_rmgr(uint8_t rmid)
{
	if (rmid >= RM_CUSTOM_MIN)
		printf("custom%03u", rmid);
	else
		fputs(rmgr_name(rmid), stdout);
}

/*
 * Relations as pg_waldump has them, tablespace/database/relfilenumber; of what
 * names none, tablespace/database, 0 for one that is not named.  A copy has the
 * source behind it.
 */
static void
print_subject(const RecordHead *head, const RmgrSubjects *subjects)
{
	for (unsigned i = 0; i < head->relation_count; i++)
		printf("%s%u/%u/%u", i > 0 ? "," : "", head->relations[i].tablespace,
			head->relations[i].database, head->relations[i].relfilenumber);
	if (head->relation_count > 0)
		return;
	if (subjects->count > 0)
		printf("%u/%u", subjects->items[0].tablespace,
			subjects->items[0].database);
	else if (head->rmid == RM_DBASE && head->main_have >= 4)
		printf("0/%u", load_le32(head->main_data));
	else if (head->rmid == RM_TBLSPC && head->main_have >= 4)
		printf("%u/0", load_le32(head->main_data));
	else
		putchar('-');
	if (subjects->is_file_copy)
		printf(
			"<%u/%u", subjects->source.tablespace, subjects->source.database);
}

void
listing_print_record(const WalScope *scope, const Names *names,
	const RulingNews *news, Lsn lsn, const RecordHead *head,
	const RmgrSubjects *subjects, bool blanked)
{
	printf(LSN_FORMAT "\t%u\t", LSN_ARGS(lsn), head->total);
	print_rmgr(head->rmid);
	printf("\t%02X\t", head->info & WAL_INFO_RMGR_MASK);
	print_subject(head, subjects);
	printf("\t%s\t", blanked ? "blank" : "keep");
	ruling_print_reason(stdout, scope, names, news, lsn, subjects, blanked);
	putchar('\n');
}

Summary *
summary_new(void)
{
	return mem_alloc0(sizeof(Summary));
}

void
summary_free(Summary *summary)
{
	if (summary == NULL)
		return;
	free(summary->rows);
	free(summary);
}

static Row *
find_row(Summary *s, Oid database, uint8_t rmid)
{
	size_t i = s->last;

	if (i < s->count && s->rows[i].database == database &&
		s->rows[i].rmid == rmid)
		return &s->rows[i];
	for (i = 0; i < s->count; i++)
	{
		const Row *row = &s->rows[i];

		if (row->database > database ||
			(row->database == database && row->rmid >= rmid))
			break;
	}
	s->last = i;
	if (i < s->count && s->rows[i].database == database &&
		s->rows[i].rmid == rmid)
		return &s->rows[i];
	if (s->count == s->cap)
	{
		s->cap = Max(s->cap * 2, 64);
		s->rows = mem_realloc(s->rows, s->cap * sizeof(Row));
	}
	memmove(&s->rows[i + 1], &s->rows[i], (s->count - i) * sizeof(Row));
	s->count++;
	s->rows[i] = (Row){.database = database, .rmid = rmid};
	return &s->rows[i];
}

static void
count_record(Row *row, uint32_t bytes, bool blanked)
{
	Count *count = blanked ? &row->blanked : &row->kept;

	count->records++;
	count->bytes += bytes;
}

void
summary_add(Summary *s, const RecordHead *head, const RmgrSubjects *subjects,
	bool blanked)
{
	count_record(&s->total, head->total, blanked);
	if (subjects->count == 0)
		count_record(find_row(s, InvalidOid, head->rmid), head->total, blanked);
	for (unsigned i = 0; i < subjects->count; i++)
	{
		unsigned before = 0;

		while (before < i &&
			   subjects->items[before].database != subjects->items[i].database)
			before++;
		if (before == i)
			count_record(find_row(s, subjects->items[i].database, head->rmid),
				head->total, blanked);
	}
}

static void
print_counts(const Row *row)
{
	printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
		row->kept.records, row->kept.bytes, row->blanked.records,
		row->blanked.bytes);
}

void
summary_print(const Summary *s, const Names *names)
{
	for (size_t i = 0; i < s->count; i++)
	{
		const Row *row = &s->rows[i];
		const char *name = names_find(names, SCOPE_DATABASE, row->database);

		printf("database\t%u\t", row->database);
		if (name != NULL)
			names_print_quoted(stdout, name);
		else
			putchar('-');
		putchar('\t');
		print_rmgr(row->rmid);
		print_counts(row);
	}
	fputs("total\t-\t-\t-", stdout);
	print_counts(&s->total);
}
