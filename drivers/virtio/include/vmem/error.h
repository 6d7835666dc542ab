/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The results of functions that can fail: VMEM_OK, or one of these negative values. The answer of a
 * device to a request is never one of them.
 */
#ifndef VMEM_ERROR_H
#define VMEM_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

enum vmem_error {
    VMEM_OK = 0,
    VMEM_E_INVAL = -1,       /* an argument or a value read is malformed */
    VMEM_E_NOMEM = -2,       /* memory, a page table or an entry was not to be had */
    VMEM_E_RANGE = -3,       /* outside what is managed, or the range overflows */
    VMEM_E_BUSY = -4,        /* in use now; the same call may work later */
    VMEM_E_TIMEOUT = -5,     /* the device did not answer within its limit */
    VMEM_E_NODEV = -6,       /* nothing is there, or something else */
    VMEM_E_UNSUPPORTED = -7, /* understood, but the device or the host does not do it */
    VMEM_E_BROKEN = -8,      /* the device broke its contract and is not used any more */
    VMEM_E_EXIST = -9,       /* there already, or overlaps what is there */
    VMEM_E_AGAIN = -10,      /* not finished: call again after the next event */
};

/* The constant's name without VMEM_E_, in lower case ("nomem"); "unknown" for any other value. */
const char *vmem_error_name(int error);

#ifdef __cplusplus
}
#endif

#endif
