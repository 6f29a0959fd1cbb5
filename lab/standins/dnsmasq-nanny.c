/* Stands in for dnsmasq-nanny of kube-dns (kubernetes/dns), which cannot be built here: takes its flags, stays
 * PID 1, runs the real dnsmasq with the arguments after `--` as its child, and puts klog's prefix before every
 * line that dnsmasq writes. It ends with dnsmasq; it does not watch -configDir.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* PID 1 is not ended by a signal unless it says so, and may not signal dnsmasq, which is another user's. When
 * PID 1 ends, so does all that is in its PID namespace. */
static void end(int number) { _exit(128 + number); }

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void log_line(const char *line, size_t length) {
    struct timeval now;
    struct tm utc;
    char prefix[64];
    gettimeofday(&now, NULL);
    gmtime_r(&now.tv_sec, &utc);
    size_t size = strftime(prefix, sizeof prefix, "I%m%d %H:%M:%S", &utc);
    size += snprintf(prefix + size, sizeof prefix - size, ".%06ld %7d nanny.go:148] ", (long)now.tv_usec, getpid());
    fwrite(prefix, 1, size, stderr);
    fwrite(line, 1, length, stderr);
    fflush(stderr);
}

int main(int count, char **arguments) {
    int first = 1, pipes[2], status;
    pid_t dnsmasq;
    while (first < count && strcmp(arguments[first], "--") != 0)
        first++;
    if (first == count) {
        fputs("dnsmasq-nanny stand-in: no -- before dnsmasq's arguments\n", stderr);
        return 2;
    }
    arguments[first] = "/usr/sbin/dnsmasq";
    if (pipe(pipes) != 0)
        fail("pipe");
    dnsmasq = fork();
    if (dnsmasq < 0)
        fail("fork");
    if (dnsmasq == 0) {
        dup2(pipes[1], STDOUT_FILENO);
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        execv(arguments[first], arguments + first);
        fail(arguments[first]);
    }
    close(pipes[1]);
    signal(SIGTERM, end);
    signal(SIGINT, end);

    static char buffer[1 << 16];
    FILE *output = fdopen(pipes[0], "r");
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    setvbuf(stderr, buffer, _IOFBF, sizeof buffer); /* one write per line, so that none is torn */
    while ((length = getline(&line, &capacity, output)) > 0)
        log_line(line, length);
    if (waitpid(dnsmasq, &status, 0) < 0)
        fail("waitpid");
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
