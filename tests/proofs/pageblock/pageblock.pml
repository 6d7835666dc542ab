/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processors work on one pageblock of mm/: they allocate and free frames and the whole of it,
 * with and without page_lock, reserve it, end each other's reservations, isolate it, and claim it
 * to take it offline. Each line that reads or writes shared memory has its line of C beside it.
 *
 * The memory order is x86's (tso.pml). The C quoted here is that of mm/; tests/proofs/spin refuses a model whose atomic
 * operations are none of the sources'.
 *
 * Checked in every interleaving: a frame has one owner at most, nothing is allocated while the pageblock is isolated, and no
 * page_free() finds a state that it would refuse. Bounds: a pageblock of FRAMES frames, STEPS operations of each processor.
 * Each of the names below, defined, is a fault that must give a counterexample.
 */
#ifndef STEPS
#define STEPS 4
#endif
#define FRAMES 2
#define ALL    3 /* a bit for each */
#define NOBODY 255
#define KEEPER 2 /* has what is offline */

/* Shared memory. */
#define ENTRY    0 /* section->entries[] */
#define BITS     1 /* section->bitmap: a set bit is a free frame */
#define IDLE     2 /* the pageblock's bit of section->idle */
#define ISOLATED 3 /* and of section->isolated */
#define WORDS    4

#define MAY_REACH(word) true
#include "../tso.pml"

/* Of the entry. PB_FREE is its low two bits. */
#define FREE     3
#define SPLIT    4
#define HUGE     8
#define ISOLATED_HUGE 16 /* PB_ISOLATED_HUGE */
#define TAG(cpu) (32 << (cpu)) /* PB_RESERVED */
#define TAGS     96
#define LOCK     128

bool page_lock;

byte owner[FRAMES] = NOBODY;
bool is_isolated; /* for the checks: from the end of isolate_pageblock() to that of end_isolation_of() */

/* ---- who owns what ---- */

inline give(frame, to) {
    assert(owner[frame] == NOBODY && !is_isolated);
    owner[frame] = to
}

inline give_all(to) {
    give(0, to);
    give(1, to)
}

inline give_back(frame, from) {
    assert(owner[frame] == from);
    owner[frame] = NOBODY
}

/* ---- mm/pageblock.h, mm/section.h, mm/spinlock.h ---- */

inline lock() { /* pageblock_lock() */
#ifdef PLAIN_LOCK
    load(cpu, ENTRY, entry);
    !(entry & LOCK);
    store(cpu, ENTRY, entry | LOCK)
#else
    d_step { /* while (__atomic_fetch_or(pageblock, PB_LOCK, __ATOMIC_ACQUIRE) & PB_LOCK) */
        is_drained(cpu) && !(memory[ENTRY] & LOCK);
        memory[ENTRY] = memory[ENTRY] | LOCK
    };
    load(cpu, ENTRY, entry); /* __atomic_load_n(pageblock, __ATOMIC_RELAXED) - PB_LOCK */
    entry = entry - LOCK
#endif
}

inline unlock(value) { /* pageblock_unlock() */
    store(cpu, ENTRY, value) /* __atomic_store_n(pageblock, entry, __ATOMIC_RELEASE) */
}

inline claim() { /* section_claim(), section_claim_one(): the bit as it was before */
#ifdef PLAIN_CLAIM
    load(cpu, IDLE, before);
    store(cpu, IDLE, 0)
#else
    d_step { /* __atomic_fetch_and(&section->idle, ~mask, __ATOMIC_ACQ_REL) */
        is_drained(cpu);
        before = memory[IDLE];
        memory[IDLE] = 0
    }
#endif
}

inline add_idle() { /* section_add_idle(), section_return_one() */
    d_step { /* __atomic_or_fetch(&section->idle, mask, __ATOMIC_ACQ_REL) */
        is_drained(cpu);
        assert(memory[IDLE] == 0); /* so section_return_one() may add the bit */
        memory[IDLE] = 1
    }
}

