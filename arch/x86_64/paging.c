/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's page tables: an identity map, in which nothing is both writable and executable, and
 * nothing is present that nobody asked for.
 *
 * page_tables.c changes the structure; this file has the policy, the checks and the flushes. Not
 * from an interrupt.
 */
#include "arch/x86_64/paging.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/page_tables.h"
#include "arch/x86_64/smp/cpus.h"
#include "arch/x86_64/stacks.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/log.h"

#define CPUID_FEATURES      0x80000001
#define CPUID_PAGES_OF_1GIB (1 << 26) /* edx */
#define CPUID_ADDRESS_SIZES 0x80000008

#define IDENTITY_MAP_BITS 47 /* the half of the address space that is not sign-extended */
#define UPPER_HALF        ((u64)~0 << IDENTITY_MAP_BITS) /* the other half */
#define DEFAULT_PHYS_BITS 36                             /* of a processor that does not say */
#define FLUSH_PAGES_MAX   32                             /* above this, one full flush is cheaper */

static struct page_tables kernel_tables;
static unsigned largest_page;
static void (*release_table)(paddr_t paddr);

paddr_t platform_paddr_limit(void)
{
    static paddr_t limit;

    if (limit == 0) {
        unsigned bits = cpuid(CPUID_ADDRESS_SIZES).eax & 0xff;

        if (bits == 0)
            bits = DEFAULT_PHYS_BITS;
        limit = (paddr_t)1 << min_u64(bits, IDENTITY_MAP_BITS);
    }
    return limit;
}

static bool is_within_limit(paddr_t paddr, u64 bytes)
{
    return paddr < platform_paddr_limit() && bytes <= platform_paddr_limit() - paddr;
}

/* ---- flushes, and tables that became empty ---- */

void paging_flush_all_here(void)
{
    cr3_write(cr3_read());
}

void paging_flush_here(u64 address, u64 bytes)
{
    if (bytes > FLUSH_PAGES_MAX * PAGE_BYTES) {
        paging_flush_all_here();
        return;
    }
    for (u64 end = address + bytes; address < end; address += PAGE_BYTES)
        __asm__ volatile("invlpg (%0)" ::"r"(address) : "memory");
}

struct page_tables *paging_tables(void)
{
    return &kernel_tables;
}

void paging_give_back_released(void)
{
    paddr_t table;

    while ((table = page_tables_take_released(&kernel_tables)) != PADDR_NONE)
        release_table(table);
}

/* ---- platform.h ---- */

int platform_map_ram(paddr_t paddr, u64 bytes)
{
    if (!is_within_limit(paddr, bytes))
        return E_RANGE;
    int status =
        page_tables_map(&kernel_tables, paddr, bytes, MAP_WRITE | MAP_NO_EXEC, largest_page);
    if (status != OK) {
        /* The processor may have cached what was mapped for a moment. */
        cpus_flush(paddr, bytes);
        paging_give_back_released();
    }
    return status;
}

u64 platform_map_tables(u64 bytes)
{
    return page_tables_most(bytes, largest_page);
}

int platform_unmap_ram(paddr_t paddr, u64 bytes)
{
    if (!is_within_limit(paddr, bytes))
        return E_RANGE;
    int status = page_tables_unmap(&kernel_tables, paddr, bytes);
    cpus_flush(paddr, bytes);
    paging_give_back_released();
    return status;
}

/*
 * Map those pages of a range that are absent. A page that is there may stay if
 * all of `required` is set in its flags.
 */
static int map_absent(paddr_t start, paddr_t end, u64 flags, u64 required)
{
    while (start < end) {
        struct page_mapping mapping = page_tables_query(&kernel_tables, start);
        u64 extent = page_tables_extent(mapping.level);
        paddr_t next = min_u64(align_down(start, extent) + extent, end);

        if (mapping.present && (mapping.flags & required) != required)
            return E_EXIST;
        if (!mapping.present) {
            int status = page_tables_map(&kernel_tables, start, next - start, flags, largest_page);
            if (status != OK)
                return status;
        }
        start = next;
    }
    return OK;
}

int platform_map_mmio(paddr_t paddr, u64 bytes, volatile void **registers)
{
    if (bytes == 0 || !is_within_limit(paddr, bytes))
        return E_RANGE;
    *registers = phys_to_virt(paddr);
    return map_absent(align_down(paddr, PAGE_BYTES), align_up(paddr + bytes, PAGE_BYTES),
                      MAP_WRITE | MAP_UNCACHED | MAP_NO_EXEC, MAP_UNCACHED);
}

