/*
 * board.c
 *		One status cell per process.  See board.h.
 *
 * A cell fills pages of its own, so that page protection can tell mine from
 * theirs.  There are two copies of what is in it, and a counter whose lowest bit
 * says which is current; the owner writes the other one.  So an owner that is
 * stopped, or killed, half-way leaves the current one as it was.  A reader that
 * sees the counter changed behind its copy tries again.
 *
 * Sleeping.  The owner counts naps: odd is asleep.  The reader process notes the
 * nap for which it has already written the eventfd, in its own memory, since it
 * may not write to others' cells either.  Both sides put a full fence between
 * their store (nap; head of the ring) and their load (head; nap): at least one
 * of them sees the other, so no wake-up is lost.
 */
#include "base.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exitcode.h"
#include "shm/board.h"
#include "shm/sharedmem.h"
#include "util/log.h"
#include "util/mem.h"
#include "util/monotime.h"

/* An owner that publishes faster than others can copy is given up. */
#define READ_ATTEMPTS 1000

typedef struct BoardCopy
{
	CellState state;
	BoardStatus status;
} BoardCopy;

typedef struct BoardCell
{
	_Atomic uint32_t state;
	_Atomic int32_t pid;
	_Atomic uint32_t naps; /* odd: asleep */
	_Atomic uint32_t generation;
	BoardCopy copies[2]; /* by the lowest bit of the generation */
	/* the monitor's: each by itself, not of one moment */
	_Atomic uint64_t awaited[BOARD_AWAITED_MAX];
} BoardCell;

static struct
{
	SharedMem memory;
	uint8_t *base;
	size_t cell_size;
	int cell_count;
	int own; /* -1 in the supervisor */
	/* what the board itself knows of the process, see board_publish */
	int64_t began;
	int64_t state_since;
	int *wake_fds;
	int supervisor_fd;
	uint32_t *woken; /* by cell: the nap that has been ended already */
} board = {.own = -1};

static const char *const state_names[] = {
	[CELL_FREE] = "free",
	[CELL_STARTING] = "starting",
	[CELL_SPARE] = "spare",
	[CELL_STARTUP] = "startup",
	[CELL_IDLE] = "idle",
	[CELL_CATCHUP] = "catchup",
	[CELL_STREAMING] = "streaming",
	[CELL_PAUSED] = "paused",
	[CELL_CONSOLE] = "console",
	[CELL_RUNNING] = "running",
};

const char *
board_cell_name(int cell)
{
	static const char *const services[] = {
		[BOARD_READER] = "reader",
		[BOARD_SPOOLER] = "spooler",
		[BOARD_MONITOR] = "monitor",
	};

	return cell < BOARD_FIRST_WORKER ? services[cell] : "worker";
}

const char *
board_state_name(CellState state)
{
	return state_names[state];
}

static const char *const source_names[] = {
	[BOARD_SOURCE_NONE] = NULL,
	[BOARD_SOURCE_RING] = "ring",
	[BOARD_SOURCE_SPOOL] = "spool",
	[BOARD_SOURCE_UPSTREAM] = "upstream",
	[BOARD_SOURCE_ARCHIVE] = "archive",
};

const char *
board_source_name(BoardSource source)
{
	return source_names[source];
}

static BoardCell *
cell_at(int cell)
{
	return (BoardCell *) (board.base + (size_t) cell * board.cell_size);
}

static int
new_eventfd(void)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		log_fatal(EXITCODE_STARTUP, "could not create an eventfd: %m");
	return fd;
}

