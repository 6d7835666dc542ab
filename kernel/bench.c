/* SPDX-License-Identifier: BSD-2-Clause */
/* See bench.h. Each processor has books of its own, so that only the allocator is shared. */
#include "kernel/bench.h"

#include "arch/x86_64/arch.h"
#include "asm/cpu.h"
#include "include/platform.h"
#include "include/status.h"
#include "include/units.h"
#include "lib/panic.h"
#include "lib/string.h"
#include "mm/page.h"

#define PAGES_MAX         4096       /* held at once by a processor; the book's size */
#define BATCH_FRAMES      (16 * KIB) /* and how many frames at most: 64 MiB */
#define BOOK_ORDER        4
#define CHURN_PAGES       256
#define CHURN_ORDERS      6
#define MOVABLE_ORDER     2
#define WORDS_A_PAGE      (PAGE_BYTES / 8)
#define RANDOM_MULTIPLIER 6364136223846793005u /* Knuth's, for 2^64 */

/* What one processor holds. Written by it alone while it works, but for pages that are moved. */
struct book {
    paddr_t pages[PAGES_MAX];
    u16 order_of_free[PAGES_MAX]; /* a permutation */
    u8 busy[CHURN_PAGES];         /* a churn: the place is being used, or its page moved */
};

_Static_assert(sizeof(struct book) <= PAGE_BYTES << BOOK_ORDER, "a book is one allocation");

static struct {
    enum bench_pattern pattern;
    unsigned order;
    u64 nr_pairs;
} task; /* written while no processor works */

static struct book *books[CPUS_MAX];
static struct bench_result results[CPUS_MAX];
static bool churn_runs;
static bool churn_movable;
static u32 churn_ends; /* set by the loop, read by the processors */

static u64 next_random(u64 *state)
{
    *state = *state * RANDOM_MULTIPLIER + 1;
    return *state >> 33;
}

/* ---- books ---- */

static void shuffle(u16 *numbers, unsigned nr, u64 seed)
{
    for (unsigned i = 0; i < nr; i++)
        numbers[i] = (u16)i;
    for (unsigned i = nr; i > 1; i--) {
        unsigned j = (unsigned)(next_random(&seed) % i);
        u16 last = numbers[i - 1];

        numbers[i - 1] = numbers[j];
        numbers[j] = last;
    }
}

static void close_books(void)
{
    for (unsigned cpu = 0; cpu < CPUS_MAX; cpu++) {
        if (books[cpu])
            page_free(virt_to_phys(books[cpu]), BOOK_ORDER);
        books[cpu] = NULL;
    }
}

static int open_books(void)
{
    for (unsigned cpu = 0; cpus_exists(cpu); cpu++) {
        paddr_t memory = page_alloc(BOOK_ORDER, PAGE_BOOT_FIRST);
        if (memory == PADDR_NONE) {
            close_books();
            return E_NOMEM;
        }
        books[cpu] = phys_to_virt(memory);
        results[cpu] = (struct bench_result){0};
    }
    return OK;
}

static void add_results(struct bench_result *sum)
{
    *sum = (struct bench_result){0};
    for (unsigned cpu = 0; cpus_exists(cpu); cpu++) {
        sum->nr_pairs += results[cpu].nr_pairs;
        sum->nr_failed += results[cpu].nr_failed;
        sum->nr_wrong += results[cpu].nr_wrong;
        sum->nr_moved += results[cpu].nr_moved;
    }
}

/* ---- patterns ---- */

static void run_hot(struct bench_result *result)
{
    unsigned order = task.order;
    u64 nr_pairs = task.nr_pairs;

#pragma GCC unroll 4
    for (u64 i = 0; i < nr_pairs; i++) {
        paddr_t page = page_alloc(order, PAGE_USER);
        if (unlikely(page == PADDR_NONE)) {
            result->nr_failed++;
            return;
        }
        page_free(page, order);
    }
    result->nr_pairs = nr_pairs;
}

static u64 fill_book(struct book *book, u64 nr)
{
    u64 got = 0;

    while (got < nr) {
        paddr_t page = page_alloc(task.order, PAGE_USER);
        if (unlikely(page == PADDR_NONE))
            break;
        book->pages[got++] = page;
    }
    return got;
}

static void run_batches(struct book *book, struct bench_result *result)
{
    u64 batch = min_u64(PAGES_MAX, BATCH_FRAMES >> task.order);

    if (task.pattern == BENCH_RANDOM)
        shuffle(book->order_of_free, (unsigned)batch, cpu_id() + 1);
    while (result->nr_pairs < task.nr_pairs) {
        u64 wanted = min_u64(batch, task.nr_pairs - result->nr_pairs);
        u64 got = fill_book(book, wanted);
        bool in_order = task.pattern == BENCH_BULK || got < batch;

        for (u64 i = 0; i < got; i++)
            page_free(book->pages[in_order ? i : book->order_of_free[i]], task.order);
        result->nr_pairs += got;
        if (got < wanted) {
            result->nr_failed++;
            return;
        }
    }
}

static void run_pattern(void *context)
{
    (void)context;
    struct bench_result *result = &results[cpu_id()];
    if (task.pattern == BENCH_HOT)
        run_hot(result);
    else
        run_batches(books[cpu_id()], result);
}

int bench_run(enum bench_pattern pattern, unsigned order, u64 nr_pairs, unsigned nr_cpus,
              struct bench_result *result)
{
    if (churn_runs)
        return E_BUSY;
    int status = open_books();
    if (status != OK)
        return status;
    task.pattern = pattern;
    task.order = order;
    task.nr_pairs = nr_pairs;
    status = cpus_run(nr_cpus, run_pattern, NULL);
    add_results(result);
    close_books();
    return status;
}

/* ---- churn ---- */

