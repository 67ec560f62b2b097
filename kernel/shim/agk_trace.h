/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints exist in the module only; here they are nothing. */
#ifndef AGK_SHIM_TRACE_H
#define AGK_SHIM_TRACE_H

#define trace_agnocast_join(...) ((void)0)
#define trace_agnocast_leave(...) ((void)0)
#define trace_agnocast_endpoint_add(...) ((void)0)
#define trace_agnocast_endpoint_remove(...) ((void)0)
#define trace_agnocast_map(...) ((void)0)
#define trace_agnocast_wake(...) ((void)0)

#endif /* AGK_SHIM_TRACE_H */
