/* SPDX-License-Identifier: BSD-2-Clause */
/* test_uapi.c - the ABI has no holes, and stays what it is */

#include <criterion/criterion.h>
#include <stddef.h>
#include <agnocast/layout.h>
#include <uapi/agnocast.h>

/* The size of a structure is the end of its last member: nothing after it. */
#define ENDS_WITH(type, last) \
	cr_expect_eq(sizeof(struct type), \
		     offsetof(struct type, last) + sizeof(((struct type *)0)->last), \
		     "padding after " #type "." #last " leaks memory")

Test(uapi, structures_end_without_padding)
{
	ENDS_WITH(agnocast_version, home);
	ENDS_WITH(agnocast_new_shm, shm_name);
	ENDS_WITH(agnocast_rejoin, abi);
	ENDS_WITH(agnocast_fd, fd_out);
	ENDS_WITH(agnocast_peer, shm_name);
	ENDS_WITH(agnocast_endpoint_add, peers_count);
	ENDS_WITH(agnocast_map_report, shm_name);
	ENDS_WITH(agnocast_leave, pad);
	ENDS_WITH(agnocast_list, record_size);
	ENDS_WITH(agnocast_session_info, shm_name);
	ENDS_WITH(agnocast_topic_info, name);
	ENDS_WITH(agnocast_endpoint_info, node);
	ENDS_WITH(agnocast_mapping_info, acknowledged);
	ENDS_WITH(agnocast_stale_info, shm_name);
	ENDS_WITH(agnocast_roster_entry, pad);
}

Test(uapi, sizes_are_frozen)
{
	cr_expect_eq(sizeof(struct agnocast_version), 56);
	cr_expect_eq(sizeof(struct agnocast_new_shm), 72);
	cr_expect_eq(sizeof(struct agnocast_fd), 24);
	cr_expect_eq(sizeof(struct agnocast_peer), 80);
	cr_expect_eq(sizeof(struct agnocast_endpoint_add), 384);
	cr_expect_eq(sizeof(struct agnocast_map_report), 80);
	cr_expect_eq(sizeof(struct agnocast_list), 48);
	cr_expect_eq(sizeof(struct agnocast_session_info), 104);
	cr_expect_eq(sizeof(struct agnocast_topic_info), 280);
	cr_expect_eq(sizeof(struct agnocast_endpoint_info), 120);
	cr_expect_eq(sizeof(struct agnocast_mapping_info), 72);
	cr_expect_eq(sizeof(struct agnocast_roster_entry), 64);
}

Test(uapi, a_list_of_all_endpoints_fits_its_roster)
{
	cr_expect_eq(AGNOCAST_ROSTER_COPY,
		     AGNOCAST_ENDPOINTS_MAX * sizeof(struct agnocast_roster_entry));
	cr_expect_leq(sizeof(struct agnocast_roster), AGNOCAST_ROSTER_PAGE);
	cr_expect_eq(AGNOCAST_ROSTER_STRIDE % AGNOCAST_ROSTER_PAGE, 0);
}

Test(layout, an_entry_is_one_cache_line)
{
	cr_expect_eq(sizeof(struct agnocast_entry), AGNOCAST_LINE);
	cr_expect_eq(offsetof(struct agnocast_ring, entry) % AGNOCAST_LINE, 0);
}

Test(layout, what_a_publish_looks_at_is_no_line_that_a_take_writes)
{
	size_t claims = offsetof(struct agnocast_sub, claimed);

	cr_expect_leq(offsetof(struct agnocast_sub, bell) + 8, AGNOCAST_LINE);
	cr_expect_eq(claims, AGNOCAST_LINE);
	cr_expect_leq(offsetof(struct agnocast_sub, claim) + 7 * sizeof(uint64_t),
		      claims + AGNOCAST_LINE, "the first claims share the bitmap's line");
}

Test(layout, what_a_take_looks_at_is_no_line_that_each_publish_writes)
{
	size_t head = offsetof(struct agnocast_ring, head);
	size_t tail = offsetof(struct agnocast_ring, tail);

	cr_expect_eq(head % AGNOCAST_LINE, 0);
	cr_expect_eq(tail % AGNOCAST_LINE, 0);
	cr_expect_neq(head, tail);
	cr_expect_lt(offsetof(struct agnocast_ring, instance), head);
}
