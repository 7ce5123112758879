/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * The portable sensor: BTF raw tracepoints, no kprobes, no tracefs. Programs that need trampolines stand at the end: they
 * see and do more, and no other needs them. Each program is loaded for itself; what a kernel refuses is left out.
 *
 * What can be read from the kernel is read there (descriptor -> file -> path, socket -> addresses), when the system
 * call is over and the program can no longer change it. Paths of calls that name a file without opening it (rename,
 * unlink, ...) have no such truth at a tracepoint: they are what the program asked for, with the directory that the
 * kernel held for it.
 */
#include "kernel.h"
#include "sensor.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFCHR 0020000
#define O_ACCMODE 3
#define O_CREAT 0100
#define O_TRUNC 01000
#define EPERM 1
#define EACCES 13
#define EROFS 30
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define SOCK_RAW 3
#define TCP_SYN_SENT 2
#define TCP_CLOSE 7
#define TCP_LISTEN 10
#define IPPROTO_UDP 17
#define OVERLAYFS_SUPER_MAGIC 0x794c7630
#define TS_COMPAT 2
#define PROT_EXEC 4
#define MAP_ANONYMOUS 0x20
#define CLONE_NEWNS 0x00020000
#define FMODE_CREATED 0x100000
#define CLONE_NEWUSER 0x10000000
#define CLONE_NEWPID 0x20000000
#define CLONE_NEWNET 0x40000000

/* Set before loading, constant afterwards. */
const volatile struct {
	__u32 own; /* our own process: never reported */
	__s32 subsystem; /* where containers are only in the first version of cgroups: the subsystem to go by; else -1 */
	__s32 hierarchy; /* its hierarchy; 0 for the second version */
	__u32 only_containers;
	__u32 environment; /* read the variables of new programs */
	__u32 wake_at; /* bytes that wait in a ring before its reader is woken */
} config SEC(".rodata.config") = { .subsystem = -1, .wake_at = 256 << 10 };

/* What to do at the end of a system call. Changed while running. Positions are those of arguments, plus one. */
enum kind { KIND_NONE, KIND_PLAIN, KIND_OPEN, KIND_DESCRIPTOR, KIND_SOCKET, KIND_SOCKET_MAKE, KIND_DUPLICATE, KIND_MAP };
enum failures { FAILURES_NONE, FAILURES_REFUSED, FAILURES_ALL };
struct plan {
	__u8 kind, stream, failures, identity;
	__u8 directory, path; /* a path, and the descriptor of the directory that it starts at; 0: where the process is */
	__u8 second_directory, second_path;
	__u8 third;
	__u8 descriptor; /* 255: what the call returned */
	__u8 flags; /* of an open */
	__u8 root; /* report the root that the process has now */
};
#define CALLS 512
struct plan plans[2 * CALLS] SEC(".data.plans"); /* those of 32-bit programs in the second half */

/* What to do with programs that are on the upper layer of an overlay, or in memory only. Changed while running. */
enum response { RESPONSE_NONE, RESPONSE_DRY_RUN, RESPONSE_KILL, RESPONSE_DENY };
struct {
	__u32 upper, memory;
	__u32 all_reads; /* report every open, not only writes and the names of `sensitive` */
	__u32 pad;
} policy SEC(".data.policy");

struct file_key { __u64 inode; __u32 device, pad; };
struct name_key { char name[32]; };
struct mapped_key { __u64 cgroup, inode, changed; __u32 device, pad; };

struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4 << 20); } must SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 8 << 20); } may SEC(".maps");
struct scratch { struct header header; char tail[TAIL]; };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, 1);
	__type(key, __u32); __type(value, struct scratch);
} scratch SEC(".maps");
struct counters { __u64 sequence, lost; };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY); __uint(max_entries, STREAMS);
	__type(key, __u32); __type(value, struct counters);
} counters SEC(".maps");
/* cgroups of containers, known before their first process runs */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 65536);
	__type(key, __u64); __type(value, __u8);
} containers SEC(".maps");
/* names of files and of folders whose reading is reported */
struct {
	__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096);
	__type(key, struct name_key); __type(value, __u8);
} sensitive SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 65536);
	__type(key, struct file_key); __type(value, __u8);
} denied_files SEC(".maps");
struct {
	__uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 4096);
	__type(key, struct name_key); __type(value, __u8);
} denied_names SEC(".maps");

/* system calls that were made in the cgroups of containers, one bit each: asked for while a baseline is learned */
struct call_bits { __u64 words[CALLS / 64]; };
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH); __uint(max_entries, 4096); __uint(map_flags, 1 /* BPF_F_NO_PREALLOC */);
	__type(key, __u64); __type(value, struct call_bits);
} called SEC(".maps");

/* files that were mapped to be executed: each is told once in a cgroup, and again when it changed */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH); __uint(max_entries, 65536);
	__type(key, struct mapped_key); __type(value, __u8);
} mapped SEC(".maps");

static __always_inline struct scratch *get_scratch(void)
{
	__u32 zero = 0;
	return bpf_map_lookup_elem(&scratch, &zero);
}

static __always_inline __u64 cgroup_of(struct task_struct *task)
{
	__s32 subsystem = config.subsystem;
	if (subsystem < 0)
		return BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	return BPF_CORE_READ(task, cgroups, subsys[subsystem & 15], cgroup, kn, id);
}

