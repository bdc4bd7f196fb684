/*
 * http/http.h - the head of an HTTP/1.x request, as a pure function of bytes
 *
 * The parser takes a request in pieces of any size, down to single bytes, and keeps what a small server needs: method, path,
 * whether the connection goes on, and how long the body is. It allocates nothing, waits for nothing and knows no socket, so the
 * same file runs in the server, in unit tests and under a fuzzer. One struct serves one connection, request after request.
 *
 *	http_begin(&r);
 *	while (bytes arrive) {
 *		used = http_parse(&r, bytes, n);	bytes after the head stay with the caller: body or next request
 *		if (r.state == HTTP_DONE)   answer, skip r.body_bytes, http_begin(&r)
 *		if (r.state == HTTP_BAD)    answer r.status and close
 *	}
 *
 * Sources: RFC 9112 (message syntax), RFC 9110 (semantics).
 */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_METHOD_MAX	16	/* longest method; a longer one is none that we know: 501 */
#define HTTP_TARGET_MAX	1024	/* longest request target; a longer one: 414 */
#define HTTP_HEAD_MAX	8192	/* longest head, request line included: 431 */
#define HTTP_FIELDS_MAX	64	/* most header fields: 431 */
#define HTTP_NAME_MAX	32	/* names are kept up to here: longer ones are none that we look at */
#define HTTP_VALUE_MAX	256	/* longest value of a field that we look at: 431 */

enum http_state { HTTP_MORE, HTTP_DONE, HTTP_BAD };

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_OTHER, HTTP_UNKNOWN };	/* OTHER: registered, and not for us: 405 */

struct http_request {
	/* Valid when state is HTTP_DONE. */
	enum http_state state;
	int status;			/* HTTP_BAD: the answer: 400, 414, 431, 501 or 505 */
	enum http_method method;
	bool keep_alive;		/* the client wants to go on with this connection */
	bool expect_continue;		/* it waits for 100 before it sends the body */
	unsigned int minor;		/* HTTP/1.minor */
	uint64_t body_bytes;		/* Content-Length */
	size_t target_bytes;
	char target[HTTP_TARGET_MAX + 1];	/* as sent, nul-terminated, without a nul inside */

	/* The parser's own. */
	unsigned int where;		/* state of the automaton */
	unsigned int field;		/* which header field the value belongs to */
	unsigned int fields, hosts;
	bool have_length, want_close, want_keep;
	size_t head_bytes, name_bytes, value_bytes;
	char name[HTTP_NAME_MAX + 1];	/* method, version or field name, the last in lower case */
	char value[HTTP_VALUE_MAX + 1];
};

/* Get ready for the next request of a connection. */
void http_begin(struct http_request *r);

/*
 * Take n bytes. Returns how many were used: all of them while the state is HTTP_MORE; up to the end of the head when it
 * became HTTP_DONE; any number when it became HTTP_BAD. Once done or bad, further bytes are not looked at.
 */
size_t http_parse(struct http_request *r, const void *data, size_t n);

/* Has a request begun, that is: did anything but empty lines arrive? Tells an idle connection from an unfinished request. */
bool http_begun(const struct http_request *r);

/*
 * The path of the target: origin form ("/a?b") or absolute form ("http://host/a?b"), without the query, its %XX decoded.
 * Returns its length, nul-terminated in path; -1: neither form, a bad escape, an encoded nul, or no room.
 */
long http_path(const struct http_request *r, char *path, size_t size);

/* "Not Found" for 404; "Unknown" for what the server never sends. */
const char *http_reason(int status);

#endif