void
board_create(int worker_count)
{
	size_t page = sharedmem_page_size();
	size_t size;

	board.cell_count = BOARD_FIRST_WORKER + worker_count;
	board.cell_size = (sizeof(BoardCell) + page - 1) / page * page;
	size = (size_t) board.cell_count * board.cell_size;
	sharedmem_create(&board.memory, "walbouncer-board", size);
	board.base = sharedmem_reserve(size);
	sharedmem_map(&board.memory, board.base, 0, size, true);
	board.wake_fds = mem_alloc((size_t) board.cell_count * sizeof(int));
	board.woken = mem_alloc0((size_t) board.cell_count * sizeof(uint32_t));
	for (int i = 0; i < board.cell_count; i++)
		board.wake_fds[i] = new_eventfd();
	board.supervisor_fd = new_eventfd();
}

/*
 * The descriptors of other cells: the reader and the monitor need them all, others
 * their own and the reader's.
 */
static void
close_foreign_fds(int own)
{
	if (own == BOARD_READER || own == BOARD_MONITOR)
		return;
	for (int i = 0; i < board.cell_count; i++)
	{
		if (i != own && i != BOARD_READER)
		{
			close(board.wake_fds[i]);
			board.wake_fds[i] = -1;
		}
	}
}

static BoardCopy *
current_copy(BoardCell *cell)
{
	return &cell->copies[atomic_load(&cell->generation) % 2];
}

/* The owner's copy that is not current, to be filled in. */
static BoardCopy *
write_begin(BoardCell *cell)
{
	BoardCopy *next = &cell->copies[(atomic_load(&cell->generation) + 1) % 2];

	/* who still reads it must see that the generation has changed */
	atomic_thread_fence(memory_order_release);
	return next;
}

static void
write_end(BoardCell *cell, BoardCopy *next)
{
	next->status.began = board.began;
	next->status.state_since = board.state_since;
	atomic_fetch_add_explicit(&cell->generation, 1, memory_order_release);
}

/* The process itself is news, not what it has published. */
static void
publish_own(CellState state)
{
	BoardCell *cell = cell_at(board.own);
	BoardCopy *next = write_begin(cell);

	next->state = state;
	next->status = current_copy(cell)->status;
	write_end(cell, next);
}

void
board_enter(int own)
{
	size_t offset = (size_t) own * board.cell_size;

	board.own = own;
	sharedmem_map(&board.memory, board.base, 0,
		(size_t) board.cell_count * board.cell_size, false);
	sharedmem_map(
		&board.memory, board.base + offset, offset, board.cell_size, true);
	sharedmem_close(&board.memory);
	/* not left to the parent, which would race with us */
	atomic_store(&cell_at(own)->pid, getpid());
	close_foreign_fds(own);
	board.began = monotime_pg_timestamp();
	board.state_since = board.began;
	publish_own(board_state(own));
}

void
board_set_state(CellState state)
{
	if (state == board_state(board.own))
		return;
	board.state_since = monotime_pg_timestamp();
	if (state == CELL_STARTUP && board.own >= BOARD_FIRST_WORKER)
		board.began = board.state_since;
	publish_own(state);
	atomic_store(&cell_at(board.own)->state, state);
}

void
board_publish(const BoardStatus *status)
{
	BoardCell *cell = cell_at(board.own);
	BoardCopy *next = write_begin(cell);

	next->state = board_state(board.own);
	next->status = *status;
	write_end(cell, next);
}

int
board_cell_count(void)
{
	return board.cell_count;
}

CellState
board_state(int cell)
{
	return (CellState) atomic_load(&cell_at(cell)->state);
}

pid_t
board_pid(int cell)
{
	return atomic_load(&cell_at(cell)->pid);
}

/* Whether what has been read since is of one moment. */
static bool
is_current(BoardCell *cell, uint32_t generation)
{
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&cell->generation, memory_order_relaxed) ==
		   generation;
}

bool
board_view(int i, BoardView *view)
{
	BoardCell *cell = cell_at(i);

	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++)
	{
		uint32_t generation =
			atomic_load_explicit(&cell->generation, memory_order_acquire);
		const BoardCopy *copy = &cell->copies[generation % 2];

		if (board_state(i) == CELL_FREE)
			return false;
		view->pid = atomic_load(&cell->pid);
		view->state = copy->state;
		view->status = copy->status;
		if (is_current(cell, generation))
			return true;
	}
	return false;
}

