/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The program in the Linux guest of experiments: Tide's `workload` and
 * `occupancy` commands, on Linux's own memory.
 *
 * The same plan as in Tide decides what is allocated and freed; here a chunk
 * is a range of one file in tmpfs, written to allocate it and punched out to
 * free it. The lines are the same, so that one parser reads both guests.
 * A block's use comes from /proc/kpageflags; the host names the regions, as
 * "vmem0:BASE:SIZE:BLOCK".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "extras/sizes/sizes.h"
#include "extras/workload/workload_plan.h"
#include "include/exit_status.h"
#include "include/status.h"
#include "include/units.h"
#include "tools/linux/blocks.h"

#define PROMPT         "linux> "
#define FILE_PATH      "/mem/chunks"
#define WORDS_MAX      32
#define LINE_MAX_BYTES 4096
/* Below this much free memory an allocation is denied, since Linux would end the program. */
#define KEEP_FREE_BYTES (48 * MIB)
#define STEPS_PER_RUN   256

enum job_state { IDLE, RUNNING, ENDED, FAILED };

static struct {
    enum job_state state;
    struct workload_plan plan;
    struct workload_chunk *chunks;
    u64 nr_held;
    u32 next_number;
    u64 next_tick_ms;
    u64 nr_allocs;
    u64 nr_frees;
    u64 nr_denied;
    u64 nr_pages_checked;
    u64 *buffer; /* one chunk */
    int file;
    bool failed;
    char news[256]; /* said with the next answer, so that it does not break into what is typed */
} job;

static u64 now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (u64)now.tv_sec * 1000 + (u64)now.tv_nsec / 1000000;
}

/* ---- the workload ---- */

#define WORDS_PER_PAGE (PAGE_BYTES / sizeof(u64))

static u64 word_stride(void)
{
    return job.plan.spec.kind == WORKLOAD_VERIFY ? 1 : WORDS_PER_PAGE - 1;
}

static u64 free_bytes(void)
{
    struct sysinfo info;
    sysinfo(&info);
    return (u64)info.freeram * info.mem_unit;
}

static void take_chunk(u32 leaves)
{
    u64 bytes = job.plan.spec.chunk_bytes;
    u32 number = job.next_number;
    bool taken = false;
    if (free_bytes() >= bytes + KEEP_FREE_BYTES) {
        for (u64 page = 0; page < bytes / PAGE_BYTES; page++) {
            for (u64 word = 0; word < WORDS_PER_PAGE; word += word_stride())
                job.buffer[page * WORDS_PER_PAGE + word] =
                    workload_pattern(job.plan.spec.seed, number, page, word);
        }
        taken = pwrite(job.file, job.buffer, bytes, (off_t)(number * bytes)) == (ssize_t)bytes;
    }
    if (!taken) {
        job.nr_denied++;
        workload_plan_denied(&job.plan);
        return;
    }
    job.next_number++;
    job.chunks[job.nr_held++] =
        (struct workload_chunk){.place = number * bytes, .number = number, .leaves = leaves};
    job.nr_allocs++;
}

static bool check_chunk(const struct workload_chunk *chunk)
{
    u64 bytes = job.plan.spec.chunk_bytes;
    memset(job.buffer, 0, bytes);
    if (pread(job.file, job.buffer, bytes, (off_t)chunk->place) != (ssize_t)bytes)
        perror("pread");
    for (u64 page = 0; page < bytes / PAGE_BYTES; page++) {
        for (u64 word = 0; word < WORDS_PER_PAGE; word += word_stride()) {
            u64 found = job.buffer[page * WORDS_PER_PAGE + word];
            u64 expected = workload_pattern(job.plan.spec.seed, chunk->number, page, word);
            if (found != expected) {
                snprintf(job.news, sizeof(job.news),
                         "workload: error chunk=%u page=%" PRIu64 " found=0x%016" PRIx64
                         " expected=0x%016" PRIx64 "\n",
                         chunk->number, page, found, expected);
                job.failed = true;
                job.state = FAILED;
                return false;
            }
        }
        job.nr_pages_checked++;
    }
    return true;
}

static void give_chunk(u64 index)
{
    if (fallocate(job.file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)job.chunks[index].place, (off_t)job.plan.spec.chunk_bytes) != 0)
        perror("fallocate");
    job.chunks[index] = job.chunks[--job.nr_held];
    job.nr_frees++;
}

#define COUNTS " allocs=%" PRIu64 " frees=%" PRIu64 " denied=%" PRIu64 " checked=%" PRIu64 "\n"

static void print_state(void)
{
    static const char *const names[] = {"idle", "running", "done", "failed"};
    u64 chunk = job.state == IDLE ? 0 : job.plan.spec.chunk_bytes;
    u64 target = job.state == IDLE ? 0 : workload_plan_target(&job.plan, job.nr_held);
    printf("%sworkload: state=%s tick=%" PRIu64 " held=%" PRIu64 " target=%" PRIu64 COUNTS,
           job.news, names[job.state], job.plan.tick, job.nr_held * chunk, target * chunk,
           job.nr_allocs, job.nr_frees, job.nr_denied, job.nr_pages_checked);
    job.news[0] = '\0';
}

