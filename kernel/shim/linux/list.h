/* SPDX-License-Identifier: GPL-2.0-only */
/* Circular doubly linked lists with the kernel's names, for user space. */
#ifndef AGK_SHIM_LIST_H
#define AGK_SHIM_LIST_H

#include <linux/kernel.h>

struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *head)
{
	head->next = head;
	head->prev = head;
}

static inline void list_insert_(struct list_head *item, struct list_head *before)
{
	item->prev = before->prev;
	item->next = before;
	before->prev->next = item;
	before->prev = item;
}

static inline void list_add(struct list_head *item, struct list_head *head)
{
	list_insert_(item, head->next);
}

static inline void list_add_tail(struct list_head *item, struct list_head *head)
{
	list_insert_(item, head);
}

static inline void list_del(struct list_head *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	item->next = NULL;
	item->prev = NULL;
}

static inline bool list_empty(const struct list_head *head)
{
	return head->next == head;
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
#define list_first_entry(head, type, member) \
	list_entry((head)->next, type, member)
#define list_next_entry_(pos, member) \
	list_entry((pos)->member.next, __typeof__(*(pos)), member)
#define list_for_each_entry(pos, head, member)				\
	for (pos = list_entry((head)->next, __typeof__(*(pos)), member);	\
	     &(pos)->member != (head); pos = list_next_entry_(pos, member))
#define list_for_each_entry_safe(pos, n, head, member)			\
	for (pos = list_entry((head)->next, __typeof__(*(pos)), member),	\
	     n = list_next_entry_(pos, member);				\
	     &(pos)->member != (head);					\
	     pos = n, n = list_next_entry_(n, member))

#endif /* AGK_SHIM_LIST_H */
