/* A client that asks at a fixed rate and says how long each answer took.
 *
 * Each request has a moment at which it should be sent; its time is counted from that moment,
 * not from when a connection was free, so a server that stalls cannot hide it (no "coordinated
 * omission"). Requests take the first idle connection. Everything that goes wrong is counted:
 * connections that fail or end early, answers that are not 200, requests never answered.
 *
 * With SLOW_PATH and EVERY, one of each EVERY requests, at a random place among them, asks for
 * SLOW_PATH: the percentiles are those of the others. All connections are opened, and answer PATH
 * once, before the first request is due, and requests take them in turn, so that all of them are
 * in use. The random places are the same in each run.
 *
 * usage: pace PORT PATH RATE SECONDS CONNECTIONS [SLOW_PATH EVERY]
 *        (127.0.0.1; prints one JSON object)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 1024, MOST_HEAD = 8192 };

struct connection {
    int fd;                /* -1: not open */
    int busy;              /* a request waits for its answer here */
    int slow;              /* that request is one for SLOW_PATH */
    int64_t due;           /* when that request should have been sent, in ns */
    char head[MOST_HEAD];  /* answer so far, until its head is complete */
    size_t length;
    long long body_left;   /* -1: the head is not complete */
};

static struct connection connections[MOST_CONNECTIONS];
static struct sockaddr_in server = {.sin_family = AF_INET};
static char request[1024], slow_request[1024];
static size_t request_length, slow_length;
static int poll_fd;
static int in_turn; /* requests take the connections in turn */
static double *times, *slow_times;
static size_t answered, slow_answered, bad_status, lost, refused;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void drop(struct connection *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->busy = 0;
}

static int open_connection(struct connection *c, uint32_t index)
{
    int yes = 1;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0) {
        drop(c);
        refused++;
        return 0;
    }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
    return 1;
}

/* The value of Content-Length in a complete head, 0 when there is none. */
static long long content_length(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:");
    return field ? atoll(field + 17) : 0;
}

static void finish(struct connection *c)
{
    if (strncmp(c->head, "HTTP/1.1 200", 12) != 0)
        bad_status++;
    if (c->slow)
        slow_times[slow_answered++] = (double)(now_ns() - c->due) / 1e6;
    else
        times[answered++] = (double)(now_ns() - c->due) / 1e6;
    c->busy = 0;
    if (strcasestr(c->head, "\r\nconnection: close") != NULL)
        drop(c);
}

static void receive(struct connection *c)
{
    static char body[65536];
    int in_head = c->busy && c->body_left < 0;
    ssize_t n = in_head ? recv(c->fd, c->head + c->length, MOST_HEAD - 1 - c->length, 0)
                        : recv(c->fd, body, sizeof body, 0);

    if (n <= 0) {
        lost += (size_t)c->busy;
        drop(c);
        return;
    }
    if (!c->busy) { /* bytes without a request */
        lost++;
        drop(c);
        return;
    }
    if (in_head) {
        char *end;
        c->length += (size_t)n;
        c->head[c->length] = 0;
        end = strstr(c->head, "\r\n\r\n");
        if (end == NULL)
            return;
        end[2] = 0; /* from here on `head` is the head alone, a string */
        c->body_left = content_length(c->head) - (long long)(c->head + c->length - (end + 4));
    } else {
        c->body_left -= n;
    }
    if (c->body_left <= 0)
        finish(c);
}

static int ask(int64_t due, int count, int slow)
{
    static int next;

    for (int n = 0; n < count; n++) {
        int i = in_turn ? (next + n) % count : n;
        struct connection *c = &connections[i];
        size_t length = slow ? slow_length : request_length;
        if (c->busy || (c->fd < 0 && !open_connection(c, (uint32_t)i)))
            continue;
        c->busy = 1;
        c->slow = slow;
        c->due = due;
        c->length = 0;
        c->body_left = -1;
        if (send(c->fd, slow ? slow_request : request, length, MSG_NOSIGNAL) == (ssize_t)length) {
            next = i + 1;
            return 1;
        }
        drop(c); /* an idle connection that the server had closed: take another one */
    }
    return 0;
}

