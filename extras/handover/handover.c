/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handing the machine over to another kernel: the other processors wait to be
 * started again, and the boot processor goes where a boot loader would have sent it.
 *
 * The code that copies the next kernel over this one lies in a page of its own, executable
 * and not writable as long as paging is on.
 */
#include "extras/handover/handover.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/image.h"
#include "arch/x86_64/low_memory.h"
#include "arch/x86_64/paging.h"
#include "arch/x86_64/smp/cpus.h"
#include "extras/page_rights/page_rights.h"
#include "extras/tickless/tickless.h"
#include "include/low_memory.h"
#include "include/platform.h"
#include "include/pvh.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "lib/string.h"

#define RSDP_BYTES 36

/* All that the next kernel reads, at LOW_INFO_PAGE. */
struct info_page {
    struct pvh_start_info start;
    struct pvh_module module;
    struct pvh_memmap_entry memmap[BOOT_MEMORY_RANGES];
    u8 rsdp[RSDP_BYTES];
    char cmdline[BOOT_CMDLINE_BYTES];
};

_Static_assert(offsetof(struct handover_page, copies) == 0x800, "handover_code.S reads it there");
_Static_assert(offsetof(struct handover_page, entry) == 0xc10, "handover_code.S reads it there");
_Static_assert(sizeof(struct handover_page) <= PAGE_BYTES, "it has one page");
_Static_assert(sizeof(struct info_page) <= PAGE_BYTES, "it has one page");

static struct info_page info; /* made here: what it is copied from may lie in the page itself */
static struct handover_page code;

int handover_check(void)
{
    return cpus_check_idle();
}

/* The RSDP where it is, or a copy, if it lies in what is about to be overwritten. */
static u64 keep_rsdp(paddr_t rsdp)
{
    bool in_image = rsdp >= virt_to_phys(image_start) && rsdp < virt_to_phys(image_end);
    bool in_page = align_down(rsdp, PAGE_BYTES) == LOW_INFO_PAGE;

    if (!in_image && !in_page)
        return rsdp;
    memcpy(info.rsdp, phys_to_virt(rsdp), sizeof(info.rsdp));
    return LOW_INFO_PAGE + offsetof(struct info_page, rsdp);
}

static void make_info(const struct boot_info *boot, const char *cmdline)
{
    size_t length = strnlen(cmdline, BOOT_CMDLINE_BYTES - 1);

    memset(&info, 0, sizeof(info));
    info.start = (struct pvh_start_info){
        .magic = PVH_MAGIC,
        .version = PVH_VERSION_MEMMAP,
        .nr_modules = boot->module.bytes != 0,
        .modules = LOW_INFO_PAGE + offsetof(struct info_page, module),
        .cmdline = LOW_INFO_PAGE + offsetof(struct info_page, cmdline),
        .rsdp = keep_rsdp(boot->rsdp),
        .memmap = LOW_INFO_PAGE + offsetof(struct info_page, memmap),
        .memmap_entries = boot->nr_ranges,
    };
    info.module = (struct pvh_module){.base = boot->module.base, .bytes = boot->module.bytes};
    for (u32 i = 0; i < boot->nr_ranges; i++)
        info.memmap[i] = (struct pvh_memmap_entry){
            .base = boot->ranges[i].base,
            .bytes = boot->ranges[i].bytes,
            .type = boot->ranges[i].type,
        };
    memcpy(info.cmdline, cmdline, length);
}

static void make_code(const struct handover_copy *copies, unsigned nr_copies, u32 entry)
{
    ASSERT(nr_copies <= HANDOVER_COPIES_MAX);
    memset(&code, 0, sizeof(code));
    memcpy(code.code, handover_code, (size_t)(handover_code_end - handover_code));
    memcpy(code.copies, copies, nr_copies * sizeof(copies[0]));
    code.entry = entry;
}

int handover_enter(const struct boot_info *boot, const char *cmdline,
                   const struct handover_copy *copies, unsigned nr_copies, u32 entry)
{
    make_info(boot, cmdline);
    make_code(copies, nr_copies, entry);
    memcpy(phys_to_virt(LOW_HANDOVER_PAGE), &code, sizeof(code));
    int status = paging_make_executable(LOW_HANDOVER_PAGE, PAGE_BYTES);
    if (status != OK)
        return status;
    memcpy(phys_to_virt(LOW_INFO_PAGE), &info, sizeof(info));
    serial_drain();
    irq_save();
    alarm_stop();
    cpus_park();
    low_memory_close();
    ((void (*)(void))phys_to_virt(LOW_HANDOVER_PAGE))();
    panic("handover: the code at 0x%x returned", LOW_HANDOVER_PAGE);
}
