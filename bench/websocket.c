/* A WebSocket client that sends a message on each connection, checks the echo, and sends the next.
 *
 * RFC 6455: the handshake's answer is checked (status, Sec-WebSocket-Accept); each message is one
 * masked binary frame; of each answer the framing, the length and every byte are checked. The first
 * eight bytes of a message are its number on its connection, the others belong to the connection:
 * an answer that is old, doubled, or another connection's is found out. Pings are answered, answers
 * in fragments are put together. The mask is one per connection: no server is faster for that.
 *
 * After the handshakes and WARM_NS of messages it prints "ready" and waits for a line of input, so
 * that the processor time of the server can be read at a moment without load; then it sends for
 * SECONDS, waits for the last answers, and prints one JSON object. The first wrong byte, frame or
 * close ends its connection, and is counted as an error; MOST_MESSAGES bounds the whole.
 *
 * usage: websocket PORT PATH CONNECTIONS BYTES SECONDS   (127.0.0.1)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MOST_CONNECTIONS = 1024, LEAST_BYTES = 8, MOST_BYTES = 1 << 20, MOST_HEAD = 14 };
enum { MOST_MICROSECONDS = 1 << 20, ROOM = 1 << 17 };
enum { CONTINUATION = 0, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };
static const size_t MOST_MESSAGES = 100000000;
static const int64_t WARM_NS = 1000000000, LAST_NS = 2000000000;

/* Sec-WebSocket-Key of RFC 6455, 1.3, and what answers it. */
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

struct connection {
    int fd;                   /* -1: not open */
    uint64_t number;          /* of the message that waits for its answer */
    int busy;                 /* there is such a message */
    int64_t sent;             /* when it was sent, in ns */
    unsigned char mask[4];
    unsigned char *payload;   /* what is expected back */
    unsigned char *frame;     /* the same with head and mask, as it is sent */
    size_t frame_length, head_length;
    unsigned char head[MOST_HEAD]; /* of the frame that is coming in */
    size_t head_got;
    int in_payload;           /* that head is complete */
    int opcode, last;         /* and what it says */
    uint64_t left;
    int in_message;           /* a fragment came, the last one has not */
    size_t got;               /* bytes of the message so far */
    unsigned char control[125];
    size_t control_got;
};

static struct connection connections[MOST_CONNECTIONS];
static uint32_t histogram[MOST_MICROSECONDS]; /* round trips by their microseconds */
static size_t bytes, messages, errors, waiting;
static int poll_fd;
static const char *first_error = "";

static int64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static void fail(struct connection *c, const char *reason)
{
    if (errors++ == 0)
        first_error = reason;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    waiting -= (size_t)c->busy;
    c->busy = 0;
}

static int send_all(int fd, const void *data, size_t length)
{
    const char *next = data;

    while (length > 0) {
        ssize_t n = send(fd, next, length, MSG_NOSIGNAL);
        if (n <= 0)
            return 0; /* SO_SNDTIMEO passed, or the connection is lost */
        next += n;
        length -= (size_t)n;
    }
    return 1;
}

static void send_message(struct connection *c)
{
    c->number++;
    for (int i = 0; i < 8; i++) {
        c->payload[i] = (unsigned char)(c->number >> (8 * i));
        c->frame[c->head_length + (size_t)i] = c->payload[i] ^ c->mask[i % 4];
    }
    c->got = 0;
    c->busy = 1;
    waiting++;
    c->sent = now_ns();
    if (!send_all(c->fd, c->frame, c->frame_length))
        fail(c, "a message could not be sent");
}

static void send_pong(struct connection *c)
{
    unsigned char frame[6 + 125] = {0x80 | PONG, (unsigned char)(0x80 | c->control_got)};

    memcpy(frame + 2, c->mask, 4);
    for (size_t i = 0; i < c->control_got; i++)
        frame[6 + i] = c->control[i] ^ c->mask[i % 4];
    if (!send_all(c->fd, frame, 6 + c->control_got))
        fail(c, "a pong could not be sent");
}

