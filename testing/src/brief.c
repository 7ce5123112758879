// Containers without a runtime: as many as are asked for, each with a cgroup of its own in the form that Kubernetes uses,
// namespaces of its own, and one program that lives as long as is asked for.
//
// brief FOLDER PREFIX FIRST COUNT ABREAST MICROSECONDS: makes FOLDER/PREFIX and sixteen digits, for COUNT numbers from FIRST
// on, ABREAST of them at a time. Tells of what went wrong; returns 1 then.
// brief live MICROSECONDS: the program.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif
#define MOST 64

struct clone {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static struct { pid_t process; long number; } running[MOST];

static void name_of(char *name, size_t size, char **argv, long number)
{
	snprintf(name, size, "%s/%s%016lx", argv[1], argv[2], number);
}

static int begin(char **argv, long number)
{
	char name[4096];
	name_of(name, sizeof(name), argv, number);
	if (mkdir(name, 0755)) {
		perror(name);
		return -1;
	}
	int folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct clone how = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_INTO_CGROUP,
		.exit_signal = SIGCHLD,
		.cgroup = folder,
	};
	pid_t process = syscall(SYS_clone3, &how, sizeof(how));
	if (process == 0) {
		char *program[] = { argv[0], "live", argv[6], 0 };
		execv("/proc/self/exe", program);
		_exit(127);
	}
	if (process < 0)
		perror("clone3");
	close(folder);
	return process;
}

static int end(char **argv, long number)
{
	char name[4096];
	name_of(name, sizeof(name), argv, number);
	// The last reference to a process may go a moment after it was waited for.
	for (int tries = 0; rmdir(name); tries++) {
		if (errno != EBUSY || tries == 1000) {
			perror(name);
			return 1;
		}
		usleep(1000);
	}
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "live")) {
		usleep(atol(argv[2]));
		return 0;
	}
	if (argc != 7)
		return 2;
	long next = atol(argv[3]), count = atol(argv[4]), end_at = next + count, over = 0, failed = 0;
	int abreast = atoi(argv[5]);
	if (abreast < 1 || abreast > MOST)
		return 2;
	while (over < count) {
		for (int slot = 0; slot < abreast && next < end_at; slot++) {
			if (running[slot].process)
				continue;
			pid_t process = begin(argv, next);
			if (process < 0)
				return 1;
			running[slot].process = process;
			running[slot].number = next++;
		}
		int status;
		pid_t process = wait(&status);
		if (process < 0) {
			perror("wait");
			return 1;
		}
		for (int slot = 0; slot < abreast; slot++) {
			if (running[slot].process != process)
				continue;
			running[slot].process = 0;
			failed |= status != 0;
			failed |= end(argv, running[slot].number);
			over++;
		}
	}
	return failed;
}
