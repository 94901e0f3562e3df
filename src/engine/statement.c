/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/statement.h"
const char *statement_kind_name(enum statement_kind kind)
{
    (void)kind;
    return "";
}