/* Takes the head of a frame, as far as it has come: bytes used. */
static size_t take_head(struct connection *c, const unsigned char *data, size_t length)
{
    size_t used = 0, wanted = 2;

    while (used < length && c->head_got < wanted) {
        c->head[c->head_got++] = data[used++];
        if (c->head_got >= 2)
            wanted = (c->head[1] & 127) == 126 ? 4 : (c->head[1] & 127) == 127 ? 10 : 2;
    }
    if (c->head_got < wanted || c->head_got < 2)
        return used;
    c->last = c->head[0] >> 7;
    c->opcode = c->head[0] & 15;
    c->left = c->head[1] & 127;
    if (wanted > 2) {
        c->left = 0;
        for (size_t i = 2; i < wanted; i++)
            c->left = c->left << 8 | c->head[i];
    }
    c->in_payload = 1;
    if (c->head[0] & 0x70)
        fail(c, "a reserved bit is set, no extension was agreed on");
    else if (c->head[1] & 0x80)
        fail(c, "a frame of the server is masked");
    else if (c->opcode == CLOSE)
        fail(c, "the server closed");
    else if (c->opcode >= CLOSE && (c->opcode > PONG || !c->last || c->left > 125))
        fail(c, "a control frame is wrong");
    else if (c->opcode < CLOSE && c->opcode != (c->in_message ? CONTINUATION : BINARY))
        fail(c, "a frame of another kind than sent, or of a message not begun");
    else if (c->opcode < CLOSE && (!c->busy || c->got + c->left > bytes))
        fail(c, "an answer is longer than its message");
    return used;
}

/* The payload of the frame is complete. */
static void end_frame(struct connection *c, int64_t now)
{
    int64_t us = (now - c->sent) / 1000;

    c->in_payload = 0;
    c->head_got = 0;
    if (c->opcode >= CLOSE) {
        if (c->opcode == PING)
            send_pong(c);
        c->control_got = 0;
        return;
    }
    c->in_message = !c->last;
    if (!c->last)
        return;
    if (c->got != bytes) {
        fail(c, "an answer is shorter than its message");
        return;
    }
    histogram[us < MOST_MICROSECONDS ? us : MOST_MICROSECONDS - 1]++;
    messages++;
    waiting--;
    c->busy = 0;
}

static void receive(struct connection *c)
{
    static unsigned char data[ROOM];
    ssize_t n = recv(c->fd, data, sizeof data, MSG_DONTWAIT);
    size_t at = 0;
    int64_t now = now_ns();

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0) {
        fail(c, "the connection ended");
        return;
    }
    while (c->fd >= 0 && at < (size_t)n) {
        if (!c->in_payload) {
            at += take_head(c, data + at, (size_t)n - at);
        } else {
            size_t part = (size_t)n - at < c->left ? (size_t)n - at : (size_t)c->left;
            if (c->opcode >= CLOSE) {
                memcpy(c->control + c->control_got, data + at, part);
                c->control_got += part;
            } else if (memcmp(c->payload + c->got, data + at, part) == 0) {
                c->got += part;
            } else {
                fail(c, "an answer differs from its message");
            }
            at += part;
            c->left -= part;
        }
        if (c->fd >= 0 && c->in_payload && c->left == 0)
            end_frame(c, now);
    }
}

/* Messages on all connections until `until`, then no more; all answers, or LAST_NS of waiting. */
static void exchange(int count, int64_t until)
{
    struct epoll_event events[256];

    for (int i = 0; i < count; i++)
        if (connections[i].fd >= 0)
            send_message(&connections[i]);
    while (waiting > 0) {
        int ready = epoll_wait(poll_fd, events, 256, 100);
        int64_t now = now_ns();
        if (now > until + LAST_NS)
            break;
        for (int i = 0; i < ready; i++) {
            struct connection *c = &connections[events[i].data.u32];
            if (c->fd < 0)
                continue;
            receive(c);
            if (c->fd >= 0 && !c->busy && now < until && messages < MOST_MESSAGES)
                send_message(c);
        }
    }
    for (int i = 0; i < count; i++)
        if (connections[i].busy)
            fail(&connections[i], "a message was not answered");
}

