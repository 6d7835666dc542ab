/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * COM1, a 16550: the console.
 *
 * Each wait is bounded: if the host does not read, the kernel waits once, and then drops output
 * until the port is ready again. Without a port nothing here has an effect. One look at the state
 * is enough for 16 bytes, which is what the port's queue holds.
 *
 * Input for which there is no room stays in the port, so that the host keeps the rest.
 */
#include "arch/x86_64/serial.h"

#include "arch/x86_64/arch.h"
#include "arch/x86_64/interrupts.h"
#include "asm/cpu.h"
#include "asm/io.h"
#include "include/platform.h"
#include "include/status.h"
#include "lib/log.h"
#include "lib/string.h"

#define COM1          0x3f8
#define COM1_LINE     4 /* of the interrupt controller */
#define DATA          (COM1 + 0)
#define INTERRUPTS    (COM1 + 1)
#define FIFO_CONTROL  (COM1 + 2)
#define LINE_CONTROL  (COM1 + 3)
#define MODEM_CONTROL (COM1 + 4)
#define LINE_STATUS   (COM1 + 5)
#define SCRATCH       (COM1 + 7)
#define DIVISOR_LOW   (COM1 + 0) /* these two while LINE_DIVISOR is set */
#define DIVISOR_HIGH  (COM1 + 1)

#define LINE_8N1        0x03
#define LINE_DIVISOR    0x80
#define FIFO_ON_CLEARED 0x07
#define MODEM_DTR_RTS   0x03
#define MODEM_OUT2      0x08 /* lets the interrupt out */
#define ON_RECEIVE      0x01
#define STATUS_RECEIVED 0x01
#define STATUS_OVERRUN  0x02 /* a byte was lost; a read clears it */
#define STATUS_READY    0x20 /* the transmit queue is empty */
#define STATUS_IDLE     0x40 /* and the last bit has left */

#define FIFO_BYTES    16
#define WAIT_STAMPS   (4 * (u64)CPU_STAMP_HZ) /* seconds: a busy host may run its reader late */
#define WAIT_READS    100000 /* at least: the whole machine may have stood still for that long */
#define RECEIVE_BYTES 256

static bool port_exists;
static volatile bool host_takes_output;
static bool takes_input;
static volatile bool input_lost;
static u64 output_lost; /* bytes, since it was last said */

/* A ring: receive() writes at head, with interrupts off; serial_read() reads at tail. */
static u8 received[RECEIVE_BYTES];
static volatile u32 received_head;
static volatile u32 received_tail;
static volatile bool is_full; /* and the port does not interrupt */

static u8 read_status(void)
{
    u8 status = io_read8(LINE_STATUS);

    if ((status & STATUS_OVERRUN) != 0)
        input_lost = true;
    return status;
}

/* Take what has come. False if the buffer is full, and more may be left. */
static bool take_received(void)
{
    while (received_head - received_tail < RECEIVE_BYTES) {
        if ((read_status() & STATUS_RECEIVED) == 0)
            return true;
        received[received_head % RECEIVE_BYTES] = io_read8(DATA);
        received_head = received_head + 1;
    }
    return false;
}

void serial_init(void)
{
    io_write8(SCRATCH, 0x5a);
    port_exists = io_read8(SCRATCH) == 0x5a;
    if (!port_exists)
        return;
    io_write8(LINE_CONTROL, LINE_DIVISOR);
    io_write8(DIVISOR_LOW, 1); /* 115200 */
    io_write8(DIVISOR_HIGH, 0);
    io_write8(LINE_CONTROL, LINE_8N1);
    io_write8(INTERRUPTS, 0);
    (void)take_received(); /* typed before the kernel ran: the next line clears the queue */
    io_write8(FIFO_CONTROL, FIFO_ON_CLEARED);
    io_write8(MODEM_CONTROL, MODEM_DTR_RTS | MODEM_OUT2);
    host_takes_output = true;
}

bool serial_exists(void)
{
    return port_exists;
}

/* Wait for a bit of the line status; false on a time-out. After one, a call looks only once. */
static bool wait_for(u8 status_bit)
{
    u64 begin = 0;

    for (unsigned reads = 0; (read_status() & status_bit) == 0; reads++) {
        if (reads == 0)
            begin = cpu_stamp();
        if (reads >= WAIT_READS && cpu_stamp() - begin >= WAIT_STAMPS)
            host_takes_output = false;
        if (!host_takes_output)
            return false;
        cpu_relax();
    }
    host_takes_output = true;
    return true;
}

/* Fill the port's queue, with "\r\n" for '\n'; returns where the text goes on. */
static const char *write_queue_full(const char *text, const char *end)
{
    for (size_t room = FIFO_BYTES; text != end;) {
        size_t nr = min_u64((size_t)(end - text), room);
        const char *newline = memchr(text, '\n', nr);

        if (newline != NULL)
            nr = (size_t)(newline - text);
        io_write_bytes(DATA, text, nr);
        text += nr;
        room -= nr;
        if (newline == NULL || room < 2)
            break;
        io_write_bytes(DATA, "\r\n", 2);
        text++;
        room -= 2;
    }
    return text;
}

void serial_write(const char *text, size_t bytes)
{
    const char *end = text + bytes;

    if (!port_exists)
        return;
    u64 flags = irq_save();
    while (text != end && wait_for(STATUS_READY))
        text = write_queue_full(text, end);
    __atomic_fetch_add(&output_lost, (u64)(end - text), __ATOMIC_RELAXED);
    irq_restore(flags);
}

void serial_drain(void)
{
    if (port_exists)
        wait_for(STATUS_IDLE);
}

/* Take input, and let the port interrupt if there is room for more. A byte that came earlier raises
 * the line at that moment. Interrupts off. */
static void receive(void *context)
{
    (void)context;
    is_full = !take_received();
    io_write8(INTERRUPTS, is_full ? 0 : ON_RECEIVE);
}

void serial_enable_input(void)
{
    if (!port_exists)
        return;
    if (interrupts_attach(COM1_LINE, false, receive, NULL) != OK) {
        log_error(LOG_ARCH, "serial", "no handler slot for line %u; no input", COM1_LINE);
        return;
    }
    takes_input = true;
    u64 flags = irq_save();
    receive(NULL);
    irq_restore(flags);
}

void serial_resume(void)
{
    serial_init();
    if (port_exists && takes_input)
        receive(NULL);
}

/* A loss of output is reported once the host reads again. */
static void report_losses(void)
{
    if (input_lost) {
        input_lost = false;
        log_warning(LOG_ARCH, "serial", "input came faster than it was taken: some is lost");
    }
    if (!host_takes_output)
        return;
    u64 bytes = __atomic_exchange_n(&output_lost, 0, __ATOMIC_RELAXED);
    if (bytes != 0)
        log_warning(LOG_ARCH, "serial",
                    "%llu bytes of output are lost: the host did not read for some seconds",
                    (unsigned long long)bytes);
}

int serial_read(void)
{
    u32 tail = received_tail;

    report_losses();
    if (tail == received_head)
        return -1;
    u8 byte = received[tail % RECEIVE_BYTES];
    received_tail = tail + 1;
    if (is_full && received_head - received_tail <= RECEIVE_BYTES / 2) {
        u64 flags = irq_save();
        receive(NULL);
        irq_restore(flags);
    }
    return byte;
}
