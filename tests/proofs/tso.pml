/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two processors under x86's memory order (TSO), for models: each has a queue of stores that its own loads see and that reach
 * memory in order, at any time. A fence, or an operation with a lock prefix, waits until the queue is empty. Included behind
 * WORDS, how many words of memory there are, and MAY_REACH(word).
 */
#define DEPTH 4 /* of a queue of stores; a full one makes its processor wait */

byte memory[WORDS];

typedef stores {
    byte where[DEPTH];
    byte what[DEPTH];
    byte count
}
stores queue[2];

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
           assert(MAY_REACH(queue[cpu].where[0]));
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
