/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "machine_id.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

/* What systemd writes while an image has not got an id of its own. */
#define NO_ID_YET "uninitialized"

size_t machine_id(char ret_id[MACHINE_ID_MAX])
{
	static const char *const paths[] = { "/etc/machine-id", "/var/lib/dbus/machine-id", "/etc/hostname" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		_cleanup_close_ int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
		ssize_t length = fd >= 0 ? read(fd, ret_id, MACHINE_ID_MAX) : -1;

		if (length > 0 && strncmp(ret_id, NO_ID_YET, strlen(NO_ID_YET)) != 0)
			return (size_t)length;
	}
	return 0;
}

bool machine_is_spared(const struct config *config)
{
	char id[MACHINE_ID_MAX] = "";
	size_t length = machine_id(id);

	return !config_is_among(id, length, config->percent);
}
