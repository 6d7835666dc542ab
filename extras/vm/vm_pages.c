/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pages of virtual areas: two owners of movable pages, of 2 MiB and of
 * 4 KiB. The page tables lead from an address to its frame. A reverse map of each
 * owner leads from the frame to the number of the page in the window, which is
 * never 0: page 0 is a guard.
 */
#include "asm/vm.h"
#include "extras/vm/vm_internal.h"
#include "extras/vm/vm_paging.h"
#include "extras/vm/vm_rmap.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

_Static_assert(VM_BYTES / PAGE_BYTES <= (u64)1 << 32, "the number of a page has 32 bits");

struct pages {
    struct page_owner owner;
    struct vm_rmap addresses;
};

static bool move(struct page_owner *owner, paddr_t from, paddr_t to);
static void begin_moves(struct page_owner *owner, paddr_t base);
static void end_moves(struct page_owner *owner, paddr_t base);

static struct pages large;
static struct pages small;
static u64 nr_moves;

static void start(struct pages *pages, const char *name, unsigned order)
{
    *pages = (struct pages){
        .owner = {
            .name = name, .order = order, .move = move, .begin = begin_moves, .end = end_moves}};
    int status = page_add_owner(&pages->owner);
    ASSERT(status == OK);
}

void vm_pages_init(void)
{
    nr_moves = 0;
    start(&large, "vm, 2 MiB", PAGE_ORDER_MAX);
    start(&small, "vm, 4 KiB", 0);
}

static u64 bytes_of(const struct pages *pages)
{
    return PAGE_BYTES << pages->owner.order;
}

static u64 frame_number(const struct pages *pages, paddr_t paddr)
{
    return paddr / bytes_of(pages);
}

static u32 page_number(u64 address)
{
    return (u32)((address - VM_BASE) / PAGE_BYTES);
}

static u64 address_of(u32 number)
{
    return VM_BASE + number * PAGE_BYTES;
}

/* ---- one page ---- */

static int add(struct pages *pages, u64 address)
{
    paddr_t paddr = page_alloc_movable(&pages->owner);
    if (paddr == PADDR_NONE)
        return E_NOMEM;
    u64 frame = frame_number(pages, paddr);
    int status = vm_rmap_set(&pages->addresses, frame, page_number(address));
    if (status == OK) {
        status = platform_vm_map(address, paddr, bytes_of(pages));
        if (status == OK)
            return OK;
        vm_rmap_clear(&pages->addresses, frame);
    }
    page_free(paddr, pages->owner.order);
    return status;
}

/* Whose page it is that an address has, and where; NULL if it has none. */
static struct pages *find(u64 address, paddr_t *paddr)
{
    u64 bytes = platform_vm_page(address, paddr);
    return bytes == bytes_of(&large) ? &large : bytes == bytes_of(&small) ? &small : NULL;
}

/* ---- moves ---- */

/*
 * All pages in the 2 MiB are held at once, since each flush waits for all
 * processors. From here to the end others may wait for us, with locks of their own
 * held; no processor uses an area while it has one of mm's locks.
 */
static void begin_moves(struct page_owner *owner, paddr_t base)
{
    struct pages *pages = container_of(owner, struct pages, owner);
    u64 nr_held = 0;
    u64 last = 0;
    for (paddr_t from = base; from < base + bytes_of(&large); from += bytes_of(pages)) {
        u32 number = vm_rmap_get(&pages->addresses, frame_number(pages, from));
        if (number == 0)
            continue;
        last = address_of(number);
        platform_vm_hold(last, bytes_of(pages));
        nr_held++;
    }
    if (nr_held == 1)
        platform_vm_flush(last, bytes_of(pages));
    else if (nr_held > 1)
        platform_vm_flush(VM_BASE, VM_BYTES);
}

static bool move(struct page_owner *owner, paddr_t from, paddr_t to)
{
    struct pages *pages = container_of(owner, struct pages, owner);
    u32 number = vm_rmap_get(&pages->addresses, frame_number(pages, from));
    if (number == 0 || vm_rmap_set(&pages->addresses, frame_number(pages, to), number) != OK)
        return false;
    memcpy(phys_to_virt(to), phys_to_virt(from), bytes_of(pages));
    platform_vm_resume(address_of(number), to);
    vm_rmap_clear(&pages->addresses, frame_number(pages, from));
    nr_moves++;
    return true;
}

