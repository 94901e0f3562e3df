/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>

#include "base/time.h"
#include "cli/commands.h"
#include "server/api.h"
#include "server/audit_thread.h"
#include "server/auth.h"
#include "server/config.h"
#include "server/hook_thread.h"
#include "server/listener.h"
#include "server/upkeep.h"
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
    { "tls-cert", "FILE", "certificate chain (PEM); read again on SIGHUP", '\0', false },
    { "tls-key", "FILE", "its private key (PEM)", '\0', false },
    { NULL, NULL, NULL, '\0', false },
};

/* These signals are waited for by this thread alone; threads made later inherit the mask. */
static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

static void reload(struct cli *cli, struct listener *listener)
{
    struct error err = { 0 };
    if (listener_reload(listener, &err))
        note(cli, listener_has_tls(listener) ? "the certificate was read again"
                                             : "SIGHUP: there is nothing to read again");
    else
        note(cli, "the old certificate stays: %s", err.msg);
}

static void warn_about_network(struct cli *cli, const struct listener *listener)
{
    if (listener_on_network(listener) && !listener_has_tls(listener))
        note(cli,
             "warning: other machines reach this address without TLS; what they show and get can "
             "be read on the way (--tls-cert, --tls-key)");
}

static void serve_until_signal(struct cli *cli, struct listener *listener, const sigset_t *signals)
{
    int got;
    note(cli, "firn serves %s at " STR_FMT " (stop with Ctrl-C)", cli->data_dir,
         STR_ARG(listener_url(listener)));
    warn_about_network(cli, listener);
    while (sigwait(signals, &got) == 0 && got == SIGHUP)
        reload(cli, listener);
    note(cli, "stopping: requests under way have %d s", STOP_DEADLINE_MS / 1000);
    listener_stop(listener, STOP_DEADLINE_MS);
}

/* A flag of the command, else the setting of firn.yaml, else NULL. */
static const char *flag_or(struct cli *cli, const char *name, str setting)
{
    str given = cli_flag(cli, name, "");
    str value = given.len ? given : setting;
    return value.len ? arena_cstr(cli->a, value) : NULL;
}

static bool take_options(struct cli *cli, const struct server_config *c,
                         struct listener_options *out, struct error *err)
{
    *out = (struct listener_options){
        .listen = flag_or(cli, "listen", c->listen),
        .tls_cert = flag_or(cli, "tls-cert", c->tls_cert),
        .tls_key = flag_or(cli, "tls-key", c->tls_key),
        .workers = (int)c->workers,
        .queue = (size_t)c->queue,
        .connections = (unsigned)c->connections,
        .connections_per_address = (unsigned)c->connections_per_address,
        .idle_s = (int)(c->idle_us / US_PER_S),
        .receive_s = (int)(c->receive_us / US_PER_S),
    };
    return !out->tls_cert == !out->tls_key ||
           fail(err, ERR_INVALID, "TLS needs both --tls-cert and --tls-key");
}

static bool run(struct cli *cli, struct error *err)
{
    struct lake_options o = { .dir = cli->data_dir,
                              .catalog = flag_or(cli, "catalog", (str){ 0 }),
                              .warehouse = flag_or(cli, "warehouse", (str){ 0 }) };
    struct listener_options options;
    struct app *app;
    struct listener *listener;
    struct hook_thread *hooks;
    sigset_t signals;
    block_signals(&signals);
    if (!app_open(&o, &app, err))
        return false;
    if (!auth_on(app->auth))
        app_trust_files(app, true); /* loopback only: whoever reaches it is this machine's user */
    bool ok = take_options(cli, app->config, &options, err) &&
              listener_start_with(app, &options, &listener, err);
    if (ok && lock_set_url(app->lake->lock, listener_url(listener), err) &&
        hook_thread_start(app, &hooks, err)) {
        struct audit_thread *audit = audit_thread_start(app->lake);
        struct upkeep_thread *upkeep = upkeep_thread_start(app->upkeep);
        serve_until_signal(cli, listener, &signals);
        upkeep_thread_stop(upkeep);
        hook_thread_stop(hooks);
        audit_thread_stop(audit);
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
        "While access control is off (firn admin bootstrap turns it on) the server listens on loopback addresses only.  Commands on "
        "the same data directory talk to it.  Settings may stand in firn.yaml too: server, tls, auth, throttle, events.",
    .examples = "firn serve\nfirn serve --data /srv/lake --listen 127.0.0.1:9000",
    .flags = flags,
    .makes_data = true,
    .run = run,
};
