/* getaddrinfo NAME inet|inet6|unspec
 *
 * One call of the C library's getaddrinfo(3), reported as one line of JSON:
 *
 *     {"failure": null, "addresses": ["192.0.2.1"], "start_ns": 1, "end_ns": 2}
 *
 * "failure" is the name of the EAI_ constant or null; the times are wall-clock nanoseconds around the call.
 * Linked statically against musl it shows musl's resolver in any image; built with the system's compiler it shows
 * that system's, so that the two can be compared.
 *
 * Exit status: 0 when the call was made, whatever it said; 2 for wrong arguments.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static const char *error_name(int code)
{
	switch (code) {
	case EAI_AGAIN: return "EAI_AGAIN";
	case EAI_BADFLAGS: return "EAI_BADFLAGS";
	case EAI_FAIL: return "EAI_FAIL";
	case EAI_FAMILY: return "EAI_FAMILY";
	case EAI_MEMORY: return "EAI_MEMORY";
	case EAI_NONAME: return "EAI_NONAME";
	case EAI_OVERFLOW: return "EAI_OVERFLOW";
	case EAI_SYSTEM: return "EAI_SYSTEM";
#ifdef EAI_NODATA
	case EAI_NODATA: return "EAI_NODATA";
#endif
	default: return "EAI_OTHER";
	}
}

static int family_of(const char *word)
{
	if (!strcmp(word, "inet")) return AF_INET;
	if (!strcmp(word, "inet6")) return AF_INET6;
	if (!strcmp(word, "unspec")) return AF_UNSPEC;
	return -1;
}

static long long now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc != 3 || family_of(argv[2]) < 0) {
		fprintf(stderr, "usage: %s NAME inet|inet6|unspec\n", argv[0]);
		return 2;
	}

	/* One socket type, or every address is listed once per type. */
	struct addrinfo hints = { .ai_family = family_of(argv[2]), .ai_socktype = SOCK_STREAM };
	struct addrinfo *found = NULL;
	long long start = now_ns();
	int code = getaddrinfo(argv[1], NULL, &hints, &found);
	long long end = now_ns();

	if (code) printf("{\"failure\": \"%s\", \"addresses\": [", error_name(code));
	else printf("{\"failure\": null, \"addresses\": [");
	for (const struct addrinfo *each = found; each; each = each->ai_next) {
		char text[INET6_ADDRSTRLEN];
		const void *address = each->ai_family == AF_INET
			? (const void *)&((const struct sockaddr_in *)each->ai_addr)->sin_addr
			: (const void *)&((const struct sockaddr_in6 *)each->ai_addr)->sin6_addr;
		inet_ntop(each->ai_family, address, text, sizeof text);
		printf("%s\"%s\"", each == found ? "" : ", ", text);
	}
	printf("], \"start_ns\": %lld, \"end_ns\": %lld}\n", start, end);
	return 0;
}
