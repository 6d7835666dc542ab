/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A module for the Linux guest of `make bench`: what Tide's `bench` commands
 * do, on Linux's page allocator.
 *
 * A line written to /proc/pages is a command; reading gives what the last one
 * has to say.
 *
 *     pairs hot|bulk ORDER COUNT   allocate and free COUNT times: at once, or 4,096 (64 MiB) at a
 * time hold BASE SIZE               hold every second pageblock of that memory, for good
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pfn.h>
#include <linux/proc_fs.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#define BATCH_MAX 4096
#define LINE_MAX  128
#define BLOCK     9 /* order of a pageblock */

static DEFINE_MUTEX(lock);
static LIST_HEAD(held);
static char answer[LINE_MAX];
static struct page *batch[BATCH_MAX];

static int do_pairs(unsigned int order, unsigned long nr_pairs, unsigned long batch_size)
{
    for (unsigned long done = 0; done < nr_pairs; done += batch_size) {
        unsigned long nr = 0;
        while (nr < batch_size && (batch[nr] = alloc_pages(GFP_HIGHUSER_MOVABLE, order)))
            nr++;
        for (unsigned long i = 0; i < nr; i++)
            __free_pages(batch[i], order);
        if (nr < batch_size)
            return -ENOMEM;
        if (need_resched())
            cond_resched();
    }
    snprintf(answer, sizeof(answer), "pairs=%lu\n", nr_pairs);
    return 0;
}

/* Takes every pageblock that can be had, and gives back those that are not to be held. */
static int hold_every_second(phys_addr_t base, phys_addr_t bytes)
{
    struct page *page;
    struct page *next;
    unsigned long nr_held = 0;
    LIST_HEAD(taken);

    while ((page = alloc_pages(GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN, BLOCK)))
        list_add(&page->lru, &taken);
    list_for_each_entry_safe(page, next, &taken, lru)
    {
        phys_addr_t address = PFN_PHYS(page_to_pfn(page));
        list_del(&page->lru);
        if (address >= base && address - base < bytes && ((address >> (PAGE_SHIFT + BLOCK)) & 1)) {
            list_add(&page->lru, &held);
            nr_held++;
        } else {
            __free_pages(page, BLOCK);
        }
    }
    snprintf(answer, sizeof(answer), "held=%lu\n", nr_held);
    return 0;
}

static int run(const char *line)
{
    char pattern[8];
    unsigned int order;
    unsigned long nr_pairs;
    unsigned long long base;
    unsigned long long bytes;

    if (sscanf(line, "pairs %7s %u %lu", pattern, &order, &nr_pairs) == 3 && order < MAX_ORDER) {
        bool hot = strcmp(pattern, "hot") == 0;
        return do_pairs(order, nr_pairs, hot ? 1 : min(BATCH_MAX, SZ_64M >> (PAGE_SHIFT + order)));
    }
    if (sscanf(line, "hold %llx %llx", &base, &bytes) == 2)
        return hold_every_second(base, bytes);
    return -EINVAL;
}

static ssize_t pages_write(struct file *file, const char __user *data, size_t bytes, loff_t *at)
{
    char line[LINE_MAX] = "";
    int status;

    if (bytes >= sizeof(line))
        return -EINVAL;
    if (copy_from_user(line, data, bytes))
        return -EFAULT;
    mutex_lock(&lock);
    answer[0] = '\0';
    status = run(line);
    mutex_unlock(&lock);
    return status ? status : (ssize_t)bytes;
}

static ssize_t pages_read(struct file *file, char __user *data, size_t bytes, loff_t *at)
{
    return simple_read_from_buffer(data, bytes, at, answer, strlen(answer));
}

static const struct proc_ops pages_ops = {.proc_read = pages_read, .proc_write = pages_write};

static int __init pages_init(void)
{
    return proc_create("pages", 0600, NULL, &pages_ops) ? 0 : -ENOMEM;
}

module_init(pages_init);
MODULE_DESCRIPTION("Tide's bench commands on Linux's page allocator");
MODULE_LICENSE("Dual BSD/GPL");
