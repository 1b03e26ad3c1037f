/* SPDX-License-Identifier: Apache-2.0 */
/* X-Forwarded-For: whatever a client wrote there, who comes through our proxy is who the proxy says, and who comes by
 * another way is who connected. */
#include "tests/fuzz/fuzz.h"

#include "session/socket/addresses.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static struct settings settings = {.proxies = "10.0.0.1, 2001:db8::1", .address_connections = 1};
static struct session here = {.settings = &settings};

static struct sockaddr_in peer(const char *ip)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    ENSURE(inet_pton(AF_INET, ip, &at.sin_addr) == 1);
    return at;
}

static void says(const char *from, const char *forwarded, const char *want)
{
    struct sockaddr_in at = peer(from);
    uint8_t ip[IP_SIZE];
    char room[100];
    struct buf out = {.p = room, .cap = sizeof room, .max = sizeof room};
    address_ip(&here, (const struct sockaddr *)&at, forwarded, ip);
    ip_write(&out, ip);
    ENSURE(!want || bytes_equal(buf_all(&out), bytes_of(want)));
}

/* The one place that there is for each is taken and given back. */
static void enters(const char *forwarded)
{
    struct sockaddr_in at = peer("10.0.0.1");
    bool full;
    struct address *a = address_enter(&here, (const struct sockaddr *)&at, forwarded, &full);
    ENSURE(!full);
    address_leave(&here, &a);
    ENSURE(here.addresses.used == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static char text[9000];
    struct input in = {data, n};
    int most = (int)sizeof text - 200;
    if (!settings.listen[0]) {
        addresses_init(&here);
        settings.listen[0] = '-';
    }
    int length = snprintf(text, sizeof text, "%.*s", n < (size_t)most ? (int)n : most,
                          input_rest(&in).n ? (const char *)data : "");
    says("10.0.0.1", text, NULL);
    says("192.0.2.7", text, "192.0.2.7");
    enters(text);
    if (length > 0)
        enters(text + length / 2);
    snprintf(text + length, sizeof text - (size_t)length, ",203.0.113.9, 2001:DB8:0::1");
    says("10.0.0.1", text, "203.0.113.9");
    says("192.0.2.7", text, "192.0.2.7");
    return 0;
}
