/* Reads resolv.conf texts, each behind its length in four octets, and prints what the C library makes of each:
   its nameservers, its search list and ndots. It runs in a root of its own, as the libraries know one path only. */
#include <arpa/inet.h>
#include <resolv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef __GLIBC__
struct address { int family; unsigned scope; uint8_t octets[16]; int key; };
struct resolvconf { struct address ns[3]; unsigned nns, attempts, ndots, timeout; };
int __get_resolv_conf(struct resolvconf *, char *, size_t);
#endif

static void address(int family, const void *octets)
{
    char text[INET6_ADDRSTRLEN];
    printf("%s ", inet_ntop(family, octets, text, sizeof text));
}

static void show(void)
{
#ifdef __GLIBC__
    struct __res_state state;
    memset(&state, 0, sizeof state);
    res_ninit(&state);
    for (int i = 0; i < state.nscount; i++) {
        struct sockaddr_in6 *six = state._u._ext.nsaddrs[i];
        if (six) address(AF_INET6, &six->sin6_addr);
        else address(AF_INET, &state.nsaddr_list[i].sin_addr);
    }
    printf("\t");
    for (char **domain = state.dnsrch; *domain; domain++)
        for (char *at = *domain;; at++) { printf("%02x", (unsigned char)*at); if (!*at) break; }
    printf("\t%u\t%d\t%d\n", state.ndots, state.retrans, state.retry);
    res_nclose(&state);
#else
    struct resolvconf conf;
    char search[256] = "";
    __get_resolv_conf(&conf, search, sizeof search);
    for (unsigned i = 0; i < conf.nns; i++)
        address(conf.ns[i].family, conf.ns[i].octets);
    printf("\t");
    for (char *word = strtok(search, " \t\n\v\f\r"); word; word = strtok(0, " \t\n\v\f\r"))
        for (char *at = word;; at++) { printf("%02x", (unsigned char)*at); if (!*at) break; }
    printf("\t%u\t%u\t%u\n", conf.ndots, conf.timeout, conf.attempts);
#endif
    fflush(stdout);
}

int main(void)
{
    uint32_t size;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        char *text = malloc(size + 1);
        if (!text || fread(text, 1, size, stdin) != size) return 1;
        FILE *file = fopen("/etc/resolv.conf", "w");
        if (!file || fwrite(text, 1, size, file) != size || fclose(file)) return 1;
        free(text);
        show();
    }
    return 0;
}