static void wait_until(int64_t moment)
{
    struct epoll_event events[256];
    int64_t left = moment - now_ns();
    struct timespec timeout = {.tv_sec = left > 0 ? left / 1000000000 : 0,
                               .tv_nsec = left > 0 ? left % 1000000000 : 0};
    int ready = epoll_pwait2(poll_fd, events, 256, &timeout, NULL);

    for (int i = 0; i < ready; i++) {
        struct connection *c = &connections[events[i].data.u32];
        if (c->fd >= 0)
            receive(c);
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of sorted values. */
static double percentile(const double *values, size_t count, double share)
{
    size_t i = (size_t)(share * (double)count);
    return count == 0 ? -1 : values[i < count ? i : count - 1];
}

/* Marks one request of each `every` as slow; none when that is 0. */
static void choose_slow(char *slow, size_t planned, size_t every)
{
    uint64_t state = 88172645463325252ULL;

    for (size_t first = 0; every > 0 && first < planned; first += every) {
        state ^= state << 13; /* xorshift64 */
        state ^= state >> 7;
        state ^= state << 17;
        if (first + state % every < planned)
            slow[first + state % every] = 1;
    }
}

/* One answer on each of the connections, all asked at the same time; none of it is counted. */
static void warm_up(int count)
{
    int64_t end = now_ns() + 5000000000;

    for (int i = 0; i < count; i++)
        ask(now_ns(), count, 0);
    while (answered + lost < (size_t)count && now_ns() < end)
        wait_until(now_ns() + 10000000);
    answered = bad_status = lost = refused = 0;
}

static size_t as_request(char *text, size_t room, const char *path, const char *port)
{
    return (size_t)snprintf(text, room, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", path, port);
}

int main(int argc, char **argv)
{
    int right = argc == 6 || argc == 8;
    double rate = right ? atof(argv[3]) : 0, seconds = right ? atof(argv[4]) : 0;
    int count = right ? atoi(argv[5]) : 0, every = argc == 8 ? atoi(argv[7]) : 0;
    size_t planned = (size_t)(rate * seconds), sent = 0, slow_sent = 0, punctual = 0, delayed = 0;
    int64_t start, end;
    double *delays; /* of requests that waited for nothing but the client itself */
    int behind = 0; /* the last request waited for a connection */
    /* A computing process keeps its slice of 3 ms against any that is merely more important. */
    struct sched_param at_once = {.sched_priority = 1};
    char *slow;

    if (planned < 1 || planned > 10000000 || count < 1 || count > MOST_CONNECTIONS
        || (argc == 8 && every < 2)) {
        fprintf(stderr, "usage: %s PORT PATH RATE SECONDS CONNECTIONS [SLOW_PATH EVERY]\n", argv[0]);
        return 2;
    }
    prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0); /* the default of 50 us would blur what is measured */
    server.sin_port = htons((unsigned short)atoi(argv[1]));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    request_length = as_request(request, sizeof request, argv[2], argv[1]);
    if (argc == 8)
        slow_length = as_request(slow_request, sizeof slow_request, argv[6], argv[1]);
    times = calloc(planned + (size_t)count, sizeof *times); /* those of the warm-up beside */
    slow_times = calloc(planned, sizeof *slow_times);
    delays = calloc(planned, sizeof *delays);
    slow = calloc(planned, 1);
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (times == NULL || slow_times == NULL || delays == NULL || slow == NULL
        || poll_fd < 0 || request_length >= sizeof request || slow_length >= sizeof slow_request)
        return 1;
    for (int i = 0; i < count; i++)
        connections[i].fd = -1;
    if (argc == 8) {
        in_turn = 1;
        sched_setscheduler(0, SCHED_FIFO, &at_once); /* root only; `late` tells how well it went */
        warm_up(count);
    }
    choose_slow(slow, planned, (size_t)every);
    start = now_ns();
    while (sent < planned) {
        int64_t due = start + (int64_t)((double)sent * 1e9 / rate);
        if (now_ns() < due)
            behind = 0;
        while (now_ns() < due)
            wait_until(due);
        if (!behind)
            delays[punctual++] = (double)(now_ns() - due) / 1e6;
        if (now_ns() > start + (int64_t)(seconds * 1e9) + 2000000000)
            break; /* hopelessly late: what was not sent counts as unsent */
        if (ask(due, count, slow[sent])) {
            slow_sent += (size_t)slow[sent];
            sent++;
        } else { /* all connections wait for answers: so does the schedule */
            delayed++;
            behind = 1;
            wait_until(now_ns() + 1000000);
        }
    }
    end = now_ns() + 2000000000; /* last answers may take 2 s */
    while (answered + slow_answered + lost < sent && now_ns() < end)
        wait_until(now_ns() + 10000000);
    qsort(times, answered, sizeof *times, by_size);
    qsort(slow_times, slow_answered, sizeof *slow_times, by_size);
    qsort(delays, punctual, sizeof *delays, by_size);
    printf("{\"planned\": %zu, \"sent\": %zu, \"answered\": %zu, \"bad_status\": %zu, \"lost\": %zu, "
           "\"refused\": %zu, \"delayed\": %zu, \"p50_ms\": %.4f, \"p99_ms\": %.4f, \"p999_ms\": %.4f, "
           "\"max_ms\": %.4f, \"slow_sent\": %zu, \"slow_answered\": %zu, \"slow_p99_ms\": %.4f, "
           "\"late_p99_ms\": %.4f}\n",
           planned, sent, answered, bad_status, lost, refused, delayed,
           percentile(times, answered, 0.5), percentile(times, answered, 0.99),
           percentile(times, answered, 0.999), percentile(times, answered, 1.0),
           slow_sent, slow_answered, percentile(slow_times, slow_answered, 0.99),
           percentile(delays, punctual, 0.99));
    return 0;
}
