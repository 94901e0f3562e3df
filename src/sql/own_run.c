/* SPDX-License-Identifier: Apache-2.0 */
#include "sql/own_run_priv.h"

#include "engine/session.h"
#include "sql/lake.h"

bool own_run_open(struct own_run *o, struct lake *lake, str branch, const struct access *access,
                  struct cancel *cancel, struct arena *a, struct error *err)
{
    *o = (struct own_run){ .request = { .branch = branch, .access = access, .cancel = cancel } };
    o->run = (struct run){ .lake = lake, .req = &o->request, .a = a, .out = &o->outcome };
    if (!session_open(lake->engine, &o->run.session, err))
        return false;
    session_set_cancel(o->run.session, cancel);
    return true;
}

void own_run_close(struct own_run *o)
{
    session_close(o->run.session);
}