static __always_inline __u32 inner_id(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level) & 31;
	struct upid upid = {};
	bpf_probe_read_kernel(&upid, bpf_core_type_size(struct upid) > sizeof(upid) ? sizeof(upid) : sizeof(upid),
			      (char *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
	return upid.nr;
}

/* Begins a record of the current process. Answers 0 if it is to be reported; `always` is for records about others. */
static __always_inline int begin(__u32 type, __u32 stream, int always)
{
	struct scratch *s = get_scratch();
	if (!s)
		return 1;
	__u64 ids = bpf_get_current_pid_tgid();
	if (ids >> 32 == config.own && !always)
		return 1;
	struct task_struct *task = bpf_get_current_task_btf();
	struct header *h = &s->header;
	h->cgroup = cgroup_of(task);
	h->flags = 0;
	if (task->thread_pid && task->thread_pid->level > 0)
		h->flags = FLAG_CONTAINER;
	else if (bpf_map_lookup_elem(&containers, &h->cgroup))
		h->flags = FLAG_CONTAINER;
	else if (config.only_containers && !always)
		return 1;
	h->length = sizeof(*h);
	h->type = type;
	h->stream = stream;
	h->call = 0;
	h->processor = bpf_get_smp_processor_id();
	h->time = bpf_ktime_get_boot_ns();
	h->tgid = ids >> 32;
	h->tid = ids;
	h->start = task->group_leader->start_boottime;
	h->parent = task->real_parent->tgid;
	h->inner = inner_id(task->group_leader);
	const struct cred *cred = task->cred;
	h->uid = cred->uid.val;
	h->euid = cred->euid.val;
	h->gid = cred->gid.val;
	h->egid = cred->egid.val;
	bpf_probe_read_kernel(&h->effective, 8, &cred->cap_effective);
	bpf_probe_read_kernel(&h->permitted, 8, &cred->cap_permitted);
	h->result = 0;
	__builtin_memset(h->argument, 0, sizeof(h->argument));
	/* Of the process: threads have names of their own. */
	bpf_probe_read_kernel_str(h->name, sizeof(h->name), task->group_leader->comm);
	return 0;
}

/* Hands the record to its ring. What does not fit is a gap in the sequence, and counted. */
static __always_inline int finish(void)
{
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	__u32 stream = s->header.stream;
	struct counters *c = bpf_map_lookup_elem(&counters, &stream);
	if (!c)
		return 0;
	s->header.sequence = __sync_fetch_and_add(&c->sequence, 1);
	__u64 length = s->header.length;
	if (length > sizeof(*s))
		length = sizeof(*s);
	long failed;
	/* The reader looks at its rings every few milliseconds; waking it for each record costs ten times the record. */
	if (stream == STREAM_MUST)
		failed = bpf_ringbuf_output(&must, s, length,
			bpf_ringbuf_query(&must, BPF_RB_AVAIL_DATA) > config.wake_at ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	else
		failed = bpf_ringbuf_output(&may, s, length,
			bpf_ringbuf_query(&may, BPF_RB_AVAIL_DATA) > config.wake_at ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	if (failed)
		__sync_fetch_and_add(&c->lost, 1);
	return 0;
}

/* Room for a field of at most `limit` bytes: where its bytes go, or nothing. */
static __always_inline char *room(struct scratch *s, __u32 limit)
{
	__u32 at = s->header.length - sizeof(struct header);
	if (at > TAIL - 8 - 2 * PATH_LIMIT)
		return 0;
	return &s->tail[at];
}

static __always_inline void seal(struct scratch *s, char *at, __u32 kind, __u32 length)
{
	*(__u16 *)at = kind;
	*(__u16 *)(at + 2) = length;
	*(__u32 *)(at + 4) = 0;
	s->header.length += 8 + ((length + 7) & ~7u);
}

/* A string of the program. */
__noinline int put_string(__u64 pointer, __u32 kind)
{
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	char *at = room(s, PATH_LIMIT);
	if (!at)
		return 0;
	long length = bpf_probe_read_user_str(at + 8, PATH_LIMIT, (void *)pointer);
	if (length < 0 || length > PATH_LIMIT)
		length = 0;
	seal(s, at, kind, length);
	return 0;
}

/* A string of the kernel. */
__noinline int put_kernel_string(__u64 pointer, __u32 kind)
{
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	char *at = room(s, PATH_LIMIT);
	if (!at)
		return 0;
	long length = bpf_probe_read_kernel_str(at + 8, PATH_LIMIT, (void *)pointer);
	if (length < 0 || length > PATH_LIMIT)
		length = 0;
	seal(s, at, kind, length);
	return 0;
}

/* Bytes of the program, as arguments are: at most DATA_LIMIT. */
__noinline int put_data(__u64 pointer, __u64 length, __u32 kind)
{
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	char *at = room(s, DATA_LIMIT);
	if (!at)
		return 0;
	if (length > DATA_LIMIT)
		length = DATA_LIMIT;
	if (bpf_probe_read_user(at + 8, length, (void *)pointer))
		length = 0;
	seal(s, at, kind, length);
	return 0;
}

/* Walks from a file up to the root of its mount namespace. */
struct walk { __u64 dentry, mount; __u32 used, at, whole, pad; };

static long step(__u32 index, struct walk *walk)
{
	/* Copied to locals first: reading through `walk` would ask for a relocation of our own structure. */
	struct dentry *dentry = (void *)walk->dentry;
	struct mount *mount = (void *)walk->mount;
	struct dentry *root = BPF_CORE_READ(mount, mnt.mnt_root);
	struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == root || dentry == parent) {
		struct mount *above = BPF_CORE_READ(mount, mnt_parent);
		if (above == mount) {
			/* The root itself; a file without a place (in memory, a pipe) has its name here. */
			walk->whole = 1;
			if (walk->used)
				return 1;
		} else {
			walk->dentry = (__u64)BPF_CORE_READ(mount, mnt_mountpoint);
			walk->mount = (__u64)above;
			return 0;
		}
	}
	struct scratch *s = get_scratch();
	if (!s)
		return 1;
	__u32 used = walk->used, at = walk->at;
	if (used > PATH_LIMIT - 256 || at > TAIL - 2 * PATH_LIMIT)
		return 1;
	const unsigned char *name = BPF_CORE_READ(dentry, d_name.name);
	long length = bpf_probe_read_kernel_str(&s->tail[at + used], 256, name);
	if (length <= 0)
		return 1;
	walk->used = used + length;
	if (dentry == parent)
		return 1;
	walk->dentry = (__u64)parent;
	return 0;
}

__noinline int put_path(__u64 mount, __u64 dentry, __u32 kind)
{
	struct scratch *s = get_scratch();
	if (!s || !mount || !dentry)
		return 0;
	char *at = room(s, PATH_LIMIT);
	if (!at)
		return 0;
	struct walk walk = {
		.dentry = dentry,
		.mount = mount - bpf_core_field_offset(struct mount, mnt),
		.at = s->header.length - sizeof(struct header) + 8,
	};
	bpf_loop(160, step, &walk, 0);
	__u32 used = walk.used;
	/* Names that found no room stand above these: said as a name of its own. */
	__u32 begin = walk.at;
	if (!walk.whole && used <= PATH_LIMIT - 8 && begin <= TAIL - 2 * PATH_LIMIT) {
		__builtin_memcpy(&s->tail[begin + used], "...", 4);
		used += 4;
	}
	seal(s, at, kind, used > PATH_LIMIT ? PATH_LIMIT : used);
	return 0;
}

static __always_inline void put_path_of(struct path *path, __u32 kind)
{
	put_path((__u64)BPF_CORE_READ(path, mnt), (__u64)BPF_CORE_READ(path, dentry), kind);
}

static __always_inline __u64 nanoseconds(__s64 seconds, __s64 more)
{
	/* From 6.13 on the highest bit of the nanoseconds says that somebody has asked for them. */
	return seconds * 1000000000ull + (more & 0x7fffffff);
}

static __always_inline void times(struct inode *inode, struct file_facts *facts)
{
	struct timespec64 time = {};
	if (bpf_core_field_exists(inode->i_ctime_sec)) {
		facts->changed = nanoseconds(BPF_CORE_READ(inode, i_ctime_sec), BPF_CORE_READ(inode, i_ctime_nsec));
		facts->modified = nanoseconds(BPF_CORE_READ(inode, i_mtime_sec), BPF_CORE_READ(inode, i_mtime_nsec));
		return;
	}
	struct inode___5 *old = (void *)inode;
	struct inode___6_7 *newer = (void *)inode;
	if (bpf_core_field_exists(old->i_ctime))
		time = BPF_CORE_READ(old, i_ctime);
	else if (bpf_core_field_exists(newer->__i_ctime))
		time = BPF_CORE_READ(newer, __i_ctime);
	facts->changed = nanoseconds(time.tv_sec, time.tv_nsec);
	if (bpf_core_field_exists(old->i_mtime))
		time = BPF_CORE_READ(old, i_mtime);
	else if (bpf_core_field_exists(newer->__i_mtime))
		time = BPF_CORE_READ(newer, __i_mtime);
	facts->modified = nanoseconds(time.tv_sec, time.tv_nsec);
}

/* Whether the file is in a mount namespace other than the process: reached through /proc/PID/root, or a descriptor that
 * was kept. What is in none (pipes, memory) is not. */
static __always_inline int is_foreign(struct file *file)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vfsmount *seen = BPF_CORE_READ(file, f_path.mnt);
	struct mount *mount = (void *)((char *)seen - bpf_core_field_offset(struct mount, mnt));
	struct mnt_namespace *there = BPF_CORE_READ(mount, mnt_ns), *here = BPF_CORE_READ(task, nsproxy, mnt_ns);
	/* The kernel's own mounts have an error there. */
	return there && here && (unsigned long)there < -4095ul && there != here;
}

static __always_inline void file_facts(struct file *file, struct file_facts *facts)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	facts->changed = 0;
	facts->modified = 0;
	facts->inode = BPF_CORE_READ(inode, i_ino);
	facts->device = BPF_CORE_READ(inode, i_sb, s_dev);
	facts->mode = BPF_CORE_READ(inode, i_mode);
	facts->owner = BPF_CORE_READ(inode, i_uid.val);
	facts->links = BPF_CORE_READ(inode, i_nlink);
	facts->special = BPF_CORE_READ(inode, i_rdev);
	facts->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	facts->upper = 2;
	if (facts->magic == OVERLAYFS_SUPER_MAGIC && bpf_core_type_exists(struct ovl_inode)) {
		struct ovl_inode *overlay = (void *)((char *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode));
		facts->upper = BPF_CORE_READ(overlay, __upperdentry) ? 1 : 0;
	}
	if (is_foreign(file))
		facts->upper |= UPPER_FOREIGN;
	if (BPF_CORE_READ(file, f_mode) & FMODE_CREATED)
		facts->upper |= UPPER_CREATED;
	times(inode, facts);
}

