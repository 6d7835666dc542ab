/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The window of virtual areas in a host program: the host's own page tables
 * show the fake memory a second time. So an access through an area really goes
 * through a mapping, and one to a page that is held or gone is a SIGSEGV. A
 * handler does what the kernel's page fault handler does: it waits while the
 * page is held, and tries again. The memory must be mapped shared.
 */
#define _GNU_SOURCE
#include "tests/fakes/fake_vm.h"

#include <inttypes.h>
#include <signal.h>
#include <sys/mman.h>

#include "extras/vm/vm_paging.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "tests/unit/include/asm/cpu.h"
#include "tests/unit/include/asm/vm.h"
#include "tests/unit/unit.h"

#define NR_PAGES    (VM_BYTES / PAGE_BYTES)
#define LARGE_BYTES (2 * MIB)

enum state { ABSENT, PRESENT, HELD };

struct page {
    u64 bytes; /* of the page that begins here; 0 elsewhere */
    paddr_t paddr;
    u32 state; /* written by the owner, read by threads that fault */
    bool is_unwritten;
};

static struct page pages[NR_PAGES];
static u64 mapped_bytes; /* in pages[] */
static bool reserved;
static i64 map_failure = -1;
static u64 nr_waits;
static struct sigaction next_action;

static struct page *page_at(u64 address)
{
    assert_true(address - VM_BASE < VM_BYTES);
    u64 number = (address - VM_BASE) / PAGE_BYTES;
    if (pages[number].bytes == 0 && pages[number / 512 * 512].bytes == LARGE_BYTES)
        number = number / 512 * 512;
    return &pages[number];
}

static void hide(u64 address, u64 bytes)
{
    void *place = (void *)(uintptr_t)address;
    void *hidden = mmap(place, bytes, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    assert_ptr_equal(hidden, place);
}

/* A second view of shared memory: what mremap() does for an old size of 0. */
static void show(u64 address, paddr_t paddr, u64 bytes)
{
    void *place = (void *)(uintptr_t)address;
    if (mremap(phys_to_virt(paddr), 0, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, place) != place)
        fail_msg("cannot show 0x%" PRIx64 " at 0x%" PRIx64 ": is it mapped shared?", paddr,
                 address);
}

/* ---- page faults ---- */

static void on_fault(int signal, siginfo_t *info, void *context)
{
    u64 address = (uintptr_t)info->si_addr;
    if (address - VM_BASE < VM_BYTES && fake_cpu_id != 0) {
        struct page *page = page_at(address);
        __atomic_fetch_add(&nr_waits, 1, __ATOMIC_RELAXED);
        while (__atomic_load_n(&page->state, __ATOMIC_ACQUIRE) == HELD)
            cpu_relax();
        if (__atomic_load_n(&page->state, __ATOMIC_ACQUIRE) == PRESENT)
            return;
    }
    (void)context;
    sigaction(signal, &next_action, NULL); /* and once more */
}

void fake_vm_start(void)
{
    if (!reserved)
        hide(VM_BASE, VM_BYTES);
    reserved = true;
    map_failure = -1;
    nr_waits = 0;
}

void fake_vm_catch_faults(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &action, &next_action);
}

void fake_vm_stop(void)
{
    if (!reserved)
        return;
    munmap((void *)(uintptr_t)VM_BASE, VM_BYTES);
    if (mapped_bytes != 0)
        memset(pages, 0, sizeof(pages));
    mapped_bytes = 0;
    reserved = false;
}

void fake_vm_fail_map_after(i64 nr_calls)
{
    map_failure = nr_calls;
}

void fake_vm_forget_write(u64 address)
{
    page_at(address)->is_unwritten = true;
}

u64 fake_vm_waits(void)
{
    return __atomic_load_n(&nr_waits, __ATOMIC_RELAXED);
}

u64 fake_vm_mapped_bytes(void)
{
    return mapped_bytes;
}

/* ---- vm_paging.h ---- */

int platform_vm_map(u64 address, paddr_t paddr, u64 bytes)
{
    bool fits = is_aligned(address | paddr | bytes, LARGE_BYTES);
    u64 page_bytes = fits ? LARGE_BYTES : PAGE_BYTES;
    assert_true(reserved && fake_cpu_id == 0);
    assert_true(is_aligned(address | paddr | bytes, PAGE_BYTES) && bytes != 0);
    for (u64 at = 0; at < bytes; at += PAGE_BYTES)
        assert_int_equal(page_at(address + at)->bytes, 0);
    if (map_failure == 0)
        return E_NOMEM;
    if (map_failure > 0)
        map_failure--;
    for (u64 at = 0; at < bytes; at += page_bytes)
        *page_at(address + at) = (struct page){page_bytes, paddr + at, PRESENT, false};
    mapped_bytes += bytes;
    show(address, paddr, bytes);
    return OK;
}

u64 platform_vm_hold(u64 address)
{
    struct page *page = page_at(address);
    assert_true(fake_cpu_id == 0 && page->bytes != 0 && is_aligned(address, page->bytes));
    __atomic_store_n(&page->state, HELD, __ATOMIC_RELEASE);
    hide(address, page->bytes);
    return page->bytes;
}

/* hide() has done it. */
void platform_vm_flush(u64 address, u64 bytes)
{
    assert_true(fake_cpu_id == 0 && address - VM_BASE < VM_BYTES && bytes <= VM_BYTES);
}

void platform_vm_resume(u64 address)
{
    struct page *page = page_at(address);
    assert_true(fake_cpu_id == 0 && page->state == HELD);
    show(address, page->paddr, page->bytes);
    __atomic_store_n(&page->state, PRESENT, __ATOMIC_RELEASE);
}

void platform_vm_move(u64 address, paddr_t paddr)
{
    struct page *page = page_at(address);
    assert_true(is_aligned(address | paddr, page->bytes));
    if (!page->is_unwritten)
        memcpy(phys_to_virt(paddr), phys_to_virt(page->paddr), page->bytes);
    page->paddr = paddr;
    platform_vm_resume(address);
}

u64 platform_vm_page(u64 address, paddr_t *paddr)
{
    const struct page *page = page_at(address);
    *paddr = page->paddr;
    return page->bytes;
}

void platform_vm_unmap(u64 address, u64 bytes)
{
    assert_int_equal(fake_cpu_id, 0);
    hide(address, bytes);
    for (u64 at = address; at < address + bytes; at += PAGE_BYTES) {
        struct page *page = &pages[(at - VM_BASE) / PAGE_BYTES];
        assert_true(page->bytes <= address + bytes - at);
        mapped_bytes -= page->bytes;
        page->bytes = 0;
        __atomic_store_n(&page->state, ABSENT, __ATOMIC_RELEASE);
    }
}
