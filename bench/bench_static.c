/* SPDX-License-Identifier: Apache-2.0
 *
 * What libmicrohttpd itself can do: answers every request with the bytes of a file, from memory.  Set up as Firn's listener is.
 *
 *     bench_static PORT FILE THREADS */
#include <arpa/inet.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1 << 30)

static char *text;
static size_t text_len;
static struct MHD_Response *response;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_static: %s\n", what);
    exit(1);
}

/* The answer is queued on the second call, or the connection would be closed after it. */
static enum MHD_Result answer(void *ctx, struct MHD_Connection *c, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **state)
{
    static int seen;
    (void)ctx;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (!*state) {
        *state = &seen;
        return MHD_YES;
    }
    if (*size) {
        *size = 0;
        return MHD_YES;
    }
    return MHD_queue_response(c, MHD_HTTP_OK, response);
}

static void read_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0)
        die("the file cannot be read");
    long size = ftell(f);
    if (size < 0 || (size_t)size > FILE_MAX)
        die("the file is too large");
    rewind(f);
    text_len = (size_t)size;
    text = malloc(text_len + 1);
    if (!text || fread(text, 1, text_len, f) != text_len)
        die("the file cannot be read");
    fclose(f);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        die("use: bench_static PORT FILE THREADS");
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    read_file(argv[2]);
    response = MHD_create_response_from_buffer(text_len, text, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, "Content-Type", "application/json");
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD, 0, NULL, NULL, answer, NULL, MHD_OPTION_SOCK_ADDR, &at,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)strtoul(argv[3], NULL, 10),
        MHD_OPTION_CONNECTION_LIMIT, 1024u, MHD_OPTION_END);
    if (!daemon)
        die("cannot listen");
    for (;;)
        pause();
}
