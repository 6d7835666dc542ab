/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flush of extras/jobs/cpu_work.c between the processor that unmaps memory and one that sleeps, works and sleeps again.
 *
 * Two processors under x86's memory order (TSO): each has a queue of stores that its own loads see and that reach memory in
 * order, at any time. The worker's translations are filled from the page tables at any time, speculation included. The message
 * that asks for a flush may come late.
 *
 * Checked in every interleaving: once the unmapping has returned, the worker neither has a translation of what is gone while it
 * works, nor does a store of its reach what is gone; and whoever waits is answered. Bounds: ROUNDS unmappings or jobs.
 * Each of the names below, defined, is a fault that must give a counterexample.
 */
#ifndef ROUNDS
#define ROUNDS 4
#endif
#define DEPTH 4 /* of a queue of stores; a full one makes its processor wait */

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

byte memory[WORDS];

typedef stores {
    byte where[DEPTH];
    byte what[DEPTH];
    byte count
}
stores queue[2];

bool translation; /* the worker has one for the mapping */
bool gone;        /* the unmapping has returned: nobody may touch it */
bool works;       /* the worker may touch any memory */
bool message;     /* VECTOR_FLUSH is on its way to the worker */
bool wake;        /* VECTOR_WAKE is */

#define is_drained(cpu) (queue[cpu].count == 0)

inline store(cpu, word, value) {
    d_step {
        queue[cpu].count < DEPTH;
        queue[cpu].where[queue[cpu].count] = word;
        queue[cpu].what[queue[cpu].count] = value;
        queue[cpu].count++
    }
}

/* What a processor's own queue has of the word, the youngest; else what memory has. */
inline load(cpu, word, value) {
    d_step {
        value = memory[word];
        if
        :: queue[cpu].count > 0 && queue[cpu].where[0] == word -> value = queue[cpu].what[0]
        :: else
        fi;
        if
        :: queue[cpu].count > 1 && queue[cpu].where[1] == word -> value = queue[cpu].what[1]
        :: else
        fi;
        if
        :: queue[cpu].count > 2 && queue[cpu].where[2] == word -> value = queue[cpu].what[2]
        :: else
        fi;
        if
        :: queue[cpu].count > 3 && queue[cpu].where[3] == word -> value = queue[cpu].what[3]
        :: else
        fi
    }
}

/* Stores reach memory, the oldest first. */
proctype drain(byte cpu) {
    byte i;
end:
    do
    :: d_step {
           queue[cpu].count > 0;
           assert(!(queue[cpu].where[0] == DATA && gone));
           memory[queue[cpu].where[0]] = queue[cpu].what[0];
           queue[cpu].count--;
           i = 0;
           do
           :: i < queue[cpu].count ->
              queue[cpu].where[i] = queue[cpu].where[i + 1];
              queue[cpu].what[i] = queue[cpu].what[i + 1];
              i++
           :: else -> break
           od;
           queue[cpu].where[i] = 0;
           queue[cpu].what[i] = 0;
           i = 0
       }
    od
}

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
