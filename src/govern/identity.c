/* SPDX-License-Identifier: Apache-2.0 */
#include "govern/identity.h"

const struct identity identity_system = { .principal = STR_INIT("system"),
                                          .root = true,
                                          .credential_id = STR_INIT("local") };
const struct identity identity_local = { .principal = STR_INIT("local"),
                                         .root = true,
                                         .credential_id = STR_INIT("local") };
const struct identity identity_anonymous = { .principal = STR_INIT("anonymous") };
