/* SPDX-License-Identifier: BSD-2-Clause */
/* hello.h - what the talker says: the same struct for both sides */
#ifndef HELLO_H
#define HELLO_H

#define HELLO_TOPIC	"/hello"

struct hello {
	unsigned int	number;
	const char	*text;	/* a heap pointer: it is valid in the listener too */
};

#endif
