/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes chosen system calls of this process fail or kill it, with a seccomp filter: what really happens
 * when a disk fails under the code, without a seam in it.  It cannot be undone, so use it in a
 * process of its own (each test is one). */
#ifndef FIRN_TEST_SECCOMP_H
#define FIRN_TEST_SECCOMP_H

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

#define SECCOMP_KILL (-1) /* instead of an errno */
#define ANY_FD (-1)

/* Lets the call `nr` answer `action` (an errno or SECCOMP_KILL); with fd >= 0 only when that is its
 * first argument. */
static inline void seccomp_break(int nr, int fd, int action)
{
    unsigned ret = action == SECCOMP_KILL ? SECCOMP_RET_KILL_PROCESS
                                          : SECCOMP_RET_ERRNO | ((unsigned)action & 0xffff);
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)nr, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | (fd < 0 ? BPF_JGE : BPF_JEQ) | BPF_K, fd < 0 ? 0 : (unsigned)fd, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, ret),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog prog = { sizeof code / sizeof *code, code };
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
        test_skip("no seccomp here: errno %d", errno);
}

/* The number that the next descriptor will get, if nothing is closed before. */
static inline int next_fd(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(fd);
    return fd;
}

/* Runs fn(arg) in a child; its wait status. */
static inline int in_child(void (*fn)(void *arg), void *arg)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        fn(arg);
        _exit(0);
    }
    int status = -1;
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    return status;
}

#endif
