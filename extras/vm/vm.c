/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vm.h. The areas, a ring ordered by address, with a head that stands for
 * the window's first page. Addresses are given out upwards from the last ones,
 * and from the bottom again at the end: what was freed stays absent for long.
 */
#include "extras/vm/vm.h"

#include "asm/cpu.h"
#include "asm/vm.h"
#include "extras/vm/heap.h"
#include "extras/vm/vm_internal.h"
#include "include/extra.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "lib/parse.h"
#include "lib/printf.h"
#include "mm/page.h"

#define LARGE_BYTES (PAGE_BYTES << PAGE_ORDER_MAX)
#define FREED_MAX   64

static struct vm_area head;    /* base is the window's, 0 bytes; the rest is the ring */
static struct vm_area *cursor; /* the last area below next_address */
static u64 next_address;
static u64 nr_areas;
static u64 area_bytes;

/* The last areas that were freed, for reports. */
static struct {
    u64 base;
    u64 bytes;
    const char *name;
} freed[FREED_MAX];
static unsigned nr_freed; /* counts on; the place is its remainder */

static void start(void)
{
    head = (struct vm_area){.next = &head, .before = &head, .base = VM_BASE};
    cursor = &head;
    next_address = VM_BASE;
    nr_areas = area_bytes = 0;
    nr_freed = 0;
    for (unsigned i = 0; i < FREED_MAX; i++)
        freed[i].bytes = 0;
    heap_init();
    vm_pages_init();
}

static void assert_owner(void)
{
    if (cpu_id() != 0)
        panic("vm: called on cpu %u: areas belong to the processor that booted", cpu_id());
}

/* ---- addresses ---- */

static u64 end_of(const struct vm_area *area)
{
    return area->base + area->bytes;
}

/* An address between an area and the next, at least at `lowest`, with guards; 0 if none fits. */
static u64 place_behind(const struct vm_area *area, u64 lowest, u64 bytes)
{
    u64 end = (area->next == &head ? VM_BASE + VM_BYTES : area->next->base) - PAGE_BYTES;
    u64 base = align_up(max_u64(end_of(area) + PAGE_BYTES, lowest),
                        bytes >= LARGE_BYTES ? LARGE_BYTES : PAGE_BYTES);
    return base <= end && end - base >= bytes ? base : 0;
}

/* Put the area where there is room for it. The gap with the cursor is looked at twice. */
static bool place_area(struct vm_area *area)
{
    struct vm_area *behind = cursor;
    area->base = place_behind(behind, next_address, area->bytes);
    for (u64 i = 0; area->base == 0 && i <= nr_areas; i++) {
        behind = behind->next;
        area->base = place_behind(behind, 0, area->bytes);
    }
    if (area->base == 0)
        return false;
    area->next = behind->next;
    area->before = behind;
    area->next->before = area;
    /* Last: a trap report may walk the ring forwards at any moment. */
    __atomic_store_n(&behind->next, area, __ATOMIC_RELEASE);
    cursor = area;
    next_address = end_of(area);
    nr_areas++;
    area_bytes += area->bytes;
    return true;
}

static void forget_area(struct vm_area *area)
{
    area->next->before = area->before;
    __atomic_store_n(&area->before->next, area->next, __ATOMIC_RELEASE);
    if (cursor == area)
        cursor = area->before;
    nr_areas--;
    area_bytes -= area->bytes;
    heap_free(area, sizeof(*area));
}

/* ---- alloc and free ---- */

void *vm_alloc(u64 bytes, const char *name)
{
    assert_owner();
    if (bytes == 0 || bytes > VM_BYTES)
        return NULL;
    struct vm_area *area = heap_alloc(sizeof(*area));
    if (!area)
        return NULL;
    *area = (struct vm_area){.bytes = align_up(bytes, PAGE_BYTES), .name = name};
    if (!place_area(area)) {
        heap_free(area, sizeof(*area));
        return NULL;
    }
    if (vm_pages_add(area) != OK) {
        next_address = area->base; /* nobody has seen it */
        forget_area(area);
        return NULL;
    }
    return (void *)(uintptr_t)area->base;
}

static struct vm_area *find_area(u64 base)
{
    struct vm_area *area = head.next;
    while (area != &head && area->base != base)
        area = area->next;
    return area != &head ? area : NULL;
}

