/* What attackers do, one action by its name; called by another name it does nothing, or what `serve` says. Static, so that it
 * runs under any root. Nothing here leaves the container: connections are made in a network of the action's own. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		exit(9);
	}
}

static int memory_file(void)
{
	int memory = memfd_create("payload", 0), file = open("/bin/busybox", O_RDONLY);
	char buffer[65536];
	for (ssize_t n; (n = read(file, buffer, sizeof buffer)) > 0;)
		must(write(memory, buffer, n), "write");
	return memory;
}

/* A network with a loopback of that address. */
static void own_network(const char *address)
{
	must(unshare(CLONE_NEWNET), "unshare");
	int sock = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq request = { .ifr_name = "lo" };
	struct sockaddr_in *in = (void *)&request.ifr_addr;
	in->sin_family = AF_INET;
	inet_pton(AF_INET, address, &in->sin_addr);
	must(ioctl(sock, SIOCSIFADDR, &request), "address");
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	must(ioctl(sock, SIOCSIFFLAGS, &request), "up");
	close(sock);
}

/* Listens there and connects to it; answers the connecting end. */
static int connected(const char *address, int port, int *accepted)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, address, &to.sin_addr);
	int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), connection = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	must(bind(listener, (void *)&to, sizeof to), "bind");
	must(listen(listener, 1), "listen");
	must(connect(connection, (void *)&to, sizeof to), "connect");
	int end = accept(listener, 0, 0);
	must(end, "accept");
	if (accepted)
		*accepted = end;
	return connection;
}

static void unix_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	strncpy(address.sun_path, path, sizeof address.sun_path - 1);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), connection = socket(AF_UNIX, SOCK_STREAM, 0);
	must(bind(listener, (void *)&address, sizeof address), "bind");
	must(listen(listener, 1), "listen");
	must(connect(connection, (void *)&address, sizeof address), "connect");
}

static void question(char *name)
{
	unsigned char message[512] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0";
	size_t at = 12;
	for (char *label = strtok(name, "."); label; label = strtok(0, ".")) {
		size_t length = strlen(label);
		message[at++] = length;
		memcpy(message + at, label, length);
		at += length;
	}
	memcpy(message + at, "\0\0\1\0\1", 5);
	struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	own_network("127.0.0.1");
	must(sendto(socket(AF_INET, SOCK_DGRAM, 0), message, at + 5, 0, (void *)&server, sizeof server), "sendto");
}

/* A child that waits, for what is done to other processes. */
static pid_t victim(void)
{
	pid_t child = fork();
	if (child == 0) {
		pause();
		exit(0);
	}
	return child;
}

static char secret[] = "secret";

static void trace(long request)
{
	pid_t child = victim();
	must(ptrace(request, child, 0, 0), "ptrace");
	if (request == PTRACE_ATTACH) {
		waitpid(child, 0, 0);
		must(ptrace(PTRACE_POKEDATA, child, secret, 1), "poke");
	}
	kill(child, SIGKILL);
}

static void transfer(int to)
{
	pid_t child = victim();
	char here[8] = { 0 };
	struct iovec local = { here, 6 }, remote = { secret, 6 };
	must(to ? process_vm_writev(child, &local, 1, &remote, 1, 0) : process_vm_readv(child, &local, 1, &remote, 1, 0), "vm");
	kill(child, SIGKILL);
}

static int clone_child(void *nothing)
{
	return 0;
}

static void terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY);
	must(master, "ptmx");
	must(grantpt(master) | unlockpt(master), "unlock");
	char *name = ptsname(master);
	pid_t child = fork();
	if (child == 0) {
		setsid();
		int slave = open(name, O_RDWR);
		must(slave, "slave");
		must(ioctl(slave, TIOCSCTTY, 0), "TIOCSCTTY");
		execl("/bin/sh", "sh", "-c", "true; :", (char *)0);
		exit(9);
	}
	waitpid(child, 0, 0);
}

static void run(char **arguments)
{
	pid_t child = fork();
	if (child == 0) {
		execv(arguments[0], arguments);
		exit(9);
	}
	waitpid(child, 0, 0);
}

static void by_handle(void)
{
	struct { struct file_handle handle; char room[128]; } at = { .handle.handle_bytes = 128 };
	int mount, folder = open("/dev/shm", O_RDONLY | O_DIRECTORY);
	close(open("/dev/shm/by-handle", O_CREAT | O_RDWR, 0600));
	must(name_to_handle_at(AT_FDCWD, "/dev/shm/by-handle", &at.handle, &mount, 0), "name_to_handle_at");
	must(open_by_handle_at(folder, &at.handle, O_RDONLY), "open_by_handle_at");
}

static void load_bpf(void)
{
	struct bpf_insn program[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 }, { .code = BPF_JMP | BPF_EXIT } };
	union bpf_attr attributes = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER, .insns = (unsigned long)program, .insn_cnt = 2,
				      .license = (unsigned long)"GPL" };
	must(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes), "bpf");
}