/* Pages that could not be moved are where they were. */
static void end_moves(struct page_owner *owner, paddr_t base)
{
    struct pages *pages = container_of(owner, struct pages, owner);
    for (paddr_t from = base; from < base + bytes_of(&large); from += bytes_of(pages)) {
        u32 number = vm_rmap_get(&pages->addresses, frame_number(pages, from));
        if (number != 0)
            platform_vm_resume(address_of(number), from);
    }
}

/* ---- the pages of an area ---- */

/* Large pages where they fit, until one cannot be had. Returns how far it came. */
static u64 fill(struct vm_area *area)
{
    u64 at = area->base;
    u64 end = area->base + area->bytes;
    bool try_large = true;
    while (at < end) {
        bool fits = is_aligned(at, bytes_of(&large)) && end - at >= bytes_of(&large);
        if (fits && try_large) {
            try_large = add(&large, at) == OK;
            if (!try_large)
                continue;
            area->nr_large++;
            at += bytes_of(&large);
        } else {
            if (add(&small, at) != OK)
                break;
            area->nr_small++;
            at += bytes_of(&small);
        }
    }
    return at;
}

static void empty(u64 base, u64 end)
{
    if (base == end)
        return;
    platform_vm_hold(base, end - base);
    platform_vm_flush(base, end - base);
    for (u64 at = base; at < end;) {
        paddr_t paddr;
        struct pages *pages = find(at, &paddr);
        ASSERT(pages != NULL);
        vm_rmap_clear(&pages->addresses, frame_number(pages, paddr));
        page_free(paddr, pages->owner.order);
        at += bytes_of(pages);
    }
    platform_vm_unmap(base, end - base);
}

int vm_pages_add(struct vm_area *area)
{
    area->nr_large = area->nr_small = 0;
    u64 filled_to = fill(area);
    if (filled_to == area->base + area->bytes)
        return OK;
    empty(area->base, filled_to);
    return E_NOMEM;
}

void vm_pages_remove(struct vm_area *area)
{
    empty(area->base, area->base + area->bytes);
}

/* ---- for tests, and figures ---- */

void vm_pages_check(const struct vm_area *area)
{
    u64 nr_large = 0;
    u64 nr_small = 0;
    paddr_t paddr;
    for (u64 at = area->base; at < area->base + area->bytes;) {
        struct pages *pages = find(at, &paddr);
        if (!pages || vm_rmap_get(&pages->addresses, frame_number(pages, paddr)) != page_number(at))
            panic("vm_check: 0x%llx: the frame does not lead back", (unsigned long long)at);
        nr_large += pages == &large;
        nr_small += pages == &small;
        at += bytes_of(pages);
    }
    if (nr_large != area->nr_large || nr_small != area->nr_small)
        panic("vm_check: area 0x%llx: %llu and %llu pages, expected %llu and %llu",
              (unsigned long long)area->base, (unsigned long long)nr_large,
              (unsigned long long)nr_small, (unsigned long long)area->nr_large,
              (unsigned long long)area->nr_small);
    if (platform_vm_page(area->base - PAGE_BYTES, &paddr) != 0 ||
        platform_vm_page(area->base + area->bytes, &paddr) != 0)
        panic("vm_check: area 0x%llx: a guard page is mapped", (unsigned long long)area->base);
}

void vm_pages_check_sum(u64 nr_large, u64 nr_small)
{
    if (nr_large != large.addresses.nr_values || nr_small != small.addresses.nr_values)
        panic("vm_check: %llu and %llu frames lead back, expected %llu and %llu",
              (unsigned long long)large.addresses.nr_values,
              (unsigned long long)small.addresses.nr_values, (unsigned long long)nr_large,
              (unsigned long long)nr_small);
}

u64 vm_pages_moves(void)
{
    return nr_moves;
}

u64 vm_pages_metadata_bytes(void)
{
    return (large.addresses.nr_frames + small.addresses.nr_frames) * PAGE_BYTES;
}
