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

/* The cells of the reader and the spooler; workers have those behind. */
#define BOARD_READER 0
#define BOARD_SPOOLER 1
#define BOARD_FIRST_WORKER 2

typedef enum CellState
{
	CELL_FREE,
	CELL_STARTING,  /* forked, not ready yet */
	CELL_SPARE,     /* a worker that waits for a connection */
	CELL_STARTUP,   /* has a connection that has not told who it is */
	CELL_IDLE,      /* waits for a command */
	CELL_CATCHUP,   /* streams what the standby has missed */
	CELL_STREAMING, /* streams what comes in */
	CELL_RUNNING    /* a process that is not a worker */
} CellState;

/* "spare", "streaming", ... */
const char *board_state_name(CellState state);

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
	uint8_t cancel_key[BOARD_KEY_SIZE];
	uint32_t cancel_key_len;
} BoardStatus;

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
/* A consistent copy.  False if the cell is free, or its owner died writing. */
MUST_CHECK bool board_view(int cell, BoardView *view);
CellState board_state(int cell);
pid_t board_pid(int cell);

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
