/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vm_areas.h. The first words of a page are one for each processor, in
 * which it counts its rounds; the rest is the pattern. A store that went to the
 * old frame of a page that moved is missed in the next round.
 */
#include "kernel/vm_areas.h"

#include "arch/x86_64/arch.h"
#include "asm/cpu.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/panic.h"
#include "mm/vm.h"

#define WORDS_A_PAGE     (PAGE_BYTES / sizeof(u64))
#define PAGES_PER_BREATH (16 * MIB / PAGE_BYTES) /* between two looks at the devices */

static struct {
    u64 *base; /* NULL: the number is free */
    u64 nr_pages;
    bool filled;
} areas[VM_AREAS_MAX];
static unsigned nr_numbers; /* every area in use is below */

static bool touching;
static u32 touch_ends; /* set by the loop, read by the processors */
static struct vm_touch touches[CPUS_MAX];

static bool exists(unsigned number)
{
    return number < nr_numbers && areas[number].base;
}

int vm_areas_alloc(u64 bytes)
{
    unsigned number = 0;
    if (touching)
        return E_BUSY;
    while (number < nr_numbers && areas[number].base)
        number++;
    if (number == VM_AREAS_MAX)
        return E_NOMEM;
    areas[number].base = vm_alloc(bytes, "monitor");
    if (!areas[number].base)
        return E_NOMEM;
    areas[number].nr_pages = align_up(bytes, PAGE_BYTES) / PAGE_BYTES;
    areas[number].filled = false;
    if (number == nr_numbers)
        nr_numbers++;
    return (int)number;
}

int vm_areas_free(unsigned number)
{
    if (!exists(number))
        return E_NODEV;
    if (touching)
        return E_BUSY;
    vm_free(areas[number].base);
    areas[number].base = NULL;
    while (nr_numbers > 0 && !areas[nr_numbers - 1].base)
        nr_numbers--;
    devices_memory_freed();
    return OK;
}

void *vm_areas_base(unsigned number, bool *filled)
{
    *filled = exists(number) && areas[number].filled;
    return exists(number) ? areas[number].base : NULL;
}

int vm_areas_last(void)
{
    return (int)nr_numbers - 1;
}

/* ---- the pattern ---- */

/* Neighbouring addresses differ in every byte. */
static u64 pattern(const volatile u64 *word, unsigned number)
{
    u64 value = (uintptr_t)word ^ (u64)(number + 1) << 52;
    value = (value ^ value >> 33) * 0xff51afd7ed558ccd;
    return value ^ value >> 33;
}

static u64 *page_of(unsigned number, u64 page)
{
    return areas[number].base + page * WORDS_A_PAGE;
}

static void breathe(u64 page)
{
    if (page % PAGES_PER_BREATH == PAGES_PER_BREATH - 1)
        devices_service();
}

int vm_areas_fill(unsigned number)
{
    if (!exists(number))
        return E_NODEV;
    if (touching)
        return E_BUSY;
    for (u64 i = 0; i < areas[number].nr_pages; i++) {
        volatile u64 *page = page_of(number, i);
        for (unsigned word = 0; word < WORDS_A_PAGE; word++)
            page[word] = word < CPUS_MAX ? 0 : pattern(&page[word], number);
        breathe(i);
    }
    areas[number].filled = true;
    return OK;
}

int vm_areas_check(unsigned number, struct vm_fault *fault)
{
    if (!exists(number))
        return E_NODEV;
    if (!areas[number].filled)
        return E_AGAIN;
    for (u64 i = 0; i < areas[number].nr_pages; i++) {
        const volatile u64 *page = page_of(number, i);
        for (unsigned word = CPUS_MAX; word < WORDS_A_PAGE; word++) {
            u64 found = page[word];
            if (found != pattern(&page[word], number)) {
                *fault =
                    (struct vm_fault){(uintptr_t)&page[word], found, pattern(&page[word], number)};
                return E_INVAL;
            }
        }
        breathe(i);
    }
    return OK;
}

/* ---- the other processors ---- */

/* One page in this processor's round: its own word, and one word of the pattern. */
static void touch_page(volatile u64 *page, unsigned number, struct vm_touch *touch)
{
    volatile u64 *mine = &page[cpu_id()];
    volatile u64 *other = &page[CPUS_MAX + touch->nr_pages % (WORDS_A_PAGE - CPUS_MAX)];
    if (touch->nr_rounds > 0 && *mine != touch->nr_rounds)
        touch->nr_wrong++;
    *mine = touch->nr_rounds + 1;
    if (*other != pattern(other, number))
        touch->nr_wrong++;
    touch->nr_pages++;
}

static void touch_all(void *context)
{
    (void)context;
    struct vm_touch *touch = &touches[cpu_id()];
    while (__atomic_load_n(&touch_ends, __ATOMIC_RELAXED) == 0) {
        for (unsigned number = 0; number < nr_numbers; number++) {
            if (!areas[number].base || !areas[number].filled)
                continue;
            for (u64 i = 0; i < areas[number].nr_pages; i++)
                touch_page(page_of(number, i), number, touch);
        }
        touch->nr_rounds++;
    }
}

int vm_areas_touch_start(void)
{
    if (touching)
        return E_BUSY;
    if (cpus_running() < 2)
        return E_NODEV;
    for (unsigned cpu = 1; cpus_exists(cpu); cpu++) {
        if (cpus_busy(cpu))
            return E_BUSY;
    }
    touch_ends = 0;
    touching = true;
    for (unsigned cpu = 1; cpus_exists(cpu); cpu++) {
        touches[cpu] = (struct vm_touch){0};
        if (cpus_runs(cpu) && cpus_start_job(cpu, touch_all, NULL) != OK)
            panic("vm: cpu %u was idle and cannot start a job", cpu);
    }
    return OK;
}

static bool touch_is_over(void)
{
    for (unsigned cpu = 1; cpus_exists(cpu); cpu++) {
        if (cpus_busy(cpu))
            return false;
    }
    return true;
}

int vm_areas_touch_stop(struct vm_touch *touch)
{
    if (!touching)
        return E_NODEV;
    __atomic_store_n(&touch_ends, 1, __ATOMIC_RELAXED);
    while (!touch_is_over())
        cpu_idle(touch_is_over);
    touching = false;
    *touch = (struct vm_touch){0};
    for (unsigned cpu = 1; cpus_exists(cpu); cpu++) {
        touch->nr_cpus += cpus_runs(cpu);
        touch->nr_rounds += touches[cpu].nr_rounds;
        touch->nr_pages += touches[cpu].nr_pages;
        touch->nr_wrong += touches[cpu].nr_wrong;
    }
    return OK;
}
