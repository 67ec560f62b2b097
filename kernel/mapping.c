// SPDX-License-Identifier: GPL-2.0-only
/*
 * mapping.c - who maps whose area, as the readers report it
 *
 * An announcement pins the owner's slot, so that the addresses are not given
 * to a stranger while a reader still has the old memory there.
 */

#include <linux/errno.h>
#include <linux/slab.h>
#include <linux/string.h>

#include <agk_trace.h>

#include "registry.h"

static int report_is_valid(const struct agnocast_map_report *report)
{
	if (report->state < AGNOCAST_WILL_MAP || report->state > AGNOCAST_UNMAPPED)
		return -EINVAL;
	if (report->parts & ~AGNOCAST_MAP_PARTS)
		return -EINVAL;
	if (!report->parts != (report->state == AGNOCAST_UNMAPPED))
		return -EINVAL;
	if (!report->error != (report->state != AGNOCAST_REFUSED) ||
	    report->error > 4095)
		return -EINVAL;
	return 0;
}

static struct agk_mapping *mapping_find(struct agk_session *reader, u64 owner)
{
	struct agk_mapping *mapping;

	lockdep_assert_held(&reader->world->lock);
	list_for_each_entry(mapping, &reader->mappings, of_reader)
		if (mapping->owner_id == owner)
			return mapping;
	return NULL;
}

/* The owner's roster entries say how many are blind to it. */
static void set_blind(struct agk_mapping *mapping, bool blind)
{
	struct agk_session *owner = mapping->owner;
	struct agk_endpoint *endpoint;

	lockdep_assert_held(&mapping->reader->world->lock);
	if (mapping->blind == blind)
		return;
	mapping->blind = blind;
	mapping->acknowledged = false;
	if (!owner)
		return;
	owner->blind += blind ? 1 : -1;
	list_for_each_entry(endpoint, &owner->endpoints, of_session)
		agk_topic_publish(endpoint->topic);
}

static void mapping_set(struct agk_mapping *mapping, u32 state, u32 parts, u32 error)
{
	lockdep_assert_held(&mapping->reader->world->lock);
	mapping->state = state;
	mapping->parts = parts;
	mapping->error = error;
	trace_agnocast_map(mapping->owner_id, mapping->reader->id,
			   mapping->reader->who.pid, state, parts, error);
	if (state == AGNOCAST_MAPPED)
		mapping->mapped = parts;
	else if (state == AGNOCAST_UNMAPPED)
		mapping->mapped = 0;
	/*
	 * An attempt changes nothing: what the owner has acknowledged stands until
	 * the reader says that it sees.
	 */
	if (state != AGNOCAST_WILL_MAP)
		set_blind(mapping, state == AGNOCAST_REFUSED &&
				   !(mapping->mapped & AGNOCAST_MAP_CONTROL));
}

static void mapping_drop(struct agk_mapping *mapping)
{
	struct agk_world *world = mapping->reader->world;

	lockdep_assert_held(&world->lock);
	mapping_set(mapping, AGNOCAST_UNMAPPED, 0, 0);
	if (mapping->owner)
		list_del(&mapping->of_owner);
	agk_window_unpin(&world->window, mapping->slot);
	list_del(&mapping->link);
	list_del(&mapping->of_reader);
	kfree(mapping);
}

static void announce(struct agk_mapping *mapping, struct agk_session *reader,
		     struct agk_session *owner)
{
	struct agk_world *world = reader->world;

	lockdep_assert_held(&reader->world->lock);
	mapping->serial = agk_next_serial(world);
	mapping->owner_id = owner->id;
	mapping->owner = owner;
	mapping->reader = reader;
	mapping->owner_pid = owner->who.pid;
	mapping->slot = owner->slot;
	agk_window_pin(&world->window, owner->slot);
	list_add_tail(&mapping->link, &world->mappings);
	list_add_tail(&mapping->of_reader, &reader->mappings);
	list_add_tail(&mapping->of_owner, &owner->mapped_by);
}

static void fill_report(const struct agk_mapping *mapping,
			struct agnocast_map_report *report)
{
	const struct agk_window *window = &mapping->reader->world->window;

	report->pid = mapping->owner_pid;
	report->base = agk_window_base(window, mapping->slot);
	report->size = window->params.area_size;
	report->acknowledged = mapping->acknowledged;
	report->pad = 0;
	agk_shm_name(report->shm_name, mapping->owner_pid);
}

/* Uses up *@fresh if there was no announcement yet. */
static int will_map(struct agk_session *reader, struct agk_mapping **fresh,
		    struct agnocast_map_report *report)
{
	struct agk_session *owner = agk_session_find(reader->world, report->owner);
	struct agk_mapping *mapping = mapping_find(reader, report->owner);

	lockdep_assert_held(&reader->world->lock);
	if (!owner || owner == reader || !owner->ready)
		return -ENOENT;
	if (!mapping) {
		mapping = *fresh;
		*fresh = NULL;
		announce(mapping, reader, owner);
	}
	mapping_set(mapping, AGNOCAST_WILL_MAP, report->parts, 0);
	fill_report(mapping, report);
	return 0;
}

static int outcome(struct agk_session *reader, struct agnocast_map_report *report)
{
	struct agk_mapping *mapping = mapping_find(reader, report->owner);

	lockdep_assert_held(&reader->world->lock);
	if (!mapping)
		return -ENOENT;
	if (report->state == AGNOCAST_UNMAPPED) {
		fill_report(mapping, report);
		report->acknowledged = 0;
		mapping_drop(mapping);
		return 0;
	}
	mapping_set(mapping, report->state, report->parts, report->error);
	fill_report(mapping, report);
	return 0;
}

int agk_mapping_report(struct agk_session *session,
		       struct agnocast_map_report *report)
{
	struct agk_world *world = session->world;
	struct agk_mapping *fresh = NULL;
	int ret = report_is_valid(report);

	if (ret)
		return ret;
	if (report->state == AGNOCAST_WILL_MAP) {
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL);
		if (!fresh)
			return -ENOMEM;
	}
	mutex_lock(&world->lock);
	if (session->ended)
		ret = -ENOTCONN;
	else if (report->state == AGNOCAST_WILL_MAP)
		ret = will_map(session, &fresh, report);
	else
		ret = outcome(session, report);
	mutex_unlock(&world->lock);
	kfree(fresh);
	return ret;
}

int agk_mapping_acknowledge(struct agk_session *session, u64 reader)
{
	struct agk_world *world = session->world;
	struct agk_mapping *mapping;
	int ret = -ENOENT;

	mutex_lock(&world->lock);
	if (session->ended)
		ret = -ENOTCONN;
	list_for_each_entry(mapping, &session->mapped_by, of_owner) {
		if (ret != -ENOENT)
			break;
		if (mapping->reader->id != reader || !mapping->blind)
			continue;
		mapping->acknowledged = true;
		ret = 0;
	}
	mutex_unlock(&world->lock);
	return ret;
}

void agk_mappings_of_reader_end(struct agk_session *reader)
{
	lockdep_assert_held(&reader->world->lock);
	while (!list_empty(&reader->mappings))
		mapping_drop(list_first_entry(&reader->mappings,
					      struct agk_mapping, of_reader));
}

void agk_mappings_of_owner_end(struct agk_session *owner)
{
	struct agk_mapping *mapping, *next;

	lockdep_assert_held(&owner->world->lock);
	list_for_each_entry_safe(mapping, next, &owner->mapped_by, of_owner) {
		list_del(&mapping->of_owner);
		mapping->owner = NULL;
	}
}
