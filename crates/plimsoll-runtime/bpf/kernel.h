/* SPDX-License-Identifier: MIT OR GPL-2.0-only
 *
 * The kernel's structures as far as they are read. clang emits a relocation for each field that is used, and libbpf
 * resolves it from the running kernel's own type information: offsets need not match, names and kinds must.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_HASH = 5,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum { BPF_ANY = 0 };
enum { BPF_RB_NO_WAKEUP = 1, BPF_RB_FORCE_WAKEUP = 2, BPF_RB_AVAIL_DATA = 0 };

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#define CORE __attribute__((preserve_access_index))

typedef struct { int counter; } atomic_t;
typedef struct { __u32 val; } kuid_t;
typedef struct { __u32 val; } kgid_t;
typedef struct { __u64 val; } kernel_cap_t;

struct timespec64 { __s64 tv_sec; long tv_nsec; } CORE;
struct qstr { const unsigned char *name; } CORE;
struct super_block { __u32 s_dev; unsigned long s_magic; } CORE;
struct inode {
	unsigned short i_mode;
	kuid_t i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	__u32 i_rdev;
	__s64 i_mtime_sec, i_ctime_sec;
	__u32 i_mtime_nsec, i_ctime_nsec;
} CORE;
struct inode___6_6 { struct timespec64 __i_ctime; } CORE;
struct inode___6_7 { struct timespec64 __i_mtime, __i_ctime; } CORE;
struct inode___5 { struct timespec64 i_mtime, i_ctime; } CORE;
struct ovl_inode { struct inode vfs_inode; struct dentry *__upperdentry; } CORE;
struct dentry { struct dentry *d_parent; struct qstr d_name; struct inode *d_inode; } CORE;
struct vfsmount { struct dentry *mnt_root; } CORE;
struct __sk_buff;
struct mnt_namespace;
struct mount { struct mount *mnt_parent; struct dentry *mnt_mountpoint; struct vfsmount mnt; struct mnt_namespace *mnt_ns; } CORE;
struct path { struct vfsmount *mnt; struct dentry *dentry; } CORE;
struct file { struct path f_path; struct inode *f_inode; unsigned int f_flags, f_mode; void *private_data; } CORE;
struct fdtable { unsigned int max_fds; struct file **fd; } CORE;
struct files_struct { struct fdtable *fdt; } CORE;
struct fs_struct { struct path root, pwd; } CORE;

struct ns_common { unsigned int inum; } CORE;
struct pid_namespace { struct ns_common ns; unsigned int level; } CORE;
struct mnt_namespace { struct ns_common ns; } CORE;
struct user_namespace { struct ns_common ns; } CORE;
struct net { struct ns_common ns; } CORE;
struct nsproxy { struct mnt_namespace *mnt_ns; struct net *net_ns; } CORE;
struct upid { int nr; struct pid_namespace *ns; } CORE;
struct pid { unsigned int level; struct upid numbers[1]; } CORE;

struct kernfs_node { const char *name; __u64 id; } CORE;
struct cgroup_subsys_state { struct cgroup *cgroup; struct cgroup_subsys_state *parent; } CORE;
struct cgroup_root { int hierarchy_id; } CORE;
struct cgroup { struct cgroup_subsys_state self; struct kernfs_node *kn; struct cgroup_root *root; } CORE;
struct css_set { struct cgroup_subsys_state *subsys[16]; struct cgroup *dfl_cgrp; } CORE;

struct cred {
	kuid_t uid, euid;
	kgid_t gid, egid;
	kernel_cap_t cap_inheritable, cap_permitted, cap_effective;
	struct user_namespace *user_ns;
} CORE;
struct mm_struct { unsigned long arg_start, arg_end, env_start, env_end; } CORE;
struct tty_driver { int major, minor_start; } CORE;
struct tty_struct { struct tty_driver *driver; int index; } CORE;
/* pids: by process, by group leader, by process group, by session (enum pid_type) */
struct signal_struct { atomic_t live; struct pid *pids[4]; struct tty_struct *tty; int group_exit_code; } CORE;
struct thread_info { __u32 status; } CORE;
struct task_struct {
	struct thread_info thread_info;
	int pid, tgid, exit_code;
	unsigned int flags;
	char comm[16];
	struct task_struct *real_parent, *group_leader;
	struct pid *thread_pid;
	struct mm_struct *mm;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	const struct cred *cred;
	kuid_t loginuid;
	__u64 start_boottime;
} CORE;
struct linux_binprm { struct file *file; const char *filename, *interp; } CORE;

struct in6_addr { union { __u8 u6_addr8[16]; } in6_u; } CORE;
struct sock_common {
	unsigned short skc_family, skc_num;
	__be16 skc_dport;
	__be32 skc_daddr, skc_rcv_saddr;
	struct in6_addr skc_v6_daddr, skc_v6_rcv_saddr;
} CORE;
struct sock { struct sock_common __sk_common; __u16 sk_protocol, sk_type; } CORE;
struct socket { short type; struct sock *sk; } CORE;
struct sockaddr_un { unsigned short sun_family; char sun_path[108]; } CORE;
struct unix_address { int len; struct sockaddr_un name[1]; } CORE;
struct unix_sock { struct sock sk; struct unix_address *addr; struct sock *peer; } CORE;
struct sk_buff { struct sock *sk; unsigned char *head; __u32 tail; __u16 transport_header, network_header; } CORE;

/* The arguments and the number of a system call, as they are saved while it runs. */
#if defined(__TARGET_ARCH_x86)
#define CALL_OPENAT 257
#define CALL_NUMBER orig_ax
struct pt_regs { unsigned long di, si, dx, r10, r8, r9, bx, cx, bp, orig_ax; } CORE;
/* Without the bit that marks the calls of programs with 32-bit pointers (x32), which have the same numbers. */
static __always_inline unsigned int call_number(struct pt_regs *regs) { return regs->orig_ax & 0xbfffffff; }
static __always_inline unsigned long argument(struct pt_regs *regs, int narrow, int which)
{
	if (narrow)
		switch (which) {
		case 0: return (unsigned int)regs->bx;
		case 1: return (unsigned int)regs->cx;
		case 2: return (unsigned int)regs->dx;
		case 3: return (unsigned int)regs->si;
		case 4: return (unsigned int)regs->di;
		default: return (unsigned int)regs->bp;
		}
	switch (which) {
	case 0: return regs->di;
	case 1: return regs->si;
	case 2: return regs->dx;
	case 3: return regs->r10;
	case 4: return regs->r8;
	default: return regs->r9;
	}
}
#elif defined(__TARGET_ARCH_arm64)
#define CALL_OPENAT 56
#define CALL_NUMBER syscallno
struct pt_regs { __u64 regs[31]; __u64 orig_x0; __s32 syscallno; } CORE;
static __always_inline unsigned int call_number(struct pt_regs *regs) { return regs->syscallno; }
static __always_inline unsigned long argument(struct pt_regs *regs, int narrow, int which)
{
	return which & 7 ? regs->regs[which & 7] : regs->orig_x0;
}
#else
#error "an architecture that the sensor does not know"
#endif
