/* SPDX-License-Identifier: BSD-2-Clause */
/* The one thing that is asked of SMBIOS, who wrote the firmware. */
#ifndef TIDE_EXTRAS_SUSPEND_SMBIOS_H
#define TIDE_EXTRAS_SUSPEND_SMBIOS_H

#include "include/types.h"

/*
 * The vendor that firmware names itself by, "SeaBIOS" or "qboot" for QEMU's two; "" where there is
 * no SMBIOS in the BIOS area (UEFI has it elsewhere). In firmware's memory, for good.
 */
const char *smbios_vendor(void);

/* The same of the structures in [start, start + bytes), "" if they do not tell. */
const char *smbios_find_vendor(const u8 *start, u32 bytes);

#endif
