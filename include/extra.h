/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What can be left out: each folder of extras/ registers what it has in a table of the linker's,
 * and no file of the core names an extra. (The monitor is core, and registers in the same way.)
 * `make EXTRAS="power screen"` builds these two, `make EXTRAS=` the core alone.
 *
 *     EXTRA(screen) = {.init = start, .console_write = write};
 *
 * A member that is left out is NULL. A folder may register in several files, so that a host program
 * has the hooks of those that it links. The core calls the members of all extras, in the order in
 * which they were linked: an extra that needs another one calls its functions, not a hook. Where
 * a hook gives an answer, at most one extra has it.
 */
#ifndef TIDE_INCLUDE_EXTRA_H
#define TIDE_INCLUDE_EXTRA_H

#include "include/types.h"

struct boot_info;
struct command;
struct command_line;
struct cpu_list;
struct line_editor;
struct memory_map;
struct option_rule;
struct options;
struct pci_device;
struct trap_frame;

struct extra {
    const char *name; /* of its folder */

    /* ---- kernel/: on the boot processor's loop ---- */

    const struct option_rule *option; /* of the command line; kernel/options.h */
    /* Before the command line is parsed: what was parsed does not count any more. */
    void (*forget_options)(void);
    /* Parse it, first of all; is_cut if its end is missing. */
    void (*parse_cmdline)(const char *cmdline, bool is_cut, struct options *options);
    /* Once, right after page_init(): what an extra has to tell mm. */
    void (*mm_init)(void);
    /* The node of an address, 0 if nothing is known of it: for a device that does not say. */
    u32 (*node_of)(paddr_t paddr);
    /* Attach devices before those that are found on PCI, and after them: devices_attach(). */
    void (*attach_first)(void);
    void (*attach_last)(const struct options *options);
    /* This virtio-mem function is not meant. */
    bool (*leaves_alone)(const struct pci_device *pci);
    /* vmem_host_pci_irq_attach() and _detach() for an MSI-X vector; one extra has them. */
    int (*attach_vector)(struct pci_device *pci, u16 vector, bool (*handler)(void *context),
                         void *context);
    void (*detach_vector)(struct pci_device *pci, u16 vector);
    /* Once, when devices are attached. */
    void (*init)(const struct boot_info *boot);
    /* Once, when each device has done what the host wants first: after "tide: ready". */
    void (*ready)(const struct options *options);
    /* At each turn of the loop; it must not wait. */
    void (*poll)(void);
    /* When poll() has something to do, if no interrupt comes before: 0 is at once, UINT64_MAX
     * never. Callable with interrupts off. */
    u64 (*due_ms)(void);
    /* The machine has slept, and PCI's config space is as it was. */
    void (*resume)(void);
    /* Reset the extra's device for another kernel, or say who does not and why; start it again. */
    int (*stop)(const char **who);
    void (*start)(void);
    /* Firmware says that PCI functions came or went. */
    void (*pci_changed)(void);
    /* No device is in use any more that must go (struct pci_device: removal_requested). */
    void (*devices_released)(void);

    /* Panic at the first counter or list that is wrong, while no other processor works. */
    void (*check)(void);

    /* ---- monitor/ ---- */

    const struct command *commands; /* the last one has no name */
    /* A byte was typed: true if it is dealt with. Else it is appended, erases, or ends the line. */
    bool (*edit_line)(struct line_editor *editor, char input);
    /* No command takes a line: true if it is said what was meant, as an error. */
    bool (*explain_line)(const struct command_line *line);
    /*
     * The next command of a script, of which `line` holds as much as fits (LINE_BYTES), and its
     * length; false if there is none. Asked when the last command and its job are over.
     */
    bool (*next_command)(char *line, size_t *length);
    /* A command has begun work that keeps the prompt until it ends: the next command waits. */
    bool (*keeps_prompt)(void);
    /* Ctrl-C was typed meanwhile. */
    void (*interrupt)(void);
    /* What `memory` prints before the loader's map; print() makes one line of it. */
    void (*print_memory)(void (*print)(paddr_t base, u64 bytes, const char *what));