/* What a file is, and the path that leads to it. */
__noinline int put_file(__u64 pointer)
{
	struct scratch *s = get_scratch();
	if (!s || !pointer)
		return 0;
	char *at = room(s, sizeof(struct file_facts));
	if (!at)
		return 0;
	struct file *file = (void *)pointer;
	struct file_facts *facts = (void *)(at + 8);
	file_facts(file, facts);
	seal(s, at, FIELD_FILE, sizeof(*facts));
	put_path((__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry), FIELD_PATH);
	return 0;
}

/* Namespaces, terminal, session: what changes seldom. */
__noinline int put_identity(void)
{
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	char *at = room(s, sizeof(struct identity));
	if (!at)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	struct identity *identity = (void *)(at + 8);
	const struct cred *cred = BPF_CORE_READ(task, cred);
	identity->inheritable = 0;
	bpf_probe_read_kernel(&identity->inheritable, 8, &cred->cap_inheritable);
	identity->login = bpf_core_field_exists(task->loginuid) ? BPF_CORE_READ(task, loginuid.val) : 0xffffffff;
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);
	identity->terminal = 0;
	if (tty)
		identity->terminal = BPF_CORE_READ(tty, driver, major) << 20
			| (BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index));
	identity->group = BPF_CORE_READ(task, signal, pids[2], numbers[0].nr);
	identity->session = BPF_CORE_READ(task, signal, pids[3], numbers[0].nr);
	identity->mount = BPF_CORE_READ(task, nsproxy, mnt_ns, ns.inum);
	identity->network = BPF_CORE_READ(task, nsproxy, net_ns, ns.inum);
	identity->user = BPF_CORE_READ(cred, user_ns, ns.inum);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(pid, level) & 31;
	struct pid_namespace *processes = 0;
	bpf_probe_read_kernel(&processes, sizeof(processes),
		(char *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid)
			+ bpf_core_field_offset(struct upid, ns));
	identity->process = processes ? BPF_CORE_READ(processes, ns.inum) : 0;
	seal(s, at, FIELD_IDENTITY, sizeof(*identity));
	return 0;
}