static void make_frame(struct connection *c, uint64_t seed)
{
    unsigned char *head;

    c->payload = malloc(bytes);
    c->frame = malloc(bytes + MOST_HEAD);
    if (c->payload == NULL || c->frame == NULL)
        exit(1);
    for (size_t i = 0; i < bytes; i++) {
        seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
        c->payload[i] = (unsigned char)(seed >> 56);
    }
    memcpy(c->mask, &seed, 4);
    head = c->frame;
    *head++ = 0x80 | BINARY;
    if (bytes < 126) {
        *head++ = (unsigned char)(0x80 | bytes);
    } else {
        int size = bytes < 65536 ? 2 : 8;
        *head++ = 0x80 | (size == 2 ? 126 : 127);
        for (int i = size - 1; i >= 0; i--)
            *head++ = (unsigned char)((uint64_t)bytes >> (8 * i));
    }
    memcpy(head, c->mask, 4);
    head += 4;
    c->head_length = (size_t)(head - c->frame);
    c->frame_length = c->head_length + bytes;
    for (size_t i = 0; i < bytes; i++)
        head[i] = c->payload[i] ^ c->mask[i % 4];
}

/* 1, or 0 with the first line of the answer in `text`. */
static int shake_hands(struct connection *c, uint32_t index, const char *port, const char *path,
                       char *text, size_t room)
{
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    struct timeval patience = {.tv_sec = 5};
    char request[1024];
    size_t got = 0;
    int yes = 1, agreed, length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);

    text[0] = 0;
    if (length < 0 || (size_t)length >= sizeof request)
        return 0;
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        return 0;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (connect(c->fd, (struct sockaddr *)&server, sizeof server) < 0
        || !send_all(c->fd, request, (size_t)length))
        return 0;
    do { /* byte for byte: what follows the head is of the first frame */
        if (got + 1 >= room || recv(c->fd, text + got, 1, 0) != 1)
            return 0;
        text[++got] = 0;
    } while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0);
    agreed = strncmp(text, "HTTP/1.1 101", 12) == 0 && strstr(text, ACCEPT) != NULL
        && strcasestr(text, "\r\nsec-websocket-extensions:") == NULL;
    text[strcspn(text, "\r")] = 0;
    return agreed && epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event) == 0;
}

/* The microseconds within which this share of the round trips was done. */
static double percentile(double share)
{
    size_t wanted = (size_t)(share * (double)messages), seen = 0;

    for (size_t us = 0; us < MOST_MICROSECONDS; us++)
        if ((seen += histogram[us]) > wanted)
            return (double)us;
    return -1;
}

int main(int argc, char **argv)
{
    int count = argc == 6 ? atoi(argv[3]) : 0;
    double seconds = argc == 6 ? atof(argv[5]) : 0;
    int64_t start, busy, ended;
    char answer[4096];

    bytes = argc == 6 ? (size_t)atol(argv[4]) : 0;
    if (count < 1 || count > MOST_CONNECTIONS || bytes < LEAST_BYTES || bytes > MOST_BYTES
        || seconds <= 0 || seconds > 600) {
        fprintf(stderr, "usage: %s PORT PATH CONNECTIONS BYTES SECONDS\n", argv[0]);
        return 2;
    }
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < count; i++) {
        make_frame(&connections[i], (uint64_t)i + 1);
        if (poll_fd < 0 || !shake_hands(&connections[i], (uint32_t)i, argv[1], argv[2],
                                        answer, sizeof answer)) {
            fprintf(stderr, "connection %d: no handshake, but '%s'\n", i + 1, answer);
            return 1;
        }
    }
    exchange(count, now_ns() + WARM_NS);
    if (errors > 0) {
        fprintf(stderr, "%zu errors while warming up: %s\n", errors, first_error);
        return 1;
    }
    messages = 0;
    memset(histogram, 0, sizeof histogram);
    puts("ready");
    fflush(stdout);
    if (getchar() != '\n')
        return 1;
    start = now_ns();
    busy = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    exchange(count, start + (int64_t)(seconds * 1e9));
    ended = now_ns();
    printf("{\"messages\": %zu, \"seconds\": %.6f, \"errors\": %zu, \"first_error\": \"%s\", "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"busy\": %.3f}\n",
           messages, (double)(ended - start) / 1e9, errors, first_error,
           percentile(0.5) / 1e3, percentile(0.99) / 1e3,
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - busy) / (double)(ended - start));
    return 0;
}
