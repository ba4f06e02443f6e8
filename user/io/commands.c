/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "instance.h"

#define QUESTION_MAX 512 /* with a domain name */

/* Commands that have not asked yet. They ask at once, so of too many the one that has waited longest has to go. */
#define CLIENTS_MAX 256
static int waiting[CLIENTS_MAX]; /* descriptors, who came first is first; so many as controller->clients */

/* Children that answer commands: at most so many at once, for so long. */
#define ANSWERING_MAX 64
#define ANSWERING_SECONDS 10
static pid_t answering[ANSWERING_MAX];
static unsigned int answering_count;

void commands_let_go(const struct controller *controller)
{
	cleanup_close(&controller->pin_lock);
	cleanup_close(&controller->control_fd);
	for (unsigned int i = 0; i < controller->clients; i++)
		close(waiting[i]);
	for (unsigned int i = 0; i < controller->reload.client_count; i++)
		close(controller->reload.clients[i]);
}

void commands_reap(pid_t pid)
{
	for (unsigned int i = 0; i < answering_count; i++)
		if (answering[i] == pid) {
			answering[i] = answering[--answering_count];
			return;
		}
}

/* What only looks is answered by a child with a copy of everything, which can move between namespaces by itself. */
static void answer_in_child(struct controller *controller, int fd, const char *question)
{
	pid_t child;

	if (answering_count >= ANSWERING_MAX)
		return; /* the command says that the controller does not answer */
	child = fork();
	if (child > 0)
		answering[answering_count++] = child;
	if (child != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != controller->pid)
		_exit(0);
	commands_let_go(controller);
	alarm(ANSWERING_SECONDS);
	_cleanup_free_ char *answer = controller->answer(question, controller, controller->data);

	if (answer)
		instance_answer(fd, answer);
	_exit(0);
}

/* Returns whether the connection is kept, for a later answer. */
static bool answer_question(struct controller *controller, int fd)
{
	char question[QUESTION_MAX];

	if (instance_read_question(fd, question, sizeof(question)) < 0)
		return false;
	question[strcspn(question, "\n")] = '\0';
	if (strcmp(question, "status") == 0 || strncmp(question, "names ", 6) == 0 || strcmp(question, "metrics") == 0) {
		answer_in_child(controller, fd, question);
		return false;
	}
	if (strcmp(question, "reload") == 0) {
		reload_want(controller, fd);
		return true;
	}
	_cleanup_free_ char *answer = controller->answer(question, controller, controller->data);

	if (answer)
		instance_answer(fd, answer);
	return false;
}

/* It has asked, or is not to any more. False: it was let go of before. */
static bool end_waiting(struct controller *controller, int fd)
{
	unsigned int place = 0;

	while (place < controller->clients && waiting[place] != fd)
		place++;
	if (place == controller->clients)
		return false;
	controller->clients--;
	memmove(&waiting[place], &waiting[place + 1], (controller->clients - place) * sizeof(*waiting));
	epoll_ctl(controller->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	return true;
}

/* A connection that nobody can take stays there, and is reported again and again. */
static void rest(struct controller *controller)
{
	epoll_ctl(controller->epoll_fd, EPOLL_CTL_DEL, controller->control_fd, NULL);
	controller->rests = true;
}

void commands_listen(struct controller *controller)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = CONTROLLER_CONTROL };

	controller->rests = epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, controller->control_fd, &event) < 0;
}

void commands_accept(struct controller *controller)
{
	_cleanup_close_ int fd = accept4(controller->control_fd, NULL, NULL, SOCK_CLOEXEC), longest = -1;
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = COMMANDS_TAG | (uint64_t)fd };

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
		rest(controller);
	if (fd < 0)
		return;
	if (controller->clients == CLIENTS_MAX) {
		longest = waiting[0];
		end_waiting(controller, longest);
	}
	if (epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return;
	waiting[controller->clients++] = take_fd(&fd);
}

void commands_answer(struct controller *controller, int client_fd)
{
	_cleanup_close_ int fd = end_waiting(controller, client_fd) ? client_fd : -1;

	if (fd < 0)
		return;
	if (answer_question(controller, fd))
		take_fd(&fd);
}