Lsn
board_slot_lsn(const char *name, pid_t pid, Lsn on_disk)
{
	for (int i = BOARD_FIRST_WORKER; i < board_cell_count(); i++)
	{
		BoardView view;

		if (board_pid(i) == pid && board_view(i, &view) &&
			strcmp(view.status.slot, name) == 0)
			return Max(on_disk, view.status.restart_lsn);
	}
	return on_disk;
}

void
board_set_awaited(size_t i, Lsn lsn)
{
	atomic_store(&cell_at(board.own)->awaited[i], lsn);
}

size_t
board_awaited(Lsn lsns[BOARD_AWAITED_MAX])
{
	BoardCell *cell = cell_at(BOARD_MONITOR);
	size_t count = 0;

	for (size_t i = 0; i < BOARD_AWAITED_MAX; i++)
	{
		Lsn lsn = atomic_load_explicit(&cell->awaited[i], memory_order_relaxed);

		if (lsn != InvalidLsn)
			lsns[count++] = lsn;
	}
	return count;
}

void
board_sleep_begin(void)
{
	atomic_fetch_or(&cell_at(board.own)->naps, 1);
	atomic_thread_fence(memory_order_seq_cst);
}

void
board_sleep_end(void)
{
	_Atomic uint32_t *naps = &cell_at(board.own)->naps;
	uint64_t count;

	if (atomic_load(naps) % 2 != 0)
		atomic_fetch_add(naps, 1);
	if (read(board.wake_fds[board.own], &count, sizeof(count)) < 0 &&
		errno != EAGAIN && errno != EINTR)
		log_fatal(EXITCODE_STARTUP, "could not read an eventfd: %m");
}

int
board_wake_fd(void)
{
	return board.wake_fds[board.own];
}

/* A full counter (EAGAIN) wakes as well as one more. */
static void
ring_bell(int fd)
{
	uint64_t one = 1;
	int save_errno = errno;

	if (write(fd, &one, sizeof(one)) < 0)
		errno = save_errno;
}

void
board_wake(int cell)
{
	ring_bell(board.wake_fds[cell]);
}

void
board_wake_self(void)
{
	if (board.own >= 0)
		ring_bell(board.wake_fds[board.own]);
}

void
board_wake_sleepers(void)
{
	atomic_thread_fence(memory_order_seq_cst);
	for (int i = BOARD_SPOOLER; i < board.cell_count; i++)
	{
		uint32_t naps = atomic_load(&cell_at(i)->naps);

		if (naps % 2 != 0 && naps != board.woken[i])
		{
			board.woken[i] = naps;
			board_wake(i);
		}
	}
}

void
board_wake_supervisor(void)
{
	ring_bell(board.supervisor_fd);
}

int
board_supervisor_fd(void)
{
	return board.supervisor_fd;
}

void
board_reset_cell(int i, CellState state, pid_t pid)
{
	BoardCell *cell = cell_at(i);

	/*
	 * naps (to the next even number) and generation go on counting: whoever noted
	 * one of them must not mistake the next owner's for it.  Who reads the copies
	 * meanwhile sees the cell free, or the generation change.
	 */
	atomic_store(&cell->state, CELL_FREE);
	atomic_store(&cell->naps, (atomic_load(&cell->naps) | 1) + 1);
	atomic_fetch_add(&cell->generation, 1);
	memset(cell->copies, 0, sizeof(cell->copies));
	for (size_t j = 0; j < BOARD_AWAITED_MAX; j++)
		atomic_store(&cell->awaited[j], InvalidLsn);
	cell->copies[0].state = cell->copies[1].state = state;
	atomic_fetch_add(&cell->generation, 1);
	atomic_store(&cell->pid, pid);
	atomic_store(&cell->state, state);
}
