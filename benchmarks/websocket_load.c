/* Pairs of MQTT clients that keep a broker busy, over TCP or over WebSocket.
 *
 * Each pair is a publisher and a subscriber of one topic, QoS 0. Never more than WINDOW messages of a pair are under
 * way, so nothing is dropped, and both ways carry the same work. Over WebSocket each PUBLISH is a masked frame of its
 * own, as clients send it.
 *
 *   websocket_load PORT tcp|ws PAIRS WINDOW PAYLOAD SECONDS PID
 *
 * Prints what was delivered, and the CPU seconds that process PID used meanwhile: DELIVERED SECONDS
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20 };

struct pair {
    int publisher, subscriber;
    long under_way;
    uint8_t packet[4096]; /* its PUBLISH */
    size_t packet_size;
    size_t delivered_bytes, frame_left; /* of a frame from the broker: data that is still to come */
    uint8_t head[16];                   /* of a frame that is not here in full */
    size_t head_size;
};

static int port, over_websocket, poll_set;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static double cpu_of(int pid) {
    char name[64], text[1024];
    unsigned long user = 0, kernel = 0;
    sprintf(name, "/proc/%d/stat", pid);
    FILE *file = fopen(name, "r");
    if (!file) fail("the broker's process");
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    fclose(file);
    sscanf(strrchr(text, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &kernel);
    return (user + kernel) / (double)sysconf(_SC_CLK_TCK);
}

static void send_all(int fd, const uint8_t *data, size_t size) {
    while (size) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0) fail("send");
        data += sent, size -= sent;
    }
}

/* A packet as it travels: at most 4,000 bytes. */
static size_t framed(uint8_t *to, const uint8_t *packet, size_t size) {
    if (!over_websocket) return memcpy(to, packet, size), size;
    size_t at = 0;
    uint32_t random_bits = (uint32_t)rand();
    uint8_t *key;
    to[at++] = 0x82;
    if (size < 126) to[at++] = 0x80 | size;
    else to[at++] = 0x80 | 126, to[at++] = size >> 8, to[at++] = size & 255;
    key = memcpy(to + at, &random_bits, 4);
    at += 4;
    for (size_t i = 0; i < size; i++) to[at++] = packet[i] ^ key[i & 3];
    return at;
}

static void say(int fd, const uint8_t *packet, size_t size) {
    uint8_t frame[4200];
    send_all(fd, frame, framed(frame, packet, size));
}

static void expect(int fd, size_t size, uint8_t first) {
    uint8_t answer[64];
    size_t at = over_websocket ? 2 : 0;
    if (recv(fd, answer, size + at, MSG_WAITALL) != (ssize_t)(size + at) || answer[at] != first) {
        fprintf(stderr, "expected %02x\n", first);
        exit(1);
    }
}

