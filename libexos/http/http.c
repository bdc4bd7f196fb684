/*
 * http.c - the head of an HTTP/1.x request
 *
 * An automaton over bytes, in the order of RFC 9112: request line (section 3), field lines (section 5), empty line. It is
 * strict where leniency has let requests be smuggled past one reader and into another: no folded lines, no blank before a
 * colon, no CR without LF, one Content-Length, no Transfer-Encoding. A bare LF ends a line (2.2 allows it).
 */
#include "http/http.h"

#include <string.h>

enum where {
	START,			/* empty lines before a request are passed over (2.2) */
	START_LF,
	METHOD, TARGET, VERSION, LINE_LF,
	FIELD_START, NAME, BEFORE_VALUE, VALUE, FIELD_LF,
	END_LF,
};

enum field { FIELD_NONE, FIELD_HOST, FIELD_CONNECTION, FIELD_LENGTH, FIELD_ENCODING, FIELD_EXPECT };

static const char *const field_names[] = {
	[FIELD_HOST] = "host", [FIELD_CONNECTION] = "connection", [FIELD_LENGTH] = "content-length",
	[FIELD_ENCODING] = "transfer-encoding", [FIELD_EXPECT] = "expect",
};

void http_begin(struct http_request *r)
{
	memset(r, 0, offsetof(struct http_request, target));
	r->target[0] = '\0';
	memset((char *)r + offsetof(struct http_request, where), 0, sizeof(*r) - offsetof(struct http_request, where));
}

