/*
 * test_http.c - promises of the request parser
 *
 * Every request goes through whole, byte by byte, and split in two at every place: the outcome must be the same.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "http/http.h"

/* Everything that a caller may rely on. */
static void assert_same(const struct http_request *a, const struct http_request *b)
{
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->status, b->status);
	if (a->state != HTTP_DONE)
		return;
	assert_int_equal(a->method, b->method);
	assert_int_equal(a->keep_alive, b->keep_alive);
	assert_int_equal(a->expect_continue, b->expect_continue);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->body_bytes, b->body_bytes);
	assert_string_equal(a->target, b->target);
}

/* Parse text in all ways; *r is the outcome. Returns how many bytes the head took. */
static size_t parse(struct http_request *r, const char *text, size_t n)
{
	struct http_request other;
	size_t used, i;

	http_begin(r);
	used = http_parse(r, text, n);

	http_begin(&other);
	for (i = 0; i < n && other.state == HTTP_MORE; i++)
		assert_int_equal(http_parse(&other, text + i, 1), 1);
	assert_same(r, &other);
	if (r->state == HTTP_DONE)
		assert_int_equal(i, used);

	for (size_t cut = 0; cut <= n; cut++) {
		size_t first;

		http_begin(&other);
		first = http_parse(&other, text, cut);
		if (other.state == HTTP_MORE) {
			assert_int_equal(first, cut);
			first += http_parse(&other, text + cut, n - cut);
		}
		assert_same(r, &other);
		if (r->state == HTTP_DONE)
			assert_int_equal(first, used);
	}
	return used;
}

static void done(struct http_request *r, const char *text)
{
	parse(r, text, strlen(text));
	if (r->state != HTTP_DONE)
		fail_msg("refused with %d: %s", r->status, text);
}

static void refused(int status, const char *text)
{
	struct http_request r;

	parse(&r, text, strlen(text));
	if (r.state != HTTP_BAD || r.status != status)
		fail_msg("state %d status %d instead of %d: %s", r.state, r.status, status, text);
}

