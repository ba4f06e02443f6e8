/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "fleet_host.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/route.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"

#define READY_MS 60000

/* On whose account the inotify instances of controllers go (other_user.c). */
#define HOSTS_OF_A_USER 100
#define FIRST_USER 64000
#define OTHER_USER FLEET_BUILD "/tools/simulator/other_user.so"

static char other_user[PATH_MAX];

void fleet_die(const char *what)
{
	fprintf(stderr, "fleet: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_address(struct sockaddr *place, const char *text, in_port_t port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };

	inet_pton(AF_INET, text, &address.sin_addr);
	memcpy(place, &address, sizeof(address));
}

/* This process, and the sockets that it makes from now on. */
static void join(const char *cgroup, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		fleet_die(path);
	snprintf(path, sizeof(path), "%s/%s/cgroup.procs", cgroup, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, "0", 1) != 1)
		fleet_die(path);
	close(fd);
}

static void raise_device(int fd, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_UP };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		fleet_die(name);
}

static void write_text(const char *path, const char *text, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || write(fd, text, length) != (ssize_t)length)
		fleet_die(path);
	close(fd);
}

/* An address that is made later changes the routes: then every query passes, with or without a controller. */
static void keep_ipv6_still(void)
{
	if (access("/proc/sys/net/ipv6", F_OK) == 0)
		write_text("/proc/sys/net/ipv6/conf/default/addr_gen_mode", "1", 1); /* none */
}

/* IPv4 and a default route, by a TAP that stays as long as its descriptor; nobody reads it. */
static void connect_ipv4(struct fleet_host *host)
{
	struct ifreq request = { .ifr_name = "t0", .ifr_flags = IFF_TAP | IFF_NO_PI };
	struct rtentry route = { .rt_flags = RTF_UP | RTF_GATEWAY };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	host->device = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (fd < 0 || host->device < 0 || ioctl(host->device, TUNSETIFF, &request) < 0)
		fleet_die("a TAP device");
	set_address(&request.ifr_addr, "192.0.2.2", 0);
	if (ioctl(fd, SIOCSIFADDR, &request) < 0)
		fleet_die("an address");
	raise_device(fd, "lo");
	raise_device(fd, "t0");
	set_address(&route.rt_dst, "0.0.0.0", 0);
	set_address(&route.rt_genmask, "0.0.0.0", 0);
	set_address(&route.rt_gateway, "192.0.2.1", 0);
	if (ioctl(fd, SIOCADDRT, &route) < 0)
		fleet_die("a default route");
	close(fd);
}

/* The server is on loopback alone, and so does not serve others; the answers of the filter are thrown away. */
static void open_sockets(struct fleet_host *host, const char *cgroup, const char *name)
{
	struct sockaddr address;
	int small = 1, large = 1 << 20;

	set_address(&address, "127.0.0.1", 53);
	join(cgroup, "control");
	host->server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	setsockopt(host->server, SOL_SOCKET, SO_RCVBUF, &large, sizeof(large));
	if (host->server < 0 || bind(host->server, &address, sizeof(address)) < 0)
		fleet_die("a server's socket");
	join(cgroup, name);
	host->client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	setsockopt(host->client, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	if (host->client < 0 || connect(host->client, &address, sizeof(address)) < 0)
		fleet_die("a client's socket");
	join(cgroup, "control");
}

/* In a child: with /etc of the host's own, which holds nothing but its machine id. */
__attribute__((noreturn)) static void become_controller(const struct fleet_host *host, double after,
							 double spread, const char *scope)
{
	char etc[512], log[512], run[512], after_word[32], spread_word[32], user[16];
	int fd;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	snprintf(etc, sizeof(etc), "%s/etc", host->directory);
	snprintf(log, sizeof(log), "%s/log", host->directory);
	snprintf(run, sizeof(run), "%s/run", host->directory);
	snprintf(after_word, sizeof(after_word), "%g", after);
	snprintf(spread_word, sizeof(spread_word), "%g", spread);
	fd = open(log, O_WRONLY | O_CREAT, 0644);
	if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 || mount(etc, "/etc", NULL, MS_BIND, NULL) < 0)
		fleet_die("a mount namespace");
	if (host->user) {
		snprintf(user, sizeof(user), "%u", host->user);
		setenv("FLEET_USER", user, 1);
		setenv("LD_PRELOAD", other_user, 1);
	}
	execl(host->stubsieve, "stubsieve", "run", "--cgroup", scope, "--netns", "self", "--settle", "0", "--run-dir", run,
	      "--pin-dir", host->pins, "--fail-open-after", after_word, "--fail-open-spread", spread_word, NULL);
	fleet_die(host->stubsieve);
}

