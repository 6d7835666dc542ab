/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A QEMU TCG plugin that counts guest instructions into a file, so that they
 * can be read from outside around one resize:
 *
 *     qemu-system-x86_64 -plugin insn_count.so,count=PATH[,mark=ADDRESS] ...
 *
 * PATH is created with little-endian 64-bit numbers, mapped shared: the
 * instructions that all processors have run since start; with a mark, the most
 * that ran from one execution of the instruction at ADDRESS to the next since
 * the reader wrote 0 there, and the number at the last execution; the blocks that QEMU translated,
 * with a mark those before its first execution. QEMU's plugin header
 * is not packaged by Debian, so the prototypes in use are declared here. Up to
 * QEMU 8.2 an inline addition per translation block does the counting; later
 * versions lack it, and a callback per block does.
 *
 * The addition is not atomic: with several processors use
 * `-accel tcg,thread=single`.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* ---- what QEMU's qemu-plugin.h declares ---- */

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*translation_callback_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*execution_callback_t)(unsigned vcpu, void *context);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, translation_callback_t callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, execution_callback_t callback,
                                          enum qemu_plugin_cb_flags flags, void *context);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            execution_callback_t callback,
                                            enum qemu_plugin_cb_flags flags, void *context);
/* Absent from API version 3 on, so weak. */
__attribute__((weak)) void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *tb,
                                                                    enum qemu_plugin_op op,
                                                                    void *counter, uint64_t add);

/* ---- what QEMU looks for in a plugin ---- */

/* The API version asked for. QEMU reads it after the constructor below has run. */
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc,
                               char **argv);

static struct {
    uint64_t instructions;
    uint64_t longest; /* from mark to mark */
    uint64_t at_mark;
    uint64_t blocks;
} * counts;
static uint64_t mark; /* 0: none */

/* The two ways of counting need different API versions: choose by what this QEMU has. */
__attribute__((constructor)) static void choose_version(void)
{
    if (!qemu_plugin_register_vcpu_tb_exec_inline)
        qemu_plugin_version = 3;
}

static void block_executed(unsigned vcpu, void *context)
{
    (void)vcpu;
    counts->instructions += (uintptr_t)context;
}

static void mark_executed(unsigned vcpu, void *context)
{
    uint64_t pass = counts->instructions - counts->at_mark;

    (void)vcpu;
    (void)context;
    if (counts->at_mark != 0 && pass > counts->longest)
        counts->longest = pass;
    counts->at_mark = counts->instructions;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t instructions = qemu_plugin_tb_n_insns(tb);

    (void)id;
    if (counts->at_mark == 0)
        counts->blocks++;
    if (qemu_plugin_register_vcpu_tb_exec_inline)
        qemu_plugin_register_vcpu_tb_exec_inline(tb, QEMU_PLUGIN_INLINE_ADD_U64,
                                                 &counts->instructions, instructions);
    else
        qemu_plugin_register_vcpu_tb_exec_cb(tb, block_executed, QEMU_PLUGIN_CB_NO_REGS,
                                             (void *)(uintptr_t)instructions);
    for (size_t i = 0; mark != 0 && i < instructions; i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        if (qemu_plugin_insn_vaddr(insn) == mark)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, mark_executed, QEMU_PLUGIN_CB_NO_REGS,
                                                   NULL);
    }
}

static bool map_counter(const char *path)
{
    void *mapping;
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0)
        return false;
    if (ftruncate(fd, sizeof *counts) != 0) {
        close(fd);
        return false;
    }
    mapping = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (mapping == MAP_FAILED)
        return false;
    counts = mapping;
    return true;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    char *end = "";

    (void)info;
    if (argc == 2 && strncmp(argv[1], "mark=", 5) == 0)
        mark = strtoull(argv[1] + 5, &end, 0);
    if (argc < 1 || argc > 2 || strncmp(argv[0], "count=", 6) != 0 || *end != '\0' ||
        (argc == 2 && mark == 0)) {
        fprintf(stderr, "insn_count: expected count=PATH, and mark=ADDRESS if need be\n");
        return -1;
    }
    if (!map_counter(argv[0] + 6)) {
        fprintf(stderr, "insn_count: cannot create and map '%s'\n", argv[0] + 6);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
    return 0;
}