static void a_simple_request_is_understood(void **state)
{
	struct http_request r;

	(void)state;
	done(&r, "GET /index.html?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(r.method, HTTP_GET);
	assert_string_equal(r.target, "/index.html?x=1");
	assert_int_equal(r.target_bytes, 15);
	assert_true(r.keep_alive);
	assert_int_equal(r.minor, 1);
	assert_int_equal(r.body_bytes, 0);
	assert_int_equal(r.status, 0);
}

static void methods_are_told_apart(void **state)
{
	struct http_request r;

	(void)state;
	done(&r, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(r.method, HTTP_HEAD);
	done(&r, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(r.method, HTTP_OTHER);
	assert_int_equal(r.body_bytes, 5);
	done(&r, "get / HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(r.method, HTTP_UNKNOWN);
	done(&r, "CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n");
	assert_int_equal(r.method, HTTP_OTHER);
	refused(501, "ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: a\r\n\r\n");
	refused(400, "G(T / HTTP/1.1\r\n\r\n");
}

static void bytes_behind_the_head_are_left(void **state)
{
	static const char two[] = "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_request r;
	size_t used;

	(void)state;
	used = parse(&r, two, strlen(two));
	assert_string_equal(r.target, "/a");
	assert_int_equal(used, strlen(two) / 2);
	http_begin(&r);
	assert_int_equal(http_parse(&r, two + used, strlen(two) - used), strlen(two) - used);
	assert_int_equal(r.state, HTTP_DONE);
	assert_string_equal(r.target, "/b");
	assert_int_equal(http_parse(&r, "GET", 3), 0);
}

static void keep_alive_follows_version_and_connection(void **state)
{
	struct http_request r;

	(void)state;
	done(&r, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
	assert_false(r.keep_alive);
	done(&r, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, CLOSE\r\n\r\n");
	assert_false(r.keep_alive);
	done(&r, "GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n");
	assert_true(r.keep_alive);
	done(&r, "GET / HTTP/1.1\r\nHost: a\r\nConnection:\r\n\r\n");
	assert_true(r.keep_alive);
	done(&r, "GET / HTTP/1.0\r\n\r\n");
	assert_false(r.keep_alive);
	assert_int_equal(r.minor, 0);
	done(&r, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
	assert_true(r.keep_alive);
	done(&r, "GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n");
	assert_false(r.keep_alive);
}

static void lines_may_end_with_a_bare_lf(void **state)
{
	struct http_request r;

	(void)state;
	done(&r, "GET / HTTP/1.1\nHost: a\n\n");
	done(&r, "\r\n\n\r\nGET / HTTP/1.1\nHost: a\r\n\n");
	refused(400, "\rGET / HTTP/1.1\r\n");
	refused(400, "GET / HTTP/1.1\rHost: a\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\n\rX");
}

static void malformed_request_lines_are_refused(void **state)
{
	(void)state;
	refused(400, " GET / HTTP/1.1\r\n");
	refused(400, "GET  / HTTP/1.1\r\n");
	refused(400, "GET /  HTTP/1.1\r\n");
	refused(400, "GET /\r\n");
	refused(400, "GET\r\n");
	refused(400, "GET / HTTP/1.1 \r\n");
	refused(400, "GET / HTTP/1.\r\n");
	refused(400, "GET / HTTP/11\r\n");
	refused(400, "GET / http/1.1\r\n");
	refused(400, "GET / HTTP/1.10\r\n");
	refused(505, "GET / HTTP/2.0\r\n");
	refused(505, "GET / HTTP/0.9\r\n");
	refused(400, "GET /\x01 HTTP/1.1\r\n");
	refused(400, "GET /\xff HTTP/1.1\r\n");
	refused(400, "\x16\x03\x01\x02");
}

static void malformed_fields_are_refused(void **state)
{
	(void)state;
	refused(400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n: a\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\x01\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n");
	refused(400, "GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n");
}

static void ambiguous_bodies_are_refused(void **state)
{
	struct http_request r;

	(void)state;
	done(&r, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n");
	assert_int_equal(r.body_bytes, 3);
	done(&r, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\nExpect: 100-Continue\r\n\r\n");
	assert_true(r.body_bytes == 999999999999999999ull);
	assert_true(r.expect_continue);
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\n");
	refused(400, "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n\r\n");
	refused(501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
	refused(501, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\ntransfer-encoding:chunked\r\n\r\n");
}

/* before, then `fill` times 'x', then after */
static void check_long(const char *before, size_t fill, const char *after, int status)
{
	char *text = malloc(strlen(before) + fill + strlen(after) + 1);
	struct http_request r;
	size_t n = strlen(before);

	memcpy(text, before, n);
	memset(text + n, 'x', fill);
	strcpy(text + n + fill, after);
	http_begin(&r);
	http_parse(&r, text, strlen(text));
	free(text);
	assert_int_equal(r.state, status == 0 ? HTTP_DONE : HTTP_BAD);
	assert_int_equal(r.status, status);
}

static void lengths_are_bounded(void **state)
{
	(void)state;
	check_long("GET /", HTTP_TARGET_MAX - 1, " HTTP/1.1\r\nHost: a\r\n\r\n", 0);
	check_long("GET /", HTTP_TARGET_MAX, " HTTP/1.1\r\nHost: a\r\n\r\n", 414);
	check_long("GET /", 100000, "", 414);
	check_long("GET / HTTP/1.1\r\nHost: ", HTTP_VALUE_MAX, "\r\n\r\n", 0);
	check_long("GET / HTTP/1.1\r\nHost: ", HTTP_VALUE_MAX + 1, "\r\n\r\n", 431);
	check_long("GET / HTTP/1.1\r\nHost: a\r\nCookie: ", 4000, "\r\n\r\n", 0);
	check_long("GET / HTTP/1.1\r\nHost: a\r\nCookie: ", 9000, "\r\n\r\n", 431);
	check_long("GET / HTTP/1.1\r\nHost: a\r\n", 4000, ": x\r\n\r\n", 0);
	check_long("GET / HTTP/1.1\r\nHost: a\r\n", 9000, ": x\r\n\r\n", 431);
	check_long("GET / HTTP/1.1\r\nHost: a\r\nhost", 100, ": x\r\n\r\n", 0);	/* a long name is not "host" */

	/* exactly HTTP_HEAD_MAX bytes, and one more */
	check_long("GET / HTTP/1.1\r\nHost: a\r\nA:", HTTP_HEAD_MAX - 31, "\r\n\r\n", 0);
	check_long("GET / HTTP/1.1\r\nHost: a\r\nA:", HTTP_HEAD_MAX - 30, "\r\n\r\n", 431);
}

static void fields_are_counted(void **state)
{
	char text[4096] = "GET / HTTP/1.1\r\nHost: a\r\n";
	struct http_request r;

	(void)state;
	for (int i = 1; i < HTTP_FIELDS_MAX; i++)
		strcat(text, "A: b\r\n");
	strcat(text, "\r\n");
	parse(&r, text, strlen(text));
	assert_int_equal(r.state, HTTP_DONE);
	strcpy(text + strlen(text) - 2, "A: b\r\n\r\n");
	parse(&r, text, strlen(text));
	assert_int_equal(r.status, 431);
}

static void an_idle_connection_has_not_begun(void **state)
{
	struct http_request r;

	(void)state;
	http_begin(&r);
	assert_false(http_begun(&r));
	http_parse(&r, "\r\n\r", 3);
	assert_false(http_begun(&r));
	http_parse(&r, "\nG", 2);
	assert_true(http_begun(&r));
}

static void endless_empty_lines_end(void **state)
{
	struct http_request r;
	int i;

	(void)state;
	http_begin(&r);
	for (i = 0; i < 100000 && r.state == HTTP_MORE; i++)
		http_parse(&r, "\r\n", 2);
	assert_int_equal(r.status, 431);
}

static void check_path(const char *target, const char *path)
{
	struct http_request r;
	char text[256], out[32];
	long n;

	snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", target);
	done(&r, text);
	n = http_path(&r, out, sizeof(out));
	if (path == NULL) {
		assert_int_equal(n, -1);
		return;
	}
	assert_string_equal(out, path);
	assert_int_equal(n, strlen(path));
}

static void paths_are_decoded_once(void **state)
{
	(void)state;
	check_path("/", "/");
	check_path("/a/b?c=d", "/a/b");
	check_path("/a#b", "/a");
	check_path("/%61%2fb", "/a/b");
	check_path("/%2561", "/%61");
	check_path("/%", NULL);
	check_path("/%6", NULL);
	check_path("/%6g", NULL);
	check_path("/%00", NULL);
	check_path("/%80", "/\x80");
	check_path("http://host/x", "/x");
	check_path("HTTP://host:80", "/");
	check_path("http://host?q", "/");
	check_path("http:///x", NULL);
	check_path("http://", NULL);
	check_path("ftp://host/x", NULL);
	check_path("*", NULL);
	check_path("index.html", NULL);
	check_path("/0123456789012345678901234567890", NULL);	/* 32 bytes and a nul do not fit into 32 */
	check_path("/012345678901234567890123456789", "/012345678901234567890123456789");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_simple_request_is_understood),
		cmocka_unit_test(methods_are_told_apart),
		cmocka_unit_test(bytes_behind_the_head_are_left),
		cmocka_unit_test(keep_alive_follows_version_and_connection),
		cmocka_unit_test(lines_may_end_with_a_bare_lf),
		cmocka_unit_test(malformed_request_lines_are_refused),
		cmocka_unit_test(malformed_fields_are_refused),
		cmocka_unit_test(ambiguous_bodies_are_refused),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(fields_are_counted),
		cmocka_unit_test(an_idle_connection_has_not_begun),
		cmocka_unit_test(endless_empty_lines_end),
		cmocka_unit_test(paths_are_decoded_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
