/*
 * test_net_tcp_states.c - every transition of RFC 9293 figure 5, by hand-made segments; figures 6 to 13 as scripts
 */
#include "net_harness.h"

static void listen_on(struct wire *w, struct tcp_listener **l)
{
	wire_ready(w);
	assert_int_equal(tcp_listen(w->net, 80, 8, NULL, l), 0);
}

/* tcp_connect up to the SYN, from port 5000 to the peer's 80. */
static struct tcp_conn *connecting(struct wire *w)
{
	struct tcp_conn *c;

	if (w->net == NULL)
		wire_ready(w);
	assert_int_equal(tcp_connect(w->net, IP_B, 80, 5000, NULL, &c), 0);
	w->sport = 80;
	w->dport = 5000;
	w->seq = 300;
	w->ack = 0;
	peer_expect(w, TCP_SYN, 0);
	assert_int_equal(tcp_state(c), TCP_SYN_SENT);
	return c;
}

static struct tcp_conn *connected(struct wire *w)
{
	struct tcp_conn *c = connecting(w);

	peer_send(w, TCP_SYN | TCP_ACK, NULL, 0);
	peer_expect_ack(w);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	return c;
}

/* ---- Opening ---- */

static void passive_open_goes_over_syn_received_to_established(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c;
	struct got g;
	struct net_endpoints e;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	w.seq = 100;
	peer_send(&w, TCP_SYN, NULL, 0);
	g = peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	assert_int_equal(g.ack, 101);
	assert_int_equal(g.optlen, 4);		/* no window scale: it was not offered */
	assert_int_equal(get32(g.options), 0x020405b4);
	assert_int_equal(g.wnd, 16384);
	assert_int_equal(w.net->nhalfopen, 1);
	assert_int_equal(tcp_connections(w.net, 80), 1);
	assert_int_equal(tcp_accept(l, NULL, &c), NET_EAGAIN);
	assert_int_equal(wire_events(&w, NET_KIND_LISTENER), 0);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(w.net->nhalfopen, 0);
	assert_int_equal(wire_events(&w, NET_KIND_LISTENER), NET_EV_ACCEPT);
	assert_int_equal(tcp_accept(l, &w, &c), 0);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	assert_ptr_equal(tcp_user(c), &w);
	tcp_endpoints(c, &e);
	assert_true(e.local_ip == IP_A && e.local_port == 80 && e.remote_ip == IP_B && e.remote_port == 4000);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_WRITABLE);
	peer_expect_nothing(&w);
	assert_int_equal(tcp_connections(w.net, 80), 1);
	assert_int_equal(tcp_connections(w.net, 4000), 0);
	tcp_abort(c);
	assert_int_equal(tcp_connections(w.net, 80), 0);
	tcp_unlisten(l);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void active_open_goes_over_syn_sent_to_established(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = connected(&w);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_CONNECTED | NET_EV_WRITABLE);
	tcp_abort(c);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void window_scale_is_used_only_when_both_offer_it(void **state)
{
	static const uint8_t with_scale[8] = { 2, 4, 5, 180, 1, 3, 3, 7 };
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c;
	struct tcp_fields t;
	struct got g;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_rcvbuf = 1 << 20;
	listen_on(&w, &l);
	w.seq = 100;
	t = peer_fields(&w, TCP_SYN, w.seq++, 0, NULL, 0);
	t.options = with_scale;
	t.optlen = 8;
	peer_raw(&w, &t);
	g = peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	assert_int_equal(g.optlen, 8);
	assert_int_equal(get32(g.options + 4), 0x01030305);	/* 1 MiB >> 5 fits */
	assert_int_equal(g.wnd, 65535);				/* not scaled in a SYN */
	w.wnd = 100;
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_accept(l, NULL, &c), 0);
	assert_int_equal(c->snd_wnd, 100 << 7);
	peer_send(&w, TCP_ACK, "x", 1);
	wire_pass(&w, 50 * MS);
	g = peer_expect(&w, TCP_ACK, 0);
	assert_int_equal(g.wnd, ((1 << 20) - 1) >> 5);
	wire_stop(&w);
}