static int dial(const char *client) {
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (over_websocket) {
        char request[512], answer[1024];
        size_t got = 0;
        int size = sprintf(request, "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                    "Sec-WebSocket-Protocol: mqtt\r\n\r\n");
        send_all(fd, (uint8_t *)request, size);
        do {
            ssize_t n = recv(fd, answer + got, 1, 0);
            if (n <= 0 || ++got >= sizeof answer - 1) fail("the handshake");
            answer[got] = 0;
        } while (!strstr(answer, "\r\n\r\n"));
        if (strncmp(answer, "HTTP/1.1 101", 12)) fail(answer);
    }
    uint8_t packet[128] = {0x10, 0, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, (uint8_t)strlen(client)};
    packet[1] = 12 + strlen(client);
    memcpy(packet + 14, client, strlen(client));
    say(fd, packet, 2 + packet[1]);
    expect(fd, 4, 0x20);
    return fd;
}

static void begin(struct pair *pair, int number, int payload) {
    char topic[32], client[32];
    uint8_t packet[64] = {0x82, 0, 0, 1, 0};
    size_t length = sprintf(topic, "bench/%d", number);
    sprintf(client, "p%d", number);
    pair->publisher = dial(client);
    sprintf(client, "s%d", number);
    pair->subscriber = dial(client);
    packet[1] = 5 + length, packet[5] = length;
    memcpy(packet + 6, topic, length);
    say(pair->subscriber, packet, 7 + length);
    expect(pair->subscriber, 5, 0x90);
    size_t size = 2 + length + payload, at = 0;
    pair->packet[at++] = 0x30;
    if (size > 127) pair->packet[at++] = 0x80 | (size & 127), pair->packet[at++] = size >> 7;
    else pair->packet[at++] = size;
    pair->packet[at++] = 0, pair->packet[at++] = length;
    memcpy(pair->packet + at, topic, length);
    memset(pair->packet + at + length, 'x', payload);
    pair->packet_size = at + length + payload;
    struct epoll_event event = {EPOLLIN, {.ptr = pair}};
    if (epoll_ctl(poll_set, EPOLL_CTL_ADD, pair->subscriber, &event)) fail("epoll_ctl");
}

static void pump(struct pair *pair, int window) {
    static uint8_t out[ROOM];
    size_t size = 0;
    for (; pair->under_way < window && size < ROOM - 8192; pair->under_way++)
        size += framed(out + size, pair->packet, pair->packet_size);
    if (size) send_all(pair->publisher, out, size);
}

/* How much of what came is MQTT. */
static size_t data_in(struct pair *pair, const uint8_t *data, size_t size) {
    if (!over_websocket) return size;
    size_t found = 0;
    while (size) {
        if (pair->frame_left) {
            size_t part = size < pair->frame_left ? size : pair->frame_left;
            found += part, pair->frame_left -= part, data += part, size -= part;
            continue;
        }
        pair->head[pair->head_size++] = *data++, size--;
        uint8_t kind = pair->head_size > 1 ? pair->head[1] : 0;
        if (pair->head_size == 2 && kind < 126) pair->frame_left = kind, pair->head_size = 0;
        else if (pair->head_size == 4 && kind == 126)
            pair->frame_left = pair->head[2] << 8 | pair->head[3], pair->head_size = 0;
        else if (pair->head_size == 10) {
            for (int i = 2; i < 10; i++) pair->frame_left = pair->frame_left << 8 | pair->head[i];
            pair->head_size = 0;
        }
    }
    return found;
}

int main(int count, char **words) {
    static uint8_t in[ROOM];
    if (count != 8) return fprintf(stderr, "expected PORT tcp|ws PAIRS WINDOW PAYLOAD SECONDS PID\n"), 2;
    port = atoi(words[1]), over_websocket = !strcmp(words[2], "ws");
    int pairs = atoi(words[3]), window = atoi(words[4]), payload = atoi(words[5]), pid = atoi(words[7]);
    double warm = now() + 0.5, end = warm + atof(words[6]), before = 0;
    long delivered = 0;
    struct pair *all = calloc(pairs, sizeof *all);
    poll_set = epoll_create1(0);
    for (int i = 0; i < pairs; i++) begin(&all[i], i, payload);
    for (int i = 0; i < pairs; i++) pump(&all[i], window);
    while (now() < end) {
        struct epoll_event events[64];
        int ready = epoll_wait(poll_set, events, 64, 100);
        if (!before && now() > warm) before = cpu_of(pid), delivered = 0;
        for (int i = 0; i < ready; i++) {
            struct pair *pair = events[i].data.ptr;
            ssize_t size = recv(pair->subscriber, in, sizeof in, 0);
            if (size <= 0) fail("the broker hung up");
            pair->delivered_bytes += data_in(pair, in, size);
            long messages = pair->delivered_bytes / pair->packet_size;
            pair->delivered_bytes -= messages * pair->packet_size;
            pair->under_way -= messages, delivered += messages;
            pump(pair, window);
        }
    }
    printf("%ld %.2f\n", delivered, cpu_of(pid) - before);
    return 0;
}
