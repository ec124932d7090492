/*
 * mutate.h
 *		Bytes for decoders to fail on: copies of exactly the right size, so that
 *		the address sanitizer sees one byte read too far, and seeded random
 *		damage, so that a failure comes again.
 */
#ifndef MUTATE_H
#define MUTATE_H

#include "base.h"

#include <stdlib.h>
#include <string.h>

#define MUTATIONS 100000

/* xorshift64*; *state must not be 0. */
static inline uint32_t
random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return (uint32_t) ((*state * UINT64_C(2685821657736338717)) >> 32);
}

/* The first len bytes, in memory that ends with them. */
static inline uint8_t *
exact_copy(const void *bytes, size_t len)
{
	uint8_t *copy = malloc(len);

	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

/*
 * A copy with one to four bytes changed, and one time in four each a piece cut
 * off or random bytes added.  To be freed by the caller.
 */
static inline uint8_t *
mutated_copy(uint64_t *state, const void *bytes, size_t len, size_t *out_len)
{
	uint32_t how = random_next(state) % 4;
	size_t n = len;
	uint8_t *copy;

	if (how == 0)
		n = random_next(state) % (len + 1);
	else if (how == 1)
		n = len + random_next(state) % 16;
	copy = malloc(n);
	memcpy(copy, bytes, Min(n, len));
	for (size_t i = len; i < n; i++)
		copy[i] = (uint8_t) random_next(state);
	for (uint32_t i = random_next(state) % 4 + 1; n > 0 && i > 0; i--)
	{
		uint8_t value = (uint8_t) random_next(state);

		/* Zero and the largest values are where the mistakes are. */
		if (value % 8 == 0)
			value = 0;
		else if (value % 8 == 1)
			value = 0xFF;
		copy[random_next(state) % n] = value;
	}
	*out_len = n;
	return copy;
}

#endif /* MUTATE_H */