static void simultaneous_open_follows_figure_8(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	peer_send(&w, TCP_SYN, NULL, 0);		/* line 3 */
	assert_int_equal(tcp_state(c), TCP_SYN_RECEIVED);
	w.ack--;
	g = peer_expect(&w, TCP_SYN | TCP_ACK, 0);	/* line 5: the same SYN with an ACK */
	assert_int_equal(g.ack, 301);
	peer_at(&w, TCP_SYN | TCP_ACK, 300, w.ack, NULL, 0);	/* line 6 */
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_CONNECTED | NET_EV_WRITABLE);
	wire_drain(&w);
	assert_int_equal(tcp_send(c, "hi", 2), 2);
	peer_expect(&w, TCP_ACK, 2);
	wire_stop(&w);
}

static void old_duplicate_syn_is_undone_by_a_reset_as_in_figure_9(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	peer_at(&w, TCP_SYN, 90, 0, NULL, 0);		/* line 3: old */
	peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	peer_at(&w, TCP_RST, 91, 0, NULL, 0);		/* line 5 */
	assert_int_equal(w.net->nhalfopen, 0);
	assert_net_empty(w.net);
	w.seq = 100;					/* line 6: the real one */
	c = wire_accept(&w, l);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void half_open_connection_is_discovered_as_in_figure_10(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	/* The peer crashed and begins anew: a SYN in the window gets an ACK, to which the peer answers with a reset. */
	peer_at(&w, TCP_SYN, w.seq + 100, 0, NULL, 0);
	g = peer_expect(&w, TCP_ACK, 0);
	assert_int_equal(g.ack, w.seq);
	peer_at(&w, TCP_RST, g.ack, 0, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_CLOSED);
	assert_int_equal(tcp_error(c), NET_ERESET);
	assert_true((wire_events(&w, NET_KIND_CONN) & NET_EV_ERROR) != 0);
	assert_int_equal(tcp_recv(c, &g, 1), NET_ERESET);
	assert_int_equal(tcp_send(c, "x", 1), NET_ERESET);
	tcp_close(c);
	wire_stop(&w);
}

static void syn_sent_believes_a_reset_only_with_its_ack(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	peer_at(&w, TCP_RST, 300, 0, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_SYN_SENT);
	peer_at(&w, TCP_RST | TCP_ACK, 300, w.ack - 1, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_SYN_SENT);
	peer_at(&w, TCP_RST | TCP_ACK, 300, w.ack + 1, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_SYN_SENT);
	peer_expect_nothing(&w);			/* a reset is never answered */
	peer_at(&w, TCP_RST | TCP_ACK, 300, w.ack, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_CLOSED);
	assert_int_equal(tcp_error(c), NET_EREFUSED);
	tcp_close(c);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void syn_sent_resets_an_impossible_ack(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	peer_at(&w, TCP_SYN | TCP_ACK, 300, w.ack + 5, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST);
	assert_int_equal(g.seq, w.ack + 5);
	assert_int_equal(tcp_state(c), TCP_SYN_SENT);
	peer_at(&w, TCP_ACK, 300, w.ack, NULL, 0);	/* neither SYN nor RST: dropped */
	assert_int_equal(tcp_state(c), TCP_SYN_SENT);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

static void syn_received_resets_an_impossible_ack(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct got g;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	w.seq = 100;
	peer_send(&w, TCP_SYN, NULL, 0);
	peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	peer_at(&w, TCP_ACK, 101, w.ack + 1, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST);
	assert_int_equal(g.seq, w.ack + 1);
	peer_at(&w, TCP_ACK, 101, w.ack - 1, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST);
	assert_int_equal(w.net->nhalfopen, 1);
	peer_at(&w, TCP_ACK, 101, w.ack, NULL, 0);
	assert_int_equal(l->nqueued, 1);
	wire_stop(&w);
}

static void listen_answers_ack_with_reset_and_ignores_the_rest(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct got g;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	peer_at(&w, TCP_ACK, 5, 777, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST);
	assert_int_equal(g.seq, 777);
	peer_at(&w, TCP_RST, 5, 0, NULL, 0);
	peer_at(&w, TCP_RST | TCP_ACK, 5, 777, NULL, 0);
	peer_at(&w, TCP_RST | TCP_SYN, 5, 0, NULL, 0);
	peer_at(&w, TCP_FIN, 5, 0, NULL, 0);
	peer_at(&w, 0, 5, 0, "text", 4);
	peer_expect_nothing(&w);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void foreign_ports_are_met_with_silence(void **state)
{
	struct wire w;
	struct tcp_listener *l;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	w.dport = 81;
	peer_at(&w, TCP_SYN, 5, 0, NULL, 0);
	peer_at(&w, TCP_ACK, 5, 777, NULL, 0);
	peer_expect_nothing(&w);
	assert_int_equal(STAT(&w, tcp_noport), 2);
	wire_stop(&w);
}

static void own_all_ports_refuses_as_rfc_9293_3_10_7_1(void **state)
{
	struct wire w;
	struct got g;

	(void)state;
	wire_config(&w);
	w.cfg.own_all_ports = true;
	wire_ready(&w);
	peer_at(&w, TCP_SYN, 5, 0, "abc", 3);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST | TCP_ACK);
	assert_int_equal(g.seq, 0);
	assert_int_equal(g.ack, 9);			/* SEG.SEQ + SEG.LEN, the SYN counted */
	peer_at(&w, TCP_ACK | TCP_FIN, 5, 777, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST);
	assert_int_equal(g.seq, 777);
	peer_at(&w, TCP_RST, 5, 0, NULL, 0);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

static void F14_text_with_the_syn_is_taken_when_it_comes_again(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c;
	char buf[8];

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	peer_at(&w, TCP_SYN, 100, 0, "hello", 5);
	assert_int_equal(peer_expect(&w, TCP_SYN | TCP_ACK, 0).ack, 101);	/* only the SYN */
	w.seq = 101;
	peer_send(&w, TCP_ACK, "hello", 5);
	assert_int_equal(tcp_accept(l, NULL, &c), 0);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_READABLE | NET_EV_WRITABLE);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 5);
	wire_stop(&w);
}

static void F14_text_and_fin_with_the_syn_ack_are_taken(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[8];

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	peer_send(&w, TCP_SYN | TCP_ACK | TCP_FIN, "hello", 5);
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_CLOSE_WAIT);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 5);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 0);
	wire_stop(&w);
}

