/*
 * transfer.pml - the gate, the reply right, and the short roads that take no lock
 *
 * Two harts, and environments that call, answer, yield to and interrupt each other, while somebody stops, restarts and destroys
 * them: what kern/pct.c, slice.c, env.c do with the lock held, and what arch/riscv/entry.S does without it. A read or write of a
 * word that the other hart may be looking at is a step of its own; what only the holder of the lock or of the gate sees is done in
 * one. Memory is sequentially consistent: what the machine's weaker order needs stands as fences in the code.
 *
 * Left out: registers, time (a deadline may have passed whenever one looks), events, `held`, which is judged where the hart is.
 *
 * model deadlines: -DENVS=2 -DDEADLINES
 * model deaths: -DENVS=2 -DDEATHS
 * model chain: -DENVS=3 -DCHAIN
 *
 * mistake 1 (deadlines): entry.S asks whether the other side was last on this hart before its gate is shut, not after
 * mistake 2 (deaths): env_seize() does not wait for the end of the other harts' short roads
 * mistake 3 (deadlines): pct_call in entry.S clears an old deadline, after the links are made
 * mistake 4 (deadlines): pct_reply in entry.S reads the reply right and clears it, in two steps
 * mistake 5 (chain): pct_reply in entry.S opens the gate before it has left the entry
 * mistake 6 (deaths): the record of an environment goes back without harts_gather()
 * mistake 7 (deadlines): pct_abandon() clears the reply right whoever has it
 * mistake 8 (deaths): take_away() does not tell the one who waits for an answer
 * mistake 9 (deaths): env_open() opens the gate of one that is to be stopped
 * mistake 10 (deaths): env_take() looks at the gate and shuts it, in two steps
 * mistake 11 (deaths): env_seize() is content when it runs no more, though it waits for an answer
 * mistake 12 (deadlines): runner() reads the link to the callee twice
 */
#ifndef MISTAKE
#define MISTAKE	0
#endif
#define NONE	ENVS
#define FREE	2		/* no hart; the lock is nobody's */

#define SHUT	0		/* gates */
#define OPEN	1		/* GATE_READY */
#define ENTRY	2		/* the address of the entry */

#define READY	0		/* states */
#define STOPPED	1
#define DYING	2

/* Of struct env. */
byte gate[ENVS], caller[ENVS], callee[ENVS], home[ENVS], state[ENVS];	/* home: e->hart */
bit base_pc[ENVS], lean[ENVS], halt[ENVS], deadline[ENVS];
/* Of struct hart, and the lock. */
byte current[2], lock;
bit waits[2];

/* What nobody in the kernel knows; the assertions do. */
byte on[ENVS];				/* it is in user mode on that hart */
byte number[ENVS];			/* of the call that it waits for, so that an answer to an earlier one is told apart; 0: none */
byte asked_by[ENVS], asked_no[ENVS];	/* the call that the entry is for */
bit limit[ENVS];			/* the call has a deadline */
bit left[ENVS];				/* it was interrupted to be stopped, and does not run any more */
bit revoked[ENVS], gone[ENVS];		/* no capability names it any more; its page is something else */
bit busy[2];				/* the hart is in the kernel */

#define OTHER	(1 - h)

inline any(v)
{
	if
	:: v = 0
	:: v = 1
#if ENVS == 3
	:: v = 2
#endif
	fi
}

/* c calls e. */
inline note_call(c, e, d)
{
	number[c] = 1;
	for (n : 0 .. ENVS - 1) {
		if
		:: n != e && asked_by[n] == c && asked_no[n] == number[c] -> number[c] = number[c] + 1; n = 0
		:: else
		fi
	}
	n = 0;
	limit[c] = d;
	asked_by[e] = c;
	asked_no[e] = number[c]
}

/* The answer of me goes to e. */
inline note_answer(e)
{
	assert(asked_by[me] == e && number[e] == asked_no[me] && number[e] != 0);
	number[e] = 0;
	limit[e] = 0
}

/* ---- lock.c ---- */

