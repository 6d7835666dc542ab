/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is called for which interrupt, with the controllers replaced: shared
 * lines, spurious interrupts, storms, messages, and slots that run out.
 */

/* The sources themselves are included: beside them, the fake platform offers the same functions. */
#define platform_irq_attach_line arch_irq_attach_line
#define platform_irq_detach_line arch_irq_detach_line
#define irq_attach_message       arch_irq_attach_message
#define irq_detach_message       arch_irq_detach_message
#define platform_now_ms          fake_now_ms

#include "arch/x86_64/interrupts.c"
#include "extras/msix/messages.c"

#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static u32 unmasked;
static u32 level_triggered;
static unsigned nr_line_ends;
static unsigned nr_message_ends;
static bool spurious;
static bool apic_exists;
static unsigned calls[4];
static u64 now_ms;
static u64 armed_ms;
static unsigned nr_alarms;

u64 fake_now_ms(void)
{
    return now_ms;
}

void timer_arm(u64 at_ms)
{
    armed_ms = at_ms;
}

void timer_interrupt(void *context)
{
    (void)context;
    nr_alarms++;
    interrupts_end_storms();
}

void pic_init(void)
{
    unmasked = 0;
}

void pic_resume(void)
{
}

void pic_mask(unsigned line)
{
    unmasked &= ~(1u << line);
}

void pic_unmask(unsigned line)
{
    unmasked |= 1u << line;
}

void pic_set_level_triggered(unsigned line, bool level)
{
    level_triggered = level ? level_triggered | 1u << line : level_triggered & ~(1u << line);
}

bool pic_is_spurious(unsigned line)
{
    (void)line;
    return spurious;
}

void pic_end(unsigned line)
{
    (void)line;
    nr_line_ends++;
}

bool apic_init(void)
{
    return apic_exists;
}

bool apic_is_usable(void)
{
    return apic_exists;
}

struct cpuid_result cpuid(u32 leaf)
{
    assert_int_equal(leaf, 1);
    return (struct cpuid_result){.ebx = 3 << 24};
}

void apic_end(void)
{
    nr_message_ends++;
}

static void count(void *context)
{
    (*(unsigned *)context)++;
}

static void setup(void)
{
    memset(line_handlers, 0, sizeof(line_handlers));
    memset(handlers, 0, sizeof(handlers));
    memset(calls, 0, sizeof(calls));
    memset(line_interrupts, 0, sizeof(line_interrupts));
    interrupts_end_storms();
    now_ms = counted_since_ms = 1000;
    armed_ms = nr_alarms = 0;
    nr_line_ends = nr_message_ends = 0;
    level_triggered = 0;
    spurious = false;
    apic_exists = true;
    interrupts_init();
    fake_console_clear();
}

static void attach(unsigned line, unsigned *counter)
{
    assert_int_equal(arch_irq_attach_line(line, count, counter), OK);
}

TEST_WITH(test_a_line_is_shared, setup, NULL)
{
    attach(11, &calls[0]);
    attach(11, &calls[1]);
    attach(10, &calls[2]);
    assert_int_equal(unmasked, 1u << 11 | 1u << 10);
    assert_int_equal(level_triggered, 1u << 11 | 1u << 10);
    interrupt_dispatch(VECTOR_PIC + 11);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 1);
    assert_int_equal(calls[2], 0);
    assert_int_equal(nr_line_ends, 1);

    arch_irq_detach_line(11, count, &calls[0]);
    assert_int_equal(unmasked, 1u << 11 | 1u << 10);
    interrupt_dispatch(VECTOR_PIC + 11);
    assert_int_equal(calls[0], 1);
    assert_int_equal(calls[1], 2);
    arch_irq_detach_line(11, count, &calls[1]);
    assert_int_equal(unmasked, 1u << 10);
}

TEST_WITH(test_lines_that_cannot_be_attached, setup, NULL)
{
    static const unsigned lines[] = {2, 16, 255, ~0u}; /* 2 joins the controllers */

    for (unsigned i = 0; i < ARRAY_SIZE(lines); i++)
        assert_int_equal(arch_irq_attach_line(lines[i], count, &calls[0]), E_INVAL);
    for (unsigned i = 0; i < HANDLERS_PER_LINE; i++)
        attach(5, &calls[0]);
    assert_int_equal(arch_irq_attach_line(5, count, &calls[0]), E_NOMEM);
    arch_irq_detach_line(~0u, count, &calls[0]);
}