static void syn_is_repeated_with_backoff_and_given_up(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	uint64_t start;

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	start = w.now;
	for (uint64_t gap = 1; gap <= 32; gap *= 2) {
		wire_pass(&w, gap * SECOND - 1);
		peer_expect_nothing(&w);
		wire_pass(&w, 1);
		w.ack--;
		peer_expect(&w, TCP_SYN, 0);
	}
	while (tcp_state(c) != TCP_CLOSED)
		wire_pass(&w, SECOND);
	assert_true(w.now - start >= 180 * (uint64_t)SECOND);	/* RFC 9293 3.8.3: at least 3 minutes for a SYN */
	assert_int_equal(tcp_error(c), NET_ETIMEDOUT);
	tcp_close(c);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void repeated_syn_gets_the_syn_ack_again(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct got g;
	uint32_t iss;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
	iss = peer_expect(&w, TCP_SYN | TCP_ACK, 0).seq;
	peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_SYN | TCP_ACK);
	assert_int_equal(g.seq, iss);
	assert_int_equal(w.net->nhalfopen, 1);
	wire_stop(&w);
}

static void connect_tells_what_is_wrong(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_conns = 1;
	w.cfg.router = 0;
	wire_ready(&w);
	assert_int_equal(tcp_connect(w.net, IP_B, 0, 0, NULL, &c), NET_EINVAL);
	assert_int_equal(tcp_connect(w.net, NET_IP(192, 168, 1, 1), 80, 0, NULL, &c), NET_ENOROUTE);
	assert_int_equal(tcp_connect(w.net, NET_IP(10, 0, 0, 255), 80, 0, NULL, &c), NET_ENOROUTE);
	assert_int_equal(tcp_connect(w.net, NET_IP(224, 0, 0, 1), 80, 0, NULL, &c), NET_ENOROUTE);
	assert_int_equal(tcp_connect(w.net, NET_IP(127, 0, 0, 1), 80, 0, NULL, &c), NET_ENOROUTE);
	assert_int_equal(tcp_connect(w.net, IP_A, 80, 0, NULL, &c), NET_ENOROUTE);
	assert_int_equal(tcp_connect(w.net, IP_B, 80, 5000, NULL, &c), 0);
	assert_int_equal(tcp_connect(w.net, IP_B, 80, 5000, NULL, &c), NET_EINUSE);
	assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &c), NET_ENOMEM);
	net_set_addr(w.net, 0, 0, 0, 0);
	assert_int_equal(tcp_connect(w.net, IP_B, 80, 0, NULL, &c), NET_ENOADDR);
	wire_stop(&w);
}

