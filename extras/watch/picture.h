/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The picture of `watch map`: each region as rows of cells, a letter for who uses a cell, and how
 * much each user has. It is built a row at a time, so that no step is long; between two
 * steps things may change, and the next picture shows them.
 */
#ifndef TIDE_EXTRAS_WATCH_PICTURE_H
#define TIDE_EXTRAS_WATCH_PICTURE_H

#include "include/types.h"
#include "mm/page.h"

#define PICTURE_COLUMNS 64
#define PICTURE_ROWS    12 /* of cells, of all regions together, but at least one each */
#define PICTURE_BYTES   12288

/* Whose frames are in use: pages that stay where they are, mm's own bitmaps, each owner. */
enum { PICTURE_UNMOVABLE, PICTURE_METADATA, PICTURE_OWNERS };
#define PICTURE_USERS (PICTURE_OWNERS + PAGE_OWNERS_MAX)

struct picture {
    char text[PICTURE_BYTES]; /* lines for a terminal, each erased to its end before the '\n' */
    size_t length;
    unsigned nr_lines;
    unsigned device; /* the next one, */
    unsigned row;    /* and the next of its rows; 0: its heading */
    u64 used_frames[PICTURE_USERS];
};

/* An empty picture. */
void picture_begin(struct picture *picture);

/* Draw the next row, or the end; false: the picture is complete. O(blocks of the row). */
bool picture_step(struct picture *picture);

#endif
