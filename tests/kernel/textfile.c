/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "sandbox.h"

#include <linux/capability.h>

#include "clock.h"
#include "textfile.h"

#define DIRECTORY SANDBOX "/metrics"
#define PATH DIRECTORY "/stubsieve.prom"
#define LONG_TEXT (256 * 1024) /* more than the small file system holds */

static char long_text[LONG_TEXT + 1];

static int enter(void **state)
{
	memset(long_text, 'x', LONG_TEXT);
	return enter_sandbox(state) < 0 ? -1 : mkdir(DIRECTORY, 0755);
}

/* A file system of 128 KiB at the directory, empty. */
static int make_small(void **state)
{
	(void)state;
	return mount("none", DIRECTORY, "tmpfs", 0, "size=128k");
}

static int remove_small(void **state)
{
	(void)state;
	return umount2(DIRECTORY, MNT_DETACH);
}

static void write_to(const char *text)
{
	struct error error = {};

	if (textfile_write(PATH, text, &error) != 0)
		fail_msg("%s", error.text);
}

static void assert_holds(const char *text)
{
	char *read_back = calloc(1, LONG_TEXT + 1);
	int fd = open(PATH, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0 && read_back);
	assert_true(read(fd, read_back, LONG_TEXT) >= 0);
	assert_string_equal(read_back, text);
	close(fd);
	free(read_back);
}

static unsigned int count_files(const char *path)
{
	DIR *directory = opendir(path);
	unsigned int count = 0;

	assert_non_null(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count - 2;
}

/* What there was is there, nothing beside it, and the error names the file and these words. */
static void assert_refused(const char *text, const char *words)
{
	struct error error = {};

	assert_true(textfile_write(PATH, text, &error) < 0);
	if (!strstr(error.text, PATH) || !strstr(error.text, words))
		fail_msg("%s", error.text);
}

static void it_is_readable_by_all_whatever_the_umask(void **state)
{
	mode_t before = umask(0777);
	struct stat status;

	(void)state;
	write_to("one\n");
	umask(before);
	assert_int_equal(stat(PATH, &status), 0);
	assert_int_equal(status.st_mode & 07777, 0644);
	assert_holds("one\n");
}

static void it_is_replaced_and_not_written_over(void **state)
{
	struct stat first, second;
	int fd;
	char octets[8] = {};

	(void)state;
	write_to("first\n");
	fd = open(PATH, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &first), 0);
	write_to("second\n");
	assert_int_equal(stat(PATH, &second), 0);
	assert_int_not_equal(first.st_ino, second.st_ino);
	assert_int_equal(read(fd, octets, sizeof(octets) - 1), 6); /* who has it open reads it to the end */
	assert_string_equal(octets, "first\n");
	assert_holds("second\n");
	assert_int_equal(count_files(DIRECTORY), 1);
	close(fd);
}

static void a_full_disk_leaves_the_old_file_and_nothing_else(void **state)
{
	(void)state;
	write_to("old\n");
	assert_refused(long_text, "make room");
	assert_refused(long_text, strerror(ENOSPC));
	assert_holds("old\n");
	assert_int_equal(count_files(DIRECTORY), 1);
	write_to("new\n");
	assert_holds("new\n");
}

static void a_disk_without_room_for_one_more_file_is_full_too(void **state)
{
	(void)state;
	assert_int_equal(mount("none", DIRECTORY, "tmpfs", MS_REMOUNT, "nr_inodes=2"), 0);
	write_to("old\n");
	assert_refused("new\n", "make room");
	assert_holds("old\n");
	assert_int_equal(count_files(DIRECTORY), 1);
}

