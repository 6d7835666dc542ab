/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * See qtest.h. QEMU is the client of both sockets: they are bound first, and
 * accepted once it runs. The protocol is lines: a command, then "OK" and a value.
 */
#include "tests/qtest/qtest.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "include/units.h"
#include "tests/fakes/fake_mmio.h"
#include "tests/fakes/fake_platform.h"
#include "tests/unit/unit.h"

#define LIFE_SECONDS    600
#define GUEST_RAM_BYTES (512 * MIB)
#define LINE_BYTES      4096
#define CONFIG_PORTS    0xcf8 /* the address and the data of PCI config space */

/* Where QEMU decodes BARs on pc with this much RAM, up to the I/O APIC. */
#define PCI_HOLE_BASE GUEST_RAM_BYTES
#define PCI_HOLE_END  ((u64)0xfec00000)

struct line_socket {
    int listener;
    int connection;
    char path[64];
    char received[LINE_BYTES];
    size_t nr_received;
};

static struct line_socket registers;
static struct line_socket monitor;
static char folder[32];
static pid_t qemu;
static u64 nr_accesses;

/* ---- sockets ---- */

static void bind_socket(struct line_socket *socket_, const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    *socket_ = (struct line_socket){.connection = -1};
    snprintf(socket_->path, sizeof(socket_->path), "%s/%s", folder, name);
    memcpy(address.sun_path, socket_->path, strlen(socket_->path) + 1);
    socket_->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(socket_->listener >= 0);
    assert_int_equal(bind(socket_->listener, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(socket_->listener, 1), 0);
}

static void accept_socket(struct line_socket *socket_)
{
    struct timeval limit = {.tv_sec = 60};
    setsockopt(socket_->listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    socket_->connection = accept(socket_->listener, NULL, NULL);
    if (socket_->connection < 0)
        fail_msg("QEMU did not connect to %s", socket_->path);
    setsockopt(socket_->connection, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

static void close_socket(struct line_socket *socket_)
{
    if (socket_->connection >= 0)
        close(socket_->connection);
    close(socket_->listener);
    unlink(socket_->path);
}

static void send_text(struct line_socket *socket_, const char *text)
{
    size_t bytes = strlen(text);
    if (send(socket_->connection, text, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        fail_msg("QEMU took no '%s'", text);
}

/* The next line, without its end. */
static void receive_line(struct line_socket *socket_, char *line)
{
    for (;;) {
        char *end = memchr(socket_->received, '\n', socket_->nr_received);
        if (end) {
            size_t length = (size_t)(end - socket_->received);
            memcpy(line, socket_->received, length);
            line[length] = '\0';
            socket_->nr_received -= length + 1;
            memmove(socket_->received, end + 1, socket_->nr_received);
            return;
        }
        ssize_t got = recv(socket_->connection, socket_->received + socket_->nr_received,
                           LINE_BYTES - 1 - socket_->nr_received, 0);
        if (got <= 0)
            fail_msg("QEMU did not answer on %s", socket_->path);
        socket_->nr_received += (size_t)got;
    }
}

/* ---- register accesses ---- */

static u64 transact(const char *command)
{
    char line[LINE_BYTES];
    u64 value = 0;
    nr_accesses++;
    send_text(&registers, command);
    receive_line(&registers, line);
    if (strncmp(line, "OK", 2) != 0)
        fail_msg("qtest answered '%s' to '%s'", line, command);
    sscanf(line, "OK %" SCNx64, &value);
    return value;
}

static char width_letter(const char *letters, unsigned bytes)
{
    return letters[bytes / 2];
}

/* context: "in" and "out" with b, w, l for ports; "read" and "write" for memory. */
struct access_form {
    u64 base;
    const char *read;
    const char *write;
    const char *widths;
};

static u32 forward_read(void *context, u64 offset, unsigned bytes)
{
    const struct access_form *form = context;
    char command[64];
    snprintf(command, sizeof(command), "%s%c 0x%" PRIx64 "\n", form->read,
             width_letter(form->widths, bytes), form->base + offset);
    return (u32)transact(command);
}

static void forward_write(void *context, u64 offset, unsigned bytes, u32 value)
{
    const struct access_form *form = context;
    char command[64];
    snprintf(command, sizeof(command), "%s%c 0x%" PRIx64 " 0x%x\n", form->write,
             width_letter(form->widths, bytes), form->base + offset, value);
    (void)transact(command);
}

static const struct fake_registers forwarded = {forward_read, forward_write};
static struct access_form port_form = {CONFIG_PORTS, "in", "out", "bwl"};
static struct access_form memory_form = {PCI_HOLE_BASE, "read", "write", "bwl"};

u64 qtest_accesses(void)
{
    return nr_accesses;
}

/* ---- QMP ---- */

/* Send a command and wait for its return, past events. */
static void execute(const char *command, char *line)
{
    send_text(&monitor, command);
    do {
        receive_line(&monitor, line);
        if (strstr(line, "\"error\""))
            fail_msg("QMP: %s: %s", command, line);
    } while (!strstr(line, "\"return\""));
}

/* The machine as a guest finds it: without a processor that runs, QEMU leaves this to us. */
static void reset_machine(void)
{
    char line[LINE_BYTES];
    bool has_returned = false;
    bool is_reset = false;
    send_text(&monitor, "{\"execute\": \"system_reset\"}\n");
    while (!has_returned || !is_reset) { /* in either order */
        receive_line(&monitor, line);
        has_returned = has_returned || strstr(line, "\"return\"");
        is_reset = is_reset || strstr(line, "\"RESET\"");
    }
}

void qtest_set_requested(u64 bytes)
{
    char command[256];
    char line[LINE_BYTES];
    snprintf(command, sizeof(command),
             "{\"execute\": \"qom-set\", \"arguments\": {\"path\": \"vmem0\", \"property\": "
             "\"requested-size\", \"value\": %" PRIu64 "}}\n",
             bytes);
    execute(command, line);
}

u64 qtest_plugged(void)
{
    char line[LINE_BYTES];
    u64 bytes = ~(u64)0;
    execute("{\"execute\": \"qom-get\", \"arguments\": {\"path\": \"vmem0\", \"property\": "
            "\"size\"}}\n",
            line);
    sscanf(strstr(line, "\"return\""), "\"return\": %" SCNu64, &bytes);
    return bytes;
}

/* ---- life ---- */

static void run_qemu(const char *ram_path, u64 region_bytes, u64 block_bytes)
{
    const char *program = getenv("QEMU") ? getenv("QEMU") : "qemu-system-x86_64";
    char ram[160];
    char region[96];
    char device[160];
    char qtest[96];
    char qmp[96];
    snprintf(ram, sizeof(ram), "memory-backend-file,id=ram,share=on,mem-path=%s,size=%" PRIu64,
             ram_path, GUEST_RAM_BYTES);
    snprintf(region, sizeof(region), "memory-backend-ram,id=mem0,reserve=off,size=%" PRIu64,
             region_bytes);
    snprintf(device, sizeof(device),
             "virtio-mem-pci,id=vmem0,memdev=mem0,addr=4,block-size=%" PRIu64, block_bytes);
    snprintf(qtest, sizeof(qtest), "unix:%s", registers.path);
    snprintf(qmp, sizeof(qmp), "unix:%s", monitor.path);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (!freopen("/dev/null", "r", stdin) || !freopen("/dev/null", "w", stdout))
        _exit(126);
    execlp(program, program, "-M", "pc,memory-backend=ram", "-accel", "tcg", "-S", "-m",
           "512M,maxmem=64G", "-nodefaults", "-display", "none", "-qtest", qtest, "-qtest-log",
           "/dev/null", "-qmp", qmp, "-object", ram, "-object", region, "-device", device,
           (char *)NULL);
    _exit(127);
}

static void share_ram(struct boot_info *boot, char *ram_path, size_t ram_path_bytes)
{
    const u64 bytes = GUEST_RAM_BYTES - FAKE_RAM_BASE;
    snprintf(ram_path, ram_path_bytes, "%s/ram", folder);
    FILE *file = fopen(ram_path, "w+e");
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)GUEST_RAM_BYTES), 0);
    fake_boot(boot, bytes);
    void *ram = mmap(phys_to_virt(FAKE_RAM_BASE), bytes, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_FIXED, fileno(file), (off_t)FAKE_RAM_BASE);
    assert_true(ram == phys_to_virt(FAKE_RAM_BASE));
    fclose(file);
    /* The RAM below is QEMU's, and not for the drivers. */
    boot->ranges[1] = boot->ranges[0];
    boot->ranges[0] = (struct boot_memory_range){0, FAKE_RAM_BASE, BOOT_MEMORY_RESERVED};
    boot->nr_ranges = 2;
}

void qtest_start(struct boot_info *boot, u64 region_bytes, u64 block_bytes)
{
    char ram_path[64];
    char line[LINE_BYTES];
    nr_accesses = 0;
    memcpy(folder, "/tmp/tide-qtest-XXXXXX", sizeof("/tmp/tide-qtest-XXXXXX"));
    assert_non_null(mkdtemp(folder));
    share_ram(boot, ram_path, sizeof(ram_path));
    bind_socket(&registers, "qtest");
    bind_socket(&monitor, "qmp");
    alarm(LIFE_SECONDS);
    qemu = fork();
    assert_true(qemu >= 0);
    if (qemu == 0)
        run_qemu(ram_path, region_bytes, block_bytes);
    accept_socket(&registers);
    accept_socket(&monitor);
    receive_line(&monitor, line); /* the greeting */
    execute("{\"execute\": \"qmp_capabilities\"}\n", line);
    unlink(ram_path); /* not before: QEMU connects first, and opens its memory later */
    reset_machine();
    fake_port_claim(CONFIG_PORTS, 8, &forwarded, &port_form);
    fake_mmio_claim(PCI_HOLE_BASE, PCI_HOLE_END - PCI_HOLE_BASE, &forwarded, &memory_form);
}

void qtest_stop(void)
{
    alarm(0);
    kill(qemu, SIGTERM);
    waitpid(qemu, NULL, 0);
    close_socket(&registers);
    close_socket(&monitor);
    rmdir(folder);
    fake_mmio_reset();
    fake_shutdown();
}