int main(int count, char **arguments)
{
	const char *name = strrchr(arguments[0], '/');
	name = name ? name + 1 : arguments[0];
	const char *action = count > 1 ? arguments[1] : "";
	char *first = count > 2 ? arguments[2] : "", *second = count > 3 ? arguments[3] : "";
	if (!strcmp(action, "write"))
		/* What a server does after a hole in it was used. */
		must(open(first, O_CREAT | O_WRONLY, 0644), first);
	else if (!strcmp(action, "spawn"))
		run(arguments + 2);
	else if (strcmp(name, "attacks"))
		return 0;
	else if (!strcmp(action, "memory")) {
		char *to[] = { "true", 0 }, *environment[] = { 0 };
		must(fexecve(memory_file(), to, environment), "fexecve");
	} else if (!strcmp(action, "memory-by-path")) {
		char path[64], *to[] = { "true", 0 };
		snprintf(path, sizeof path, "/proc/self/fd/%d", memory_file());
		must(execv(path, to), "execv");
	} else if (!strcmp(action, "mode-by-descriptor"))
		must(fchmod(open(first, O_RDONLY), 0755), "fchmod");
	else if (!strcmp(action, "exchange")) {
		close(open("/usr/bin/exchanged", O_RDONLY));
		must(renameat2(AT_FDCWD, first, AT_FDCWD, second, 0), "renameat2");
	} else if (!strcmp(action, "read"))
		must(open(first, O_RDONLY), first);
	else if (!strcmp(action, "socket"))
		unix_socket(first);
	else if (!strcmp(action, "outside")) {
		/* Its own mounts: process 1 of the container has others then, as process 1 of the host has. */
		must(unshare(CLONE_NEWNS), "unshare");
		must(open(first, O_RDONLY), first);
	} else if (!strcmp(action, "chroot"))
		must(chroot(first), "chroot");
	else if (!strcmp(action, "enter"))
		must(setns(open("/proc/self/ns/uts", O_RDONLY), 0), "setns");
	else if (!strcmp(action, "enter-by-process"))
		must(setns(syscall(SYS_pidfd_open, getppid(), 0), CLONE_NEWUTS), "setns");
	else if (!strcmp(action, "user-namespace"))
		must(unshare(CLONE_NEWUSER), "unshare");
	else if (!strcmp(action, "child-in-user-namespace")) {
		static char stack[65536];
		must(clone(clone_child, stack + sizeof stack, CLONE_NEWUSER | SIGCHLD, 0), "clone");
		wait(0);
	} else if (!strcmp(action, "mount"))
		must(mount("none", "/mnt", "tmpfs", MS_NOSUID, 0), "mount");
	else if (!strcmp(action, "bind"))
		must(mount("/etc", "/mnt", 0, MS_BIND, 0), "mount");
	else if (!strcmp(action, "move-mount")) {
		int tree = syscall(SYS_open_tree, AT_FDCWD, "/etc", 1 | O_CLOEXEC);
		must(tree, "open_tree");
		must(syscall(SYS_move_mount, tree, "", AT_FDCWD, "/mnt", 4), "move_mount");
	} else if (!strcmp(action, "handle"))
		by_handle();
	else if (!strcmp(action, "bpf"))
		load_bpf();
	else if (!strcmp(action, "attach"))
		trace(PTRACE_ATTACH);
	else if (!strcmp(action, "seize"))
		trace(PTRACE_SEIZE);
	else if (!strcmp(action, "read-memory"))
		transfer(0);
	else if (!strcmp(action, "write-memory"))
		transfer(1);
	else if (!strcmp(action, "ring")) {
		char parameters[120] = { 0 };
		must(syscall(SYS_io_uring_setup, 4, parameters), "io_uring_setup");
	} else if (!strcmp(action, "faults")) {
		must(setuid(33), "setuid");
		/* Only of user space: what the kernel allows everybody. */
		must(syscall(SYS_userfaultfd, O_CLOEXEC | 1), "userfaultfd");
	} else if (!strcmp(action, "reverse")) {
		own_network("127.0.0.1");
		must(dup2(connected("127.0.0.1", 9001, 0), 0), "dup2");
	} else if (!strcmp(action, "bound")) {
		int end;
		own_network("127.0.0.1");
		connected("127.0.0.1", 9002, &end);
		must(dup3(end, 1, 0), "dup3");
	} else if (!strcmp(action, "terminal"))
		terminal();
	else if (!strcmp(action, "connect")) {
		own_network(first);
		connected(first, atoi(second), 0);
	} else if (!strcmp(action, "packets"))
		must(socket(AF_PACKET, SOCK_RAW, 0), "socket");
	else if (!strcmp(action, "ask"))
		question(first);
	else {
		fprintf(stderr, "no action %s\n", action);
		return 8;
	}
	return 0;
}