/* ---- Closing ---- */

static void active_close_goes_over_fin_wait_1_and_2_to_time_wait(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[4];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_shutdown(c), 0);
	assert_int_equal(tcp_shutdown(c), NET_ENOTCONN);
	assert_int_equal(tcp_send(c, "x", 1), NET_ENOTCONN);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	assert_int_equal(tcp_state(c), TCP_FIN_WAIT_1);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_FIN_WAIT_2);
	/* Half closed: text still arrives. */
	peer_send(&w, TCP_ACK, "abc", 3);
	assert_int_equal(tcp_recv(c, buf, 4), 3);
	wire_pass(&w, 50 * MS);
	peer_expect_ack(&w);
	peer_send(&w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_TIME_WAIT);
	assert_true((wire_events(&w, NET_KIND_CONN) & (NET_EV_EOF | NET_EV_CLOSED)) == (NET_EV_EOF | NET_EV_CLOSED));
	assert_int_equal(tcp_recv(c, buf, 4), 0);
	tcp_close(c);
	assert_int_equal(w.net->bufs.used, 0);
	/* A repeated FIN is acknowledged and starts the two MSL again. */
	wire_pass(&w, 50 * SECOND);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq - 1, w.ack, NULL, 0);
	peer_expect_ack(&w);
	wire_pass(&w, 59 * SECOND);
	assert_int_equal(w.net->ntimewait, 1);
	wire_pass(&w, 2 * SECOND);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void passive_close_goes_over_close_wait_and_last_ack(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[4];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	wire_events(&w, NET_KIND_CONN);
	peer_send(&w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_CLOSE_WAIT);
	assert_int_equal(wire_events(&w, NET_KIND_CONN), NET_EV_READABLE | NET_EV_EOF);
	assert_int_equal(tcp_recv(c, buf, 4), 0);
	assert_int_equal(tcp_send(c, "more", 4), 4);
	peer_expect(&w, TCP_ACK, 4);
	tcp_close(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	assert_int_equal(c->state, TCP_LAST_ACK);
	peer_send(&w, TCP_ACK, NULL, 0);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void F14_simultaneous_close_goes_over_closing(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	tcp_shutdown(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq++, w.ack - 1, NULL, 0);	/* has not seen our FIN */
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_CLOSING);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_TIME_WAIT);
	peer_expect_nothing(&w);
	wire_stop(&w);
}

/* Stacks of BSD's family acknowledge our FIN by sending theirs anew, with a number that we have taken already. */
static void a_fin_that_comes_again_acknowledges_ours(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	tcp_shutdown(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq++, w.ack - 1, NULL, 0);
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_CLOSING);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq - 1, w.ack, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_TIME_WAIT);
	wire_stop(&w);
}

