/*
 * revoke.pml - lent pages are asked for, given back or taken, and go to whoever waits
 *
 * Three environments that pay for pages, with guarantees, of which some borrow. Each allocates, gives back, answers or does not, sleeps past
 * its deadline, and may die at any point, a page at a time; a device may still have a page that is taken. kern/revoke.c, charge.c,
 * and what frame.c and env.c do there. All of it happens with the kernel's lock held: each call, and each timer, is one step.
 *
 * Left out: which page is taken, and what the holders are told; time, but that it passes; guarantees that are moved.
 *
 * model dialogue: -DDEATHS small
 * model parents: -DPARENT small
 *
 * mistake 1 (dialogue): env_charge() does not keep free frames for those who wait
 * mistake 2 (dialogue): revoke_step() takes before the time is over
 * mistake 3 (dialogue): owed() goes below the guarantee of the one that was asked
 * mistake 4 (dialogue): destroy_begin() leaves it in the queue
 * mistake 5 (dialogue): env_destroy_step() ends without revoke_no_more()
 * mistake 6 (dialogue): one that nobody needs any more is taken from all the same
 * mistake 7 (dialogue): frames in quarantine are not counted as on their way
 * mistake 8 (dialogue): one that wants more keeps its place before those who were told
 * mistake 9 (parents): a parent's question ends when nobody waits
 */
#ifndef MISTAKE
#define MISTAKE	0
#endif
#define ENVS	3
#define FRAMES	4

byte free = FRAMES, quarantined;
byte held[ENVS], wanted[ENVS], asked[ENVS], target[ENVS];
byte guarantee[ENVS], borrow[ENVS];
bit by_parent[ENVS], granted[ENVS], late[ENVS], dying[ENVS], dead[ENVS];
byte queue[ENVS], queued;		/* revoke_waiting, and want_next of each */
byte open;				/* revoke_open */

#define LEAST(a, b)	((a) < (b) -> (a) : (b))
#define EXCESS(a, b)	((a) > (b) -> (a) - (b) : 0)
#define OUTSTANDING(e)	EXCESS(guarantee[e], held[e])
#define ABOVE(e)	EXCESS(held[e], guarantee[e])
#define WANTED		(wanted[0] + wanted[1] + wanted[2])
#define PROMISED	(OUTSTANDING(0) + OUTSTANDING(1) + OUTSTANDING(2))
#if MISTAKE == 7
#define MISSING		EXCESS(WANTED, free)
#else
#define MISSING		EXCESS(WANTED, free + quarantined)
#endif
#if MISTAKE == 3
#define OWED(e)		(asked[e] != 0 -> EXCESS(held[e], target[e] - 1) : 0)
#else
#define OWED(e)		(asked[e] != 0 -> LEAST(EXCESS(held[e], target[e]), ABOVE(e)) : 0)
#endif

/* ---- charge.c, revoke.c; i, j, n, t are the process's own ---- */

/* revoke_freed(): those whose pages are all there are told. */
inline revoke_freed()
{
	i = 0; n = 0;
	do
	:: i < queued ->
		n = n + wanted[queue[i]];
		if
		:: n <= free -> granted[queue[i]] = 1; i++
		:: else -> break
		fi
	:: else -> break
	od;
	i = 0; n = 0
}

inline dequeue(e)
{
	i = 0;
	do
	:: i < queued && queue[i] != e -> i++
	:: else -> break
	od;
	if
	:: i < queued ->
		do
		:: i + 1 < queued -> queue[i] = queue[i + 1]; i++
		:: else -> break
		od;
		queued--;
		queue[queued] = 0
	:: else
	fi;
	i = 0
}

/* revoke_want() */
inline revoke_want(e, amount)
{
	t = (queued != 0);
	if
	:: amount > wanted[e] ->
#if MISTAKE == 8
		if
		:: wanted[e] == 0 -> queue[queued] = e; queued++
		:: else
		fi;
#else
		dequeue(e);
		queue[queued] = e;
		queued++;
#endif
		granted[e] = 0
	:: amount == 0 && wanted[e] != 0 -> dequeue(e); granted[e] = 0
	:: else
	fi;
	wanted[e] = amount;
	open = open + (queued != 0) - t;
	t = 0
}