inline take_page_lock() { /* spin_lock(): __atomic_exchange_n(&lock->locked, 1, __ATOMIC_ACQUIRE) */
    d_step { is_drained(cpu) && !page_lock; page_lock = true }
}

inline drop_page_lock() { /* spin_unlock(): a store, which comes after those before it */
    d_step { is_drained(cpu); page_lock = false }
}

/* ---- mm/free_list.c; page_lock held ---- */

inline enqueue() { /* pageblock_enqueue() of a locked pageblock */
    if
    :: !(entry & SPLIT) || (entry & TAGS) -> unlock(entry)
    :: else ->
       if
       :: (entry & FREE) == FRAMES -> /* become_idle() */
          unlock(0);
          load(cpu, ISOLATED, seen); /* if (!(section->isolated & pageblock_bit(pb))) */
#ifdef IDLE_THOUGH_ISOLATED
          seen = 0;
#endif
          if
          :: seen == 0 -> add_idle()
          :: else
          fi
       :: else -> unlock(entry)
       fi
    fi
}

/* ---- mm/page.c ---- */

inline alloc_one() {
    lock();
    if
#ifdef NO_TAG
    :: (entry & FREE) == 0 -> unlock(entry) /* alloc_slowly() */
#else
    :: !(entry & TAG(cpu)) || (entry & FREE) == 0 -> unlock(entry) /* (entry & PB_RESERVED) != reservation->tag */
#endif
    :: else ->
       load(cpu, BITS, bits); /* u64 bits = *reservation->word */
       frame = ((bits & 1) -> 0 : 1);
       d_step { assert(bits != 0); give(frame, cpu) };
#ifdef UNLOCK_FIRST
       unlock(entry - 1);
       store(cpu, BITS, bits & (bits - 1))
#else
       store(cpu, BITS, bits & (bits - 1)); /* *reservation->word = bits & (bits - 1) */
       unlock(entry - 1)
#endif
    fi
}

inline alloc_huge() {
    load(cpu, IDLE, seen); /* u64 idle = section_idle(section) */
    if
    :: seen == 0
    :: else ->
       atomic {
           claim();
           if
#ifndef PLAIN_CLAIM
           :: before != 0 -> give_all(cpu)
#endif
           :: else
           fi
       };
       if
       :: before == 0
       :: else ->
          d_step { /* while (!pageblock_try_change(&section->entries[index], 0, reservation->huge_entry)) */
              is_drained(cpu) && memory[ENTRY] == 0;
              memory[ENTRY] = HUGE
          };
#ifdef PLAIN_CLAIM
          d_step { give_all(cpu) }
#endif
       fi
    fi
}

/* ---- mm/page_free.c ---- */

inline free_split() {
    frame = ((owner[0] == cpu) -> 0 : 1);
    d_step { give_back(frame, cpu) };
    lock();
    assert(entry & SPLIT); /* else bad_state() */
    load(cpu, BITS, bits); /* frame_bits_give(section_word(section, paddr), frame_bit(paddr), order) */
    assert(!(bits & (1 << frame)));
    store(cpu, BITS, bits | (1 << frame));
    unlock(entry + 1);
    if
    :: (entry & TAGS) || (entry & FREE) + 1 != FRAMES
    :: else -> /* free_unreserved(): must_requeue() */
       take_page_lock();
       lock(); /* pageblock_requeue() */
       enqueue();
       drop_page_lock()
    fi
}

