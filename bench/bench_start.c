/* SPDX-License-Identifier: Apache-2.0
 *
 * How long programs take to start.  One line a run: milliseconds and, for a server, resident and
 * private memory in MB after it has been idle for a moment.
 *
 *     bench_start run N PROGRAM ARGS...          until the program has ended
 *     bench_start serve N PORT PROGRAM ARGS...   until GET /health on the port answers 200; then it is stopped
 *
 * A server is asked every 200 us from the moment it is started. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/env.h"

#define RUNS_MAX 1000
#define ASK_EVERY_US 200
#define READY_SECONDS_MAX 20
#define IDLE_US 300000 /* before its memory is looked at */

static _Noreturn void die(const char *what, const char *why)
{
    fprintf(stderr, "bench_start: %s: %s\n", what, why);
    exit(1);
}

static double now_ms(void)
{
    return (double)env_monotonic_ns(env_real()) / 1e6;
}

static pid_t start(char **argv)
{
    pid_t child = fork();
    if (child < 0)
        die("fork", strerror(errno));
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(null, 2);
        execv(argv[0], argv);
        _exit(127);
    }
    return child;
}

static void expect_success(pid_t child, const char *what)
{
    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        die(what, "failed");
}

static void measure_run(char **argv)
{
    double from = now_ms();
    expect_success(start(argv), argv[0]);
    printf("%.3f\n", now_ms() - from);
}

/* Whether the server answers; refused while it is not listening yet. */
static bool healthy(uint16_t port)
{
    static const char ask[] =
        "GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char answer[64] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0 &&
              send(fd, ask, sizeof ask - 1, MSG_NOSIGNAL) == (ssize_t)sizeof ask - 1 &&
              recv(fd, answer, sizeof answer - 1, 0) > 12 &&
              strncmp(answer, "HTTP/1.1 200", 12) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* A field of /proc/PID/smaps_rollup or status, in MB. */
static double memory_mb(pid_t child, const char *file, const char *field)
{
    char path[100], line[256];
    double kb = 0;
    snprintf(path, sizeof path, "/proc/%d/%s", (int)child, file);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0)
            kb += strtod(line + strlen(field), NULL);
    if (f)
        fclose(f);
    return kb / 1024;
}

static void measure_serve(uint16_t port, char **argv)
{
    double from = now_ms();
    pid_t child = start(argv);
    while (!healthy(port)) {
        if (waitpid(child, NULL, WNOHANG) == child)
            die(argv[0], "ended before it answered");
        if (now_ms() - from > READY_SECONDS_MAX * 1000) {
            kill(child, SIGKILL);
            die(argv[0], "does not get ready");
        }
        env_sleep_us(env_real(), ASK_EVERY_US);
    }
    double ms = now_ms() - from;
    env_sleep_us(env_real(), IDLE_US);
    double resident = memory_mb(child, "status", "VmRSS:"),
           private = memory_mb(child, "smaps_rollup", "Private_Dirty:");
    kill(child, SIGTERM);
    expect_success(child, argv[0]);
    printf("%.3f\t%.1f\t%.1f\n", ms, resident, private);
}

int main(int argc, char **argv)
{
    bool serve = argc > 4 && strcmp(argv[1], "serve") == 0;
    if (!serve && (argc < 4 || strcmp(argv[1], "run") != 0)) {
        fprintf(stderr, "use: bench_start run N PROGRAM ARGS... | serve N PORT PROGRAM ARGS...\n");
        return 2;
    }
    long n = strtol(argv[2], NULL, 10);
    if (n < 1 || n > RUNS_MAX)
        die(argv[2], "is no number of runs");
    for (long i = 0; i < n; i++) {
        if (serve)
            measure_serve((uint16_t)strtoul(argv[3], NULL, 10), argv + 4);
        else
            measure_run(argv + 3);
        fflush(stdout);
    }
    return 0;
}