static void a_file_system_that_is_read_only_leaves_the_old_file(void **state)
{
	(void)state;
	write_to("old\n");
	assert_int_equal(mount("none", DIRECTORY, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	assert_refused("new\n", strerror(EROFS));
	assert_holds("old\n");
	assert_int_equal(mount("none", DIRECTORY, "tmpfs", MS_REMOUNT, NULL), 0);
	write_to("new\n");
	assert_int_equal(count_files(DIRECTORY), 1);
}

static void a_missing_directory_is_not_made(void **state)
{
	struct error error = {};

	(void)state;
	assert_int_equal(textfile_write(SANDBOX "/none/a.prom", "new\n", &error), -ENOENT);
	assert_non_null(strstr(error.text, SANDBOX "/none/a.prom"));
	assert_non_null(strstr(error.text, "make its directory"));
	assert_int_not_equal(access(SANDBOX "/none", F_OK), 0);
}

static void a_directory_in_its_place_stays(void **state)
{
	(void)state;
	assert_int_equal(mkdir(PATH, 0755), 0);
	assert_refused("new\n", strerror(EISDIR));
	assert_int_equal(count_files(DIRECTORY), 1);
	assert_int_equal(rmdir(PATH), 0);
}

static void without_permission_it_says_so(void **state)
{
	pid_t child;

	(void)state;
	write_to("old\n");
	assert_int_equal(chmod(DIRECTORY, 0555), 0);
	child = fork_child();
	if (child == 0) {
		struct error error = {};

		child_drop_capability(CAP_DAC_OVERRIDE);
		CHILD_CHECK(textfile_write(PATH, "new\n", &error) == -EACCES);
		CHILD_CHECK(error.kind == ERROR_PRIVILEGE && strstr(error.text, PATH) &&
			    strstr(error.text, "ReadWritePaths="));
		_exit(0);
	}
	expect_exit(child, 0);
	assert_int_equal(chmod(DIRECTORY, 0755), 0);
	assert_holds("old\n");
}

/* Who owns the directory need not be root. */
static void what_somebody_put_in_its_way_is_not_written_to(void **state)
{
	static const char victim[] = SANDBOX "/victim";
	int fd = open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat status;

	(void)state;
	close(fd);
	assert_int_equal(symlink(victim, PATH ".new"), 0);
	write_to("new\n");
	assert_int_equal(symlink(victim, PATH ".new"), 0);
	assert_int_equal(unlink(PATH), 0);
	assert_int_equal(symlink(victim, PATH), 0);
	write_to("newer\n");
	assert_int_equal(stat(victim, &status), 0);
	assert_int_equal(status.st_size, 0);
	assert_holds("newer\n");
	assert_int_equal(count_files(DIRECTORY), 1);
}

/* What a beat and the end of the child that it started tell. `now` in seconds. */
struct turn {
	struct textfile *textfile;
	const char *text; /* NULL: the child is killed */
	uint64_t now;
};

static char *make_text(void *data)
{
	const char *text = data;

	if (!text)
		kill(getpid(), SIGKILL);
	return strdup(text);
}

static void take_turn(void *data)
{
	struct turn *turn = data;
	pid_t writer;
	int status;

	textfile_beat(turn->textfile, PATH, turn->now * CLOCK_SECOND_NS, make_text, (void *)(uintptr_t)turn->text);
	writer = turn->textfile->writer;
	if (writer <= 0)
		return;
	waitpid(writer, &status, 0);
	textfile_reap(turn->textfile, writer + 1, status); /* of another child */
	textfile_reap(turn->textfile, writer, status);
}

/* `words`: in the line that is told; NULL: nothing is. */
static void expect_turn(struct textfile *textfile, uint64_t now, const char *text, const char *words)
{
	struct turn turn = { textfile, text, now };
	char *said = stderr_while(take_turn, &turn);

	assert_int_equal(textfile->writer, 0);
	if (words ? !strstr(said, words) || strchr(said, '\n') != said + strlen(said) - 1 : said[0] != '\0')
		fail_msg("at %d s it says: %s", (int)now, said);
	free(said);
}

static void it_is_written_every_15_seconds(void **state)
{
	struct textfile textfile = {};

	(void)state;
	expect_turn(&textfile, 1000, "one\n", NULL);
	assert_holds("one\n");
	expect_turn(&textfile, 1014, "two\n", NULL);
	assert_holds("one\n");
	expect_turn(&textfile, 1015, "three\n", NULL);
	assert_holds("three\n");
}

static void trouble_is_told_once_an_hour_and_when_it_is_over(void **state)
{
	struct textfile textfile = {};

	(void)state;
	expect_turn(&textfile, 1000, "old\n", NULL);
	expect_turn(&textfile, 1015, long_text, "make room");
	for (uint64_t now = 1030; now < 1015 + 3600; now += 360)
		expect_turn(&textfile, now, long_text, NULL);
	expect_turn(&textfile, 1015 + 3600, long_text, "make room");
	expect_turn(&textfile, 1030 + 3600, long_text, NULL);
	assert_holds("old\n");
	assert_int_equal(count_files(DIRECTORY), 1);
	expect_turn(&textfile, 1045 + 3600, "new\n", "again");
	expect_turn(&textfile, 1060 + 3600, "newer\n", NULL);
	assert_holds("newer\n");
	expect_turn(&textfile, 1075 + 3600, long_text, "make room");
}

static void another_trouble_is_told_at_once(void **state)
{
	struct textfile textfile = {};

	(void)state;
	expect_turn(&textfile, 1000, long_text, "make room");
	assert_int_equal(mount("none", DIRECTORY, "tmpfs", MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_turn(&textfile, 1015, "new\n", strerror(EROFS));
	expect_turn(&textfile, 1030, "new\n", NULL);
	expect_turn(&textfile, 1045, NULL, "does the file system answer");
	expect_turn(&textfile, 1060, NULL, NULL);
}

struct beat {
	struct textfile *textfile;
	uint64_t now;
};

static char *sleep_first(void *data)
{
	pause_ms(2000);
	return strdup(data);
}

static void beat(void *data)
{
	struct beat *it = data;

	textfile_beat(it->textfile, PATH, it->now * CLOCK_SECOND_NS, sleep_first, (char[]){ "slow\n" });
}

static void a_writer_that_hangs_is_not_waited_for_and_has_no_second_beside_it(void **state)
{
	struct textfile textfile = {};
	struct beat it = { &textfile, 1000 };
	uint64_t start = clock_monotonic_ns();
	pid_t writer;
	char *said;

	(void)state;
	write_to("old\n");
	beat(&it);
	writer = textfile.writer;
	assert_true(writer > 0);
	it.now = 1015;
	said = stderr_while(beat, &it);
	assert_non_null(strstr(said, "does the file system answer"));
	free(said);
	it.now = 1030;
	said = stderr_while(beat, &it);
	assert_string_equal(said, "");
	free(said);
	assert_int_equal(textfile.writer, writer);
	assert_int_equal(waitpid(writer, NULL, WNOHANG), 0);
	assert_true(clock_monotonic_ns() - start < CLOCK_SECOND_NS);
	textfile_remove(&textfile);
	assert_true(clock_monotonic_ns() - start < CLOCK_SECOND_NS);
	assert_int_equal(textfile.writer, 0);
	assert_int_equal(count_files(DIRECTORY), 0);
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/* As a reload can have it. */
static void another_path_moves_the_file_and_none_removes_it(void **state)
{
	struct textfile textfile = {};
	int status;

	(void)state;
	expect_turn(&textfile, 1000, "one\n", NULL);
	textfile_beat(&textfile, DIRECTORY "/other.prom", 1001 * CLOCK_SECOND_NS, make_text, (char[]){ "two\n" });
	assert_int_equal(waitpid(textfile.writer, &status, 0), textfile.writer);
	reap_all();
	assert_int_not_equal(access(PATH, F_OK), 0);
	assert_true(textfile_reap(&textfile, textfile.writer, status));
	assert_int_equal(access(DIRECTORY "/other.prom", F_OK), 0);
	textfile_beat(&textfile, "", 1100 * CLOCK_SECOND_NS, make_text, NULL);
	assert_int_equal(textfile.writer, 0);
	reap_all();
	assert_int_equal(count_files(DIRECTORY), 0);
	textfile_beat(&textfile, "", 1200 * CLOCK_SECOND_NS, make_text, NULL);
	assert_int_equal(count_files(DIRECTORY), 0);
}

static void what_a_killed_writer_left_goes_with_the_next(void **state)
{
	int fd = open(PATH ".new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	(void)state;
	assert_int_equal(write(fd, long_text, 100000), 100000);
	close(fd);
	write_to("new\n");
	assert_holds("new\n");
	assert_int_equal(count_files(DIRECTORY), 1);
}

int main(void)
{
#define SMALL_TEST(name) cmocka_unit_test_setup_teardown(name, make_small, remove_small)
	const struct CMUnitTest tests[] = {
		SMALL_TEST(it_is_readable_by_all_whatever_the_umask),
		SMALL_TEST(it_is_replaced_and_not_written_over),
		SMALL_TEST(a_full_disk_leaves_the_old_file_and_nothing_else),
		SMALL_TEST(a_disk_without_room_for_one_more_file_is_full_too),
		SMALL_TEST(a_file_system_that_is_read_only_leaves_the_old_file),
		SMALL_TEST(a_missing_directory_is_not_made),
		SMALL_TEST(a_directory_in_its_place_stays),
		SMALL_TEST(without_permission_it_says_so),
		SMALL_TEST(what_somebody_put_in_its_way_is_not_written_to),
		SMALL_TEST(it_is_written_every_15_seconds),
		SMALL_TEST(trouble_is_told_once_an_hour_and_when_it_is_over),
		SMALL_TEST(another_trouble_is_told_at_once),
		SMALL_TEST(a_writer_that_hangs_is_not_waited_for_and_has_no_second_beside_it),
		SMALL_TEST(another_path_moves_the_file_and_none_removes_it),
		SMALL_TEST(what_a_killed_writer_left_goes_with_the_next),
	};

	return cmocka_run_group_tests(tests, enter, leave_sandbox);
}