bool http_begun(const struct http_request *r)
{
	return r->where > START_LF;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* tchar of RFC 9110, 5.6.2 */
static bool is_token_char(char c)
{
	return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void bad(struct http_request *r, int status)
{
	r->state = HTTP_BAD;
	r->status = status;
	r->keep_alive = false;
}

static enum http_method method_of(const char *name)
{
	static const char *const others[] = { "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PATCH" };

	if (strcmp(name, "GET") == 0)
		return HTTP_GET;
	if (strcmp(name, "HEAD") == 0)
		return HTTP_HEAD;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return HTTP_OTHER;
	return HTTP_UNKNOWN;
}

/* HTTP-version of RFC 9112, 2.3: exactly "HTTP/" DIGIT "." DIGIT. */
static void end_version(struct http_request *r)
{
	const char *v = r->name;

	if (r->name_bytes != 8 || memcmp(v, "HTTP/", 5) != 0 || v[5] < '0' || v[5] > '9' || v[6] != '.' || v[7] < '0' || v[7] > '9')
		bad(r, 400);
	else if (v[5] != '1')
		bad(r, 505);
	else
		r->minor = (unsigned int)(v[7] - '0');
}

static enum field field_of(const char *name)
{
	for (enum field f = FIELD_HOST; f <= FIELD_EXPECT; f++)
		if (strcmp(name, field_names[f]) == 0)
			return f;
	return FIELD_NONE;
}

static void end_length(struct http_request *r)
{
	uint64_t n = 0;

	if (r->value_bytes == 0 || r->value_bytes > 18)
		return bad(r, 400);
	for (size_t i = 0; i < r->value_bytes; i++) {
		if (r->value[i] < '0' || r->value[i] > '9')
			return bad(r, 400);
		n = n * 10 + (uint64_t)(r->value[i] - '0');
	}
	if (r->have_length && r->body_bytes != n)
		return bad(r, 400);	/* RFC 9110, 8.6: never guess between two lengths */
	r->have_length = true;
	r->body_bytes = n;
}

/* Does the comma-separated list in r->value have this member? Case does not count. */
static bool value_lists(const struct http_request *r, const char *word)
{
	const char *p = r->value;
	size_t len = strlen(word);

	while (*p != '\0') {
		size_t n, i;

		p += strspn(p, ", \t");
		n = strcspn(p, ", \t");
		for (i = 0; i < n && i < len && lower(p[i]) == word[i]; i++)
			;
		if (n == len && i == len)
			return true;
		p += n;
	}
	return false;
}

static void end_field(struct http_request *r)
{
	while (r->value_bytes > 0 && (r->value[r->value_bytes - 1] == ' ' || r->value[r->value_bytes - 1] == '\t'))
		r->value_bytes--;
	r->value[r->value_bytes] = '\0';

	switch (r->field) {
	case FIELD_HOST:
		r->hosts++;
		break;
	case FIELD_CONNECTION:
		r->want_close |= value_lists(r, "close");
		r->want_keep |= value_lists(r, "keep-alive");
		break;
	case FIELD_LENGTH:
		end_length(r);
		break;
	case FIELD_ENCODING:
		bad(r, 501);	/* RFC 9112, 6.1: a coding that the server does not understand */
		break;
	case FIELD_EXPECT:
		r->expect_continue |= value_lists(r, "100-continue");
		break;
	}
}

static void end_head(struct http_request *r)
{
	/* RFC 9112, 3.2: a 1.1 request has exactly one Host; an older one may have one. */
	if (r->hosts > 1 || (r->minor >= 1 && r->hosts != 1))
		return bad(r, 400);
	r->keep_alive = !r->want_close && (r->minor >= 1 || r->want_keep);
	r->state = HTTP_DONE;
}

static void begin_name(struct http_request *r, char c)
{
	r->name_bytes = 1;
	r->name[0] = c;
	r->name[1] = '\0';
}

/* Append to name; what is too long only has to stay different from every name that we know. */
static void add_name(struct http_request *r, char c)
{
	if (r->name_bytes < HTTP_NAME_MAX) {
		r->name[r->name_bytes++] = c;
		r->name[r->name_bytes] = '\0';
	}
}

static void step(struct http_request *r, unsigned char c)
{
	switch ((enum where)r->where) {
	case START:
		if (c == '\r') {
			r->where = START_LF;
		} else if (c == '\n') {
			r->where = START;
		} else if (is_token_char(c)) {
			begin_name(r, (char)c);
			r->where = METHOD;
		} else {
			bad(r, 400);
		}
		break;
	case START_LF:
		if (c != '\n')
			return bad(r, 400);
		r->where = START;
		break;

	case METHOD:
		if (c == ' ') {
			r->method = method_of(r->name);
			r->where = TARGET;
		} else if (!is_token_char(c)) {
			bad(r, 400);
		} else if (r->name_bytes == HTTP_METHOD_MAX) {
			bad(r, 501);
		} else {
			add_name(r, c);
		}
		break;
	case TARGET:
		if (c == ' ' && r->target_bytes > 0) {
			r->name_bytes = 0;
			r->name[0] = '\0';
			r->where = VERSION;
		} else if (c <= ' ' || c >= 0x7f) {	/* a URI is of printable ASCII (RFC 3986, 2) */
			bad(r, 400);
		} else if (r->target_bytes == HTTP_TARGET_MAX) {
			bad(r, 414);
		} else {
			r->target[r->target_bytes++] = (char)c;
			r->target[r->target_bytes] = '\0';
		}
		break;
	case VERSION:
		if (c == '\r') {
			r->where = LINE_LF;
			end_version(r);
		} else if (c == '\n') {
			r->where = FIELD_START;
			end_version(r);
		} else if (r->name_bytes == 8) {
			bad(r, 400);
		} else {
			add_name(r, c);
		}
		break;
	case LINE_LF:
	case FIELD_LF:
		if (c != '\n')
			return bad(r, 400);
		r->where = FIELD_START;
		break;

	case FIELD_START:
		if (c == '\r') {
			r->where = END_LF;
		} else if (c == '\n') {
			end_head(r);
		} else if (!is_token_char(c)) {
			bad(r, 400);		/* a folded line (5.2) among others */
		} else if (r->fields++ == HTTP_FIELDS_MAX) {
			bad(r, 431);
		} else {
			begin_name(r, lower(c));
			r->where = NAME;
		}
		break;
	case NAME:
		if (c == ':') {
			r->field = field_of(r->name);
			r->value_bytes = 0;
			r->where = BEFORE_VALUE;
		} else if (is_token_char(c)) {
			add_name(r, lower(c));
		} else {
			bad(r, 400);		/* 5.1: no blank before the colon */
		}
		break;
	case BEFORE_VALUE:
		if (c == ' ' || c == '\t')
			break;
		r->where = VALUE;
		/* fall through */
	case VALUE:
		if (c == '\r' || c == '\n') {
			r->where = c == '\r' ? FIELD_LF : FIELD_START;
			end_field(r);
		} else if ((c < ' ' && c != '\t') || c == 0x7f) {
			bad(r, 400);
		} else if (r->field == FIELD_NONE) {
			break;
		} else if (r->value_bytes == HTTP_VALUE_MAX) {
			bad(r, 431);
		} else {
			r->value[r->value_bytes++] = (char)c;
		}
		break;
	case END_LF:
		if (c != '\n')
			return bad(r, 400);
		end_head(r);
		break;
	}
}

size_t http_parse(struct http_request *r, const void *data, size_t n)
{
	const unsigned char *p = data;
	size_t i;

	for (i = 0; i < n && r->state == HTTP_MORE; i++) {
		if (r->head_bytes++ == HTTP_HEAD_MAX) {
			bad(r, 431);
			break;
		}
		step(r, p[i]);
	}
	return i;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

long http_path(const struct http_request *r, char *path, size_t size)
{
	const char *p = r->target;
	size_t n = 0;

	if (*p != '/') {
		/* absolute-form (3.2.2): a server accepts it; whom it names does not matter to a server with one name */
		static const char scheme[] = "http://";
		size_t i;

		for (i = 0; i < sizeof(scheme) - 1; i++)
			if (lower(p[i]) != scheme[i])
				return -1;
		p += i;
		if (*p == '/' || *p == '\0')
			return -1;
		p += strcspn(p, "/?#");
		if (*p != '/')
			p = "/";
	}
	for (; *p != '\0' && *p != '?' && *p != '#'; p++) {
		char c = *p;

		if (c == '%') {
			int high = hex(p[1]), low = high < 0 ? -1 : hex(p[2]);

			if (low < 0 || (high | low) == 0)
				return -1;
			c = (char)(high << 4 | low);
			p += 2;
		}
		if (n + 1 >= size)
			return -1;
		path[n++] = c;
	}
	if (size == 0)
		return -1;
	path[n] = '\0';
	return (long)n;
}

const char *http_reason(int status)
{
	switch (status) {
	case 100: return "Continue";
	case 200: return "OK";
	case 400: return "Bad Request";
	case 404: return "Not Found";
	case 405: return "Method Not Allowed";
	case 408: return "Request Timeout";
	case 413: return "Content Too Large";
	case 414: return "URI Too Long";
	case 431: return "Request Header Fields Too Large";
	case 500: return "Internal Server Error";
	case 501: return "Unsupported";
	case 503: return "Service Unavailable";
	case 505: return "HTTP Version Not Supported";
	}
	return "Unknown";
}