/* A word that names its writer, the writer's place for the page, and where in the page it is. */
static u64 mark_of(u64 writer, u64 word)
{
    return (word ^ writer << 32) * RANDOM_MULTIPLIER;
}

/* The first and last word of each page are enough: a page that another owner writes, or that the
 * host took, loses them. */
static void write_marks(paddr_t paddr, unsigned order, u64 writer)
{
    u64 *words = phys_to_virt(paddr);

    for (u64 i = 0; i < WORDS_A_PAGE << order; i += WORDS_A_PAGE) {
        words[i] = mark_of(writer, i);
        words[i + WORDS_A_PAGE - 1] = mark_of(writer, i + WORDS_A_PAGE - 1);
    }
}

static u64 count_wrong(paddr_t paddr, unsigned order, u64 writer)
{
    const u64 *words = phys_to_virt(paddr);
    u64 nr_wrong = 0;

    for (u64 i = 0; i < WORDS_A_PAGE << order; i += WORDS_A_PAGE) {
        u64 last = i + WORDS_A_PAGE - 1;
        nr_wrong += words[i] != mark_of(writer, i) || words[last] != mark_of(writer, last);
    }
    return nr_wrong;
}

static bool try_place(struct book *book, unsigned i)
{
    return __atomic_exchange_n(&book->busy[i], 1, __ATOMIC_ACQUIRE) == 0;
}

static void leave_place(struct book *book, unsigned i)
{
    __atomic_store_n(&book->busy[i], 0, __ATOMIC_RELEASE);
}

/* mm's: see struct page_owner. A page whose processor is just at it stays where it is. */
static bool move_page(struct page_owner *owner, paddr_t from, paddr_t to)
{
    for (unsigned cpu = 1; cpus_exists(cpu); cpu++) {
        for (unsigned i = 0; i < CHURN_PAGES; i++) {
            paddr_t *place = &books[cpu]->pages[i];
            if (__atomic_load_n(place, __ATOMIC_RELAXED) != from || !try_place(books[cpu], i))
                continue;
            bool is_there = *place == from;
            if (is_there) {
                memcpy(phys_to_virt(to), phys_to_virt(from), PAGE_BYTES << owner->order);
                *place = to;
                results[cpu].nr_moved++;
            }
            leave_place(books[cpu], i);
            return is_there;
        }
    }
    return false;
}

static struct page_owner churn_owner = {.name = "churn", .order = MOVABLE_ORDER, .move = move_page};

static int add_owner(void)
{
    static bool is_known;
    int status = is_known ? OK : page_add_owner(&churn_owner);
    is_known = is_known || status == OK;
    return status;
}

/* Check and free what a place holds, or allocate for it. Its order depends on its number alone. */
static void churn_place(struct book *book, unsigned i, struct bench_result *result)
{
    unsigned order = churn_movable ? MOVABLE_ORDER : i % CHURN_ORDERS;
    u64 writer = cpu_id() * CHURN_PAGES + i;
    paddr_t *place = &book->pages[i];

    while (!try_place(book, i))
        cpu_relax();
    if (*place != PADDR_NONE) {
        result->nr_wrong += count_wrong(*place, order, writer);
        page_free(*place, order);
        *place = PADDR_NONE;
        result->nr_pairs++;
    } else {
        *place = churn_movable ? page_alloc_movable(&churn_owner) : page_alloc(order, PAGE_USER);
        if (*place == PADDR_NONE)
            result->nr_failed++;
        else
            write_marks(*place, order, writer);
    }
    leave_place(book, i);
}

static void churn(void *context)
{
    (void)context;
    struct book *book = books[cpu_id()];
    struct bench_result *result = &results[cpu_id()];
    u64 random = cpu_id();

    while (__atomic_load_n(&churn_ends, __ATOMIC_RELAXED) == 0)
        churn_place(book, (unsigned)next_random(&random) % CHURN_PAGES, result);
    for (unsigned i = 0; i < CHURN_PAGES; i++) {
        if (__atomic_load_n(&book->pages[i], __ATOMIC_RELAXED) != PADDR_NONE)
            churn_place(book, i, result);
    }
}

/* Before any processor works: one that another asks about may not have begun. */
static void empty_places(void)
{
    for (unsigned cpu = 0; cpus_exists(cpu); cpu++) {
        for (unsigned i = 0; i < CHURN_PAGES; i++) {
            books[cpu]->pages[i] = PADDR_NONE;
            books[cpu]->busy[i] = 0;
        }
    }
}

int bench_churn_start(bool movable)
{
    if (churn_runs)
        return E_BUSY;
    if (cpus_running() < 2)
        return E_NODEV;
    int status = movable ? add_owner() : OK;
    if (status == OK)
        status = open_books();
    if (status != OK)
        return status;
    empty_places();
    churn_movable = movable;
    churn_ends = 0;
    churn_runs = true;
    for (unsigned cpu = 1; cpus_exists(cpu) && status == OK; cpu++) {
        if (cpus_runs(cpu))
            status = cpus_start_job(cpu, churn, NULL);
    }
    if (status != OK) {
        struct bench_result ignored;
        if (bench_churn_stop(&ignored) != OK)
            panic("bench: a churn that began cannot be stopped");
    }
    return status;
}

static bool churn_is_over(void)
{
    for (unsigned cpu = 1; cpus_exists(cpu); cpu++) {
        if (cpus_busy(cpu))
            return false;
    }
    return true;
}

int bench_churn_stop(struct bench_result *result)
{
    if (!churn_runs)
        return E_NODEV;
    __atomic_store_n(&churn_ends, 1, __ATOMIC_RELAXED);
    while (!churn_is_over())
        cpu_idle(churn_is_over);
    add_results(result);
    churn_runs = false;
    close_books();
    return OK;
}