inline lock_take()
{
	waits[h] = 1;
	atomic { lock == FREE -> lock = h; waits[h] = 0 }
}

inline lock_give()
{
	lock = FREE
}

inline harts_gather()
{
	(current[OTHER] == NONE || waits[OTHER])
}

/* ---- env.h, pct.c: with the lock held ---- */

inline env_take(e, got)
{
#if MISTAKE == 10
	got = (gate[e] != SHUT);
	if
	:: got -> gate[e] = SHUT
	:: else
	fi
#else
	atomic { got = (gate[e] != SHUT); gate[e] = SHUT }
#endif
}

inline env_open(e)
{
	if
#if MISTAKE == 9
	:: true ->
#else
	:: !halt[e] ->
#endif
		if
		:: lean[e] && !base_pc[e] -> gate[e] = ENTRY
		:: else -> gate[e] = OPEN
		fi
	:: else
	fi
}

/* a is told that nobody will answer; by_time: for its deadline has passed. */
inline tell(a, by_time)
{
	assert(number[a] != 0 && (!by_time || limit[a]));
	number[a] = 0;
	limit[a] = 0;
	callee[a] = NONE;
	lean[a] = 0;
	env_open(a)
}

inline pct_abandon(a, got)
{
	b = callee[a];
	atomic {
		got = false;
		if
#if MISTAKE == 7
		:: b != NONE -> caller[b] = NONE; got = true; tell(a, true)
#else
		:: b != NONE && caller[b] == a -> caller[b] = NONE; got = true; tell(a, true)
#endif
		:: else
		fi
	}
}

/* ---- slice.c ---- */

/* e, whose gate is shut by us, is what this hart runs from now on. */
inline hart_run(e)
{
	assert(gate[e] == SHUT && !gone[e]);
	current[h] = e;
	home[e] = h;
	lean[e] = 1
}

inline take_and_run(e)
{
	atomic {
		env_take(e, ok);
		if
		:: ok -> assert(!left[e]); hart_run(e)
		:: else
		fi
	}
}

/* A slice of somebody, or the end of the vector: whom would he run, runner()? */
inline slice_pick()
{
	if
	:: atomic { any(e) };
		do
		:: x = callee[e];
			if
			:: x == NONE -> break
			:: else
			fi;
			if
			:: deadline[e] -> pct_abandon(e, ok);
				if
				:: !ok -> e = NONE
				:: else
				fi;
				break
			:: else			/* none; that it has not passed is the next slice's matter */
			fi;
#if MISTAKE == 12
			e = callee[e];
			assert(e != NONE)
#else
			e = x
#endif
		od;
		if
		:: e != NONE && !gone[e] -> take_and_run(e)
		:: else
		fi
	:: true
	fi
}

inline preempt()
{
	current[h] = NONE;
	lean[me] = 0;
	env_open(me)
}

inline slice_timer()
{
	atomic {
		e = caller[me];
		do
		:: e != NONE ->
			if
			:: deadline[e] -> late = e
			:: true
			fi;
			e = caller[e]
		:: else -> break
		od;
		ok = false
	};
	if
	:: late != NONE -> pct_abandon(late, ok)
	:: else
	fi;
	atomic { preempt() };
	if
	:: ok -> take_and_run(late)
	:: true
	fi;
	if
	:: current[h] == NONE -> slice_pick()
	:: else
	fi
}

/* ---- env.c ---- */

inline env_seize(e, got)
{
	env_take(e, got);
	got = got || state[e] != READY;
	if
	:: !got ->
#if MISTAKE != 2
		harts_gather();
#endif
		atomic {
#if MISTAKE == 11
			if
			:: halt[e] && current[home[e]] != e -> got = true
			:: else
			fi;
#endif
			b = callee[e];
			if
			:: got
			:: !got && b != NONE && caller[b] == e -> caller[b] = NONE; callee[e] = NONE; lean[e] = 0; number[e] = 0; limit[e] = 0; got = true
			:: else -> got = (current[home[e]] != e)
			fi
		}
	:: else
	fi;
	d_step { halt[e] = !got; left[e] = left[e] && !got }
}