static __always_inline void socket_facts(struct sock *sk, struct socket_facts *facts)
{
	__builtin_memset(facts, 0, sizeof(*facts));
	facts->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	facts->protocol = BPF_CORE_READ(sk, sk_protocol);
	facts->kind = BPF_CORE_READ(sk, sk_type);
	facts->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	facts->remote_port = __builtin_bswap16(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (facts->family == AF_INET) {
		bpf_probe_read_kernel(facts->local, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_probe_read_kernel(facts->remote, 4, &sk->__sk_common.skc_daddr);
	} else if (facts->family == AF_INET6) {
		bpf_probe_read_kernel(facts->local, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_probe_read_kernel(facts->remote, 16, &sk->__sk_common.skc_v6_daddr);
	}
}

__noinline int put_socket(__u64 pointer)
{
	struct scratch *s = get_scratch();
	if (!s || !pointer)
		return 0;
	char *at = room(s, sizeof(struct socket_facts));
	if (!at)
		return 0;
	struct sock *sk = (void *)pointer;
	struct socket_facts *facts = (void *)(at + 8);
	socket_facts(sk, facts);
	__u16 family = facts->family;
	seal(s, at, FIELD_SOCKET, sizeof(*facts));
	if (family != AF_UNIX)
		return 0;
	/* The end that has an address: the listener's, which its accepted sockets share. */
	struct unix_sock *here = (void *)sk;
	struct sock *there = BPF_CORE_READ(here, peer);
	struct unix_address *address = 0;
	if (there) {
		struct unix_sock *peer = (void *)there;
		address = BPF_CORE_READ(peer, addr);
	}
	if (!address)
		address = BPF_CORE_READ(here, addr);
	at = room(s, 112);
	if (!address || !at)
		return 0;
	__u32 length = BPF_CORE_READ(address, len);
	if (length < 2)
		return 0;
	length -= 2;
	if (length > 108)
		length = 108;
	if (bpf_probe_read_kernel(at + 8, length, (char *)address + bpf_core_field_offset(struct unix_address, name) + 2) == 0)
		seal(s, at, FIELD_UNIX, length);
	return 0;
}

static __always_inline struct file *file_of(struct task_struct *task, __u32 descriptor)
{
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	if (!table || descriptor >= BPF_CORE_READ(table, max_fds))
		return 0;
	struct file **files = BPF_CORE_READ(table, fd), *file = 0;
	bpf_probe_read_kernel(&file, sizeof(file), &files[descriptor]);
	return file;
}

/* The directory that a path starts at. */
__noinline int put_directory(__u64 descriptor, __u32 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	if ((__s32)descriptor >= 0) {
		struct file *file = file_of(task, descriptor);
		if (file)
			put_path((__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry), kind);
		return 0;
	}
	put_path((__u64)BPF_CORE_READ(task, fs, pwd.mnt), (__u64)BPF_CORE_READ(task, fs, pwd.dentry), kind);
	return 0;
}

static __always_inline __u32 response_to(struct file *file, struct inode *inode)
{
	__u32 response = RESPONSE_NONE;
	struct file_key key = { .inode = inode->i_ino, .device = inode->i_sb->s_dev };
	__u8 *value = bpf_map_lookup_elem(&denied_files, &key);
	if (value)
		response = *value;
	struct name_key name = {};
	bpf_probe_read_kernel_str(name.name, sizeof(name.name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	value = bpf_map_lookup_elem(&denied_names, &name);
	if (value && *value > response)
		response = *value;
	if (policy.memory > response && inode->i_nlink == 0)
		response = policy.memory;
	if (policy.upper > response && inode->i_sb->s_magic == OVERLAYFS_SUPER_MAGIC && bpf_core_type_exists(struct ovl_inode)) {
		struct ovl_inode *overlay = (void *)((char *)inode - bpf_core_field_offset(struct ovl_inode, vfs_inode));
		if (BPF_CORE_READ(overlay, __upperdentry))
			response = policy.upper;
	}
	return response;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, int old, struct linux_binprm *binary)
{
	if (begin(TYPE_EXEC, STREAM_MUST, 0))
		return 0;
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	/* Only ever in containers: a wrong name must not cost the machine. */
	if (s->header.flags & FLAG_CONTAINER) {
		__u32 response = response_to(binary->file, binary->file->f_inode);
		/* What was to be refused and came here all the same: the kernel takes no programs that refuse. */
		if (response >= RESPONSE_KILL && bpf_send_signal(9) == 0)
			s->header.flags |= FLAG_KILLED;
		else if (response != RESPONSE_NONE)
			s->header.flags |= FLAG_DRY_RUN;
	}
	struct mm_struct *memory = task->mm;
	unsigned long from = memory->arg_start, to = memory->arg_end;
	s->header.argument[0] = to - from;
	/* Read as plain numbers: functions that are verified for themselves take nothing else. */
	__u64 asked = (__u64)BPF_CORE_READ(binary, filename), run = (__u64)BPF_CORE_READ(binary, interp);
	put_file((__u64)BPF_CORE_READ(binary, file));
	put_kernel_string(asked, FIELD_STRING);
	if (run != asked)
		put_kernel_string(run, FIELD_SECOND_STRING);
	put_data(from, to - from, FIELD_ARGUMENTS);
	put_directory(-1, FIELD_DIRECTORY);
	put_identity();
	if (config.environment)
		put_data(memory->env_start, memory->env_end - memory->env_start, FIELD_ENVIRONMENT);
	return finish();
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child->pid != child->tgid)
		return 0;
	if (begin(TYPE_FORK, STREAM_MUST, 0))
		return 0;
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	char *at = room(s, sizeof(struct child_facts));
	if (!at)
		return 0;
	struct child_facts *facts = (void *)(at + 8);
	facts->start = child->start_boottime;
	facts->tgid = child->tgid;
	facts->inner = inner_id(child);
	/* Namespaces that were made for the child. */
	__u64 made = 0;
	if (BPF_CORE_READ(parent, cred, user_ns) != BPF_CORE_READ(child, cred, user_ns))
		made |= CLONE_NEWUSER;
	if (BPF_CORE_READ(parent, nsproxy, mnt_ns) != BPF_CORE_READ(child, nsproxy, mnt_ns))
		made |= CLONE_NEWNS;
	if (BPF_CORE_READ(parent, nsproxy, net_ns) != BPF_CORE_READ(child, nsproxy, net_ns))
		made |= CLONE_NEWNET;
	if (BPF_CORE_READ(child, thread_pid, level) > BPF_CORE_READ(parent, thread_pid, level))
		made |= CLONE_NEWPID;
	s->header.argument[0] = made;
	seal(s, at, FIELD_CHILD, sizeof(*facts));
	return finish();
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	/* Of the last thread of a process. */
	if (task->signal->live.counter != 0)
		return 0;
	if (begin(TYPE_EXIT, STREAM_MUST, 0))
		return 0;
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	__u32 code = task->signal->group_exit_code;
	s->header.argument[0] = code ? code : task->exit_code;
	return finish();
}

struct digits { __u32 run, length; };

static long count_digit(__u32 index, struct digits *digits)
{
	struct scratch *s = get_scratch();
	if (!s || index >= digits->length || index >= 160)
		return 1;
	char character = s->tail[index];
	if ((character >= '0' && character <= '9') || (character >= 'a' && character <= 'f'))
		digits->run++;
	else if (digits->run == 64)
		return 1;
	else
		digits->run = 0;
	return 0;
}

/* Whether a name holds what runtimes call a container: 64 hexadecimal digits. */
static __always_inline int names_container(struct scratch *s, const char *name)
{
	long length = bpf_probe_read_kernel_str(s->tail, 160, name);
	struct digits digits = { .length = length > 0 ? length : 0 };
	bpf_loop(160, count_digit, &digits, 0);
	return digits.run == 64;
}

static __always_inline int cgroup_event(struct cgroup *cgroup, const char *path, __u32 type)
{
	if (cgroup->root->hierarchy_id != config.hierarchy)
		return 0;
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	__u64 id = cgroup->kn->id;
	int container = 0;
	if (type == TYPE_CGROUP_MAKE) {
		__u64 above = BPF_CORE_READ(cgroup, self.parent, cgroup, kn, id);
		__u8 one = 1;
		container = bpf_map_lookup_elem(&containers, &above) || names_container(s, cgroup->kn->name);
		if (container)
			bpf_map_update_elem(&containers, &id, &one, BPF_ANY);
	} else {
		container = bpf_map_delete_elem(&containers, &id) == 0;
	}
	if (begin(type, STREAM_MUST, 1))
		return 0;
	s->header.argument[0] = id;
	s->header.argument[1] = container;
	put_kernel_string((__u64)path, FIELD_STRING);
	if (type == TYPE_CGROUP_MAKE) {
		/* Whoever makes it knows what will run in it, and may be gone when the record is read. */
		struct task_struct *task = bpf_get_current_task_btf();
		struct mm_struct *memory = BPF_CORE_READ(task, mm);
		if (memory) {
			__u64 from = BPF_CORE_READ(memory, arg_start), to = BPF_CORE_READ(memory, arg_end);
			put_data(from, to - from, FIELD_ARGUMENTS);
			put_directory(-1, FIELD_DIRECTORY);
		}
	}
	return finish();
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(on_cgroup_make, struct cgroup *cgroup, const char *path)
{
	return cgroup_event(cgroup, path, TYPE_CGROUP_MAKE);
}

SEC("?tp_btf/cgroup_rmdir")
int BPF_PROG(on_cgroup_remove, struct cgroup *cgroup, const char *path)
{
	return cgroup_event(cgroup, path, TYPE_CGROUP_REMOVE);
}

/* Whether opening the file is to be reported though nothing is written. */
static __always_inline int is_sensitive(struct file *file)
{
	struct name_key key = {};
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), BPF_CORE_READ(dentry, d_name.name));
	if (bpf_map_lookup_elem(&sensitive, &key))
		return 1;
	__builtin_memset(&key, 0, sizeof(key));
	bpf_probe_read_kernel_str(key.name, sizeof(key.name), BPF_CORE_READ(dentry, d_parent, d_name.name));
	return bpf_map_lookup_elem(&sensitive, &key) != 0;
}

/* Whether the file is known to be mapped in this cgroup; it is from now on. */
static __always_inline int was_mapped(struct task_struct *task, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct file_facts facts = {};
	times(inode, &facts);
	struct mapped_key key = {};
	key.cgroup = cgroup_of(task);
	key.inode = BPF_CORE_READ(inode, i_ino);
	key.device = BPF_CORE_READ(inode, i_sb, s_dev);
	key.changed = facts.changed;
	if (config.only_containers && !(task->thread_pid && task->thread_pid->level > 0)
	    && !bpf_map_lookup_elem(&containers, &key.cgroup))
		return 1;
	__u8 one = 1;
	if (bpf_map_lookup_elem(&mapped, &key))
		return 1;
	bpf_map_update_elem(&mapped, &key, &one, BPF_ANY);
	return 0;
}

/* Whether an open is to be reported. */
static __always_inline int is_wanted(struct file *file, __u64 flags)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	__u32 mode = BPF_CORE_READ(inode, i_mode) & S_IFMT;
	if (mode == S_IFREG) {
		if (flags & (O_ACCMODE | O_CREAT | O_TRUNC) || policy.all_reads)
			return 1;
	} else if (mode == S_IFBLK) {
		/* Disks: past all permissions of the files on them. */
		return 1;
	} else if (mode == S_IFCHR) {
		__u32 device = BPF_CORE_READ(inode, i_rdev), major = device >> 20, minor = device & 0xfffff;
		/* The kernel's memory and ports, and whatever is no zero, terminal or random number. */
		if (major != 1 && major != 5 && major != 136)
			return 1;
		if (major == 1 && (minor == 1 || minor == 2 || minor == 4 || minor == 11))
			return 1;
	} else if (policy.all_reads) {
		return 1;
	}
	return is_foreign(file) || is_sensitive(file);
}

SEC("?tp_btf/sys_exit")
int BPF_PROG(on_call, struct pt_regs *regs, long result)
{
	__u32 number = call_number(regs);
	if (number >= CALLS)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
	int narrow = 0;
#if defined(__TARGET_ARCH_x86)
	narrow = (task->thread_info.status & TS_COMPAT) != 0;
#endif
	struct plan *plan = &plans[number + (narrow ? CALLS : 0)];
	__u32 kind = plan->kind;
	if (kind == KIND_NONE)
		return 0;
	if (result < 0 && plan->failures != FAILURES_ALL
	    && (plan->failures == FAILURES_NONE || (result != -EPERM && result != -EACCES && result != -EROFS)))
		return 0;
	struct file *file = 0;
	struct sock *sk = 0;
	__u64 flags = 0;
	if (kind == KIND_OPEN) {
		if (plan->flags)
			flags = argument(regs, narrow, plan->flags - 1);
		if (result >= 0) {
			file = file_of(task, result);
			if (!file)
				return 0;
			/* What was opened, and what the kernel took out of its flags. */
			flags = BPF_CORE_READ(file, f_flags) | (flags & (O_CREAT | O_TRUNC));
			if (!is_wanted(file, flags))
				return 0;
		}
	} else if (kind == KIND_DESCRIPTOR || kind == KIND_SOCKET || kind == KIND_DUPLICATE) {
		__u64 descriptor = plan->descriptor == 255 ? result : argument(regs, narrow, (plan->descriptor - 1) & 7);
		if ((__s32)descriptor >= 0)
			file = file_of(task, descriptor);
		if (file && (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) == S_IFSOCK) {
			struct socket *socket = BPF_CORE_READ(file, private_data);
			sk = BPF_CORE_READ(socket, sk);
		}
		if (kind == KIND_SOCKET && !sk)
			return 0;
		/* A shell whose input or output is a socket. */
		if (kind == KIND_DUPLICATE && (!sk || (__u64)result > 2))
			return 0;
	} else if (kind == KIND_MAP) {
		if (!(argument(regs, narrow, 2) & PROT_EXEC) || argument(regs, narrow, 3) & MAP_ANONYMOUS)
			return 0;
		file = file_of(task, (__s32)argument(regs, narrow, 4));
		if (!file || was_mapped(task, file))
			return 0;
	} else if (kind == KIND_SOCKET_MAKE) {
		__u32 family = argument(regs, narrow, 0), type = argument(regs, narrow, 1) & 15;
		if ((family == AF_INET || family == AF_INET6 || family == AF_UNIX) && type != SOCK_RAW)
			return 0;
	}
	if (begin(TYPE_CALL, plan->stream & 1, 0))
		return 0;
	struct scratch *s = get_scratch();
	if (!s)
		return 0;
	s->header.call = number;
	s->header.result = result;
	if (narrow)
		s->header.flags |= FLAG_COMPAT;
	for (int index = 0; index < 4; index++)
		s->header.argument[index] = argument(regs, narrow, index);
	if (kind == KIND_OPEN)
		s->header.argument[3] = flags;
	if (sk)
		put_socket((__u64)sk);
	else if (file)
		put_file((__u64)file);
	if (!file || kind != KIND_OPEN) {
		if (plan->path) {
			put_directory(plan->directory ? argument(regs, narrow, (plan->directory - 1) & 7) : -1, FIELD_DIRECTORY);
			put_string(argument(regs, narrow, (plan->path - 1) & 7), FIELD_STRING);
		}
		if (plan->second_path) {
			put_directory(plan->second_directory ? argument(regs, narrow, (plan->second_directory - 1) & 7) : -1,
				      FIELD_SECOND_DIRECTORY);
			put_string(argument(regs, narrow, (plan->second_path - 1) & 7), FIELD_SECOND_STRING);
		}
		if (plan->third)
			put_string(argument(regs, narrow, (plan->third - 1) & 7), FIELD_THIRD_STRING);
	}
	if (plan->root)
		put_path((__u64)BPF_CORE_READ(task, fs, root.mnt), (__u64)BPF_CORE_READ(task, fs, root.dentry), FIELD_PATH);
	if (plan->identity)
		put_identity();
	return finish();
}

/* A short record that is built in the ring itself: of programs that run while a record is in the scratch space. */
struct socket_record { struct header header; __u16 kind, length; __u32 pad; struct socket_facts facts; };
struct dns_record {
	struct header header;
	__u16 kind, length; __u32 pad; struct socket_facts facts;
	__u16 data_kind, data_length; __u32 data_pad; char data[256];
};

static __always_inline int begin_short(struct header *h, __u32 type, __u32 stream, __u32 length, struct counters *c)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__builtin_memset(h, 0, sizeof(*h));
	__u64 ids = bpf_get_current_pid_tgid();
	/* Not looked up from the record: older kernels take no keys from a ring. */
	__u64 cgroup = cgroup_of(task);
	h->cgroup = cgroup;
	h->flags = 0;
	if ((task->thread_pid && task->thread_pid->level > 0) || bpf_map_lookup_elem(&containers, &cgroup))
		h->flags = FLAG_CONTAINER;
	h->length = length;
	h->type = type;
	h->stream = stream;
	h->processor = bpf_get_smp_processor_id();
	h->time = bpf_ktime_get_boot_ns();
	h->tgid = ids >> 32;
	h->tid = ids;
	h->start = task->group_leader->start_boottime;
	h->parent = task->real_parent->tgid;
	h->inner = inner_id(task->group_leader);
	const struct cred *cred = task->cred;
	h->uid = cred->uid.val;
	h->euid = cred->euid.val;
	h->gid = cred->gid.val;
	h->egid = cred->egid.val;
	bpf_probe_read_kernel(&h->effective, 8, &cred->cap_effective);
	bpf_probe_read_kernel(&h->permitted, 8, &cred->cap_permitted);
	bpf_probe_read_kernel_str(h->name, sizeof(h->name), task->group_leader->comm);
	return h->tgid == config.own || (config.only_containers && !h->flags);
}

static __always_inline __u64 wake(void)
{
	return bpf_ringbuf_query(&may, BPF_RB_AVAIL_DATA) > config.wake_at ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(on_socket_state, struct sock *sk, int before, int after)
{
	/* Only what the process does itself: the rest of a handshake happens in whoever runs when a packet comes. */
	if (before != TCP_CLOSE || (after != TCP_SYN_SENT && after != TCP_LISTEN))
		return 0;
	__u32 stream = STREAM_SOCKET;
	struct counters *c = bpf_map_lookup_elem(&counters, &stream);
	if (!c)
		return 0;
	struct socket_record *record = bpf_ringbuf_reserve(&may, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&c->sequence, 1);
		__sync_fetch_and_add(&c->lost, 1);
		return 0;
	}
	if (begin_short(&record->header, TYPE_SOCKET_STATE, stream, sizeof(*record), c)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return 0;
	}
	record->header.argument[0] = after;
	record->kind = FIELD_SOCKET;
	record->length = sizeof(record->facts);
	record->pad = 0;
	socket_facts(sk, &record->facts);
	record->header.sequence = __sync_fetch_and_add(&c->sequence, 1);
	bpf_ringbuf_submit(record, wake());
	return 0;
}

SEC("?tp_btf/net_dev_queue")
int BPF_PROG(on_packet, struct sk_buff *packet)
{
	/* Forwarded packets have no socket: each question is seen once, where it leaves its process. */
	struct sock *sk = packet->sk;
	if (!sk || sk->sk_protocol != IPPROTO_UDP)
		return 0;
	unsigned char *udp = packet->head + packet->transport_header;
	__u16 ports[2] = {};
	if (bpf_probe_read_kernel(ports, sizeof(ports), udp) || ports[1] != __builtin_bswap16(53))
		return 0;
	__u32 stream = STREAM_DNS;
	struct counters *c = bpf_map_lookup_elem(&counters, &stream);
	if (!c)
		return 0;
	struct dns_record *record = bpf_ringbuf_reserve(&may, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&c->sequence, 1);
		__sync_fetch_and_add(&c->lost, 1);
		return 0;
	}
	if (begin_short(&record->header, TYPE_DNS, stream, sizeof(*record), c)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return 0;
	}
	record->kind = FIELD_SOCKET;
	record->length = sizeof(record->facts);
	record->pad = 0;
	socket_facts(sk, &record->facts);
	record->facts.local_port = __builtin_bswap16(ports[0]);
	record->facts.remote_port = 53;
	/* A socket that is not connected has its addresses in the packet only. */
	unsigned char *ip = packet->head + packet->network_header;
	__u8 version = 0;
	bpf_probe_read_kernel(&version, 1, ip);
	if (version >> 4 == 4) {
		record->facts.family = AF_INET;
		__builtin_memset(record->facts.local, 0, 32);
		bpf_probe_read_kernel(record->facts.local, 4, ip + 12);
		bpf_probe_read_kernel(record->facts.remote, 4, ip + 16);
	} else {
		bpf_probe_read_kernel(record->facts.local, 16, ip + 8);
		bpf_probe_read_kernel(record->facts.remote, 16, ip + 24);
	}
	record->data_kind = FIELD_DATA;
	record->data_pad = 0;
	__u32 begins = packet->transport_header + 8, ends = packet->tail;
	__u32 length = ends > begins ? ends - begins : 0;
	if (length > sizeof(record->data))
		length = sizeof(record->data);
	if (bpf_probe_read_kernel(record->data, length, packet->head + begins))
		length = 0;
	record->data_length = length;
	/* What stands behind it is of an older record. */
	record->header.length = sizeof(*record) - sizeof(record->data) + ((length + 7) & ~7u);
	record->header.sequence = __sync_fetch_and_add(&c->sequence, 1);
	bpf_ringbuf_submit(record, wake());
	return 0;
}

