/* SPDX-License-Identifier: Apache-2.0 */
/* commands.h -- what `belfry` can do; the table is in commands.c.
 *
 * Each gives the exit code: 0 done, 1 the answer is no, 2 the installation does not run; 100 a wrong
 * use or setting, 111 try again. */
#pragma once

#include "cli/args.h"

enum { EXIT_no = 1, EXIT_not_running = 2 };

int serve_command(const struct args *a);
int status_command(const struct args *a);
int token_command(const struct args *a);
int init_command(const struct args *a);
int key_command(const struct args *a);
int revoke_command(const struct args *a);
int doctor_command(const struct args *a);
int notify_command(const struct args *a);
int publish_command(const struct args *a);
int tail_command(const struct args *a);
int who_command(const struct args *a);
int members_command(const struct args *a);
int import_command(const struct args *a);
int bench_command(const struct args *a);
int check_command(const struct args *a);
int backup_command(const struct args *a);
int conf_command(const struct args *a);
int help_command(const struct args *a);

/* 0: the installation that runs has a class for the command's topic; else that code, and it is said. */
int topic_known(const struct args *a);

/* The text of `belfry conf`, which is the tree's belfry.conf. */
void conf_text(struct buf *out);

/* Where the installation's HTTP is, http://HOST:PORT: DATA/run/address, which `serve` writes, or
 * what `listen` says. */
enum { ADDRESS_SIZE = 128 };
void address_path(const struct settings *s, char out[PATH_SIZE]);
void address_of(const struct settings *s, char out[ADDRESS_SIZE]);

/* Where the programs are: beside this one. */
enum { PROGRAM_PATH = 1024 };
void programs_folder(char out[PROGRAM_PATH]);