inline take_away(e, how)
{
	atomic {
		running = (current[home[e]] == e);
		x = caller[e];
#if MISTAKE != 8
		caller[e] = NONE;
		if
		:: x != NONE -> tell(x, false)
		:: else
		fi;
#endif
		if
		:: running -> assert(home[e] == h); current[h] = NONE
		:: else
		fi;
		assert(on[e] == FREE);
		gate[e] = SHUT;
		lean[e] = 0;
		state[e] = how
	};
	if
	:: running && x != NONE -> take_and_run(x)
	:: else
	fi
}

/* Somebody else runs here and has the right to: env_set(ENV_RUN), object_end(). */
inline control()
{
	atomic { any(e) };
	if
	:: state[e] == READY ->
		env_seize(e, ok);
		if
		:: ok ->
			if
			:: take_away(e, STOPPED)
			:: take_away(e, DYING);
				revoked[e] = 1;
#if MISTAKE != 6
				harts_gather();
#endif
				gone[e] = 1
			fi
		:: else
		fi
	:: state[e] == STOPPED -> atomic { state[e] = READY; env_open(e) }
	:: else
	fi
}

/* ---- the long road of transfers ---- */

/* sys_pct_call(), sys_pct_send(). */
inline long_transfer(send, d)
{
	lock_take();
	atomic {
		if
		:: !revoked[to] && gate[to] == ENTRY ->
			gate[to] = SHUT;
			if
			:: !send -> deadline[me] = d; callee[me] = to; caller[to] = me; note_call(me, to, d)
			:: else
			fi;
			base_pc[to] = 1;
			hart_run(to);
			lean[me] = 1;
			if
			:: send -> env_open(me)
			:: else
			fi
		:: else
		fi;
		lock_give()
	}
}

inline sys_pct_reply()
{
	lock_take();
	atomic {
		e = caller[me];
		caller[me] = NONE;
		if
		:: e != NONE -> note_answer(e); callee[e] = NONE; hart_run(e)
		:: else -> current[h] = NONE
		fi;
		asked_by[me] = NONE;
		base_pc[me] = 0;
		lean[me] = 1;
		env_open(me)
	};
	if
	:: e == NONE -> slice_pick()
	:: else
	fi;
	lock_give()
}

/* ---- entry.S: no lock ---- */

#if MISTAKE == 1
#define NEAR_BEFORE	(home[to] == h)
#define NEAR_AFTER	true
#else
#define NEAR_BEFORE	true
#define NEAR_AFTER	(home[to] == h)
#endif
/* Whether there is a deadline to be forgotten: a word that only the long road changes. */
#if MISTAKE == 3
#define NO_DEADLINE	true
#else
#define NO_DEADLINE	(!deadline[me])
#endif

inline short_call()
{
	near = NEAR_BEFORE;
	atomic {
		assert(!gone[to]);
		if
		:: near && NO_DEADLINE && gate[to] == ENTRY -> gate[to] = SHUT; ok = true
		:: else
		fi
	};
	if
	:: ok && !NEAR_AFTER -> gate[to] = ENTRY; ok = false
	:: else
	fi;
	if
	:: ok ->
		d_step { assert(!gone[to]); base_pc[to] = 1; note_call(me, to, 0) };
		caller[to] = me;
		callee[me] = to;
#if MISTAKE == 3
		deadline[me] = 0;
#endif
		current[h] = to
	:: else -> long_transfer(false, 0)
	fi
}

inline short_reply()
{
	e = caller[me];
	if
	:: e != NONE && home[e] == h ->
		atomic {
#if MISTAKE != 4
			e = caller[me];
#endif
			caller[me] = NONE;
			if
			:: e != NONE -> note_answer(e); asked_by[me] = NONE; ok = true
			:: else
			fi
		};
		if
		:: ok ->
			callee[e] = NONE;
			current[h] = e;
#if MISTAKE == 5
			gate[me] = ENTRY;
			base_pc[me] = 0
#else
			base_pc[me] = 0;
			gate[me] = ENTRY
#endif
		:: else
		fi
	:: else
	fi;
	if
	:: !ok -> sys_pct_reply()
	:: else
	fi
}