int paging_map_firmware(paddr_t paddr, u64 bytes)
{
    if (bytes == 0 || !is_within_limit(paddr, bytes))
        return E_RANGE;
    return map_absent(align_down(paddr, PAGE_BYTES), align_up(paddr + bytes, PAGE_BYTES),
                      MAP_NO_EXEC, 0);
}

static int change_pages(paddr_t paddr, u64 bytes, u64 flags)
{
    paddr_t start = align_down(paddr, PAGE_BYTES);
    paddr_t end = align_up(paddr + bytes, PAGE_BYTES);

    if (ranges_overlap(start, end - start, virt_to_phys(image_start),
                       (u64)(image_end - image_start)))
        return E_INVAL;
    int status = platform_unmap_ram(start, end - start);
    if (status != OK)
        return status;
    return page_tables_map(&kernel_tables, start, end - start, flags, MAP_LARGEST_4K);
}

int paging_make_writable(paddr_t paddr, u64 bytes)
{
    return change_pages(paddr, bytes, MAP_WRITE | MAP_NO_EXEC);
}

int paging_make_executable(paddr_t paddr, u64 bytes)
{
    return change_pages(paddr, bytes, 0);
}

bool paging_is_mapped(u64 address)
{
    bool has_tables = is_within_limit(address, 1) || address >= UPPER_HALF;

    return kernel_tables.root != 0 && has_tables &&
           page_tables_query(&kernel_tables, address).present;
}

void paging_set_table_allocator(paddr_t (*alloc)(void), void (*release)(paddr_t paddr))
{
    kernel_tables.alloc = alloc;
    kernel_tables.keep_new_tables = false;
    release_table = release;
}

/* ---- boot ---- */

static paddr_t (*boot_alloc)(u64 bytes);

static paddr_t early_table(void)
{
    return boot_alloc(PAGE_BYTES);
}

static void map_at_boot(paddr_t start, paddr_t end, u64 flags)
{
    if (start >= end)
        return;
    int status = page_tables_map(&kernel_tables, start, end - start, flags, largest_page);
    if (status == OK)
        return;
    log_error(LOG_ARCH, "paging", "cannot map boot memory 0x%llx to 0x%llx: %s",
              (unsigned long long)start, (unsigned long long)end - 1, status_name(status));
    platform_exit(EXIT_BOOT);
}

/* One range of boot RAM: whole pages, without page 0 and without the kernel's image. */
static void map_boot_ram(const struct boot_memory_range *range)
{
    paddr_t limit = platform_paddr_limit();
    paddr_t image = virt_to_phys(image_start);

    if (range->base >= limit)
        return;
    paddr_t end = range->base + min_u64(range->bytes, limit - range->base);
    paddr_t start = max_u64(align_up(range->base, PAGE_BYTES), PAGE_BYTES);
    end = align_down(end, PAGE_BYTES);
    map_at_boot(start, min_u64(end, image), MAP_WRITE | MAP_NO_EXEC);
    map_at_boot(max_u64(start, virt_to_phys(image_end)), end, MAP_WRITE | MAP_NO_EXEC);
}

static void map_image(void)
{
    paddr_t next = virt_to_phys(image_data_start);
    struct stack stack;

    map_at_boot(virt_to_phys(image_start), virt_to_phys(image_text_end), 0);
    map_at_boot(virt_to_phys(image_text_end), next, MAP_NO_EXEC);
    /* The stacks lie at the end of the image, in order, each above its guard page. */
    for (unsigned i = 0; stack_at(i, &stack); i++) {
        map_at_boot(next, stack.guard, MAP_WRITE | MAP_NO_EXEC);
        next = stack.guard + PAGE_BYTES;
    }
    map_at_boot(next, virt_to_phys(image_end), MAP_WRITE | MAP_NO_EXEC);
}

void paging_init(const struct boot_info *boot, paddr_t (*alloc)(u64 bytes))
{
    bool has_1gib = (cpuid(CPUID_FEATURES).edx & CPUID_PAGES_OF_1GIB) != 0;

    largest_page = has_1gib ? MAP_LARGEST_1G : MAP_LARGEST_2M;
    boot_alloc = alloc;
    kernel_tables.alloc = early_table;
    kernel_tables.keep_new_tables = true;
    if (page_tables_init(&kernel_tables) != OK)
        platform_exit(EXIT_BOOT);
    map_image();
    for (u32 i = 0; i < boot->nr_ranges; i++)
        if (boot->ranges[i].type == BOOT_MEMORY_RAM)
            map_boot_ram(&boot->ranges[i]);
    paging_load();
}

void paging_load(void)
{
    cr3_write(page_tables_root(&kernel_tables));
}
