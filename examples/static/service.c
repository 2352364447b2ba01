/* A small HTTP service, which serves one connection at a time.
 *
 * GET /healthz reports whether it can serve, GET /livez whether it answers at all. POST /break and
 * POST /heal only serve to demonstrate a failing health check. */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static int healthy = 1;

static void stop(int signal) {
    (void)signal;
    _exit(0);
}

static int is(const char *request, const char *start) { return strncmp(request, start, strlen(start)) == 0; }

static void serve(int connection) {
    char request[4096], answer[256];
    size_t length = 0;
    const char *status = "200 OK", *body = "ok\n";

    do {
        ssize_t count = read(connection, request + length, sizeof request - 1 - length);
        if (count <= 0) return;
        length += (size_t)count;
        request[length] = '\0';
    } while (!strstr(request, "\r\n\r\n") && length < sizeof request - 1);

    if (is(request, "GET /healthz ")) {
        if (!healthy) status = "503 Service Unavailable", body = "db: no connection\n";
    } else if (is(request, "POST /break ")) {
        healthy = 0;
    } else if (is(request, "POST /heal ")) {
        healthy = 1;
    } else if (!is(request, "GET /livez ") && !is(request, "GET / ")) {
        status = "404 Not Found", body = "not found\n";
    }
    length = (size_t)snprintf(answer, sizeof answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                              status, strlen(body), body);
    if (write(connection, answer, length) < 0) perror("service: write");
}

int main(void) {
    const char *port = getenv("PORT");
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port ? port : "8080"))};
    struct timeval timeout = {.tv_sec = 5};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);

    /* For the first process of a container, SIGTERM has no default action. */
    signal(SIGTERM, stop);
    signal(SIGPIPE, SIG_IGN);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) {
        perror("service: listen");
        return 1;
    }
    for (;;) {
        int connection = accept(listener, NULL, NULL);
        if (connection < 0) continue;
        setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        serve(connection);
        close(connection);
    }
}