/* What it said. */
static void read_log(const struct fleet_host *host, char *ret_text, size_t size)
{
	char path[512];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "%s/log", host->directory);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? 0 : read(fd, ret_text, size - 1);
	if (fd >= 0)
		close(fd);
	ret_text[length > 0 ? length : 0] = '\0';
}

static void await_ready(const struct fleet_host *host)
{
	char text[4096];

	for (int ms = 0; ms < READY_MS; ms += 5) {
		read_log(host, text, sizeof(text));
		if (strstr(text, ": ready"))
			return;
		if (waitpid(host->controller, NULL, WNOHANG) > 0)
			break;
		usleep(5000);
	}
	read_log(host, text, sizeof(text));
	fprintf(stderr, "fleet: a controller is not ready: %s\n", text);
	exit(1);
}

void fleet_host_start(struct fleet_host *host, unsigned int number, double after, double spread, const char *stubsieve,
		      const char *directory, const char *cgroup)
{
	char name[32], path[512];

	snprintf(name, sizeof(name), "h%u", number);
	snprintf(host->directory, sizeof(host->directory), "%s/%s", directory, name);
	snprintf(host->pins, sizeof(host->pins), "%s/bpf/%s", directory, name);
	host->stubsieve = stubsieve;
	host->id_length = model_id(number, host->id);
	host->user = number < HOSTS_OF_A_USER ? 0 : FIRST_USER + number / HOSTS_OF_A_USER;
	if (!realpath(OTHER_USER, other_user) && host->user)
		fleet_die(OTHER_USER);
	if (mkdir(host->directory, 0755) < 0 || mkdir(host->pins, 0700) < 0)
		fleet_die(host->directory);
	snprintf(path, sizeof(path), "%s/etc", host->directory);
	if (mkdir(path, 0755) < 0 || unshare(CLONE_NEWNET) < 0)
		fleet_die(path);
	snprintf(path, sizeof(path), "%s/etc/machine-id", host->directory);
	write_text(path, host->id, host->id_length);
	keep_ipv6_still();
	connect_ipv4(host);
	open_sockets(host, cgroup, name);
	snprintf(path, sizeof(path), "%s/%s", cgroup, name);
	host->controller = fork();
	if (host->controller < 0)
		fleet_die("fork");
	if (host->controller == 0)
		become_controller(host, after, spread, path);
	await_ready(host);
}

void fleet_host_open_heartbeat(struct fleet_host *host)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/heartbeat-%d", host->pins, SIEVE_ABI_VERSION);
	host->heartbeat = bpf_obj_get(path);
	if (host->heartbeat < 0)
		fleet_die(path);
}

struct sieve_heartbeat fleet_host_heartbeat(const struct fleet_host *host)
{
	struct sieve_heartbeat heartbeat;
	__u32 zero = 0;

	if (bpf_map_lookup_elem(host->heartbeat, &zero, &heartbeat) < 0)
		fleet_die("a heartbeat");
	return heartbeat;
}

int fleet_host_receive(const struct fleet_host *host)
{
	unsigned char message[512];

	if (recv(host->server, message, sizeof(message), 0) < 2)
		return -1;
	return message[0] << 8 | message[1];
}

void fleet_host_stop(struct fleet_host *host, const char *seconds, const int gate[2])
{
	char run[512], octet;

	snprintf(run, sizeof(run), "%s/run", host->directory);
	host->stop = fork();
	if (host->stop < 0)
		fleet_die("fork");
	if (host->stop > 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(gate[1]);
	if (read(gate[0], &octet, 1) != 0)
		fleet_die("the gate");
	execl(host->stubsieve, "stubsieve", "stop", "--ramp", seconds, "--run-dir", run, "--pin-dir", host->pins, NULL);
	fleet_die(host->stubsieve);
}

void fleet_host_await_stop(struct fleet_host *host)
{
	int status;

	if (waitpid(host->stop, &status, 0) < 0 || status != 0 || access(host->pins, F_OK) == 0) {
		errno = EBUSY;
		fleet_die("stop --ramp");
	}
}