inline ask(e, amount, parent)
{
	asked[e] = amount;
	target[e] = held[e] - (amount);
	by_parent[e] = parent;
	late[e] = 0;
	open++
}

inline revoke_no_more(e)
{
	if
	:: asked[e] != 0 -> open--
	:: else
	fi;
	asked[e] = 0; target[e] = 0; by_parent[e] = 0; late[e] = 0
}

/* frame_release(), or to the device's end: take_frame() */
inline take_frame(e)
{
	assert(asked[e] != 0 && late[e] && !dead[e]);
	assert(held[e] > guarantee[e]);
	assert(by_parent[e] || WANTED > free + quarantined);
	held[e]--;
	if
	:: free++
	:: quarantined < 1 -> quarantined++
	fi
}

/* revoke_step(): one is asked, and one that is late loses a page. */
inline revoke_step()
{
	i = 0; n = 0; most = ENVS; last = ENVS;
	do
	:: i < ENVS ->
		if
#if MISTAKE == 6
		:: asked[i] != 0 && OWED(i) == 0 -> revoke_no_more(i)
#elif MISTAKE == 9
		:: asked[i] != 0 && (OWED(i) == 0 || MISSING == 0) -> assert(OWED(i) == 0 || !by_parent[i]); revoke_no_more(i)
#else
		:: asked[i] != 0 && (OWED(i) == 0 || (!by_parent[i] && MISSING == 0)) -> revoke_no_more(i)
#endif
		:: else
		fi;
		if
		:: dead[i]
		:: !dead[i] && asked[i] == 0 ->
			if
			:: ABOVE(i) > (most < ENVS -> ABOVE(most) : 0) -> most = i
			:: else
			fi
		:: !dead[i] && asked[i] != 0 ->
			n = n + OWED(i);
			if
#if MISTAKE == 2
			:: true -> last = i
#else
			:: late[i] -> last = i
#endif
			:: else
			fi
		fi;
		i++
	:: else -> break
	od;
	if
#if MISTAKE == 6
	:: last < ENVS && OWED(last) > 0 -> take_frame(last)
#else
	:: last < ENVS && (by_parent[last] -> OWED(last) : LEAST(OWED(last), MISSING)) > 0 -> take_frame(last)
#endif
	:: else
	fi;
	if
	:: most < ENVS && MISSING > n && ABOVE(most) > 0 ->
		t = LEAST(MISSING - n, ABOVE(most));
		ask(most, t, 0);
		t = 0
	:: else
	fi;
	i = 0; n = 0; most = 0; last = 0;
	revoke_freed()
}

/* revoke_demand() */
inline revoke_demand(e)
{
	if
	:: wanted[e] == 0 && OUTSTANDING(e) != 0 -> revoke_want(e, 1); revoke_step()
	:: else
	fi
}

/* revoke_ahead(): frames that are kept for those before e. */
inline revoke_ahead(e)
{
	i = 0; n = 0;
	do
	:: i < queued && queue[i] != e -> n = n + wanted[queue[i]]; i++
	:: else -> break
	od;
	i = 0
}

/* alloc_long(), env_charge() of one page */
inline page_alloc(e)
{
	if
	:: wanted[e] != 0 -> revoke_step()
	:: else
	fi;
	if
	:: free == 0 -> revoke_demand(e)
	:: else ->
		own = LEAST(OUTSTANDING(e), 1);
		revoke_ahead(e);
		if
		:: own == 0 && free - 1 < PROMISED && held[e] + 1 - guarantee[e] > borrow[e]
#if MISTAKE == 1
		:: false
#else
		:: !(own == 0 && free - 1 < PROMISED && held[e] + 1 - guarantee[e] > borrow[e]) && free - 1 < n ->
			n = 0;
			if
			:: own == 1 -> revoke_demand(e)
			:: else
			fi
#endif
		:: else ->
			free--;
			held[e]++;
			assert(free >= n);		/* nobody was overtaken */
			n = 0;
			if
			:: wanted[e] != 0 -> revoke_want(e, wanted[e] - 1)
			:: else
			fi
		fi;
		n = 0; own = 0
	fi
}

