/*
 * lender.h - a second environment that lends its memory: the store behind the cache
 */
#ifndef LENDER_H
#define LENDER_H

#include "pagecache.h"

/* Start it, with room for `pages` pages, page n full of the number n. Returns 0 or a negative number. */
int lender_start(unsigned int pages);

/* Its memory as a store; words of the page it has to hold are checked at its side too. */
extern const struct page_store lender_store;

/* Pages that went over, in both directions, as the lender counted them. Ends it. */
unsigned long lender_end(void);

#endif
