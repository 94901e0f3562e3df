/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "cli/commands.h"
#include "server/api.h"
#include "server/listener.h"
#include "io/lock.h"
#include "sql/lake.h"

#define STOP_DEADLINE_MS 10000

static const struct flag flags[] = {
    { "listen", "ADDRESS", "host:port (default 127.0.0.1:8181; port 0 takes a free one)", '\0',
      false },
    { "catalog", "URI",
      "postgresql://... that several servers share (default: firn.yaml, then catalog.db)", '\0',
      false },
    { "warehouse", "DIR",
      "where tables lie (default: firn.yaml, then warehouse in the data directory)", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

/* SIGINT and SIGTERM are waited for by this thread alone; threads made later inherit the mask. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void serve_until_signal(struct cli *cli, struct listener *listener, const sigset_t *signals)
{
    int got;
    note(cli, "firn serves %s at " STR_FMT " (stop with Ctrl-C)", cli->data_dir,
         STR_ARG(listener_url(listener)));
    sigwait(signals, &got);
    note(cli, "stopping: requests under way have %d s", STOP_DEADLINE_MS / 1000);
    listener_stop(listener, STOP_DEADLINE_MS);
}

static const char *opt_flag(struct cli *cli, const char *name)
{
    str value = cli_flag(cli, name, "");
    return value.len ? arena_cstr(cli->a, value) : NULL;
}

static bool run(struct cli *cli, struct error *err)
{
    struct lake_options o = { .dir = cli->data_dir,
                              .catalog = opt_flag(cli, "catalog"),
                              .warehouse = opt_flag(cli, "warehouse") };
    struct app *app;
    struct listener *listener;
    sigset_t signals;
    block_signals(&signals);
    const char *listen = arena_cstr(cli->a, cli_flag(cli, "listen", "127.0.0.1:8181"));
    if (!app_open(&o, &app, err))
        return false;
    app_trust_files(app, true); /* loopback only: whoever reaches it is this machine's user */
    bool ok = listener_start(app, listen, &listener, err);
    if (ok && lock_set_url(app->lake->lock, listener_url(listener), err)) {
        serve_until_signal(cli, listener, &signals);
    } else if (ok) {
        listener_stop(listener, 0);
        ok = false;
    }
    app_close(app);
    return ok;
}

const struct command cmd_serve = {
    .name = "serve",
    .args = "",
    .summary = "serve the data directory over HTTP: page, SQL, tables, features, models, metrics",
    .detail =
        "Without credentials the server listens on loopback addresses only.  Commands on the same data directory talk to it.",
    .examples = "firn serve\nfirn serve --data /srv/lake --listen 127.0.0.1:9000",
    .flags = flags,
    .makes_data = true,
    .run = run,
};
