/* What a test does in a container: one action by its name. Static, so that it runs under any root. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void memory(void)
{
	int memory = memfd_create("payload", 0), file = open("/bin/busybox", O_RDONLY);
	char buffer[65536];
	for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;)
		if (write(memory, buffer, n) != n)
			exit(9);
	char *arguments[] = { "true", 0 }, *environment[] = { "LD_PRELOAD=/tmp/evil.so", "SECRET=1", 0 };
	fexecve(memory, arguments, environment);
	exit(9);
}

static void trace(void)
{
	pid_t child = fork();
	if (child == 0) {
		pause();
		exit(0);
	}
	ptrace(PTRACE_ATTACH, child, 0, 0);
	waitpid(child, 0, 0);
	kill(child, SIGKILL);
}

/* A listener, a connection to it, and a shell's input tied to the connection. */
static void reverse(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof address;
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1)
	    || getsockname(listener, (void *)&address, &length))
		exit(9);
	int connection = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(connection, (void *)&address, sizeof address))
		exit(9);
	int accepted = accept(listener, 0, 0);
	dup2(connection, 0);
	close(accepted);
}

static void local(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "/tmp/docker.sock" };
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), connection = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1)
	    || connect(connection, (void *)&address, sizeof address))
		exit(9);
}

static void question(void)
{
	static const char message[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0\6plunge\7example\0\0\1\0\1";
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(53),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	sendto(sock, message, sizeof message - 1, 0, (void *)&address, sizeof address);
}

/* Opens a file by a ring: no system call of its own says so. */
static int ring_open(const char *path)
{
	struct io_uring_params parameters = { 0 };
	int ring = syscall(SYS_io_uring_setup, 4, &parameters);
	if (ring < 0)
		exit(9);
	char *queue = mmap(0, parameters.sq_off.array + 4 * parameters.sq_entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
			   IORING_OFF_SQ_RING);
	struct io_uring_sqe *entries = mmap(0, parameters.sq_entries * sizeof *entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
					    IORING_OFF_SQES);
	if (queue == MAP_FAILED || entries == MAP_FAILED)
		exit(9);
	memset(entries, 0, sizeof *entries);
	entries->opcode = IORING_OP_OPENAT;
	entries->fd = AT_FDCWD;
	entries->addr = (unsigned long)path;
	*(unsigned *)(queue + parameters.sq_off.array) = 0;
	*(unsigned *)(queue + parameters.sq_off.tail) = 1;
	return syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, 0, 0) == 1 ? 0 : 9;
}

int main(int count, char **arguments)
{
	const char *action = count > 1 ? arguments[1] : "";
	if (!strcmp(action, "memory"))
		memory();
	else if (!strcmp(action, "trace"))
		trace();
	else if (!strcmp(action, "reverse"))
		reverse();
	else if (!strcmp(action, "local"))
		local();
	else if (!strcmp(action, "question"))
		question();
	else if (!strcmp(action, "bpf")) {
		union bpf_attr attributes = { .map_type = 0 };
		syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes);
	} else if (!strcmp(action, "ring")) {
		char parameters[120] = { 0 };
		syscall(SYS_io_uring_setup, 4, parameters);
	} else if (!strcmp(action, "ring-open"))
		return ring_open(arguments[2]);
	else if (!strcmp(action, "enter"))
		setns(open("/proc/self/ns/uts", O_RDONLY), 0);
	else if (!strcmp(action, "leave"))
		unshare(CLONE_NEWNS | CLONE_NEWUTS);
	else if (!strcmp(action, "mount"))
		mount("none", "/mnt", "tmpfs", MS_NOSUID, 0);
	else if (!strcmp(action, "device"))
		mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0));
	else if (!strcmp(action, "module"))
		syscall(SYS_finit_module, open("/etc/passwd", O_RDONLY), "", 0);
	else if (!strcmp(action, "packets"))
		socket(AF_PACKET, SOCK_RAW, 0);
	else if (!strcmp(action, "user")) {
		if (setgid(33) || setuid(33))
			return 9;
	} else if (!strcmp(action, "root"))
		return chroot("/tmp") != 0;
	else if (!strcmp(action, "fault"))
		syscall(SYS_userfaultfd, 0);
	else if (!strcmp(action, "handle"))
		syscall(SYS_open_by_handle_at, AT_FDCWD, "\0\0\0\0\0\0\0\0", O_RDONLY);
	else if (!strcmp(action, "flood")) {
		/* The shortest call that must not be lost. */
		long times = atol(arguments[2]);
		for (long index = 0; index < times; index++)
			unshare(0);
	} else
		return 8;
	return 0;
}
