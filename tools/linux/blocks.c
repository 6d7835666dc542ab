/* SPDX-License-Identifier: BSD-2-Clause */
/* See blocks.h: /proc/kpageflags says of each page whether it is there and whether it is free. */
#include "tools/linux/blocks.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "include/units.h"

/* Bits of /proc/kpageflags (Linux, Documentation/admin-guide/mm/pagemap.rst). */
#define FLAG_BUDDY   ((u64)1 << 10)
#define FLAG_NOPAGE  ((u64)1 << 20)
#define FLAG_OFFLINE ((u64)1 << 23)

u64 pages_moved(void)
{
    char line[128];
    u64 count = 0;
    FILE *file = fopen("/proc/vmstat", "r");
    while (file && fgets(line, sizeof(line), file))
        sscanf(line, "pgmigrate_success %" SCNu64, &count);
    if (file)
        fclose(file);
    return count;
}

struct block_use {
    u64 nr_present;
    u64 nr_used;
};

static struct block_use look_at_block(int flags_file, u64 base, u64 bytes)
{
    static u64 flags[4096];
    struct block_use use = {0, 0};
    for (u64 done = 0; done < bytes / PAGE_BYTES;) {
        u64 count = min_u64(ARRAY_SIZE(flags), bytes / PAGE_BYTES - done);
        off_t offset = (off_t)((base / PAGE_BYTES + done) * sizeof(u64));
        ssize_t got = pread(flags_file, flags, count * sizeof(u64), offset);
        if (got <= 0)
            break; /* beyond the last page that there ever was */
        for (u64 i = 0; i < (u64)got / sizeof(u64); i++) {
            if ((flags[i] & (FLAG_NOPAGE | FLAG_OFFLINE)) != 0)
                continue;
            use.nr_present++;
            use.nr_used += (flags[i] & FLAG_BUDDY) == 0;
        }
        done += (u64)got / sizeof(u64);
    }
    return use;
}

static char block_letter(struct block_use use)
{
    if (use.nr_present == 0)
        return 'u';
    if (use.nr_used == 0)
        return 'e';
    return use.nr_used == use.nr_present ? 'f' : (char)('A' + use.nr_used * 8 / use.nr_present);
}

void print_region(int flags_file, const char *region, u64 *plugged, u64 *used)
{
    char name[32];
    u64 base, size, block;
    if (sscanf(region, "%31[^:]:%" SCNi64 ":%" SCNi64 ":%" SCNi64, name, (int64_t *)&base,
               (int64_t *)&size, (int64_t *)&block) != 4 ||
        block == 0) {
        printf("error: occupancy: '%s': expected NAME:BASE:SIZE:BLOCK\n", region);
        return;
    }
    char *letters = malloc(size / block + 1);
    u64 nr_used = 0;
    u64 nr_present = 0;
    for (u64 i = 0; i < size / block; i++) {
        struct block_use use = look_at_block(flags_file, base + i * block, block);
        letters[i] = block_letter(use);
        nr_present += use.nr_present;
        nr_used += use.nr_used;
    }
    printf("occupancy: %s base=0x%" PRIx64 " block=%" PRIu64 " blocks=%" PRIu64 " plugged=%" PRIu64
           " used=%" PRIu64 " runs=",
           name, base, block, size / block, nr_present * PAGE_BYTES, nr_used * PAGE_BYTES);
    for (u64 first = 0, i = 1; i <= size / block; i++) {
        if (i == size / block || letters[i] != letters[first]) {
            printf("%" PRIu64 "%c", i - first, letters[first]);
            first = i;
        }
    }
    printf("\n");
    free(letters);
    *plugged += nr_present * PAGE_BYTES;
    *used += nr_used * PAGE_BYTES;
}
