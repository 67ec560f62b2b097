/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * agk_trace.h - tracepoints of the registry
 *
 * Every argument is a scalar, so that a raw tracepoint program needs no type
 * information of this module. Ids are those of the listing commands.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM agnocast

#if !defined(AGK_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define AGK_TRACE_H

#include <linux/tracepoint.h>

TRACE_EVENT(agnocast_join,
	TP_PROTO(u64 session, u32 pid, u32 slot, u64 base),
	TP_ARGS(session, pid, slot, base),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u32, pid)
		__field(u32, slot)
		__field(u64, base)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->pid = pid;
		__entry->slot = slot;
		__entry->base = base;
	),
	TP_printk("session=%llu pid=%u slot=%u base=%llx", __entry->session,
		  __entry->pid, __entry->slot, __entry->base)
);

TRACE_EVENT(agnocast_leave,
	TP_PROTO(u64 session, u32 pid, u32 endpoints, u32 names_left),
	TP_ARGS(session, pid, endpoints, names_left),
	TP_STRUCT__entry(
		__field(u64, session)
		__field(u32, pid)
		__field(u32, endpoints)
		__field(u32, names_left)
	),
	TP_fast_assign(
		__entry->session = session;
		__entry->pid = pid;
		__entry->endpoints = endpoints;
		__entry->names_left = names_left;
	),
	TP_printk("session=%llu pid=%u endpoints=%u names_left=%u",
		  __entry->session, __entry->pid, __entry->endpoints,
		  __entry->names_left)
);

DECLARE_EVENT_CLASS(agnocast_endpoint,
	TP_PROTO(u64 generation, u64 topic, u64 session, u32 pid, u32 kind),
	TP_ARGS(generation, topic, session, pid, kind),
	TP_STRUCT__entry(
		__field(u64, generation)
		__field(u64, topic)
		__field(u64, session)
		__field(u32, pid)
		__field(u32, kind)
	),
	TP_fast_assign(
		__entry->generation = generation;
		__entry->topic = topic;
		__entry->session = session;
		__entry->pid = pid;
		__entry->kind = kind;
	),
	TP_printk("generation=%llu topic=%llu session=%llu pid=%u kind=%u",
		  __entry->generation, __entry->topic, __entry->session,
		  __entry->pid, __entry->kind)
);

DEFINE_EVENT(agnocast_endpoint, agnocast_endpoint_add,
	TP_PROTO(u64 generation, u64 topic, u64 session, u32 pid, u32 kind),
	TP_ARGS(generation, topic, session, pid, kind)
);

DEFINE_EVENT(agnocast_endpoint, agnocast_endpoint_remove,
	TP_PROTO(u64 generation, u64 topic, u64 session, u32 pid, u32 kind),
	TP_ARGS(generation, topic, session, pid, kind)
);

/* state: AGNOCAST_WILL_MAP, _MAPPED, _REFUSED (with error), _UNMAPPED */
TRACE_EVENT(agnocast_map,
	TP_PROTO(u64 owner, u64 reader, u32 reader_pid, u32 state, u32 parts, u32 error),
	TP_ARGS(owner, reader, reader_pid, state, parts, error),
	TP_STRUCT__entry(
		__field(u64, owner)
		__field(u64, reader)
		__field(u32, reader_pid)
		__field(u32, state)
		__field(u32, parts)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->owner = owner;
		__entry->reader = reader;
		__entry->reader_pid = reader_pid;
		__entry->state = state;
		__entry->parts = parts;
		__entry->error = error;
	),
	TP_printk("owner=%llu reader=%llu reader_pid=%u state=%u parts=%u error=%u",
		  __entry->owner, __entry->reader, __entry->reader_pid,
		  __entry->state, __entry->parts, __entry->error)
);

/* sleepers: those that the publisher named; woken: those that had a bell */
TRACE_EVENT(agnocast_wake,
	TP_PROTO(u64 publisher, u64 session, u32 pid, u32 sleepers, u32 woken),
	TP_ARGS(publisher, session, pid, sleepers, woken),
	TP_STRUCT__entry(
		__field(u64, publisher)
		__field(u64, session)
		__field(u32, pid)
		__field(u32, sleepers)
		__field(u32, woken)
	),
	TP_fast_assign(
		__entry->publisher = publisher;
		__entry->session = session;
		__entry->pid = pid;
		__entry->sleepers = sleepers;
		__entry->woken = woken;
	),
	TP_printk("publisher=%llu session=%llu pid=%u sleepers=%u woken=%u",
		  __entry->publisher, __entry->session, __entry->pid,
		  __entry->sleepers, __entry->woken)
);

#endif /* AGK_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE agk_trace
#include <trace/define_trace.h>