static void text_that_comes_again_brings_its_ack_but_no_fin(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[4];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	assert_int_equal(tcp_send(c, "abc", 3), 3);
	peer_expect(&w, TCP_ACK, 3);
	peer_at(&w, TCP_ACK, w.seq, w.ack - 3, "xy", 2);
	w.seq += 2;
	/* Whatever is said of a number that was text cannot be a FIN; the ACK is as good as any. */
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq - 1, w.ack, NULL, 0);
	peer_expect_ack(&w);
	assert_int_equal(c->snd_una, c->snd_nxt);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 2);
	/* One from further back is only answered. */
	assert_int_equal(tcp_send(c, "d", 1), 1);
	peer_expect(&w, TCP_ACK, 1);
	peer_at(&w, TCP_ACK, w.seq - 2, w.ack, "x", 1);
	assert_int_equal(c->snd_nxt - c->snd_una, 1);
	wire_stop(&w);
}

static void fin_and_ack_of_fin_together_lead_to_time_wait_at_once(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	tcp_shutdown(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_send(&w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_TIME_WAIT);
	wire_stop(&w);
}

static void F14_fin_with_text_is_in_order_after_the_text(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[8];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	/* First ahead of a gap: nothing may happen but an ACK for the gap. */
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq + 3, w.ack, "def", 3);
	assert_int_equal(peer_expect(&w, TCP_ACK, 0).ack, w.seq);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	peer_at(&w, TCP_ACK, w.seq, w.ack, "abc", 3);
	w.seq += 7;
	peer_expect_ack(&w);
	assert_int_equal(tcp_state(c), TCP_CLOSE_WAIT);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 6);
	assert_memory_equal(buf, "abcdef", 6);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 0);
	/* Text beyond a FIN is a lie. */
	peer_at(&w, TCP_ACK, w.seq, w.ack, "ghi", 3);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 0);
	wire_stop(&w);
}

static void F14_contradicting_fins_leave_the_stream_as_the_first_said(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[16];

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq + 5, w.ack, NULL, 0);		/* the stream has 5 bytes */
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq + 9, w.ack, NULL, 0);		/* or 9? */
	peer_at(&w, TCP_ACK, w.seq + 3, w.ack, "defghi", 6);
	peer_at(&w, TCP_ACK, w.seq, w.ack, "abc", 3);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 5);
	assert_memory_equal(buf, "abcde", 5);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 0);
	assert_int_equal(tcp_state(c), TCP_CLOSE_WAIT);
	wire_drain(&w);

	/* A FIN before text that is already there is not believed. */
	w.sport++;
	w.seq = 7000;
	c = wire_open(&w);
	peer_at(&w, TCP_ACK, w.seq + 3, w.ack, "def", 3);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq + 1, w.ack, NULL, 0);
	peer_at(&w, TCP_ACK, w.seq, w.ack, "abc", 3);
	assert_int_equal(tcp_recv(c, buf, sizeof(buf)), 6);
	assert_int_equal(tcp_state(c), TCP_ESTABLISHED);
	wire_stop(&w);
}

