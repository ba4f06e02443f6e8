/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "commands.h"

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

/* Commands that have not asked yet. */
#define CLIENTS_MAX 256

/* Children that answer commands: at most so many at once, for so long. */
#define ANSWERING_MAX 64
#define ANSWERING_SECONDS 10

/* What only looks is answered by a child with a copy of everything, which can move between namespaces by itself. */
static void answer_in_child(struct controller *controller, int fd, const char *question)
{
	pid_t child;

	if (controller->answering >= ANSWERING_MAX)
		return; /* the command says that the controller does not answer */
	child = fork();
	if (child > 0)
		controller->answering++;
	if (child != 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != controller->pid)
		_exit(0);
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
	if (strcmp(question, "status") == 0 || strcmp(question, "metrics") == 0) {
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

void commands_accept(struct controller *controller, int control_fd)
{
	_cleanup_close_ int fd = accept4(control_fd, NULL, NULL, SOCK_CLOEXEC);
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = COMMANDS_TAG | (uint64_t)fd };

	if (fd < 0 || controller->clients >= CLIENTS_MAX || epoll_ctl(controller->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
		return;
	controller->clients++;
	take_fd(&fd);
}

void commands_answer(struct controller *controller, int client_fd)
{
	_cleanup_close_ int fd = client_fd;

	epoll_ctl(controller->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
	controller->clients--;
	if (answer_question(controller, fd))
		take_fd(&fd);
}
