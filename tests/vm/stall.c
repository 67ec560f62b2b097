/* SPDX-License-Identifier: BSD-2-Clause */
/* stall.c - a page on which the kernel waits until it is told to go on */

#include "stall.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096

int stall_make(struct stall *stall)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	stall->page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stall->fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	if (stall->page == MAP_FAILED || stall->fd < 0)
		return -errno;
	reg.range.start = (uintptr_t)stall->page;
	reg.range.len = PAGE;
	return ioctl(stall->fd, UFFDIO_API, &api) || ioctl(stall->fd, UFFDIO_REGISTER, &reg) ?
	       -errno : 0;
}

int stall_wait(struct stall *stall)
{
	struct uffd_msg msg;

	if (read(stall->fd, &msg, sizeof(msg)) != sizeof(msg))
		return -errno;
	return msg.event == UFFD_EVENT_PAGEFAULT ? 0 : -EPROTO;
}

int stall_resolve(struct stall *stall, const void *content, size_t len)
{
	static _Alignas(PAGE) char page[PAGE];
	struct uffdio_copy copy = { .dst = (uintptr_t)stall->page, .src = (uintptr_t)page,
				    .len = PAGE };

	memset(page, 0, sizeof(page));
	if (len)
		memcpy(page, content, len);
	return ioctl(stall->fd, UFFDIO_COPY, &copy) ? -errno : 0;
}

void stall_end(struct stall *stall)
{
	close(stall->fd);
	munmap(stall->page, PAGE);
}
