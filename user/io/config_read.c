/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "config_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "config_file.h"
#include "text.h"

/* So many names of the longest kind fit in. */
#define FILE_MAX (8 << 20)

/* Lines that are told of. */
#define REPORTED_MAX 20

void config_report_add(struct config_report *report, const char *format, ...)
{
	size_t length = strlen(report->text);
	va_list arguments;

	if (report->count++ == REPORTED_MAX)
		snprintf(report->text + length, sizeof(report->text) - length, "\n... and more");
	if (report->count > REPORTED_MAX)
		return;
	if (length > 0 && length + 1 < sizeof(report->text))
		report->text[length++] = '\n';
	va_start(arguments, format);
	vsnprintf(report->text + length, sizeof(report->text) - length, format, arguments);
	va_end(arguments);
	text_clean(report->text + length);
}

struct complaining {
	const char *path;
	struct config_report *report;
};

static void complain(unsigned int line, const char *text, void *data)
{
	const struct complaining *complaining = data;

	config_report_add(complaining->report, "%s:%u: %.350s", complaining->path, line, text);
}

static int open_file(const char *path, size_t *ret_size, struct config_report *report)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); /* a pipe shall not keep us */
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0) {
		int number = errno;

		config_report_add(report, "%s: %s%s", path, strerror(number),
				  number == EACCES || number == EPERM ? "; make it readable for who runs this" :
									"; make the file, or name another one");
		return -number;
	}
	if (!S_ISREG(status.st_mode) || status.st_size > FILE_MAX) {
		config_report_add(report, "%s: %s; name a file with lines of `key = value`", path,
				  S_ISDIR(status.st_mode)  ? "it is a directory" :
				  !S_ISREG(status.st_mode) ? "it is no regular file" :
							     "it is larger than 8 MiB");
		return -EINVAL;
	}
	*ret_size = (size_t)status.st_size;
	return take_fd(&fd);
}

/* It can change while it is read: what is read is parsed. */
static ssize_t read_file(int fd, char *text, size_t room)
{
	size_t length = 0;

	while (length < room) {
		ssize_t part = read(fd, text + length, room - length);

		if (part < 0 && errno == EINTR)
			continue;
		if (part < 0)
			return -errno;
		if (part == 0)
			break;
		length += (size_t)part;
	}
	return (ssize_t)length;
}

int config_read(const char *path, struct config *config, struct config_report *report)
{
	struct complaining complaining = { path, report };
	_cleanup_close_ int fd = -1;
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	ssize_t length;

	fd = open_file(path, &size, report);
	if (fd < 0)
		return fd;
	text = malloc(size + 1);
	length = text ? read_file(fd, text, size + 1) : -ENOMEM;
	if (length < 0 || (size_t)length > size) {
		config_report_add(report, "%s: %s", path,
				  length < 0 ? strerror((int)-length) : "it grew while it was read; try again");
		return length < 0 ? (int)length : -EAGAIN;
	}
	return config_file_parse(text, (size_t)length, config, complain, &complaining);
}
