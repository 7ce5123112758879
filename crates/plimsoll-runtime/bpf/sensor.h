/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * The records that go to the reader. `src/sensor/record.rs` reads them: the two change together.
 */
#pragma once

/* What a record is about. */
enum type {
	TYPE_EXEC = 1,
	TYPE_FORK = 2,
	TYPE_EXIT = 3,
	TYPE_CGROUP_MAKE = 4,
	TYPE_CGROUP_REMOVE = 5,
	TYPE_CALL = 6,
	TYPE_SOCKET_STATE = 7,
	TYPE_DNS = 8,
	TYPE_DENIED = 9,
};

/* Each stream has its own sequence per processor. No two programs that can interrupt each other share one. */
enum stream { STREAM_MUST = 0, STREAM_MAY = 1, STREAM_SOCKET = 2, STREAM_DNS = 3, STREAM_RING = 4, STREAM_DENIED = 5, STREAMS = 6 };

struct header {
	__u32 length;
	__u16 type;
	__u16 processor;
	__u16 stream;
	__u16 call; /* number of the system call */
	__u32 flags;
	__u64 sequence;
	__u64 time; /* since boot */
	__u64 cgroup;
	__u64 start; /* of the process, since boot */
	__u32 tgid, tid, parent, inner;
	__u32 uid, euid, gid, egid;
	__u64 effective, permitted;
	__s64 result;
	__u64 argument[4];
	char name[16];
};

enum flags {
	FLAG_CONTAINER = 1, /* in a process namespace of its own, or a cgroup of a container */
	FLAG_DRY_RUN = 2, /* would have been killed */
	FLAG_KILLED = 4,
	FLAG_COMPAT = 8, /* a system call of another word size */
};

/* After the header: fields of {u16 kind, u16 length, bytes}, each at a multiple of eight. */
enum field {
	FIELD_FILE = 1, /* struct file_facts */
	FIELD_PATH = 2, /* names from the last to the first, each with its zero byte */
	FIELD_DIRECTORY = 3, /* the same */
	FIELD_SECOND_DIRECTORY = 4, /* the same */
	FIELD_STRING = 5, /* as the program asked */
	FIELD_SECOND_STRING = 6,
	FIELD_THIRD_STRING = 7,
	FIELD_ARGUMENTS = 8,
	FIELD_ENVIRONMENT = 9,
	FIELD_IDENTITY = 10, /* struct identity */
	FIELD_SOCKET = 11, /* struct socket_facts */
	FIELD_UNIX = 12, /* sun_path */
	FIELD_CHILD = 13, /* struct child_facts */
	FIELD_DATA = 14,
};

/* in another mount namespace than the process */
#define UPPER_FOREIGN 4
/* made by this open */
#define UPPER_CREATED 8

struct file_facts {
	__u64 inode;
	__u64 changed, modified; /* nanoseconds since 1970 */
	__u32 device, mode, owner, links, special;
	__u32 upper; /* 0 no, 1 yes, 2 not an overlay; with UPPER_FOREIGN, UPPER_CREATED */
	__u64 magic;
};

struct identity {
	__u64 inheritable;
	__u32 login, terminal, session, group;
	__u32 mount, process, network, user;
};

struct socket_facts {
	__u16 family, protocol, kind;
	__u16 local_port, remote_port;
	__u16 pad[3];
	__u8 local[16], remote[16];
};

struct child_facts {
	__u64 start;
	__u32 tgid, inner;
};

#define TAIL 20480
#define PATH_LIMIT 4096
#define DATA_LIMIT 4096
