/*
 * board.h
 *		The board: one cell of shared memory for each process, in which it says
 *		how it is, and which only that process (and the supervisor, when it is
 *		gone) may write.  Everybody may read all cells.
 *
 * A cell also carries what wakes its process: an eventfd, made before the first
 * fork, and a note whether it sleeps.
 */
#ifndef SHM_BOARD_H
#define SHM_BOARD_H

#include "base.h"

#include "util/lsn.h"

#define BOARD_NAME_SIZE 64
#define BOARD_KEY_SIZE 32
#define BOARD_ALARM_SIZE 256
#define BOARD_COMMAND_SIZE 128

/* Those who can wait for standbys at the same time. */
#define BOARD_AWAITED_MAX 64

/* Operators, beside max_connections. */
#define BOARD_CONSOLES_MAX 8

/* The cells of the services; workers have those behind. */
#define BOARD_READER 0
#define BOARD_SPOOLER 1
#define BOARD_MONITOR 2
#define BOARD_FIRST_WORKER 3

typedef enum CellState
{
	CELL_FREE,
	CELL_STARTING, /* forked, not ready yet */
	CELL_SPARE,    /* a worker that waits for a connection */
	/* its client has not told who it is, or has gone; the reader: connects */
	CELL_STARTUP,
	/* waits for a command; the reader: before it connects again */
	CELL_IDLE,
	CELL_CATCHUP,   /* streams what the standby has missed */
	CELL_STREAMING, /* streams what comes in; the reader too */
	CELL_PAUSED,    /* an operator has stopped the stream */
	CELL_CONSOLE,   /* serves an operator */
	CELL_RUNNING    /* the spooler knows its position; the monitor serves */
} CellState;

/* Where a process has its WAL from. */
typedef enum BoardSource
{
	BOARD_SOURCE_NONE,
	BOARD_SOURCE_RING,
	BOARD_SOURCE_SPOOL,
	BOARD_SOURCE_UPSTREAM, /* a connection of its own */
	BOARD_SOURCE_ARCHIVE   /* wal_fetch_command */
} BoardSource;

/* "reader", ...; "worker" from BOARD_FIRST_WORKER on. */
const char *board_cell_name(int cell);
/* "spare", "streaming", ... */
const char *board_state_name(CellState state);
/* "ring", ...; NULL for BOARD_SOURCE_NONE. */
const char *board_source_name(BoardSource source);

/* What a process says of itself: read and written as a whole. */
typedef struct BoardStatus
{
	char rule[BOARD_NAME_SIZE];
	char user[BOARD_NAME_SIZE];
	char application_name[BOARD_NAME_SIZE];
	char peer[BOARD_NAME_SIZE];
	/* of the stream; the spooler: of what it writes.  0: none */
	TimeLineId tli;
	int64_t stream_began_ms; /* by the monotonic clock */
	Lsn sent;
	/* what the standby has told us; 0 if nothing yet */
	Lsn write;
	Lsn flush;
	Lsn apply;
	/* hot standby feedback, epoch in the upper half; 0: none */
	uint64_t xmin;
	uint64_t catalog_xmin;
	/* the slot that is in use, and what it keeps; "" and 0: none */
	char slot[BOARD_NAME_SIZE];
	Lsn restart_lsn;
	/* what somebody should look at, the latest; "" if there was nothing */
	uint32_t alarms;
	char alarm[BOARD_ALARM_SIZE];

	/* ---- for those who look on; times are pg_timestamps, 0 is never ---- */

	/* These two the board fills in. */
	int64_t began;       /* the process; of a worker, the connection */
	int64_t state_since; /* the cell's state */
	/* why it is in that state, or what failed last; "" if all is well */
	char reason[BOARD_ALARM_SIZE];
	BoardSource source;
	/* WAL sent since the process began; the reader: received; the spooler: written */
	uint64_t bytes;

	/* a worker with a standby */
	bool filtered; /* something is withheld */
	/* the configuration that its scope has followed */
	uint64_t scope_generation;
	bool scope_kept; /* its scope is older, and narrower, than its rule */
	bool halted;     /* the stream cannot go on from sent; reason says why */
	uint64_t blanked_bytes; /* sums of xl_tot_len */
	int64_t reply_time;     /* when it last said something */
	/* when the place that it has reached last moved, or was all that was sent */
	int64_t progress_time;
	/* from having WAL to its confirming it, microseconds; -1: not known */
	int64_t write_lag;
	int64_t flush_lag;
	int64_t replay_lag;
	char command[BOARD_COMMAND_SIZE]; /* the present or last one */

	/* the reader */
	uint32_t connects;    /* how often the upstream has been reached */
	int64_t connected;    /* since when; 0: it is not */
	int64_t message_time; /* when it last said something */
	/* since when upstream.acknowledge has too few standbys, which; 0: it has not */
	int64_t lacking_time;
	uint32_t standbys;

	uint8_t cancel_key[BOARD_KEY_SIZE];
	uint32_t cancel_key_len;
} BoardStatus;