TEST_WITH(test_board_devices_are_edge_triggered, setup, NULL)
{
    assert_int_equal(interrupts_attach(4, false, count, &calls[0]), OK);
    assert_int_equal(level_triggered, 0);
    assert_int_equal(unmasked, 1u << 4);
}

TEST_WITH(test_spurious_interrupts_call_nobody, setup, NULL)
{
    attach(7, &calls[0]);
    spurious = true;
    interrupt_dispatch(VECTOR_PIC + 7);
    interrupt_dispatch(VECTOR_SPURIOUS);
    assert_int_equal(calls[0], 0);
    assert_int_equal(nr_line_ends, 0);
    assert_int_equal(nr_message_ends, 0);
}

static void interrupt_times(unsigned nr)
{
    for (unsigned i = 0; i < nr; i++)
        interrupt_dispatch(VECTOR_PIC + 11);
}

TEST_WITH(test_a_storm_is_masked_for_a_while, setup, NULL)
{
    attach(11, &calls[0]);
    interrupt_times(STORM_INTERRUPTS - 1);
    assert_int_equal(unmasked, 1u << 11);
    assert_string_equal(fake_console(), "");

    now_ms += STORM_MS - 1;
    interrupt_times(1);
    assert_int_equal(unmasked, 0);
    assert_int_equal(armed_ms, now_ms + STORM_MS);
    assert_non_null(strstr(fake_console(), "irq: warning: line 11: 1000 interrupts within 10 ms"));
    interrupt_dispatch(VECTOR_TIMER);
    assert_int_equal(nr_alarms, 1);
    assert_int_equal(nr_message_ends, 1);
    assert_int_equal(unmasked, 1u << 11);

    /* A line whose last handler went while it was masked stays masked. */
    interrupt_times(STORM_INTERRUPTS);
    arch_irq_detach_line(11, count, &calls[0]);
    interrupts_end_storms();
    assert_int_equal(unmasked, 0);
}

/* However many there are in a long time, and however few at its end. */
TEST_WITH(test_many_interrupts_are_no_storm, setup, NULL)
{
    attach(11, &calls[0]);
    for (unsigned i = 0; i < 20; i++) {
        interrupt_times(STORM_INTERRUPTS - 1);
        now_ms += STORM_MS;
        interrupt_times(1);
    }
    assert_int_equal(unmasked, 1u << 11);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_polling_calls_all_but_the_timer, setup, NULL)
{
    assert_int_equal(interrupts_attach(TIMER_LINE, false, count, &calls[0]), OK);
    attach(4, &calls[1]);
    attach(11, &calls[2]);
    attach(11, &calls[2]);
    interrupts_poll();
    assert_int_equal(calls[0], 0);
    assert_int_equal(calls[1], 1);
    assert_int_equal(calls[2], 2);
    assert_int_equal(nr_line_ends, 0);
}

TEST_WITH(test_messages, setup, NULL)
{
    struct irq_message first;
    struct irq_message second;

    assert_int_equal(arch_irq_attach_message(count, &calls[0], &first), OK);
    assert_int_equal(arch_irq_attach_message(count, &calls[1], &second), OK);
    assert_int_equal(first.address, 0xfee03000);
    assert_int_not_equal(first.data, second.data);
    interrupt_dispatch(second.data);
    assert_int_equal(calls[0], 0);
    assert_int_equal(calls[1], 1);
    assert_int_equal(nr_message_ends, 1);

    /* One more may be on its way when the handler goes: it is ended, and calls nobody. */
    arch_irq_detach_message(&second);
    interrupt_dispatch(second.data);
    assert_int_equal(calls[1], 1);
    assert_int_equal(nr_message_ends, 2);
    assert_int_equal(arch_irq_attach_message(count, &calls[2], &second), OK);

    int status;
    unsigned nr_more = 0;
    while ((status = arch_irq_attach_message(count, &calls[3], &first)) == OK)
        nr_more++;
    assert_int_equal(status, E_NOMEM);
    assert_int_equal(nr_more, VECTOR_MESSAGE_COUNT - 2);
}

TEST_WITH(test_no_messages_without_an_apic, setup, NULL)
{
    struct irq_message message;

    apic_exists = false;
    interrupts_init();
    assert_int_equal(arch_irq_attach_message(count, &calls[0], &message), E_UNSUPPORTED);
}
