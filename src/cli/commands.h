/* SPDX-License-Identifier: Apache-2.0
 *
 * Every command; table.c lists them in the order of the help. */
#ifndef FIRN_CLI_COMMANDS_H
#define FIRN_CLI_COMMANDS_H

#include "cli/command.h"

extern const struct command cmd_demo, cmd_serve, cmd_sql, cmd_ingest, cmd_build;
extern const struct command cmd_table_ls, cmd_table_show, cmd_table_snapshots, cmd_table_history,
    cmd_table_files, cmd_table_rollback, cmd_table_cherry_pick, cmd_table_upgrade,
    cmd_table_add_files, cmd_table_plan, cmd_table_compact, cmd_table_expire, cmd_table_collect,
    cmd_table_analyze, cmd_table_orphans, cmd_table_manifests, cmd_table_deletes;
extern const struct command cmd_branch, cmd_branch_protect, cmd_tag, cmd_merge, cmd_cherry_pick,
    cmd_revert, cmd_log, cmd_diff;
extern const struct command cmd_feature_apply, cmd_feature_plan, cmd_feature_ls,
    cmd_feature_describe, cmd_feature_delete, cmd_feature_get_historical, cmd_feature_materialize,
    cmd_feature_get_online;
extern const struct command cmd_model_train, cmd_model_ls, cmd_model_show, cmd_model_predict;
extern const struct command cmd_admin_bootstrap, cmd_admin_principal, cmd_admin_key, cmd_admin_role,
    cmd_admin_grant;
extern const struct command cmd_events, cmd_webhook;
extern const struct command cmd_docs;

#endif
