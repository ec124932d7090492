/*
 * sharedmem.c
 *		Shared memory whose write permission can be given up.  See sharedmem.h.
 */
#include "base.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "exitcode.h"
#include "shm/sharedmem.h"
#include "util/log.h"

size_t
sharedmem_page_size(void)
{
	return (size_t) sysconf(_SC_PAGESIZE);
}

void
sharedmem_create(SharedMem *m, const char *name, size_t size)
{
	char path[64];

	m->rw_fd = memfd_create(name, MFD_CLOEXEC);
	/* reserved now, so that a full memory shows here and not as SIGBUS later */
	if (m->rw_fd < 0 || fallocate(m->rw_fd, 0, 0, (off_t) size) != 0)
		log_fatal(EXITCODE_STARTUP,
			"could not create shared memory of %zu bytes: %m", size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->rw_fd);
	m->ro_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (m->ro_fd < 0)
		log_fatal(
			EXITCODE_STARTUP, "could not open shared memory for reading: %m");
}

uint8_t *
sharedmem_reserve(size_t size)
{
	void *addr =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (addr == MAP_FAILED)
		log_fatal(EXITCODE_STARTUP,
			"could not reserve %zu bytes of address space: %m", size);
	return addr;
}

void
sharedmem_map(
	const SharedMem *m, void *addr, size_t offset, size_t size, bool writable)
{
	int prot = writable ? PROT_READ | PROT_WRITE : PROT_READ;
	int fd = writable ? m->rw_fd : m->ro_fd;

	if (mmap(addr, size, prot, MAP_SHARED | MAP_FIXED, fd, (off_t) offset) ==
		MAP_FAILED)
		log_fatal(EXITCODE_STARTUP, "could not map shared memory: %m");
}

void
sharedmem_close(SharedMem *m)
{
	if (m->rw_fd >= 0)
		close(m->rw_fd);
	if (m->ro_fd >= 0)
		close(m->ro_fd);
	m->rw_fd = m->ro_fd = -1;
}

static size_t
whole_pages(size_t size)
{
	size_t page = sharedmem_page_size();

	return (size + page - 1) / page * page;
}

void *
sharedmem_make(SharedMem *m, const char *name, size_t size)
{
	uint8_t *addr = sharedmem_reserve(whole_pages(size));

	sharedmem_create(m, name, whole_pages(size));
	sharedmem_map(m, addr, 0, whole_pages(size), true);
	return addr;
}

void
sharedmem_enter(SharedMem *m, void *addr, size_t size, bool writable)
{
	if (!writable)
		sharedmem_map(m, addr, 0, whole_pages(size), false);
	sharedmem_close(m);
}
