/* SPDX-License-Identifier: BSD-2-Clause */
/* cmocka with the headers that must come before it, in that order. */
#ifndef TIDE_TESTS_UNIT_UNIT_H
#define TIDE_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
