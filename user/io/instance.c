/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "cleanup.h"

#define LOCK_NAME "lock"
#define NOTE_NAME "pin-dir"
#define SOCKET_NAME "control"

/* How long the controller may take to answer, and to end. */
#define ANSWER_SECONDS 3
#define END_SECONDS 10
#define LOCK_ATTEMPTS 100
#define ANSWER_MAX (16 * 1024 * 1024)

static void join(char path[PATH_MAX], const char *run_dir, const char *name)
{
	snprintf(path, PATH_MAX, "%s/%s", run_dir, name);
}

/* A record lock: it goes with the process, and tells who holds it. */
static struct flock whole_file(short type)
{
	return (struct flock){ .l_type = type, .l_whence = SEEK_SET };
}

/* Who else may write there could name the process that we end, or the files that we write to. NULL: nobody can. */
static const char *find_distrust(const struct stat *run_dir)
{
	if (S_ISLNK(run_dir->st_mode))
		return "it is a symbolic link; name the directory itself with --run-dir";
	if (!S_ISDIR(run_dir->st_mode))
		return "it is no directory; name another one with --run-dir";
	if (run_dir->st_uid != 0 && run_dir->st_uid != geteuid())
		return "it belongs to another user; `chown` it to root, or name another directory with --run-dir";
	if (run_dir->st_mode & (S_IWGRP | S_IWOTH))
		return "others may write to it; `chmod go-w` it, or name another directory with --run-dir";
	return NULL;
}

static int make_run_dir(const char *run_dir, struct error *error)
{
	struct stat status;
	const char *distrust;

	if (mkdir(run_dir, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return fail(error, errno, "cannot make %s: %s; name another directory with --run-dir", run_dir,
			    strerror(errno));
	if (lstat(run_dir, &status) < 0)
		return fail(error, errno == ENOENT ? ESTALE : errno, "cannot look at %s: %s", run_dir, strerror(errno));
	distrust = find_distrust(&status);
	return distrust ? fail_as(error, ERROR_USAGE, EINVAL, "cannot use the run-dir %s: %s", run_dir, distrust) : 0;
}

/* `stop` removes the lock's file while it holds the lock: then what we have is a lock on nothing. */
static bool is_at(int fd, const char *path)
{
	struct stat ours, there;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

/* A holder that cannot be named lives in another pid namespace. */
static int held(const char *run_dir, struct error *error)
{
	pid_t holder = instance_holder(run_dir);

	if (holder > 0)
		return fail_as(error, ERROR_ALREADY_RUNNING, EBUSY,
			       "a controller runs already (pid %d, %s); stop it first, or use another --run-dir and --pin-dir",
			       (int)holder, run_dir);
	return fail_as(error, ERROR_ALREADY_RUNNING, EBUSY,
		       "a controller runs already (in another pid namespace, %s); stop it there, or use another --run-dir and --pin-dir",
		       run_dir);
}

/* -ESTALE: the file was removed meanwhile. */
static int try_lock(const char *run_dir, int *ret_fd, struct error *error)
{
	struct flock lock = whole_file(F_WRLCK);
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX];
	int r;

	r = make_run_dir(run_dir, error);
	if (r < 0)
		return r;
	join(path, run_dir, LOCK_NAME);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(error, errno == ENOENT ? ESTALE : errno, "cannot open %s: %s; run as root, or name another --run-dir",
			    path, strerror(errno));
	if (fcntl(fd, F_SETLK, &lock) == 0) {
		if (!is_at(fd, path))
			return fail(error, ESTALE, "%s is removed again and again", path);
		*ret_fd = take_fd(&fd);
		return 0;
	}
	if (errno != EAGAIN && errno != EACCES)
		return fail(error, errno, "cannot lock %s: %s", path, strerror(errno));
	return held(run_dir, error);
}

int instance_lock(const char *run_dir, int *ret_fd, struct error *error)
{
	int r = -ESTALE;

	for (int i = 0; r == -ESTALE && i < LOCK_ATTEMPTS; i++)
		r = try_lock(run_dir, ret_fd, error);
	return r;
}

pid_t instance_holder(const char *run_dir)
{
	struct flock lock = whole_file(F_WRLCK);
	char path[PATH_MAX];

	join(path, run_dir, LOCK_NAME);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0 || fcntl(fd, F_GETLK, &lock) < 0 || lock.l_type == F_UNLCK)
		return 0;
	return lock.l_pid;
}

int instance_take_over(const char *run_dir, int *ret_fd, struct error *error)
{
	const struct timespec pause = { .tv_nsec = 10 * 1000000 };
	pid_t holder = instance_holder(run_dir);
	int r;

	r = instance_lock(run_dir, ret_fd, error);
	if (r != -EBUSY || holder <= 0)
		return r;
	if (kill(holder, SIGTERM) < 0 && errno != ESRCH)
		return fail(error, errno, "cannot stop the controller (pid %d): %s", (int)holder, strerror(errno));
	for (int i = 0; i < END_SECONDS * 100; i++) {
		r = instance_lock(run_dir, ret_fd, error);
		if (r != -EBUSY)
			return r;
		nanosleep(&pause, NULL);
	}
	return fail(error, EBUSY, "the controller (pid %d) did not end within %d s of SIGTERM; `kill -KILL %d`, then stop again",
		    (int)holder, END_SECONDS, (int)holder);
}

int instance_note_pin_dir(const char *run_dir, const char *pin_dir, struct error *error)
{
	char path[PATH_MAX];

	join(path, run_dir, NOTE_NAME);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0 || dprintf(fd, "%s\n", pin_dir) < 0)
		return fail(error, errno, "cannot write %s: %s%s", path, strerror(errno),
			    errno == ELOOP ? "; remove this symbolic link" : "");
	return 0;
}

