/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/call.h"
#include "cli/demo_priv.h"
#include "io/lock.h"

void demo_fact(struct buf *facts, const char *step, const char *name, double value)
{
    struct json_writer w;
    if (facts->len)
        buf_add_char(facts, ',');
    buf_printf(facts, "\"%s_%s\":", step, name);
    for (size_t i = facts->len; i > 0 && facts->ptr[i - 1] != ','; i--)
        if (facts->ptr[i - 1] == ' ')
            facts->ptr[i - 1] = '_';
    jw_init(&w, facts);
    jw_f64(&w, value);
}

void demo_tensor(struct json_writer *w, str name, double value)
{
    jw_begin_object(w);
    jw_kv_str(w, "name", name);
    jw_kv_array(w, "shape");
    jw_int(w, 1);
    jw_int(w, 1);
    jw_end_array(w);
    jw_kv_str(w, "datatype", STR("FP64"));
    jw_kv_array(w, "data");
    jw_f64(w, value);
    jw_end_array(w);
    jw_end_object(w);
}

/* What lake.h says a data directory holds. */
static bool is_ours(const char *name)
{
    static const char *const ours[] = {
        ".",         "..",        "catalog.db",  "catalog.db-wal", "catalog.db-shm",
        "warehouse", "artifacts", "online",      "journal",        "tmp",
        "cache",     "firn.yaml", LOCK_FILE_NAME
    };
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (strcmp(name, ours[i]) == 0)
            return true;
    return false;
}

static bool check_ours(const char *dir, struct error *err)
{
    DIR *d = opendir(dir);
    if (!d)
        return fail_errno(err, errno, "open the data directory %s", dir);
    bool ok = true;
    for (struct dirent *e; ok && (e = readdir(d));)
        if (!is_ours(e->d_name))
            ok = fail(err, ERR_INVALID, "%s holds %s, which is not Firn's: it is not emptied", dir,
                      e->d_name);
    closedir(d);
    return ok || fail_hint(err, "name another folder with --data, or use --keep");
}

bool demo_clean(struct cli *cli, struct error *err)
{
    struct stat st;
    struct lock *lock;
    if (stat(cli->data_dir, &st) != 0)
        return errno == ENOENT ||
               fail_errno(err, errno, "open the data directory %s", cli->data_dir);
    if (!check_ours(cli->data_dir, err) || !lock_acquire(str_of(cli->data_dir), &lock, err))
        return false;
    bool ok = remove_tree(cli->data_dir) ||
              fail_errno(err, errno, "empty the data directory %s", cli->data_dir);
    lock_release(lock);
    return ok;
}
