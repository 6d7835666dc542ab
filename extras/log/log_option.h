/* SPDX-License-Identifier: BSD-2-Clause */
/* log=LEVEL sets every module's level, log=MODULE:LEVEL one module's. */
#ifndef TIDE_EXTRAS_LOG_OPTION_H
#define TIDE_EXTRAS_LOG_OPTION_H

#include "include/types.h"

/* Apply the value of one `log=` option, one or more of these between commas, from left to right;
 * E_INVAL if it is malformed (nothing changes). */
must_check int log_configure(const char *value);

#endif
