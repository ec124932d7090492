/*
 * listing.c
 *		What is printed of records.  See listing.h.
 */
#include "base.h"

#include <stdio.h>
#include <stdlib.h>

#include "listing.h"
#include "util/buf.h"
#include "util/mem.h"
#include "wal/tally.h"

struct Summary
{
	Tally by_rmgr[UINT8_MAX + 1];
	TallyCount total;
};

static void
print_rmgr(uint8_t rmid)
{
	char name[RMGR_NAME_SIZE];

	rmgr_format_name(rmid, name);
	fputs(name, stdout);
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
	for (size_t i = 0; i < lengthof(summary->by_rmgr); i++)
		tally_clear(&summary->by_rmgr[i]);
	free(summary);
}

void
summary_add(Summary *s, const RecordHead *head, const RmgrSubjects *subjects,
	bool blanked)
{
	tally_record(&s->by_rmgr[head->rmid], subjects, head->total, blanked);
	*(blanked ? &s->total.blanked_records : &s->total.kept_records) += 1;
	*(blanked ? &s->total.blanked_bytes : &s->total.kept_bytes) += head->total;
}

static void
print_counts(const TallyCount *c)
{
	printf("\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\n",
		c->kept_records, c->kept_bytes, c->blanked_records, c->blanked_bytes);
}

/* A line for each resource manager that has something of the database. */
static void
print_database(const Summary *s, const Names *names, Oid database)
{
	const char *name = names_find(names, SCOPE_DATABASE, database);

	for (size_t rmid = 0; rmid < lengthof(s->by_rmgr); rmid++)
	{
		const Tally *tally = &s->by_rmgr[rmid];

		for (size_t i = 0; i < tally->count; i++)
		{
			if (tally->counts[i].database != database)
				continue;
			printf("database\t%u\t", database);
			if (name != NULL)
				names_print_quoted(stdout, name);
			else
				putchar('-');
			putchar('\t');
			print_rmgr((uint8_t) rmid);
			print_counts(&tally->counts[i]);
		}
	}
}

void
summary_print(const Summary *s, const Names *names)
{
	Tally all = {0};

	for (size_t rmid = 0; rmid < lengthof(s->by_rmgr); rmid++)
		tally_merge(&all, &s->by_rmgr[rmid]);
	for (size_t i = 0; i < all.count; i++)
		print_database(s, names, all.counts[i].database);
	fputs("total\t-\t-\t-", stdout);
	print_counts(&s->total);
	tally_clear(&all);
}
