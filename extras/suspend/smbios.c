/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SMBIOS: the anchor "_SM_" in the BIOS area, and the first string of the structure of type 0.
 *
 * Firmware is not trusted: each step is bounded by the length that the anchor states, and a table
 * that does not hold together is as if it were absent.
 */
#include "extras/suspend/smbios.h"

#include "arch/x86_64/paging.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/string.h"

#define BIOS_AREA        0xf0000
#define BIOS_AREA_END    0x100000
#define ANCHOR_ALIGNMENT 16
#define ANCHOR_BYTES     31
#define ANCHOR_LENGTH    5
#define TABLE_BYTES      0x16
#define TABLE_ADDRESS    0x18

#define TYPE_BIOS    0
#define HEADER_BYTES 4
#define VENDOR       4 /* in the structure: the number of the string */

/* The bytes of one structure with its strings, or 0 if it does not end. */
static u32 structure_bytes(const u8 *start, u32 bytes)
{
    for (u32 at = bytes > 1 ? start[1] : bytes; at + 2 <= bytes; at++)
        if (start[at] == 0 && start[at + 1] == 0)
            return at + 2;
    return 0;
}

/* The number-th string, from 1 on, of a structure that ends. */
static const char *string_of(const u8 *structure, u32 number)
{
    const char *text = (const char *)structure + structure[1];

    for (; number > 1 && *text != '\0'; number--)
        text += strlen(text) + 1;
    return number == 1 ? text : "";
}

const char *smbios_find_vendor(const u8 *start, u32 bytes)
{
    while (bytes > VENDOR && start[1] >= HEADER_BYTES) {
        u32 length = structure_bytes(start, bytes);

        if (length == 0)
            break;
        if (start[0] == TYPE_BIOS)
            return start[1] > VENDOR ? string_of(start, start[VENDOR]) : "";
        start += length;
        bytes -= length;
    }
    return "";
}

static bool is_anchor(const u8 *at)
{
    u8 sum = 0;

    if (memcmp(at, "_SM_", 4) != 0 || at[ANCHOR_LENGTH] < ANCHOR_BYTES - 1 ||
        at[ANCHOR_LENGTH] > ANCHOR_BYTES)
        return false;
    for (u32 i = 0; i < at[ANCHOR_LENGTH]; i++)
        sum = (u8)(sum + at[i]);
    return sum == 0;
}

const char *smbios_vendor(void)
{
    u16 bytes;
    u32 address;

    if (paging_map_firmware(BIOS_AREA, BIOS_AREA_END - BIOS_AREA) != OK)
        return "";
    for (paddr_t paddr = BIOS_AREA; paddr + ANCHOR_BYTES <= BIOS_AREA_END;
         paddr += ANCHOR_ALIGNMENT) {
        const u8 *anchor = phys_to_virt(paddr);

        if (!is_anchor(anchor))
            continue;
        memcpy(&bytes, anchor + TABLE_BYTES, sizeof(bytes));
        memcpy(&address, anchor + TABLE_ADDRESS, sizeof(address));
        if (address == 0 || paging_map_firmware(address, bytes) != OK)
            return "";
        return smbios_find_vendor(phys_to_virt(address), bytes);
    }
    return "";
}