SEC("?tp_btf/sys_enter")
int BPF_PROG(on_any_call, struct pt_regs *regs, long number)
{
	if ((unsigned long)number >= CALLS)
		return 0;
	struct task_struct *task = bpf_get_current_task_btf();
#if defined(__TARGET_ARCH_x86)
	if (task->thread_info.status & TS_COMPAT)
		return 0;
#endif
	__u64 cgroup = cgroup_of(task);
	if (!(task->thread_pid && task->thread_pid->level > 0) && !bpf_map_lookup_elem(&containers, &cgroup))
		return 0;
	/* The runtime, which is still making the container. */
	char name[16] = {};
	bpf_probe_read_kernel_str(name, sizeof(name), task->group_leader->comm);
	if (name[0] == 'r' && name[1] == 'u' && name[2] == 'n' && name[3] == 'c' && name[4] == ':')
		return 0;
	struct call_bits *bits = bpf_map_lookup_elem(&called, &cgroup);
	if (!bits) {
		struct call_bits none = {};
		bpf_map_update_elem(&called, &cgroup, &none, 1 /* BPF_NOEXIST */);
		bits = bpf_map_lookup_elem(&called, &cgroup);
		if (!bits)
			return 0;
	}
	bits->words[(number >> 6) & (CALLS / 64 - 1)] |= 1ull << (number & 63);
	return 0;
}