static void start_job(unsigned nr_words, const char *const *words)
{
    struct workload_spec spec;
    struct workload_mistake mistake;
    if (workload_spec_parse(nr_words, words, &spec, &mistake) != OK) {
        printf("error: workload: '%s': expected %s\n", mistake.word, mistake.expected);
        return;
    }
    if (job.state != IDLE) {
        printf("error: workload: one is there already: 'workload stop' first\n");
        return;
    }
    memset(&job.plan, 0, sizeof(job.plan));
    job.nr_held = job.next_number = 0;
    job.nr_allocs = job.nr_frees = job.nr_denied = job.nr_pages_checked = 0;
    job.next_tick_ms = 0;
    job.chunks = malloc(workload_spec_chunks(&spec) * sizeof(*job.chunks));
    job.buffer = calloc(1, spec.chunk_bytes);
    job.file = open(FILE_PATH, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (!job.chunks || !job.buffer || job.file < 0) {
        printf("error: workload: %s\n", strerror(errno));
        return;
    }
    workload_plan_init(&job.plan, &spec);
    job.state = RUNNING;
    print_state();
}

static void hold(const char *size)
{
    u64 bytes;
    if (job.state == RUNNING && parse_size(size, &bytes) == OK &&
        workload_plan_want(&job.plan, bytes) == OK) {
        job.next_tick_ms = 0;
        print_state();
    } else {
        printf("error: workload hold: '%s': expected at most the size of a steady load that runs\n",
               size);
    }
}

static void stop_job(void)
{
    if (job.state == IDLE)
        return;
    while (job.nr_held > 0) {
        if (job.state != FAILED)
            check_chunk(&job.chunks[job.nr_held - 1]);
        give_chunk(job.nr_held - 1);
    }
    close(job.file);
    unlink(FILE_PATH);
    free(job.chunks);
    free(job.buffer);
    job.state = IDLE;
}

/* One step; false when the tick has no more. */
static bool carry_out(struct workload_step step)
{
    switch (step.action) {
    case WORKLOAD_ALLOC:
        take_chunk(step.leaves);
        return true;
    case WORKLOAD_FREE:
        if (!check_chunk(&job.chunks[step.index]))
            return false;
        give_chunk(step.index);
        return true;
    case WORKLOAD_CHECK:
        return check_chunk(&job.chunks[step.index]);
    case WORKLOAD_WAIT:
        job.next_tick_ms = now_ms() + job.plan.spec.tick_ms;
        return false;
    default:
        job.state = ENDED;
        snprintf(job.news, sizeof(job.news),
                 "workload: done kind=%s tick=%" PRIu64 " held=%" PRIu64 COUNTS,
                 workload_kind_name(job.plan.spec.kind), job.plan.tick,
                 job.nr_held * job.plan.spec.chunk_bytes, job.nr_allocs, job.nr_frees,
                 job.nr_denied, job.nr_pages_checked);
        return false;
    }
}

static void run_job(void)
{
    bool more = job.state == RUNNING && now_ms() >= job.next_tick_ms;
    for (unsigned steps = 0; more && steps < STEPS_PER_RUN; steps++)
        more = carry_out(workload_plan_next(&job.plan, job.chunks, job.nr_held));
}

/* How long to sleep for input, in milliseconds; -1 for ever. */
static int patience(void)
{
    u64 now = now_ms();
    if (job.state != RUNNING)
        return -1;
    return job.next_tick_ms > now ? (int)(job.next_tick_ms - now) : 0;
}

/* ---- occupancy ---- */

static void occupancy(unsigned nr_words, const char *const *words)
{
    int flags_file = open("/proc/kpageflags", O_RDONLY);
    if (flags_file < 0) {
        printf("error: occupancy: /proc/kpageflags: %s\n", strerror(errno));
        return;
    }
    u64 plugged = 0;
    u64 used = 0;
    for (unsigned i = 0; i < nr_words; i++)
        print_region(flags_file, words[i], &plugged, &used);
    close(flags_file);
    struct sysinfo info;
    sysinfo(&info);
    u64 total = (u64)info.totalram * info.mem_unit;
    u64 total_used = total - (u64)info.freeram * info.mem_unit;
    printf("occupancy: total boot=%" PRIu64 " boot_used=%" PRIu64 " plugged=%" PRIu64
           " plugged_used=%" PRIu64 " pages_moved=%" PRIu64 "\n",
           total > plugged ? total - plugged : 0, total_used > used ? total_used - used : 0,
           plugged, used, pages_moved());
    print_state();
}

/* ---- the page allocator, by the module of pages.c ---- */

static void pages(unsigned nr_words, const char *const *words)
{
    char line[128] = "";
    int file = open("/proc/pages", O_RDWR);
    for (unsigned i = 0; i < nr_words; i++) {
        strncat(line, words[i], sizeof(line) - strlen(line) - 1);
        strncat(line, " ", sizeof(line) - strlen(line) - 1);
    }
    ssize_t length = file < 0 || write(file, line, strlen(line)) < 0
                         ? -1
                         : pread(file, line, sizeof(line) - 1, 0);
    if (length < 0)
        printf("error: pages: %s\n", strerror(errno));
    else
        printf("pages: %.*s", (int)length, line);
    close(file);
}

/* ---- the page cache ---- */

#define DISK "/dev/vda"

/* Read the whole disk: what is read stays in the cache as long as there is memory for it, and
 * somebody has the disk open. */
static void fill_caches(void)
{
    static int disk = -1;
    static char buffer[MIB];
    u64 total = 0;
    ssize_t got = 0;
    if (disk < 0)
        disk = open(DISK, O_RDONLY);
    while (disk >= 0 && (got = pread(disk, buffer, sizeof(buffer), (off_t)total)) > 0)
        total += (u64)got;
    if (disk < 0 || got < 0)
        printf("error: caches: %s: %s\n", DISK, strerror(errno));
    else
        printf("caches: read=%" PRIu64 "\n", total);
}

static void drop_caches(void)
{
    int file = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (file < 0 || write(file, "3", 1) != 1)
        printf("error: caches: /proc/sys/vm/drop_caches: %s\n", strerror(errno));
    else
        printf("caches: dropped\n");
    if (file >= 0)
        close(file);
}

static void caches(const char *what)
{
    if (strcmp(what, "fill") == 0)
        fill_caches();
    else if (strcmp(what, "drop") == 0)
        drop_caches();
    else
        printf("error: caches: '%s': expected fill or drop\n", what);
}

/* ---- the monitor ---- */

static void run_command(char *line)
{
    const char *words[WORDS_MAX];
    unsigned nr_words = 0;
    for (char *word = strtok(line, " \t\r\n"); word && nr_words < WORDS_MAX;
         word = strtok(NULL, " \t\r\n"))
        words[nr_words++] = word;
    if (nr_words == 0)
        return;
    if (strcmp(words[0], "occupancy") == 0) {
        occupancy(nr_words - 1, words + 1);
    } else if (strcmp(words[0], "workload") == 0) {
        bool stop = nr_words > 1 && strcmp(words[1], "stop") == 0;
        if (stop)
            stop_job();
        if (nr_words == 3 && strcmp(words[1], "hold") == 0)
            hold(words[2]);
        else if (stop || nr_words == 1 || strcmp(words[1], "status") == 0)
            print_state();
        else
            start_job(nr_words - 1, words + 1);
    } else if (strcmp(words[0], "caches") == 0) {
        caches(nr_words == 2 ? words[1] : "");
    } else if (strcmp(words[0], "pages") == 0) {
        pages(nr_words - 1, words + 1);
    } else if (strcmp(words[0], "exit") == 0) {
        fflush(stdout);
        if (ioperm(EXIT_PORT, 4, 1) == 0)
            outl(job.failed ? EXIT_CHECK_FAILED : EXIT_OK, EXIT_PORT);
        perror("exit");
    } else {
        printf("error: unknown command '%s': workload, occupancy, caches, pages, exit\n", words[0]);
    }
}

/* "@TAG command" is answered as Tide's monitor does, see monitor/monitor.h. */
static void run_line(char *line)
{
    FILE *console = stdout;
    char *answer = NULL;
    size_t bytes;
    size_t length = strcspn(line, " \t\r\n");
    if (*line != '@') {
        run_command(line);
        return;
    }
    stdout = open_memstream(&answer, &bytes);
    run_command(line + length);
    fclose(stdout);
    stdout = console;
    putchar('\n'); /* the prompt is on the line */
    for (char *row = strtok(answer, "\n"); row; row = strtok(NULL, "\n"))
        printf("%.*s %s\n", (int)length, line, row);
    printf("%.*s.\n", (int)length, line);
    free(answer);
}

/* What the terminal echoes would come between the lines of an answer, as the next command is typed
 * before the prompt is there. */
static void stop_echo(void)
{
    struct termios terminal;
    if (tcgetattr(STDIN_FILENO, &terminal) == 0) {
        terminal.c_lflag &= ~(tcflag_t)ECHO;
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal);
    }
}

int main(void)
{
    char line[LINE_MAX_BYTES];
    size_t length = 0;
    stop_echo();
    printf("\nlinux: ready\n" PROMPT);
    for (;;) {
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
        fflush(stdout);
        if (poll(&input, 1, patience()) > 0) {
            ssize_t got = read(STDIN_FILENO, line + length, sizeof(line) - 1 - length);
            if (got <= 0)
                return 1;
            length += (size_t)got;
            line[length] = '\0';
            if (line[length - 1] == '\n' || length == sizeof(line) - 1) {
                run_line(line);
                printf(PROMPT);
                length = 0;
            }
        }
        run_job();
    }
}
