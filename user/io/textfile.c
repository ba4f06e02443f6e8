/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"

#define SUFFIX ".new" /* a collector reads *.prom alone */

#define WRITING_SECONDS 10 /* a child that takes longer is ended */
#define TELL_NS (3600 * CLOCK_SECOND_NS)
#define REMOVING_MS 1000   /* so long the end of the controller waits for the removal */

/* Of descriptors, where the kernel has no close_range() (before Linux 5.9). */
#define DESCRIPTORS_MAX (1 << 20)

static int explain(const char *path, int number, struct error *error)
{
	const char *cure = "the file that is there stays";

	switch (number) {
	case ENOSPC:
	case EDQUOT:
		cure = "make room there";
		break;
	case ENOENT:
	case ENOTDIR:
		cure = "make its directory, or name another with metrics-textfile";
		break;
	case EROFS:
	case EACCES:
	case EPERM:
		cure = "let root write there (ReadWritePaths= of a unit), or name another place with metrics-textfile";
		break;
	}
	return fail(error, number, "cannot write the metrics to %s: %s; %s", path, strerror(number), cure);
}

static int write_all(int fd, const char *text)
{
	size_t length = strlen(text);

	while (length > 0) {
		ssize_t part = write(fd, text, length);

		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return -errno;
		text += part;
		length -= (size_t)part;
	}
	return 0;
}

/* Some file systems find out when it is closed that they have no room. */
static int fill(int fd, const char *text)
{
	int r = write_all(fd, text);

	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	return r;
}

static void temporary_of(const char *path, char ret_path[PATH_MAX])
{
	snprintf(ret_path, PATH_MAX, "%s" SUFFIX, path);
}

/* A temporary that somebody put there, a link perhaps, is not written to but removed. */
int textfile_write(const char *path, const char *text, struct error *error)
{
	char temporary[PATH_MAX];
	int fd, r;

	temporary_of(path, temporary);
	if (unlink(temporary) < 0 && errno != ENOENT)
		return explain(path, errno, error);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return explain(path, errno, error);
	r = fill(fd, text);
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlink(temporary);
	return explain(path, -r, error);
}

/* Who is told, and remembers it, are two processes: both decide alike. */
static bool is_to_tell(const struct textfile *textfile, int trouble)
{
	return trouble != textfile->trouble || (trouble && textfile->began >= textfile->tell_at);
}

/*
 * Not even SIGKILL ends a child whose file system does not answer, so it can outlive the controller: then it must not
 * hold a lock, a connection, a link or a network namespace.
 */
static void close_all(void)
{
	long most = sysconf(_SC_OPEN_MAX);

	if (syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, 0) == 0)
		return;
	for (int fd = STDERR_FILENO + 1; fd < most && fd < DESCRIPTORS_MAX; fd++)
		close(fd);
}

/* Its exit status is the errno, which is less than 256. */
static int write_in_child(const struct textfile *textfile, textfile_make make, void *data)
{
	const char *path = textfile->path;
	_cleanup_free_ char *text = make(data);
	struct error error;
	int r;

	if (!text)
		return ENOMEM;
	close_all();
	r = textfile_write(path, text, &error);
	if (is_to_tell(textfile, -r))
		fprintf(stderr, "stubsieve: %s%s\n", r < 0 ? error.text : "the metrics are written again to ",
			r < 0 ? "" : path);
	return -r;
}

static void remember(struct textfile *textfile, int trouble)
{
	if (is_to_tell(textfile, trouble))
		textfile->tell_at = textfile->began + TELL_NS;
	textfile->trouble = trouble;
}

/* What the child could not tell itself. */
static void tell(struct textfile *textfile, int trouble, const char *text)
{
	if (is_to_tell(textfile, trouble))
		fprintf(stderr, "stubsieve: cannot write the metrics to %s: %s\n", textfile->path, text);
	remember(textfile, trouble);
}

static void tell_that_it_hangs(struct textfile *textfile)
{
	tell(textfile, ETIMEDOUT, "it takes longer than 10 s; does the file system answer?");
}

/* One that ends with the controller, and after a while. */
static pid_t fork_child(void)
{
	pid_t controller = getpid(), child = fork();

	if (child != 0)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != controller)
		_exit(0);
	alarm(WRITING_SECONDS);
	return 0;
}

static void start_writing(struct textfile *textfile, textfile_make make, void *data)
{
	pid_t child = fork_child();

	if (child < 0)
		tell(textfile, errno, strerror(errno));
	if (child > 0)
		textfile->writer = child;
	if (child == 0)
		_exit(write_in_child(textfile, make, data));
}

/* Until then it could put the file back. */
static void await_end(pid_t writer)
{
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, writer, 0), .events = POLLIN };

	if (end.fd >= 0)
		poll(&end, 1, WRITING_SECONDS * 1000);
}

static void remove_in_child(const char *path, pid_t writer)
{
	char temporary[PATH_MAX];

	close_all();
	if (writer > 0)
		await_end(writer);
	temporary_of(path, temporary);
	unlink(temporary);
	unlink(path);
}

/* By a child as well. 0: there is nothing to remove, or no child. Whoever reaps children need not know this one. */
static pid_t start_removing(struct textfile *textfile)
{
	pid_t writer = textfile->writer, child;

	if (writer > 0)
		kill(writer, SIGKILL);
	child = textfile->path[0] ? fork_child() : 0;
	if (child == 0 && textfile->path[0]) {
		remove_in_child(textfile->path, writer);
		_exit(0);
	}
	*textfile = (struct textfile){};
	return child > 0 ? child : 0;
}

void textfile_beat(struct textfile *textfile, const char *path, uint64_t now, textfile_make make, void *data)
{
	if (strcmp(textfile->path, path) != 0) {
		start_removing(textfile);
		snprintf(textfile->path, sizeof(textfile->path), "%s", path);
	}
	if (!textfile->path[0] || now < textfile->due)
		return;
	textfile->due = now + TEXTFILE_SECONDS * CLOCK_SECOND_NS;
	if (textfile->writer > 0) { /* not even a signal ends it */
		tell_that_it_hangs(textfile);
		return;
	}
	textfile->began = now;
	start_writing(textfile, make, data);
}

bool textfile_reap(struct textfile *textfile, pid_t pid, int status)
{
	if (pid != textfile->writer)
		return false;
	textfile->writer = 0;
	if (WIFEXITED(status))
		remember(textfile, WEXITSTATUS(status));
	else
		tell_that_it_hangs(textfile);
	return true;
}

void textfile_remove(struct textfile *textfile)
{
	const struct timespec pause = { .tv_nsec = 10 * CLOCK_MILLISECOND_NS };
	pid_t writer = textfile->writer, child = start_removing(textfile);

	for (int i = 0; child > 0 && i < REMOVING_MS / 10 && waitpid(child, NULL, WNOHANG) == 0; i++) {
		if (writer > 0 && waitpid(writer, NULL, WNOHANG) != 0)
			writer = 0;
		nanosleep(&pause, NULL);
	}
	if (writer > 0)
		waitpid(writer, NULL, WNOHANG);
}
