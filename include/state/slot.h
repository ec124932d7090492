/*
 * slot.h
 *		The replication slots that standbys have with us.
 *
 * A slot is a directory STATE_DIRECTORY/slots/NAME with two files.  "state" says
 * what the slot keeps, in lines of text with a checksum; it is replaced as a whole.
 * "lock" is locked by the process that uses the slot, and holds its process id: a
 * process that is killed lets go of its slot.
 *
 * What is on disk may lag behind what the standby has confirmed, by a segment or
 * so; it is never ahead of it.
 *
 * A temporary slot is in use from its creation to its end.  One that is not was
 * left by a process that was killed: nobody sees it any more, and whoever opens it
 * or makes another slot removes it.
 */
#ifndef STATE_SLOT_H
#define STATE_SLOT_H

#include "base.h"

#include "util/errinfo.h"
#include "util/lsn.h"

/* 63 bytes, as in PostgreSQL, and a terminator; rules have no longer names. */
#define SLOT_NAME_SIZE 64
#define SLOT_RULE_SIZE 64

typedef struct SlotInfo
{
	char name[SLOT_NAME_SIZE];
	char rule[SLOT_RULE_SIZE]; /* that the slot was made under */
	uint64_t system_identifier;
	bool temporary;
	Lsn restart_lsn;        /* InvalidLsn: keeps nothing yet */
	TimeLineId restart_tli; /* which that is on; 0 without restart_lsn */
	pid_t active_pid;       /* of the process that uses it; 0: nobody */
} SlotInfo;

/* A slot that is ours: in use by this process. */
typedef struct Slot Slot;

/*
 * Whether it may be the name of a slot (slot.c, ReplicationSlotValidateName);
 * otherwise err says why: 42602 or 42622.
 */
MUST_CHECK bool slot_check_name(const char *name, ErrInfo *err);

/*
 * Make the slot that info describes (active_pid aside), in use by us; its directory
 * is durable when this returns.  max_slots is max_replication_slots.
 *
 * 42602, 42622	not a name for a slot
 * 42710	there is one of that name
 * 53400	there are max_slots already
 * 55000	there is no state_directory
 */
MUST_CHECK Slot *slot_create(const char *state_directory, const SlotInfo *info,
	int max_slots, ErrInfo *err);

/*
 * Take a slot that is there into use.
 *
 * 42704	there is none of that name
 * 55006	another process uses it, or this one does
 * XX001	its state is damaged
 */
MUST_CHECK Slot *slot_open(
	const char *state_directory, const char *name, ErrInfo *err);

/* What it is at now, in memory. */
const SlotInfo *slot_info(const Slot *slot);

/*
 * The standby has lsn of timeline tli safe on its disk.  What is before the slot's
 * restart_lsn is ignored.  Written once it has moved by step bytes, or if there was
 * no restart_lsn; false, with err, if that failed: the next step tries again.
 */
MUST_CHECK bool slot_advance(
	Slot *slot, Lsn lsn, TimeLineId tli, uint32_t step, ErrInfo *err);

/*
 * The standby has no more than lsn, which is before restart_lsn: it has been replaced
 * by an older copy.  Written at once; if that fails nothing changes.
 */
MUST_CHECK bool slot_set_back(
	Slot *slot, Lsn lsn, TimeLineId tli, ErrInfo *err);

/* Write what has changed; a temporary slot is not written. */
MUST_CHECK bool slot_save(Slot *slot, ErrInfo *err);

/*
 * Write what has changed and let go of it, even if writing failed (false, with
 * err); a temporary slot is removed.
 */
MUST_CHECK bool slot_release(Slot *slot, ErrInfo *err);

/* Remove it, and let go of it in any case. */
MUST_CHECK bool slot_drop(Slot *slot, ErrInfo *err);

/*
 * At start-up: make the directory, and remove what processes that were killed have
 * left in it.  Nothing to do without a state_directory.
 */
MUST_CHECK bool slots_prepare(const char *state_directory, ErrInfo *err);

#endif /* STATE_SLOT_H */
