/* SPDX-License-Identifier: Apache-2.0
 *
 * A child process that a fault plan kills. */
#ifndef FIRN_TEST_CHILD_H
#define FIRN_TEST_CHILD_H

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/fault.h"
#include "test.h"

/* 0 in the child, which must leave by _exit. */
static inline pid_t fork_child(void)
{
    (void)test_tmpdir(); /* made here, and so the same in both */
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    return child;
}

/* Waits for the child's end: killed by its plan, or well. */
static inline bool was_killed(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == FAULT_EXIT_STATUS);
    return WEXITSTATUS(status) == FAULT_EXIT_STATUS;
}

#endif
