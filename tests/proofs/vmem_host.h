/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For a harness that includes a file of drivers/virtio: what the library's text.c and the host do
 * there. A text is any text, an invariant of the library's own must hold.
 */
#ifndef TIDE_TESTS_PROOFS_VMEM_HOST_H
#define TIDE_TESTS_PROOFS_VMEM_HOST_H

#include "drivers/virtio/core/text.h"
#include "tests/proofs/proof.h"

size_t vmem_format(char *buffer, size_t bytes, const char *format, ...)
{
    (void)format;
    PROVE(__CPROVER_w_ok(buffer, bytes));
    size_t length;
    return length;
}

void vmem_log(enum vmem_log_level level, const char *device, const char *format, ...)
{
    (void)level, (void)device, (void)format;
}

void vmem_host_panic(const char *text)
{
    (void)text;
    PROVE(!"an invariant of the library's own is broken");
    ASSUME(false);
    while (true) {
    }
}

#endif