inline short_yield()
{
	near = NEAR_BEFORE && !base_pc[me] && (MISTAKE != 1 || lean[to]);
	atomic {
		assert(!gone[to]);
		was = gate[to];
		if
		:: near && was != SHUT -> gate[to] = SHUT; ok = true
		:: else
		fi
	};
	if
	:: ok && !(NEAR_AFTER && (MISTAKE == 1 || lean[to])) -> gate[to] = was; ok = false
	:: else
	fi;
	if
	:: ok ->
		assert(!gone[to] && lean[to]);		/* no registers of it stand in its record */
		current[h] = to;
		gate[me] = ENTRY
	:: else
	fi
}

/* ---- harts ---- */

proctype hart(byte h)
{
	byte me, to, e, b, x, late, was, n;
	bit ok, near, running;

end:	do
	:: d_step { busy[h] = 0; me = NONE; to = NONE; e = NONE; b = NONE; x = NONE; late = NONE; was = 0; ok = 0; near = 0; running = 0 };
		if
		:: current[h] == NONE ->
			busy[h] = 1;
			lock_take();
#ifdef DEATHS
			if
			:: h == 1 -> control()
			:: true
			fi;
#endif
			if
			:: current[h] == NONE -> slice_pick()
			:: else
			fi;
			lock_give()
		:: current[h] != NONE ->
			/* In user mode, until the next trap. */
			d_step {
				me = current[h];
				assert(state[me] == READY && on[me] == FREE && home[me] == h && number[me] == 0 && !gone[me]);
				on[me] = h
			};
			d_step { busy[h] = 1; on[me] = FREE };
			if
			:: atomic { any(to) };
				if
				:: to == me || revoked[to]
				:: else ->
					if
#ifdef CHAIN
					:: (to != 0 && me != 2) || (me == 2 && to == 1) ->
#else
					:: true ->
#endif
						if
						:: short_call()
#ifdef DEADLINES
						:: long_transfer(false, 1)
						:: long_transfer(true, 0)
#endif
						fi
					:: short_yield()
					fi
				fi
			:: base_pc[me] -> short_reply()
			:: lock_take();
				if
				/* an interrupt from another hart: slice_told() */
				:: halt[me] -> atomic { preempt(); left[me] = 1 }
				:: slice_timer()
				/* wait(), yield() to anybody: env_give_up() */
				:: atomic { current[h] = NONE; lean[me] = 1; env_open(me) }
#ifdef DEATHS
				/* exit() */
				:: take_away(me, STOPPED)
#endif
				fi;
				if
				:: current[h] == NONE -> slice_pick()
				:: else
				fi;
				lock_give()
			fi
		fi
	od
}

/* audit_transfers(), at any moment at which nobody is in the kernel. */
active proctype audit()
{
	byte i;

end:	do
	:: d_step {
		lock == FREE && !busy[0] && !busy[1] -> i = 0;
		do
		:: i < ENVS ->
			assert(gate[i] != SHUT || current[0] == i || current[1] == i || callee[i] != NONE || state[i] != READY || halt[i]);
			assert(gate[i] == SHUT || (current[0] != i && current[1] != i && callee[i] == NONE && state[i] == READY));
			assert(gate[i] != ENTRY || (lean[i] && !base_pc[i]));
			assert((callee[i] == NONE) == (number[i] == 0));
			assert(callee[i] == NONE || caller[callee[i]] == i);
			assert(caller[i] == NONE || (callee[caller[i]] == i && base_pc[i] && state[i] == READY));
			i++
		:: else -> i = 0; break
		od
	}
	od
}

init
{
	byte i;

	atomic {
		for (i : 0 .. ENVS - 1) {
			gate[i] = OPEN; caller[i] = NONE; callee[i] = NONE; asked_by[i] = NONE; on[i] = FREE
		}
		current[0] = NONE; current[1] = NONE; lock = FREE;
		i = 0;
		run hart(0);
		run hart(1)
	}
}
