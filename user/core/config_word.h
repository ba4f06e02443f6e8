/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The words that keys of the configuration take: choices, numbers, times, paths, lists. Parsing returns 0 or -errno
 * (-EINVAL: it is no such word, -ENOSPC: the list is full); outputs are untouched on failure.
 */
#ifndef STUBSIEVE_CONFIG_WORD_H
#define STUBSIEVE_CONFIG_WORD_H

#include "config.h"

/* One of the names, of which some can be NULL. */
int config_parse_choice(const char *word, const char *const *names, size_t count, unsigned int *ret_index);
int config_parse_boolean(const char *word, bool *ret_value);
int config_parse_number(const char *word, unsigned long min, unsigned long max, unsigned long *ret_number);
int config_parse_seconds(const char *word, uint64_t *ret_ns); /* with decimals if need be */
int config_parse_path(const char *word, char path[CONFIG_PATH_MAX]);
bool config_is_interface_pattern(const char *word);

/* Put a copy of the word at the end of a list. */
int config_add_word(const char *word, char **list, size_t *count, size_t max);
int config_add_to_words(const char *word, struct config_words *list, size_t max);
void config_free_words(char **list, size_t *count);
void config_free_word_list(struct config_words *list);

/* As config_key.format: there is one value, with index 0. */
bool config_format_text(const char *text, size_t index, char *word, size_t size);
bool config_format_boolean(bool value, size_t index, char *word, size_t size);
bool config_format_number(unsigned long number, size_t index, char *word, size_t size);
bool config_format_seconds(uint64_t ns, size_t index, char *word, size_t size);

#endif
