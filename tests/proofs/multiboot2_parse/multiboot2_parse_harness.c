/* SPDX-License-Identifier: BSD-2-Clause */
/* A list of any tags, of which each read gives any bytes: all that is read lies in the list. */
#include "boot/boot.h"
#include "include/platform.h"
#include "lib/string.h"
#include "tests/proofs/kernel.h"

#define TAGS_MAX    3
#define ENTRIES_MAX 2

static u8 list_bytes[(1 << 20) + 8]; /* never read: an address */
static struct boot_info info;
static u64 at_most, address; /* how much of the list may be read, and where it is */
static unsigned nr_tags, nr_entries, nr_kept;

static inline void prove_in_list(const void *from, u64 bytes)
{
    u64 at = (u64)((const u8 *)from - list_bytes);
    PROVE(at <= at_most && bytes <= at_most - at && address + at + bytes <= (u64)1 << 32);
}

static inline void copy(void *to, const void *from, u64 bytes)
{
    bool is_first = at_most == 0;
    if (is_first)
        at_most = 8;
    prove_in_list(from, bytes);
    PROVE(__CPROVER_w_ok(to, bytes));
    PROVE(to != info.cmdline || bytes < sizeof(info.cmdline)); /* there is room for its end */
    if (bytes == 8) { /* the header of the list or of a tag */
        u32 *words = to;
        words[0] = nondet_u32();
        words[1] = nondet_u32();
        at_most = is_first ? words[0] : at_most;
        ASSUME(is_first || ++nr_tags <= TAGS_MAX);
    } else if (bytes == 16) { /* a memory map's, or a module */
        __CPROVER_havoc_slice(to, 16);
    } else if (bytes == 24) { /* an entry of the memory map */
        __CPROVER_havoc_slice(to, 24);
    } else if (bytes == 30) { /* a framebuffer */
        __CPROVER_havoc_slice(to, 30);
    }
}

static inline size_t length_of_text(const char *text, size_t limit)
{
    prove_in_list(text, limit);
    size_t length;
    ASSUME(length <= limit);
    return length;
}

#define memcpy              copy
#define strnlen             length_of_text
#define phys_to_virt(paddr) ((void)(paddr), (void *)list_bytes)
#include "extras/multiboot2/multiboot2.c"

int memory_map_add(struct memory_map *map, u64 base, u64 bytes, u32 type)
{
    (void)map, (void)base, (void)bytes, (void)type;
    ASSUME(++nr_entries <= ENTRIES_MAX);
    PROVE(nr_kept + 1 == nr_entries);
    bool is_kept = nondet_bool();
    nr_kept += is_kept;
    return is_kept ? OK : E_NOMEM;
}

void harness(void)
{
    struct memory_map map;
    u32 loader_ebx = nondet_u32();
    address = loader_ebx;

    int status = multiboot2_parse(loader_ebx, &info, &map);
    PROVE(status == OK || status == E_RANGE || status == E_NOMEM);
    PROVE((status == E_NOMEM) == (nr_kept != nr_entries));
    PROVE(status == OK || nr_kept != nr_entries || nr_tags != 0 || nr_entries == 0);
    PROVE(nr_tags == 0 || (loader_ebx % 8 == 0 && at_most <= 1 << 20));
    PROVE(info.module.bytes < (u64)1 << 32 && info.module.base <= ~0u);
    PROVE(info.screen.kind <= BOOT_SCREEN_OTHER);
}
