/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Handlers of interrupts: several for each legacy line, which devices share.
 *
 * A line that interrupts again and again although its handlers ran is masked for a while, so that
 * no device can take all of the processor's time.
 */
#include "arch/x86_64/interrupts.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/timer.h"
#include "arch/x86_64/traps.h"
#include "asm/cpu.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/string.h"

#define HANDLERS_PER_LINE 8
#define STORM_INTERRUPTS  1000 /* of one line within STORM_MS; it is masked for as long */
#define STORM_MS          10

struct handler {
    irq_handler_t function; /* NULL: free */
    void *context;
};

/* The free ones of a line come last. Changed with interrupts off; read by the interrupt. */
static struct handler line_handlers[PIC_LINES][HANDLERS_PER_LINE];
static void (*take_message)(unsigned number);
static u32 line_interrupts[PIC_LINES]; /* since counted_since_ms */
static u64 counted_since_ms;
static u32 storm_lines; /* a bit a line: masked until the timer's next interrupt */

void interrupts_init(void)
{
    pic_init();
    (void)apic_init();
}

void interrupts_take_messages(void (*take)(unsigned number))
{
    take_message = take;
}

void interrupts_resume(void)
{
    pic_resume();
    if (apic_is_usable())
        (void)apic_init();
}

void interrupts_end_storms(void)
{
    for (unsigned line = 0; storm_lines != 0; line++) {
        if ((storm_lines >> line & 1) != 0)
            pic_unmask(line);
        storm_lines &= ~(1u << line);
    }
}

static void note_storm(unsigned line)
{
    static bool warned;

    pic_mask(line);
    storm_lines |= 1U << line;
    timer_arm(counted_since_ms + STORM_MS);
    if (!warned)
        log_warning(LOG_ARCH, "irq",
                    "line %u: %u interrupts within %d ms, expected its handlers to quieten it; "
                    "masking it for as long, each time",
                    line, STORM_INTERRUPTS, STORM_MS);
    warned = true;
}

static void count_interrupt(unsigned line)
{
    if (++line_interrupts[line] < STORM_INTERRUPTS)
        return;
    u64 now_ms = platform_now_ms();
    bool is_storm = now_ms - counted_since_ms < STORM_MS;
    memset(line_interrupts, 0, sizeof(line_interrupts));
    counted_since_ms = now_ms;
    if (is_storm)
        note_storm(line);
}

static void call_handlers(unsigned line)
{
    const struct handler *handler = line_handlers[line];

    for (unsigned i = 0; i < HANDLERS_PER_LINE && handler[i].function != NULL; i++)
        handler[i].function(handler[i].context);
}

void interrupts_poll(void)
{
    for (unsigned line = 0; line < PIC_LINES; line++)
        if (line != TIMER_LINE)
            call_handlers(line);
    interrupts_end_storms();
}

static void line_interrupt(unsigned line)
{
    if (pic_is_spurious(line))
        return;
    call_handlers(line);
    count_interrupt(line);
    pic_end(line);
}

void interrupt_dispatch(unsigned vector)
{
    if (vector >= VECTOR_PIC && vector < VECTOR_PIC + PIC_LINES) {
        line_interrupt(vector - VECTOR_PIC);
    } else if (vector >= VECTOR_MESSAGE && vector < VECTOR_MESSAGE + VECTOR_MESSAGE_COUNT) {
        if (take_message != NULL)
            take_message(vector - VECTOR_MESSAGE);
        apic_end();
    } else if (vector == VECTOR_TIMER) {
        timer_interrupt(NULL);
        apic_end();
    }
    /* Any other vector is the APIC's spurious one, which must not be ended. */
}

int interrupts_attach(unsigned line, bool level, irq_handler_t function, void *context)
{
    if (line >= PIC_LINES || line == 2)
        return E_INVAL;
    for (unsigned i = 0; i < HANDLERS_PER_LINE; i++) {
        struct handler *handler = &line_handlers[line][i];

        if (handler->function != NULL)
            continue;
        u64 flags = irq_save();
        handler->context = context;
        handler->function = function;
        pic_set_level_triggered(line, level);
        pic_unmask(line);
        irq_restore(flags);
        return OK;
    }
    return E_NOMEM;
}

int platform_irq_attach_line(unsigned line, irq_handler_t function, void *context)
{
    return interrupts_attach(line, true, function, context);
}

void platform_irq_detach_line(unsigned line, irq_handler_t function, void *context)
{
    if (line >= PIC_LINES)
        return;
    struct handler *handlers = line_handlers[line];
    unsigned nr_kept = 0;

    u64 flags = irq_save();
    for (unsigned i = 0; i < HANDLERS_PER_LINE; i++)
        if (handlers[i].function != function || handlers[i].context != context)
            handlers[nr_kept++] = handlers[i];
    memset(handlers + nr_kept, 0, (HANDLERS_PER_LINE - nr_kept) * sizeof(*handlers));
    if (handlers[0].function == NULL) {
        pic_mask(line);
        storm_lines &= ~(1U << line);
    }
    irq_restore(flags);
}