int instance_read_pin_dir(const char *run_dir, char *ret_pin_dir, size_t size)
{
	char path[PATH_MAX], line[PATH_MAX];
	struct stat status;

	join(path, run_dir, NOTE_NAME);
	_cleanup_fclose_ FILE *file = fopen(path, "re");

	if (!file)
		return -errno;
	if (lstat(run_dir, &status) < 0 || find_distrust(&status)) /* `stop` unpins what is there */
		return -EPERM;
	if (!fgets(line, sizeof(line), file))
		return -ENOENT;
	line[strcspn(line, "\n")] = '\0';
	if (line[0] != '/' || strlen(line) >= size)
		return -EINVAL;
	strcpy(ret_pin_dir, line);
	return 0;
}

static int socket_address(const char *run_dir, struct sockaddr_un *ret_address)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/" SOCKET_NAME, run_dir);

	if (length >= (int)sizeof(address.sun_path))
		return -ENAMETOOLONG;
	*ret_address = address;
	return 0;
}

int instance_listen(const char *run_dir, int *ret_fd, struct error *error)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un address;
	int r;

	if (fd < 0)
		return fail(error, errno, "cannot make a socket: %s", strerror(errno));
	if (socket_address(run_dir, &address) < 0)
		return fail_as(error, ERROR_USAGE, ENAMETOOLONG, "run-dir %s is too long for a socket; use a shorter one",
			       run_dir);
	unlink(address.sun_path); /* the lock is ours, so nobody listens there */
	r = bind(fd, (const struct sockaddr *)&address, sizeof(address));
	if (r < 0 || chmod(address.sun_path, 0600) < 0 || listen(fd, 128) < 0)
		return fail(error, errno, "cannot listen on %s: %s", address.sun_path, strerror(errno));
	*ret_fd = take_fd(&fd);
	return 0;
}

static int not_running(const char *run_dir, struct error *error)
{
	return fail_as(error, ERROR_NOT_RUNNING, ENOENT, "no controller runs (%s); start one with: stubsieve run", run_dir);
}

static int connect_to(const char *run_dir, unsigned int seconds, int *ret_fd, struct error *error)
{
	const struct timeval limit = { .tv_sec = (time_t)seconds };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un address;

	if (fd < 0)
		return fail(error, errno, "cannot make a socket: %s", strerror(errno));
	if (socket_address(run_dir, &address) < 0)
		return not_running(run_dir, error);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
			return not_running(run_dir, error);
		return fail(error, errno, "cannot talk to the controller at %s: %s; run as root", address.sun_path,
			    strerror(errno));
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Until the other side closes, with a NUL behind it. */
static int read_all(int fd, char **ret_text)
{
	_cleanup_free_ char *text = NULL;
	size_t length = 0, room = 0;

	for (;;) {
		ssize_t part;

		if (length + 1 >= room) {
			char *grown = room < ANSWER_MAX ? realloc(text, room = room ? 2 * room : 65536) : NULL;

			if (!grown)
				return -ENOMEM;
			text = grown;
		}
		part = read(fd, text + length, room - length - 1);
		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return -errno;
		if (part == 0)
			break;
		length += (size_t)part;
	}
	if (length == 0)
		return -EAGAIN;
	text[length] = '\0';
	*ret_text = text;
	text = NULL;
	return 0;
}

int instance_ask(const char *run_dir, const char *question, char **ret_answer, struct error *error)
{
	return instance_ask_within(run_dir, question, ANSWER_SECONDS, ret_answer, error);
}

int instance_ask_within(const char *run_dir, const char *question, unsigned int seconds, char **ret_answer,
			struct error *error)
{
	_cleanup_close_ int fd = -1;
	int r;

	r = connect_to(run_dir, seconds, &fd, error);
	if (r < 0)
		return r;
	if (send(fd, question, strlen(question), MSG_NOSIGNAL) < 0 || shutdown(fd, SHUT_WR) < 0)
		return fail(error, errno, "cannot talk to the controller: %s", strerror(errno));
	r = read_all(fd, ret_answer);
	if (r < 0)
		return fail(error, -r, "the controller (pid %d) does not answer: %s; is it stopped?",
			    (int)instance_holder(run_dir), strerror(-r));
	return 0;
}

int instance_read_question(int fd, char *ret_question, size_t size)
{
	struct pollfd ready = { .fd = fd, .events = POLLIN };
	ssize_t length;

	if (poll(&ready, 1, 100) <= 0) /* a client sends at once; one that does not must not keep us */
		return -ETIMEDOUT;
	length = recv(fd, ret_question, size - 1, MSG_DONTWAIT);
	if (length <= 0)
		return -EIO;
	ret_question[length] = '\0';
	return 0;
}

int instance_answer(int fd, const char *answer)
{
	const struct timeval limit = { .tv_usec = 500 * 1000 };
	size_t length = strlen(answer);

	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	while (length > 0) {
		ssize_t part = send(fd, answer, length, MSG_NOSIGNAL);

		if (part < 0)
			return -errno;
		answer += part;
		length -= (size_t)part;
	}
	return 0;
}

void instance_remove(const char *run_dir)
{
	static const char *const names[] = { SOCKET_NAME, NOTE_NAME, LOCK_NAME };
	char path[PATH_MAX];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		join(path, run_dir, names[i]);
		unlink(path);
	}
	rmdir(run_dir);
}