/* Attached to the cgroup of a container that is cut off from the network: no packet passes. */
SEC("?cgroup_skb/egress")
int cut_out(struct __sk_buff *packet)
{
	return 0;
}

SEC("?cgroup_skb/ingress")
int cut_in(struct __sk_buff *packet)
{
	return 0;
}

/*
 * From here on: trampolines, which hardened kernels refuse. Nothing of them may use the scratch space: they can be put
 * aside for another task on their processor. The kernel runs none of them twice at a time on a processor, so each has a
 * stream of its own.
 */

/* A file, with its path as a string. */
struct file_record {
	struct header header;
	__u16 kind, length; __u32 pad; struct file_facts facts;
	__u16 path_kind, path_length; __u32 path_pad; char path[PATH_LIMIT];
};

static __always_inline void describe(struct file_record *record, struct file *file)
{
	record->kind = FIELD_FILE;
	record->length = sizeof(record->facts);
	record->pad = 0;
	file_facts(file, &record->facts);
	record->path_kind = FIELD_STRING;
	record->path_pad = 0;
	record->path[0] = 0;
}

static __always_inline void close_path(struct file_record *record, long length)
{
	if (length < 0 || length > PATH_LIMIT)
		length = 0;
	record->path_length = length;
	record->header.length = sizeof(*record) - sizeof(record->path) + ((length + 7) & ~7l);
}

