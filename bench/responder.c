/* The physical limit: an epoll loop that answers every request with the same bytes.
 *
 * Level triggered, one process, keep-alive always. It looks for nothing but the ends of heads
 * (an empty line), and answers all the requests of one read with one write, so it is also the
 * limit for pipelining. It understands no bodies and checks nothing: it is a yardstick and must
 * never be used for anything else.
 *
 * usage: responder PORT        (listens on 127.0.0.1)
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* The same fields and nearly the same length as what the Python servers answer. */
static const char ANSWER[] =
    "HTTP/1.1 200 OK\r\n"
    "Server: responder\r\n"
    "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
    "Connection: keep-alive\r\n"
    "Content-Type: text/plain\r\n"
    "Content-Length: 13\r\n"
    "\r\n"
    "Hello, World!";

enum { ANSWER_LENGTH = sizeof ANSWER - 1, MOST_ANSWERS = 512, MOST_EVENTS = 256, MOST_FDS = 65536 };

/* How much of "\r\n\r\n" each connection has seen at the end of its last read. */
static unsigned char matched[MOST_FDS];
static char input[64 * 1024];
static char output[MOST_ANSWERS * ANSWER_LENGTH];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((unsigned short)port)};
    int yes = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (listen(fd, 2048) < 0)
        fail("listen");
    return fd;
}

/* Number of request heads that end in these bytes; the match goes on from read to read. */
static int count_heads(int fd, const char *bytes, ssize_t length)
{
    static const char end[4] = {'\r', '\n', '\r', '\n'};
    int state = matched[fd];
    int heads = 0;

    for (ssize_t i = 0; i < length; i++) {
        if (state == 0) { /* skip to the next candidate at the speed of memchr */
            const char *next = memchr(bytes + i, '\r', (size_t)(length - i));
            if (next == NULL)
                break;
            i = next - bytes;
            state = 1;
        } else if (bytes[i] == end[state]) {
            state++;
        } else {
            state = bytes[i] == '\r';
        }
        if (state == 4) {
            heads++;
            state = 0;
        }
    }
    matched[fd] = (unsigned char)state;
    return heads;
}

/* 0 when the connection is to be closed. A peer that does not read its answers loses it. */
static int serve(int fd)
{
    ssize_t length = recv(fd, input, sizeof input, 0);
    int heads;

    if (length < 0)
        return errno == EAGAIN || errno == EINTR;
    if (length == 0)
        return 0;
    for (heads = count_heads(fd, input, length); heads > 0;) {
        int now = heads < MOST_ANSWERS ? heads : MOST_ANSWERS;
        if (send(fd, output, (size_t)now * ANSWER_LENGTH, MSG_NOSIGNAL) != now * ANSWER_LENGTH)
            return 0;
        heads -= now;
    }
    return 1;
}

static void accept_all(int poll, int listener)
{
    for (;;) {
        int yes = 1;
        struct epoll_event event = {.events = EPOLLIN};
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (fd >= MOST_FDS) {
            close(fd);
            continue;
        }
        matched[fd] = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        event.data.fd = fd;
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
            close(fd);
    }
}

int main(int argc, char **argv)
{
    struct epoll_event events[MOST_EVENTS];
    struct epoll_event event = {.events = EPOLLIN};
    int listener, poll;

    if (argc != 2) {
        fprintf(stderr, "usage: %s PORT\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < MOST_ANSWERS; i++)
        memcpy(output + i * ANSWER_LENGTH, ANSWER, ANSWER_LENGTH);
    listener = listen_on(atoi(argv[1]));
    poll = epoll_create1(EPOLL_CLOEXEC);
    event.data.fd = listener;
    if (poll < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll");
    for (;;) {
        int ready = epoll_wait(poll, events, MOST_EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(poll, listener);
            else if (!serve(fd))
                close(fd);
        }
    }
}
