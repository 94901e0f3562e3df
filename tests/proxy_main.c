/* SPDX-License-Identifier: Apache-2.0
 *
 * The proxy as a program, for end-to-end tests:
 *
 *     firn_proxy LISTEN TARGET TEXT EVERY
 *
 * listens at a port of 127.0.0.1 or a socket's path, passes to TARGET, and cuts every EVERYth
 * request that holds TEXT, by turns before it reaches the server and after the answer.  It prints
 * the port on a line, and on SIGTERM how often it did. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "proxy.h"

int main(int argc, char **argv)
{
    static struct proxy p;
    sigset_t end;
    int sig;
    if (argc != 5) {
        fprintf(stderr, "usage: firn_proxy LISTEN TARGET TEXT EVERY\n");
        return 2;
    }
    p.listen_at = argv[1];
    p.target = argv[2];
    snprintf(p.text, sizeof p.text, "%s", argv[3]);
    p.every = (int)strtol(argv[4], NULL, 10);
    sigemptyset(&end);
    sigaddset(&end, SIGTERM);
    sigaddset(&end, SIGINT);
    sigprocmask(SIG_BLOCK, &end, NULL);
    if (!proxy_start(&p)) {
        perror("firn_proxy");
        return 1;
    }
    printf("%d\n", p.port);
    fflush(stdout);
    sigwait(&end, &sig);
    proxy_stop(&p);
    printf("hits %lld before %lld after %lld\n", (long long)p.hits, (long long)p.before,
           (long long)p.after);
    return 0;
}