#define PF_IO_WORKER 0x10
#define CALL_IO_URING_ENTER 426

/* Whether the task does what a ring asks for: such work never comes by the end of its own system call. */
static __always_inline int by_ring(struct task_struct *task)
{
	if (task->flags & PF_IO_WORKER)
		return 1;
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);
	return (unsigned int)BPF_CORE_READ(regs, CALL_NUMBER) == CALL_IO_URING_ENTER;
}

SEC("?fentry/security_file_open")
int BPF_PROG(ring_open, struct file *file)
{
	if (!by_ring(bpf_get_current_task_btf()))
		return 0;
	__u64 flags = BPF_CORE_READ(file, f_flags);
	if (!is_wanted(file, flags))
		return 0;
	__u32 stream = STREAM_RING;
	struct counters *c = bpf_map_lookup_elem(&counters, &stream);
	if (!c)
		return 0;
	struct file_record *record = bpf_ringbuf_reserve(&may, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&c->sequence, 1);
		__sync_fetch_and_add(&c->lost, 1);
		return 0;
	}
	if (begin_short(&record->header, TYPE_CALL, stream, sizeof(*record), c)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return 0;
	}
	record->header.call = CALL_OPENAT;
	record->header.argument[3] = flags;
	describe(record, file);
	close_path(record, bpf_d_path(&file->f_path, record->path, sizeof(record->path)));
	record->header.sequence = __sync_fetch_and_add(&c->sequence, 1);
	bpf_ringbuf_submit(record, wake());
	return 0;
}