    /* ---- drivers/pci; not from an interrupt ---- */

    /* In pci_init(): the map says where no BAR may lie, and stays. */
    void (*pci_init)(const struct boot_info *boot);
    /* Before each pci_scan(): functions that have gone are not present any more. */
    void (*pci_forget_gone)(void);
    /* In each pci_scan(), when bus 0 and all behind it is scanned: find other root buses. */
    void (*pci_find_roots)(void);
    /* The pin and line of a function were read: correct the line. */
    void (*pci_route_line)(struct pci_device *device);
    /* At the end of each pci_scan(): all is found that lies on a bus that firmware numbered. */
    void (*pci_scanned)(void);
    /* The BARs of a function are sized: give an address to those that have none. */
    void (*pci_place_bars)(struct pci_device *device);

    /* ---- arch/x86_64 ---- */

    /* Text for the console; one extra has it. Any context, one processor at a time. */
    void (*console_write)(const char *text, size_t bytes);
    /* The clock is started, at boot and after a sleep, with interrupts off: see
     * arch/x86_64/timer.h. */
    void (*timer_started)(void);
    /* Without ACPI: add the machine's processors to the list, which holds the boot processor. */
    void (*find_cpus)(const struct boot_info *boot, struct cpu_list *list);
    /* A page fault on an absent page: true if it is present now, and the access is to be tried
     * again. Any processor, interrupts off. */
    bool (*wait_for_page)(u64 address);
    /* Switch the machine off; returns if it cannot. Any context. */
    void (*power_off)(void);

    /* ---- the last words, which must not allocate or wait ---- */

    /* Print what is known of an exception, in place of the core's one line. */
    void (*report_trap)(const struct trap_frame *frame);
    /* Print the callers of the function that calls this. */
    void (*print_callers)(void);
    /* What lies at an address, as one line without '\n'; false if it is not this extra's. It must
     * not touch the address. */
    bool (*describe_address)(u64 address, char *text, size_t bytes);

    /* ---- boot/ ---- */

    /* Whether this is what a loader of another protocol leaves in eax. */
    bool (*boot_detect)(u32 loader_eax);
    /* The loader's module can be used: mm leaves it alone. Without such an extra, none can. */
    bool (*accepts_module)(const struct boot_info *info);
    /* pvh_parse() for that protocol (boot/boot.h). */
    int (*boot_parse)(u32 loader_ebx, struct boot_info *info, struct memory_map *map);
};

/* The table: linker.ld has its ends, and for a host program the linker; it may have none. */
extern const struct extra *const __start_extras[] __attribute__((weak));
extern const struct extra *const __stop_extras[] __attribute__((weak));

#define EXTRA(folder)                                                                          \
    static const struct extra folder##_extra;                                                  \
    static const struct extra *const folder##_entry __attribute__((used, section("extras"))) = \
        &folder##_extra;                                                                       \
    static const struct extra folder##_extra

/* for_each_extra (extra) { if (extra->poll) extra->poll(); } */
#define for_each_extra(each)                                           \
    for (const struct extra *const *each##_at = __start_extras, *each; \
         each##_at < __stop_extras && (each = *each##_at, true); each##_at++)

/*
 * Those extras that have a hook, for one that is called often: extras_having(offsetof(struct extra,
 * poll), found). Returns how many there are, at most EXTRAS_HAVING_MAX.
 */
#define EXTRAS_HAVING_MAX 32
static inline unsigned extras_having(size_t hook, const struct extra *found[EXTRAS_HAVING_MAX])
{
    unsigned nr = 0;
    for_each_extra (extra) {
        if (nr < EXTRAS_HAVING_MAX && *(void *const *)((const u8 *)extra + hook) != NULL)
            found[nr++] = extra;
    }
    return nr;
}

/* Call a hook of all extras that have it. */
#define EXTRAS_CALL(hook, ...)             \
    do {                                   \
        for_each_extra (extra_) {          \
            if (extra_->hook)              \
                extra_->hook(__VA_ARGS__); \
        }                                  \
    } while (0)

#endif
