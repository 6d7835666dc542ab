/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See vm_areas.h. The first words of a page are one for each processor, in
 * which it counts its rounds; the rest is the pattern. A store that went to the
 * old frame of a page that moved is missed in the next round.
 */
#include "extras/vm/vm_areas.h"

#include "asm/cpu.h"
#include "extras/jobs/job.h"
#include "extras/vm/vm.h"
#include "include/status.h"
#include "include/units.h"
#include "kernel/devices.h"
#include "lib/console.h"
#include "monitor/command_error.h"
#include "monitor/commands.h"

#define WORDS_A_PAGE (PAGE_BYTES / sizeof(u64))
#define PAGES_A_PART (4 * MIB / PAGE_BYTES) /* of a fill or check */

static struct {
    u64 *base; /* NULL: the number is free */
    u64 nr_pages;
    bool filled;
} areas[VM_AREAS_MAX];
static unsigned nr_numbers; /* every area in use is below */

static u64 next_page; /* of the fill or check */

/* What a processor has touched. Its own while it works. */
struct touched {
    u64 nr_rounds; /* all areas once */
    u64 nr_pages;
    u64 nr_wrong; /* words that were not as the processor left them, or not the pattern */
};

static struct touched touches[CPUS_MAX];
static struct job touch_job;

static bool exists(unsigned number)
{
    return number < nr_numbers && areas[number].base;
}

int vm_areas_alloc(u64 bytes)
{
    unsigned number = 0;
    if (job_runs(&touch_job))
        return E_BUSY;
    while (number < nr_numbers && areas[number].base)
        number++;
    if (number == VM_AREAS_MAX)
        return E_RANGE;
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
    if (job_runs(&touch_job))
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

int vm_areas_fill(unsigned number, bool is_first)
{
    if (!exists(number))
        return E_NODEV;
    if (job_runs(&touch_job))
        return E_BUSY;
    if (is_first)
        next_page = 0;
    areas[number].filled = false;
    u64 end = min_u64(areas[number].nr_pages, next_page + PAGES_A_PART);
    for (; next_page < end; next_page++) {
        volatile u64 *page = page_of(number, next_page);
        for (unsigned word = 0; word < WORDS_A_PAGE; word++)
            page[word] = word < CPUS_MAX ? 0 : pattern(&page[word], number);
    }
    areas[number].filled = next_page == areas[number].nr_pages;
    return areas[number].filled ? OK : E_AGAIN;
}

int vm_areas_check(unsigned number, struct vm_fault *fault, bool is_first)
{
    if (!exists(number))
        return E_NODEV;
    if (is_first)
        next_page = 0;
    u64 end = min_u64(areas[number].nr_pages, next_page + PAGES_A_PART);
    for (; next_page < end; next_page++) {
        const volatile u64 *page = page_of(number, next_page);
        for (unsigned word = CPUS_MAX; word < WORDS_A_PAGE; word++) {
            u64 found = page[word];
            if (found != pattern(&page[word], number)) {
                *fault =
                    (struct vm_fault){(uintptr_t)&page[word], found, pattern(&page[word], number)};
                return E_INVAL;
            }
        }
    }
    return next_page == areas[number].nr_pages ? OK : E_AGAIN;
}

/* ---- the other processors ---- */

/* One page in this processor's round: its own word, and one word of the pattern. */
static void touch_page(volatile u64 *page, unsigned number, struct touched *touch)
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

/* All of an area, or until the job ends. */
static void touch_area(unsigned number, const struct job *job, struct touched *touch)
{
    for (u64 i = 0; i < areas[number].nr_pages && !job_is_ending(job); i++)
        touch_page(page_of(number, i), number, touch);
}

static void touch_all(struct job *job)
{
    struct touched *touch = &touches[cpu_id()];
    for (;;) {
        for (unsigned number = 0; number < nr_numbers; number++) {
            if (areas[number].base && areas[number].filled)
                touch_area(number, job, touch);
        }
        if (job_is_ending(job))
            return;
        touch->nr_rounds++;
    }
}

static void end_touch(struct job *job, enum job_end end)
{
    struct touched sum = {0};
    (void)end;
    for (unsigned cpu = 1; cpu < CPUS_MAX; cpu++) {
        sum.nr_rounds += touches[cpu].nr_rounds;
        sum.nr_pages += touches[cpu].nr_pages;
        sum.nr_wrong += touches[cpu].nr_wrong;
        touches[cpu] = (struct touched){0};
    }
    console_printf("vm: touched cpus=%u rounds=%lu pages=%lu wrong=%lu\n", job_nr_others(job),
                   (unsigned long)sum.nr_rounds, (unsigned long)sum.nr_pages,
                   (unsigned long)sum.nr_wrong);
    if (sum.nr_wrong != 0)
        commands_note_check_failed();
}

static struct job touch_job = {
    .name = "vm touch",
    .stopped_by = "'vm touch stop'",
    .work = touch_all,
    .end = end_touch,
};

void vm_areas_touch_start(u64 limit_ms)
{
    if (!job_prepare(&touch_job, JOB_ALL_OTHERS))
        return;
    touch_job.limit_ms = limit_ms;
    job_start(&touch_job, false);
    console_printf("vm: touch: %u processors\n", job_nr_others(&touch_job));
}

void vm_areas_touch_stop(void)
{
    if (!job_stop(&touch_job))
        command_error("vm touch stop: no processor touches areas");
}