/* Only ever in containers: a wrong name must not cost the machine. */
static __always_inline int refuse(struct linux_binprm *binary)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 cgroup = cgroup_of(task);
	if (!(task->thread_pid && task->thread_pid->level > 0) && !bpf_map_lookup_elem(&containers, &cgroup))
		return 0;
	if (response_to(binary->file, binary->file->f_inode) != RESPONSE_DENY)
		return 0;
	__u32 stream = STREAM_DENIED;
	struct counters *c = bpf_map_lookup_elem(&counters, &stream);
	if (!c)
		return -EPERM;
	struct file_record *record = bpf_ringbuf_reserve(&must, sizeof(*record), 0);
	if (!record) {
		__sync_fetch_and_add(&c->sequence, 1);
		__sync_fetch_and_add(&c->lost, 1);
		return -EPERM;
	}
	if (begin_short(&record->header, TYPE_DENIED, stream, sizeof(*record), c)) {
		bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
		return -EPERM;
	}
	record->header.result = -EPERM;
	describe(record, binary->file);
	close_path(record, bpf_probe_read_kernel_str(record->path, sizeof(record->path), BPF_CORE_READ(binary, filename)));
	record->header.sequence = __sync_fetch_and_add(&c->sequence, 1);
	bpf_ringbuf_submit(record, BPF_RB_NO_WAKEUP);
	return -EPERM;
}

SEC("?fmod_ret/security_bprm_check")
int BPF_PROG(deny_return, struct linux_binprm *binary, int before)
{
	return before ? before : refuse(binary);
}

SEC("?lsm/bprm_check_security")
int BPF_PROG(deny_lsm, struct linux_binprm *binary, int before)
{
	return before ? before : refuse(binary);
}