/* The number in `freed` of the last area freed that had the address; FREED_MAX if none is known. */
static unsigned find_freed(u64 address)
{
    for (unsigned i = 1; i <= FREED_MAX; i++) {
        unsigned place = (nr_freed - i) % FREED_MAX;
        if (address - freed[place].base < freed[place].bytes)
            return place;
    }
    return FREED_MAX;
}

static void note_freed(const struct vm_area *area)
{
    unsigned place = nr_freed++ % FREED_MAX;
    freed[place].base = area->base;
    freed[place].bytes = area->bytes;
    freed[place].name = area->name;
}

void vm_free(void *pointer)
{
    assert_owner();
    if (!pointer)
        return;
    u64 base = (uintptr_t)pointer;
    struct vm_area *area = find_area(base);
    if (!area) {
        unsigned place = find_freed(base);
        bool again = place < FREED_MAX && freed[place].base == base;
        panic("vm_free: 0x%llx: %s", (unsigned long long)base,
              again ? "already free" : "no area begins there");
    }
    vm_pages_remove(area);
    note_freed(area);
    forget_area(area);
}

/* ---- what there is ---- */

bool vm_next(const void *after, struct vm_area_info *info)
{
    assert_owner();
    const struct vm_area *area = head.next;
    while (area != &head && area->base <= (uintptr_t)after)
        area = area->next;
    if (area == &head)
        return false;
    *info = (struct vm_area_info){(void *)(uintptr_t)area->base, area->bytes, area->name,
                                  area->nr_large, area->nr_small};
    return true;
}

void vm_get_stats(struct vm_stats *stats)
{
    assert_owner();
    *stats = (struct vm_stats){nr_areas, area_bytes, vm_pages_moves(), vm_pages_metadata_bytes()};
}

static void write_area(char *text, size_t bytes, const char *where, const char *name, u64 base,
                       u64 area_size)
{
    char size[24];
    snprintf(text, bytes, "%s vm area '%s' (%s from 0x%llx)", where, name,
             format_size(area_size, size, sizeof(size)), (unsigned long long)base);
}

bool vm_describe(u64 address, char *text, size_t bytes)
{
    if (address - VM_BASE >= VM_BYTES)
        return false;
    const struct vm_area *below = &head;
    const struct vm_area *next;
    while ((next = __atomic_load_n(&below->next, __ATOMIC_ACQUIRE)) != &head &&
           next->base <= address)
        below = next;
    unsigned place = find_freed(address);
    if (below != &head && address < end_of(below))
        write_area(text, bytes, "in", below->name, below->base, below->bytes);
    else if (below != &head && address < end_of(below) + PAGE_BYTES)
        write_area(text, bytes, "guard page above", below->name, below->base, below->bytes);
    else if (next != &head && address >= next->base - PAGE_BYTES)
        write_area(text, bytes, "guard page below", next->name, next->base, next->bytes);
    else if (place < FREED_MAX)
        write_area(text, bytes, "in the freed", freed[place].name, freed[place].base,
                   freed[place].bytes);
    else
        snprintf(text, bytes, "no vm area is there");
    return true;
}

void vm_check(void)
{
    assert_owner();
    u64 nr = 0;
    u64 sum = 0;
    u64 nr_large = 0;
    u64 nr_small = 0;
    for (const struct vm_area *area = head.next; area != &head; area = area->next) {
        if (area->base < end_of(area->before) + PAGE_BYTES)
            panic("vm_check: area 0x%llx: no guard below", (unsigned long long)area->base);
        vm_pages_check(area);
        nr++;
        sum += area->bytes;
        nr_large += area->nr_large;
        nr_small += area->nr_small;
    }
    vm_pages_check_sum(nr_large, nr_small);
    if (nr != nr_areas || sum != area_bytes)
        panic("vm_check: %llu areas of %llu bytes, counted %llu and %llu",
              (unsigned long long)nr_areas, (unsigned long long)area_bytes, (unsigned long long)nr,
              (unsigned long long)sum);
}

EXTRA(vm) = {
    .name = "vm",
    .mm_init = start,
    .check = vm_check,
    .describe_address = vm_describe,
};
