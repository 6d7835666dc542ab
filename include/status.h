/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The status codes of functions that can fail: 0 for success, or one of these
 * negative values. A device's reply is never one of them: replies have an
 * enum of their own (enum vmem_response).
 */
#ifndef TIDE_INCLUDE_STATUS_H
#define TIDE_INCLUDE_STATUS_H

enum status {
    OK = 0,
    E_INVAL = -1,       /* an argument or a value read is malformed */
    E_NOMEM = -2,       /* no page, table or slot was left */
    E_RANGE = -3,       /* outside what is managed, or it overflows */
    E_BUSY = -4,        /* in use now; the same call may work later */
    E_TIMEOUT = -5,     /* the other side did not answer within its bound */
    E_NODEV = -6,       /* nothing there, or something else */
    E_UNSUPPORTED = -7, /* understood, and not something Tide or the device does */
    E_BROKEN = -8,      /* the device broke its contract and is no longer used */
    E_EXIST = -9,       /* there already, or overlaps what is there */
    E_AGAIN = -10,      /* nothing to report yet */
};

/* The constant's name without E_, in lower case ("nomem"); "unknown" for any other value. */
const char *status_name(int status);

#endif