inline free_huge() {
    d_step { give_back(0, cpu); give_back(1, cpu) };
    load(cpu, ENTRY, entry); /* __atomic_load_n(&section->entries[index], __ATOMIC_RELAXED) */
#ifdef PLAIN_FREE
    done = ((entry & HUGE) != 0);
    if
    :: done -> store(cpu, ENTRY, 0)
    :: else
    fi;
#else
    d_step { /* !(entry & PB_HUGE) || !pageblock_try_change(&section->entries[index], entry & ~PB_LOCK, 0) */
        is_drained(cpu);
        done = (entry & HUGE) && memory[ENTRY] == (entry & ~LOCK);
        if
        :: done -> memory[ENTRY] = 0
        :: else
        fi
    };
#endif
    if
    :: done -> add_idle()
    :: else -> /* free_huge_slowly() */
       lock();
       assert(entry & (HUGE | ISOLATED_HUGE)); /* else bad_state() */
       unlock(0);
       if
       :: entry & ISOLATED_HUGE
       :: else -> add_idle()
       fi
    fi
}

/* ---- page_lock held ---- */

inline reserve() { /* mm/place.c: an idle pageblock is opened, or one of a free list; reservation_begin() */
    claim();
    if
    :: before != 0 ->
       lock();
       store(cpu, BITS, ALL);
       unlock(SPLIT | FRAMES | TAG(cpu))
    :: else ->
       load(cpu, ISOLATED, seen);
       lock();
       if
       :: (entry & SPLIT) && !(entry & TAGS) && (entry & FREE) && !seen -> unlock(entry | TAG(cpu))
       :: else -> unlock(entry)
       fi
    fi
}

inline end_reservations() { /* reservation_end_all(), let_go() */
    lock();
    entry = entry & ~TAGS;
    enqueue()
}

inline isolate() { /* mm/hotplug/choose.c: choose_granules(), isolate_pageblock() */
    end_reservations();
    lock();
    done = true;
    if
    :: entry == 0 -> claim(); done = (before != 0)
    :: else
    fi;
    if
    :: !done -> unlock(entry)
    :: else ->
       store(cpu, ISOLATED, 1); /* pb.section->isolated |= pageblock_bit(pb) */
       d_step { is_isolated = true };
       if
       :: entry & HUGE -> entry = (entry & ~HUGE) | ISOLATED_HUGE
       :: else
       fi;
       unlock(entry)
    fi
}

inline end_isolation() { /* end_isolation_of() */
    d_step { is_isolated = false };
    store(cpu, ISOLATED, 0); /* pb.section->isolated &= ~pageblock_bit(pb) */
    lock();
    if
    :: entry & ISOLATED_HUGE -> entry = (entry & ~ISOLATED_HUGE) | HUGE
    :: else
    fi;
    seen = (entry == 0);
    done = seen;
    enqueue();
    if
    :: done -> add_idle()
    :: else
    fi
}

inline take_offline() { /* mm/frames.c: frames_claim_pageblocks(), and frames_give_back_pageblocks() */
    claim();
    if
    :: before != 0 ->
       d_step { give_all(KEEPER) };
       d_step { give_back(0, KEEPER); give_back(1, KEEPER) };
       add_idle()
    :: else
    fi
}

proctype processor(byte cpu) {
    byte step, entry, bits, before, seen, frame;
    bool done;
    do
    :: step < STEPS ->
       step++;
       if
       :: alloc_one()
       :: alloc_huge()
       :: memory[ENTRY] & SPLIT && (owner[0] == cpu || owner[1] == cpu) -> free_split()
       :: owner[0] == cpu && owner[1] == cpu && memory[ENTRY] & (HUGE | ISOLATED_HUGE) -> free_huge()
       :: take_page_lock();
          if
          :: reserve()
          :: end_reservations()
          :: !is_isolated -> isolate()
          :: is_isolated -> end_isolation()
          :: take_offline()
          fi;
          drop_page_lock()
       fi
    :: step == STEPS -> break
    od
}

init {
    atomic {
        if /* split, reserved by processor 0; or idle */
        :: memory[ENTRY] = SPLIT | FRAMES | TAG(0); memory[BITS] = ALL
        :: memory[IDLE] = 1
        fi;
        run drain(0);
        run drain(1);
        run processor(0);
        run processor(1)
    }
}
