/*
 * test_ring.c
 *		The WAL ring, in one process and under a racing writer in another.
 *
 * The byte at each LSN is a function of the LSN alone, so that any byte that a
 * reader is given can be judged without the writer.
 */
#include "base.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "shm/ring.h"

#define RING_SIZE ((size_t) 256 * 1024)
#define START UINT64_C(0x3000028)

static uint8_t
byte_at(Lsn lsn)
{
	return (uint8_t) ((lsn * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
}

static void
write_bytes(Ring *ring, size_t len)
{
	Lsn lsn = ring_state(ring).head;
	uint8_t *bytes = malloc(len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = byte_at(lsn + i);
	ring_write(ring, bytes, len);
	free(bytes);
}

static void
assert_bytes(const uint8_t *bytes, Lsn lsn, size_t len)
{
	for (size_t i = 0; i < len; i++)
		assert_int_equal(bytes[i], byte_at(lsn + i));
}

static void
empty_ring_is_on_no_timeline(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	uint8_t dst[16];
	size_t got = 77;

	(void) state;
	assert_int_equal(ring_state(ring).tli, 0);
	assert_int_equal(
		ring_read(ring, 1, START, dst, sizeof(dst), &got), RING_LOST);
	assert_int_equal(got, 77);
	free(ring);
}

static void
read_at_write_position_waits(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	uint8_t dst[16];
	size_t got;

	(void) state;
	ring_reset(ring, 1, START);
	assert_int_equal(
		ring_read(ring, 1, START, dst, sizeof(dst), &got), RING_WAIT);
	assert_int_equal(
		ring_read(ring, 1, START + 100, dst, sizeof(dst), &got), RING_WAIT);
	assert_int_equal(
		ring_read(ring, 1, START - 1, dst, sizeof(dst), &got), RING_LOST);
	assert_int_equal(
		ring_read(ring, 2, START, dst, sizeof(dst), &got), RING_LOST);
	free(ring);
}

static void
what_was_written_is_read(void **state)
{
	static const size_t sizes[] = {1, 7, 8192, 131072, RING_SIZE - 1, RING_SIZE,
		RING_SIZE + 1, 3 * RING_SIZE + 5};
	Ring *ring = ring_new(RING_SIZE);
	uint8_t *dst = malloc(RING_SIZE);

	(void) state;
	ring_reset(ring, 1, START);
	for (size_t i = 0; i < lengthof(sizes); i++)
	{
		RingState before;
		size_t got;

		write_bytes(ring, sizes[i]);
		before = ring_state(ring);
		assert_true(before.head - before.tail <= RING_SIZE);
		assert_int_equal(
			ring_read(ring, 1, before.tail, dst, RING_SIZE, &got), RING_OK);
		assert_int_equal(got, before.head - before.tail);
		assert_bytes(dst, before.tail, got);
		assert_int_equal(
			ring_read(ring, 1, before.tail - 1, dst, RING_SIZE, &got),
			RING_LOST);
	}
	free(dst);
	free(ring);
}

static void
reset_forgets(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	uint8_t dst[16];
	size_t got;

	(void) state;
	ring_reset(ring, 1, START);
	write_bytes(ring, 1000);
	ring_reset(ring, 2, START + 500);
	assert_int_equal(
		ring_read(ring, 1, START + 500, dst, sizeof(dst), &got), RING_LOST);
	assert_int_equal(
		ring_read(ring, 2, START + 500, dst, sizeof(dst), &got), RING_WAIT);
	assert_int_equal(ring_state(ring).head, START + 500);
	free(ring);
}

/* Writes as fast as it can, in odd portions; ended by a signal. */
static void
writer_process(Ring *ring)
{
	static uint8_t bytes[50000];
	unsigned turn = 0;

	for (;;)
	{
		Lsn lsn = ring_state(ring).head;
		size_t len = 1 + turn++ * 7919 % sizeof(bytes);

		for (size_t i = 0; i < len; i++)
			bytes[i] = byte_at(lsn + i);
		ring_write(ring, bytes, len);
	}
}

/* A reader that is slow on purpose: all it gets is right, and it does get lost. */
static void
racing_writer_never_tears_a_copy(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	uint8_t *dst = malloc(RING_SIZE);
	uint64_t read_count = 0;
	uint64_t lost_count = 0;
	Lsn lsn = START;
	pid_t writer;

	(void) state;
	ring_reset(ring, 1, START);
	writer = fork();
	assert_true(writer >= 0);
	if (writer == 0)
		writer_process(ring);
	ring_make_read_only(ring);
	while (read_count < 2000 || lost_count < 20)
	{
		size_t got;

		switch (ring_read(ring, 1, lsn, dst, RING_SIZE, &got))
		{
			case RING_OK:
				assert_bytes(dst, lsn, got);
				lsn += got;
				read_count++;
				break;
			case RING_WAIT:
				break;
			case RING_LOST:
				/* close behind the tail, where the writer is about to be */
				lsn = ring_state(ring).tail + 1;
				lost_count++;
				break;
		}
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	free(dst);
	free(ring);
}

/* kill -9 of the writer at any moment: what is published is good. */
static void
killed_writer_leaves_a_good_ring(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	uint8_t *dst = malloc(RING_SIZE);

	(void) state;
	ring_reset(ring, 1, START);
	for (int round = 0; round < 50; round++)
	{
		RingState s;
		size_t got;
		pid_t writer = fork();

		assert_true(writer >= 0);
		if (writer == 0)
			writer_process(ring);
		s = ring_state(ring);
		while (ring_state(ring).head < s.head + 100000 + (Lsn) round * 3001)
			;
		kill(writer, SIGKILL);
		waitpid(writer, NULL, 0);
		s = ring_state(ring);
		assert_true(s.head - s.tail <= RING_SIZE);
		assert_int_equal(
			ring_read(ring, 1, s.tail, dst, RING_SIZE, &got), RING_OK);
		assert_int_equal(got, s.head - s.tail);
		assert_bytes(dst, s.tail, got);
	}
	free(dst);
	free(ring);
}

/* Isolation: a process that gave up writing cannot, and cannot get it back. */
static void
read_only_ring_cannot_be_written(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	int status;
	pid_t child;

	(void) state;
	ring_reset(ring, 1, START);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
	{
		ring_make_read_only(ring);
		signal(SIGSEGV, SIG_DFL);
		signal(SIGBUS, SIG_DFL);
		ring_write(ring, (const uint8_t *) "x", 1);
		_exit(0);
	}
	waitpid(child, &status, 0);
	/* a sanitizer turns the signal into an exit status of its own */
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(ring_state(ring).head, START);
	free(ring);
}

/* What the ancestor had in common with the next timeline stays readable, no more. */
static void
switch_forgets_what_is_behind_it(void **state)
{
	Ring *ring = ring_new(RING_SIZE);
	uint8_t dst[4096];
	size_t got = 0;

	(void) state;
	ring_reset(ring, 1, START);
	write_bytes(ring, 3000);
	ring_switch(ring, 2, START + 1000);
	assert_int_equal(ring_state(ring).tli, 2);
	assert_int_equal(ring_state(ring).tail, START);
	assert_int_equal(ring_state(ring).head, START + 1000);
	assert_int_equal(
		ring_read(ring, 1, START, dst, sizeof(dst), &got), RING_LOST);
	assert_int_equal(
		ring_read(ring, 2, START, dst, sizeof(dst), &got), RING_OK);
	assert_int_equal(got, 1000);
	assert_bytes(dst, START, got);
	assert_int_equal(
		ring_read(ring, 2, START + 1000, dst, sizeof(dst), &got), RING_WAIT);
	/* of what the ring does not hold nothing is left */
	ring_switch(ring, 3, START - 8);
	assert_int_equal(ring_state(ring).tail, START - 8);
	assert_int_equal(ring_state(ring).head, START - 8);
	assert_int_equal(
		ring_read(ring, 3, START, dst, sizeof(dst), &got), RING_WAIT);
	free(ring);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_ring_is_on_no_timeline),
		cmocka_unit_test(read_at_write_position_waits),
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(reset_forgets),
		cmocka_unit_test(racing_writer_never_tears_a_copy),
		cmocka_unit_test(killed_writer_leaves_a_good_ring),
		cmocka_unit_test(read_only_ring_cannot_be_written),
		cmocka_unit_test(switch_forgets_what_is_behind_it),
	};

	return cmocka_run_group_tests_name("ring", tests, NULL, NULL);
}
