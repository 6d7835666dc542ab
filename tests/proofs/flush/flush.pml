/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flush of extras/jobs/cpu_work.c between the processor that unmaps memory and one that sleeps, works and sleeps again.
 *
 * Two processors under x86's memory order (tso.pml). The worker's translations are filled from the page tables at any time, speculation included. The message
 * that asks for a flush may come late.
 *
 * Checked in every interleaving: once the unmapping has returned, the worker neither has a translation of what is gone while it
 * works, nor does a store of its reach what is gone; and whoever waits is answered. Bounds: ROUNDS unmappings or jobs.
 * Each of the names below, defined, is a fault that must give a counterexample.
 */
#ifndef ROUNDS
#define ROUNDS 4
#endif

#define BOOT   0
#define WORKER 1

/* Shared memory. DATA is a word behind the mapping. */
#define MAPPED  0 /* the page table entry */
#define NUMBER  1 /* flush.number */
#define BUSY    2 /* of the worker */
#define FLUSHED 3 /* of the worker */
#define JOB     4
#define DATA    5
#define WORDS   6

bool translation; /* the worker has one for the mapping */
bool gone;        /* the unmapping has returned: nobody may touch it */
bool works;       /* the worker may touch any memory */
bool message;     /* VECTOR_FLUSH is on its way to the worker */
bool wake;        /* VECTOR_WAKE is */

#define MAY_REACH(word) (!(word == DATA && gone)) /* a store may reach memory now */
#include "../tso.pml"

/* The page walker of the worker, which needs no reason. */
proctype walker() {
end:
    do
    :: atomic { memory[MAPPED] != 0 && !translation -> translation = true }
    od
}

/* ---- the processor that booted: platform_unmap_ram(), flush_others(), cpus_start_job() ---- */

inline unmap() {
    store(BOOT, MAPPED, 0);
#ifdef PLAIN_NUMBER
    load(BOOT, NUMBER, number);
    number++;
    store(BOOT, NUMBER, number);
#else
    d_step { /* __atomic_add_fetch(): the queue is empty, and nobody comes between */
        is_drained(BOOT);
        memory[NUMBER]++;
        number = memory[NUMBER]
    }
#endif
    load(BOOT, BUSY, seen);
    if
    :: seen == 0
    :: else ->
       atomic { is_drained(BOOT); message = true }
#ifdef FLUSHED_ALONE
       memory[FLUSHED] == number
#else
       memory[FLUSHED] == number || memory[BUSY] == 0
#endif
    fi;
    atomic { gone = true; assert(!(works && translation)) }
    gone = false; /* from here on it may be mapped again */
    store(BOOT, MAPPED, 1)
}

proctype boot() {
    byte round, number, seen;
    do
    :: round < ROUNDS -> round++; unmap()
    :: round < ROUNDS ->
       round++;
       load(BOOT, JOB, seen);
       if
       :: seen == 0 ->
          store(BOOT, JOB, 1);
          atomic { is_drained(BOOT); wake = true } /* a store to the APIC waits for those before it */
       :: else /* E_BUSY */
       fi
    :: round == ROUNDS -> break
    od;
    memory[JOB] == 0 && is_drained(BOOT) /* each job comes to its end */
}

/* ---- the worker: serve(), become_busy(), take_flush() ---- */

inline forget() {
    translation = false
}

inline take_flush() {
    load(WORKER, NUMBER, number);
    load(WORKER, BUSY, busy);
    load(WORKER, FLUSHED, flushed);
    if
    :: busy == 0 || flushed == number
    :: else ->
#ifdef ANSWER_FIRST
       store(WORKER, FLUSHED, number);
       forget()
#else
       forget();
       store(WORKER, FLUSHED, number)
#endif
    fi
}

/* Where interrupts are on, the message may be taken; it may also come later. */
inline interrupts_on() {
    if
    :: message -> message = false; take_flush()
    :: true
    fi
}

inline become_busy() {
    store(WORKER, BUSY, 1);
#ifndef PLAIN_BUSY
    is_drained(WORKER); /* __ATOMIC_SEQ_CST */
#endif
    interrupts_on();
    load(WORKER, NUMBER, number); /* with interrupts off */
    load(WORKER, FLUSHED, flushed);
#ifndef NOTHING_FORGOTTEN
    if
    :: flushed != number -> forget(); store(WORKER, FLUSHED, number)
    :: else
    fi
#endif
}

inline work() {
    works = true;
    do
    :: d_step { translation -> assert(!gone) }; store(WORKER, DATA, 1); interrupts_on()
    :: interrupts_on(); break
    od;
    works = false
}

proctype worker() {
    byte number, busy, flushed, job;
end:
    do
    :: load(WORKER, JOB, job); /* with interrupts off, up to hlt */
       if
       :: job == 0 ->
end_asleep:
          if
          :: wake -> wake = false
          :: message -> message = false; take_flush()
          fi
       :: else ->
          become_busy();
          work();
          store(WORKER, BUSY, 0);
          interrupts_on();
          store(WORKER, JOB, 0)
       fi
    od
}

init {
    atomic {
        memory[MAPPED] = 1;
        run drain(BOOT);
        run drain(WORKER);
        run walker();
        run boot();
        run worker()
    }
}
