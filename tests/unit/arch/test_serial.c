/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Input from a fake 16550 with a host behind it that waits while the queue is full: every byte
 * arrives, in order, however late it is read, and over a sleep. Output to a host that does not read
 * for a while: the kernel goes on, and says how much is lost.
 */
#include "arch/x86_64/serial.c"

#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

static u8 registers[8];
static unsigned nr_sent; /* by the host; byte n is (u8)n */
static unsigned nr_come; /* of them, into the queue */
static unsigned nr_taken;
static bool overrun;
static bool host_reads;
static char written[256];   /* the last bytes of output */
static unsigned nr_written; /* bytes of output */
static unsigned nr_queued;  /* of them, since the line status said that the queue is empty */
static unsigned nr_looks;   /* at the line status */
static bool line;           /* as it was when the controller looked last */
static irq_handler_t handler;

int interrupts_attach(unsigned irq_line, bool level, irq_handler_t function, void *context)
{
    (void)context;
    assert_int_equal(irq_line, COM1_LINE);
    assert_false(level);
    handler = function;
    return OK;
}

static void fill_queue(void)
{
    while (nr_come < nr_sent && nr_come - nr_taken < FIFO_BYTES)
        nr_come++;
}

static u32 read_register(void *context, u64 offset, unsigned bytes)
{
    (void)context;
    (void)bytes;
    fill_queue();
    if (offset == 0) {
        assert_true(nr_taken < nr_come);
        return (u8)nr_taken++;
    }
    if (offset == 5) {
        u32 status = (nr_taken < nr_come ? STATUS_RECEIVED : 0) | (overrun ? STATUS_OVERRUN : 0);
        overrun = false;
        nr_looks++;
        nr_queued = 0;
        return status | (host_reads ? STATUS_READY : 0);
    }
    return registers[offset];
}

static void write_register(void *context, u64 offset, unsigned bytes, u32 value)
{
    (void)context;
    (void)bytes;
    registers[offset] = (u8)value;
    if (offset == 0 && registers[3] == LINE_8N1) {
        written[nr_written++ % sizeof(written)] = (char)value;
        assert_true(++nr_queued <= FIFO_BYTES);
    }
    if (offset == 2)
        nr_taken = nr_come; /* cleared: what was in the queue is lost */
}

/* The line is triggered by its edge. */
static void look_at_line(void)
{
    fill_queue();
    bool before = line;
    line = registers[1] == ON_RECEIVE && nr_taken < nr_come;
    if (line && !before) {
        handler(NULL);
        line = registers[1] == ON_RECEIVE && nr_taken < nr_come;
    }
}

static void setup(void)
{
    static const struct fake_registers ports = {read_register, write_register};

    fake_mmio_reset();
    fake_port_claim(COM1, 8, &ports, NULL);
    received_head = received_tail = 0;
    is_full = input_lost = overrun = line = false;
    nr_sent = nr_come = nr_taken = nr_written = nr_queued = nr_looks = 0;
    memset(written, 0, sizeof(written));
    output_lost = 0;
    host_reads = true;
    memset(registers, 0, sizeof(registers));
    fake_console_clear();
}

static void teardown(void)
{
    fake_mmio_reset();
}

static void assert_read(unsigned first, unsigned end)
{
    for (unsigned i = first; i < end; i++) {
        look_at_line();
        assert_int_equal(serial_read(), (u8)i);
    }
}

TEST_WITH(test_nothing_is_lost_while_nobody_reads, setup, teardown)
{
    serial_init();
    serial_enable_input();
    for (nr_sent = 1; nr_sent < 1000; nr_sent++)
        look_at_line();
    assert_int_equal(nr_taken, RECEIVE_BYTES);
    assert_int_equal(registers[1], 0);
    assert_read(0, 1000);
    assert_int_equal(serial_read(), -1);
    assert_int_equal(registers[1], ON_RECEIVE);
    nr_sent = 1001;
    assert_read(1000, 1001);
    assert_string_equal(fake_console(), "");
}

TEST_WITH(test_input_from_before_the_kernel_is_kept, setup, teardown)
{
    nr_sent = 100;
    serial_init();
    serial_enable_input();
    assert_read(0, 100);
}

TEST_WITH(test_a_full_ring_is_kept_over_a_sleep, setup, teardown)
{
    serial_init();
    serial_enable_input();
    nr_sent = RECEIVE_BYTES;
    look_at_line();
    assert_int_equal(registers[1], 0);
    memset(registers, 0, sizeof(registers));
    serial_resume();
    nr_sent = 2 * RECEIVE_BYTES;
    assert_read(0, 2 * RECEIVE_BYTES);
    assert_int_equal(registers[1], ON_RECEIVE);
}

/* The clock polls the lines before its first tick; another device may share this one. */
TEST_WITH(test_the_port_interrupts_again_after_a_poll, setup, teardown)
{
    serial_init();
    serial_enable_input();
    nr_sent = RECEIVE_BYTES;
    look_at_line();
    assert_int_equal(registers[1], 0);
    assert_int_equal(serial_read(), 0);
    handler(NULL);
    assert_read(1, RECEIVE_BYTES);
    assert_int_equal(registers[1], ON_RECEIVE);
    nr_sent++;
    assert_read(RECEIVE_BYTES, RECEIVE_BYTES + 1);
}

TEST_WITH(test_output_goes_on_when_the_host_reads_again, setup, teardown)
{
    serial_init();
    serial_write("ready\n", 6);
    assert_int_equal(nr_written, 7);
    host_reads = false;
    serial_write("lost\n", 5);
    assert_true(nr_looks > WAIT_READS);
    nr_looks = 0;
    serial_write("lost, too\n", 10);
    assert_int_equal(nr_looks, 1);
    assert_int_equal(serial_read(), -1);
    assert_string_equal(fake_console(), "");
    assert_int_equal(nr_written, 7);

    host_reads = true;
    serial_write("back\n", 5);
    assert_int_equal(nr_written, 13);
    assert_int_equal(serial_read(), -1);
    assert_non_null(strstr(fake_console(), "serial: warning: 15 bytes of output are lost"));
    fake_console_clear();
    assert_int_equal(serial_read(), -1);
    assert_string_equal(fake_console(), "");
}

/* One look at the status for each queue full, wherever lines end. */
TEST_WITH(test_output_fills_the_queue, setup, teardown)
{
    static const struct {
        const char *text;
        const char *sent;
        unsigned nr_looks;
    } cases[] = {
        {"", "", 0},
        {"\n", "\r\n", 1},
        {"0123456789abcdef", "0123456789abcdef", 1},
        {"0123456789abcd\n", "0123456789abcd\r\n", 1},
        {"0123456789abcde\n", "0123456789abcde\r\n", 2}, /* an end of line is not cut */
        {"\n\n\n\n\n\n\n\n\n", "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n", 2},
        {"a line\nand 0123456789 0123456789\n", "a line\r\nand 0123456789 0123456789\r\n", 3},
    };
    serial_init();
    for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
        nr_looks = nr_written = 0;
        memset(written, 0, sizeof(written));
        serial_write(cases[i].text, strlen(cases[i].text));
        assert_string_equal(written, cases[i].sent);
        assert_int_equal(nr_looks, cases[i].nr_looks);
    }
}

TEST_WITH(test_a_loss_is_said, setup, teardown)
{
    serial_init();
    serial_enable_input();
    overrun = true;
    nr_sent = 1;
    assert_read(0, 1);
    assert_non_null(strstr(fake_console(), "serial: warning: input came faster"));
}