static void reset_is_sent_for_unread_bytes_and_for_text_after_close(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = wire_open(&w);
	peer_send(&w, TCP_ACK, "unread", 6);
	tcp_close(c);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST | TCP_ACK);
	assert_int_equal(g.seq, w.ack);

	w.sport++;
	c = wire_open(&w);
	tcp_close(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_send(&w, TCP_ACK, "late", 4);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST | TCP_ACK);
	assert_int_equal(g.seq, w.ack);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void abort_resets_in_the_states_that_need_it(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	struct got g;

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	tcp_abort(c);				/* SYN-SENT: nobody knows us */
	peer_expect_nothing(&w);
	c = connected(&w);
	tcp_abort(c);
	assert_true(peer_get(&w, &g));
	assert_int_equal(g.flags, TCP_RST | TCP_ACK);
	assert_int_equal(g.seq, w.ack);
	c = connected(&w);
	peer_send(&w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(&w);
	tcp_shutdown(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	tcp_abort(c);				/* LAST-ACK: the peer has all it needs */
	peer_expect_nothing(&w);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void resets_end_closing_states_quietly(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = connected(&w);
	tcp_shutdown(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_at(&w, TCP_ACK | TCP_FIN, w.seq++, w.ack - 1, NULL, 0);
	peer_expect_ack(&w);
	peer_at(&w, TCP_RST, w.seq, 0, NULL, 0);
	assert_int_equal(tcp_state(c), TCP_CLOSED);
	assert_int_equal(tcp_error(c), 0);
	tcp_close(c);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void closing_while_connecting_sends_what_was_queued_or_nothing(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	c = connecting(&w);
	tcp_close(c);
	assert_net_empty(w.net);
	c = connecting(&w);
	assert_int_equal(tcp_send(c, "early", 5), 5);
	tcp_close(c);
	peer_expect_nothing(&w);
	peer_send(&w, TCP_SYN | TCP_ACK, NULL, 0);
	peer_expect(&w, TCP_ACK | TCP_FIN, 5);
	assert_int_equal(c->state, TCP_FIN_WAIT_1);
	peer_send(&w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(&w);
	wire_pass(&w, 61 * SECOND);
	assert_net_empty(w.net);
	wire_stop(&w);
}

/* ---- TIME-WAIT ---- */

static struct tcp_conn *in_time_wait(struct wire *w)
{
	struct tcp_conn *c = wire_open(w);

	tcp_close(c);
	peer_expect(w, TCP_ACK | TCP_FIN, 0);
	peer_send(w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(w);
	assert_int_equal(c->state, TCP_TIME_WAIT);
	return c;
}

static void time_wait_gives_way_to_a_syn_beyond_the_old_numbers(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	uint32_t old;

	(void)state;
	wire_config(&w);
	in_time_wait(&w);
	old = w.ack;
	peer_at(&w, TCP_SYN, w.seq - 5, 0, NULL, 0);	/* an old one */
	peer_expect_ack(&w);
	assert_int_equal(w.net->ntimewait, 1);
	w.seq += 1000;
	c = wire_open(&w);
	assert_int_equal(w.net->ntimewait, 0);
	assert_true(seq_lt(old, c->iss));		/* our numbers are beyond, too */
	wire_stop(&w);
}

static void time_wait_is_bounded_and_the_oldest_goes_first(void **state)
{
	struct wire w;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_timewait = 3;
	for (int i = 0; i < 10; i++) {
		w.sport = (uint16_t)(4000 + i);
		w.seq = 1000;
		in_time_wait(&w);
		assert_true(w.net->ntimewait <= 3);
	}
	assert_int_equal(STAT(&w, tcp_tw_reused), 7);
	assert_null(tcp_find(w.net, IP_A, 80, IP_B, 4006));
	assert_non_null(tcp_find(w.net, IP_A, 80, IP_B, 4007));
	wire_pass(&w, 61 * SECOND);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void time_wait_held_by_the_program_survives_reuse_as_a_closed_handle(void **state)
{
	struct wire w;
	struct tcp_conn *c;
	char buf[4];

	(void)state;
	wire_config(&w);
	w.cfg.tcp_timewait = 1;
	c = wire_open(&w);
	tcp_shutdown(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_send(&w, TCP_ACK | TCP_FIN, "last", 4);
	wire_drain(&w);
	assert_int_equal(tcp_state(c), TCP_TIME_WAIT);
	w.sport++;
	w.seq = 1000;
	in_time_wait(&w);
	assert_int_equal(tcp_state(c), TCP_CLOSED);
	assert_int_equal(tcp_recv(c, buf, 4), 4);
	assert_int_equal(tcp_recv(c, buf, 4), 0);
	tcp_close(c);
	wire_pass(&w, 61 * SECOND);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void without_time_wait_records_connections_just_end(void **state)
{
	struct wire w;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_timewait = 0;
	c = wire_open(&w);
	tcp_close(c);
	peer_expect(&w, TCP_ACK | TCP_FIN, 0);
	peer_send(&w, TCP_ACK | TCP_FIN, NULL, 0);
	peer_expect_ack(&w);
	tcp_unlisten(tcp_find_listener(w.net, 80));
	assert_net_empty(w.net);
	wire_stop(&w);
}

/* ---- Listeners ---- */

static void full_backlog_drops_syns_and_full_accept_queue_drops_acks(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c;
	uint32_t iss[4];

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	assert_int_equal(tcp_listen(w.net, 80, 2, NULL, &l), 0);
	for (int i = 0; i < 3; i++) {
		w.sport = (uint16_t)(4000 + i);
		w.ack = 0;
		peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
		if (i < 2)
			iss[i] = peer_expect(&w, TCP_SYN | TCP_ACK, 0).seq;
	}
	peer_expect_nothing(&w);
	assert_int_equal(STAT(&w, tcp_syn_dropped), 1);
	for (int i = 0; i < 2; i++) {
		w.sport = (uint16_t)(4000 + i);
		peer_at(&w, TCP_ACK, 101, iss[i] + 1, NULL, 0);
	}
	assert_int_equal(l->nqueued, 2);
	w.sport = 4002;
	peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
	peer_expect_nothing(&w);
	assert_int_equal(tcp_accept(l, NULL, &c), 0);
	w.ack = 0;
	peer_at(&w, TCP_SYN, 100, 0, NULL, 0);
	peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	tcp_abort(c);
	wire_drain(&w);
	tcp_unlisten(l);			/* resets what nobody accepted */
	assert_int_equal(wire_drain(&w), 2);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void handshake_without_buffers_completes_once_there_are_some(void **state)
{
	struct wire w;
	struct tcp_conn *a, *b;
	struct tcp_listener *l;

	(void)state;
	wire_config(&w);
	w.cfg.tcp_conns = 1;
	a = wire_open(&w);
	l = tcp_find_listener(w.net, 80);
	w.sport++;
	w.seq = 500;
	w.ack = 0;
	peer_send(&w, TCP_SYN, NULL, 0);
	peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_accept(l, NULL, &b), NET_EAGAIN);
	tcp_abort(a);
	wire_drain(&w);
	wire_pass(&w, SECOND);
	w.ack--;
	peer_expect(&w, TCP_SYN | TCP_ACK, 0);	/* it asks again */
	peer_send(&w, TCP_ACK, NULL, 0);
	assert_int_equal(tcp_accept(l, NULL, &b), 0);
	wire_stop(&w);
}

static void a_reset_takes_an_unaccepted_connection_out_of_the_queue(void **state)
{
	struct wire w;
	struct tcp_listener *l;
	struct tcp_conn *c;

	(void)state;
	wire_config(&w);
	listen_on(&w, &l);
	w.seq = 100;
	peer_send(&w, TCP_SYN, NULL, 0);
	peer_expect(&w, TCP_SYN | TCP_ACK, 0);
	peer_send(&w, TCP_ACK, "x", 1);
	assert_int_equal(l->nqueued, 1);
	peer_send(&w, TCP_RST, NULL, 0);
	assert_int_equal(l->nqueued, 0);
	assert_int_equal(tcp_accept(l, NULL, &c), NET_EAGAIN);
	assert_net_empty(w.net);
	wire_stop(&w);
}

static void listeners_are_unique_and_finite(void **state)
{
	struct wire w;
	struct tcp_listener *l[5];

	(void)state;
	wire_config(&w);
	wire_ready(&w);
	for (uint16_t i = 0; i < 4; i++)
		assert_int_equal(tcp_listen(w.net, (uint16_t)(80 + i), 1, NULL, &l[i]), 0);
	assert_int_equal(tcp_listen(w.net, 80, 1, NULL, &l[4]), NET_EINUSE);
	assert_int_equal(tcp_listen(w.net, 90, 1, NULL, &l[4]), NET_ENOMEM);
	assert_int_equal(tcp_listen(w.net, 0, 1, NULL, &l[4]), NET_EINVAL);
	assert_int_equal(tcp_listen(w.net, 90, 0, NULL, &l[4]), NET_EINVAL);
	tcp_unlisten(l[2]);
	assert_int_equal(tcp_listen(w.net, 90, 1, NULL, &l[4]), 0);
	wire_stop(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(passive_open_goes_over_syn_received_to_established),
		cmocka_unit_test(active_open_goes_over_syn_sent_to_established),
		cmocka_unit_test(window_scale_is_used_only_when_both_offer_it),
		cmocka_unit_test(simultaneous_open_follows_figure_8),
		cmocka_unit_test(old_duplicate_syn_is_undone_by_a_reset_as_in_figure_9),
		cmocka_unit_test(half_open_connection_is_discovered_as_in_figure_10),
		cmocka_unit_test(syn_sent_believes_a_reset_only_with_its_ack),
		cmocka_unit_test(syn_sent_resets_an_impossible_ack),
		cmocka_unit_test(syn_received_resets_an_impossible_ack),
		cmocka_unit_test(listen_answers_ack_with_reset_and_ignores_the_rest),
		cmocka_unit_test(foreign_ports_are_met_with_silence),
		cmocka_unit_test(own_all_ports_refuses_as_rfc_9293_3_10_7_1),
		cmocka_unit_test(F14_text_with_the_syn_is_taken_when_it_comes_again),
		cmocka_unit_test(F14_text_and_fin_with_the_syn_ack_are_taken),
		cmocka_unit_test(syn_is_repeated_with_backoff_and_given_up),
		cmocka_unit_test(repeated_syn_gets_the_syn_ack_again),
		cmocka_unit_test(connect_tells_what_is_wrong),
		cmocka_unit_test(active_close_goes_over_fin_wait_1_and_2_to_time_wait),
		cmocka_unit_test(passive_close_goes_over_close_wait_and_last_ack),
		cmocka_unit_test(F14_simultaneous_close_goes_over_closing),
		cmocka_unit_test(a_fin_that_comes_again_acknowledges_ours),
		cmocka_unit_test(text_that_comes_again_brings_its_ack_but_no_fin),
		cmocka_unit_test(fin_and_ack_of_fin_together_lead_to_time_wait_at_once),
		cmocka_unit_test(F14_fin_with_text_is_in_order_after_the_text),
		cmocka_unit_test(F14_contradicting_fins_leave_the_stream_as_the_first_said),
		cmocka_unit_test(reset_is_sent_for_unread_bytes_and_for_text_after_close),
		cmocka_unit_test(abort_resets_in_the_states_that_need_it),
		cmocka_unit_test(resets_end_closing_states_quietly),
		cmocka_unit_test(closing_while_connecting_sends_what_was_queued_or_nothing),
		cmocka_unit_test(time_wait_gives_way_to_a_syn_beyond_the_old_numbers),
		cmocka_unit_test(time_wait_is_bounded_and_the_oldest_goes_first),
		cmocka_unit_test(time_wait_held_by_the_program_survives_reuse_as_a_closed_handle),
		cmocka_unit_test(without_time_wait_records_connections_just_end),
		cmocka_unit_test(full_backlog_drops_syns_and_full_accept_queue_drops_acks),
		cmocka_unit_test(handshake_without_buffers_completes_once_there_are_some),
		cmocka_unit_test(a_reset_takes_an_unaccepted_connection_out_of_the_queue),
		cmocka_unit_test(listeners_are_unique_and_finite),
	};

	return cmocka_run_group_tests_name("net_tcp_states", tests, NULL, NULL);
}