/* Whether a worker in this state has been told to stream; one that is paused has. */
static inline bool
board_is_stream(CellState state)
{
	return state == CELL_CATCHUP || state == CELL_STREAMING ||
		   state == CELL_PAUSED;
}

/*
 * The place that a standby has reached: what it has applied; for a program that
 * applies nothing (pg_receivewal) what it has written.
 */
static inline Lsn
board_reached(const BoardStatus *status)
{
	return status->apply != InvalidLsn ? status->apply
									   : Max(status->write, status->flush);
}

/* What others see of a cell. */
typedef struct BoardView
{
	CellState state;
	pid_t pid;
	BoardStatus status;
} BoardView;

/* ---- the supervisor, before the first fork ---- */

void board_create(int worker_count);

/* ---- a child ---- */

/*
 * This is my cell, and has my process id; all others become read-only, and their
 * descriptors close.
 */
void board_enter(int cell);
void board_set_state(CellState state);
void board_publish(const BoardStatus *status);

/* The monitor: client number i waits for an LSN; InvalidLsn: for nothing any more. */
void board_set_awaited(size_t i, Lsn lsn);

/*
 * Going to sleep, in this order: board_sleep_begin(); look once more whether
 * there is something to do; wait for board_wake_fd() and others; board_sleep_end().
 */
void board_sleep_begin(void);
void board_sleep_end(void);
/* Readable when somebody wants us. */
int board_wake_fd(void);

/* ---- everybody ---- */

int board_cell_count(void);
/* A consistent copy, whatever the owner is doing.  False if the cell is free. */
MUST_CHECK bool board_view(int cell, BoardView *view);
CellState board_state(int cell);
pid_t board_pid(int cell);

/*
 * What a slot keeps: on_disk, which is what is in its file, lags behind what the
 * process that uses it (pid) knows.
 */
Lsn board_slot_lsn(const char *name, pid_t pid, Lsn on_disk);

/* What the monitor's clients wait for, in no order; how many there are. */
size_t board_awaited(Lsn lsns[BOARD_AWAITED_MAX]);

/* Wake the process of a cell, asleep or not.  Async-signal-safe. */
void board_wake(int cell);
/* Wake me: for signal handlers. */
void board_wake_self(void);
/* The reader, behind new data: wake all that sleep, each once. */
void board_wake_sleepers(void);
/* Tell the supervisor that a spare worker has become busy. */
void board_wake_supervisor(void);

/* ---- the supervisor ---- */

int board_supervisor_fd(void);
/*
 * The cell's process is gone, or about to be forked: pid is 0 then, board_enter
 * fills it in.
 */
void board_reset_cell(int cell, CellState state, pid_t pid);

#endif /* SHM_BOARD_H */