inline page_free(e)
{
	held[e]--;
	free++;
	revoke_freed()
}

/* ---- programs, time, devices ---- */

proctype program(byte e)
{
	byte i, n, t, most, last, own;

end:	do
	:: atomic { !dying[e] && held[e] < guarantee[e] + borrow[e] -> page_alloc(e) }
	/* It answers, or just gives back. */
	:: atomic { !dying[e] && held[e] > 0 -> page_free(e) }
	/* It wants two: sys_env_ask() of oneself; and none. */
	:: atomic { !dying[e] && OUTSTANDING(e) >= 2 && wanted[e] < 2 -> revoke_want(e, 2); revoke_step() }
	:: atomic { !dying[e] && wanted[e] != 0 -> revoke_want(e, 0); revoke_step() }
#ifdef PARENT
	/* sys_env_ask() by the parent, and that it needs it no more */
	:: atomic { asked[e] == 0 && ABOVE(e) > 0 -> ask(e, 1, 1) }
	:: atomic { asked[e] != 0 && by_parent[e] -> revoke_no_more(e) }
#endif
#ifdef DEATHS
	/* destroy_begin(); pages go back one by one; and the end. One of the three is enough. */
	:: atomic {
		e == 1 && !dying[e] -> dying[e] = 1;
#if MISTAKE != 4
		revoke_want(e, 0)
#endif
	   }
	:: atomic { dying[e] && held[e] > 0 -> page_free(e) }
	:: atomic {
		dying[e] && !dead[e] && held[e] == 0 ->
#if MISTAKE != 5
		revoke_no_more(e);
#endif
		dead[e] = 1;
		guarantee[e] = 0
	   }
#endif
	od
}

proctype machine()
{
	byte i, n, t, most, last, own, e;

end:	do
	/* revoke_tick() */
	:: atomic { open != 0 -> revoke_step() }
	:: d_step { asked[0] != 0 && !late[0] -> late[0] = 1 }
	:: d_step { asked[1] != 0 && !late[1] -> late[1] = 1 }
	:: d_step { asked[2] != 0 && !late[2] -> late[2] = 1 }
	/* The device is done: frame_unpin(). */
	:: atomic {
		quarantined > 0 -> quarantined--; free++;
		revoke_freed()
	   }
	od
}

/* audit_charges(): between any two steps. */
active proctype audit()
{
	byte i, n, all;

end:	do
	:: d_step {
		i = 0; n = 0; all = 0;
		do
		:: i < ENVS ->
			all = all + held[i];
			n = n + (asked[i] != 0);
			assert(wanted[i] <= OUTSTANDING(i));
			assert(!dead[i] || (asked[i] == 0 && wanted[i] == 0 && held[i] == 0));
			assert(!dying[i] || wanted[i] == 0);
			assert(asked[i] == 0 || ABOVE(i) <= held[i]);
			i++
		:: else -> break
		od;
		assert(all + free + quarantined == FRAMES);
		assert(open == n + (queued != 0));
		i = 0; n = 0; all = 0;
		/* Whoever was told that his pages are there finds them. */
		do
		:: i < queued ->
			n = n + wanted[queue[i]];
			assert(wanted[queue[i]] > 0);
			assert(!granted[queue[i]] || n <= free);
			i++
		:: else -> break
		od;
		i = 0; n = 0
	   }
	od
}

init
{
	atomic {
		guarantee[0] = 2; borrow[1] = 3; guarantee[1] = 1; borrow[2] = 2; guarantee[2] = 1;
		run program(0); run program(1); run program(2); run machine()
	}
}
