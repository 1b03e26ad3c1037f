/* SPDX-License-Identifier: Apache-2.0 */
/* base64, hash, secret. */
#include "tests/unit/edge.h"

#include "lib/base64.h"
#include "lib/hash.h"
#include "lib/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* RFC 4648, section 10, and our own rules. */
static void base64_reads_and_writes(void **state)
{
    (void)state;
    static const struct {
        struct bytes plain;
        const char *url, *padded;
    } table[] = {
        {BYTES(""), "", ""},
        {BYTES("f"), "Zg", "Zg=="},
        {BYTES("fo"), "Zm8", "Zm8="},
        {BYTES("foo"), "Zm9v", "Zm9v"},
        {BYTES("foob"), "Zm9vYg", "Zm9vYg=="},
        {BYTES("fooba"), "Zm9vYmE", "Zm9vYmE="},
        {BYTES("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {BYTES("\xfb\xff\xbf"), "-_-_", "+/+/"},
        {BYTES("\0\0"), "AAA", "AAA="},
    };
    struct arena scratch;
    struct buf out;
    struct edge edge = edge_new(100);
    arena_init(&scratch, 1000);
    buf_init(&out, 100);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct bytes got;
        buf_reset(&out);
        base64url_write(&out, edge_put(&edge, table[i].plain));
        assert_bytes("written", buf_all(&out), bytes_of(table[i].url));
        CHECK(table[i].url, base64_read(edge_put(&edge, bytes_of(table[i].url)), &scratch, &got));
        assert_bytes(table[i].url, got, table[i].plain);
        CHECK(table[i].padded,
              base64_read(edge_put(&edge, bytes_of(table[i].padded)), &scratch, &got));
        assert_bytes(table[i].padded, got, table[i].plain);
    }
    buf_fini(&out);
    arena_fini(&scratch);
    edge_free(&edge);
}

static void base64_refuses(void **state)
{
    (void)state;
    static const char *const table[] = {
        "A",     "AAAAA", "=",      "==",      "A=",    "A===",   "====",     "AA=",
        "AAA==", "AA=A",  "AA==AA", "Zm9v=",   "Zm 9v", "Zm9v\n", "Zm9*",     "Zh",
        "Zh==",  "Zm9",   "Zm9=",   "Zm\x80v", "Zm.v",  "AAAA=",  "AAAAAA=A",
    };
    struct arena scratch;
    arena_init(&scratch, 1000);
    struct bytes got;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        CHECK(table[i], !base64_read(bytes_of(table[i]), &scratch, &got));
    assert_false(base64_read(BYTES("Zm\0v"), &scratch, &got));
    struct arena small;
    arena_init(&small, 2);
    assert_false(base64_read(BYTES("Zm9v"), &small, &got));
    arena_fini(&small);
    arena_fini(&scratch);
}

static void base64_of_every_length(void **state)
{
    (void)state;
    struct arena scratch;
    struct buf out;
    uint64_t seed = dice_seed();
    arena_init(&scratch, 1000);
    buf_init(&out, 1000);
    for (size_t n = 0; n < 200; n++) {
        char plain[200];
        for (size_t i = 0; i < n; i++)
            plain[i] = (char)dice(&seed);
        struct bytes got, want = {plain, n};
        buf_reset(&out);
        arena_reset(&scratch);
        base64url_write(&out, want);
        assert_int_equal(out.n, (n * 4 + 2) / 3);
        assert_true(base64_read(buf_all(&out), &scratch, &got));
        assert_true(bytes_equal(got, want));
    }
    buf_fini(&out);
    arena_fini(&scratch);
}

/* The log and the bus rely on these staying what they are. */
static void hashes_are_stable(void **state)
{
    (void)state;
    assert_int_equal(hash64(BYTES(""), 0), UINT64_C(0x2d06800538d394c2));
    assert_int_equal(hash64(BYTES("user:ann:notifications"), 0), UINT64_C(0x94f74552b76285e1));
    assert_int_not_equal(hash64(BYTES("a"), 0), hash64(BYTES("a"), 1));
    uint8_t digest[16];
    struct buf hex;
    buf_init(&hex, 100);
    hash128(BYTES("a"), digest);
    hex_write(&hex, (struct bytes){(char *)digest, 16});
    assert_bytes("hash128", buf_all(&hex), BYTES("a96faf705af16834e6c632b61e964e1f"));
    buf_fini(&hex);
}

/* RFC 4231, test case 2. */
static void mac_is_hmac_sha256(void **state)
{
    (void)state;
    uint8_t got[MAC_SIZE];
    struct buf hex;
    buf_init(&hex, 100);
    mac(BYTES("Jefe"), BYTES("what do ya want for nothing?"), got);
    hex_write(&hex, (struct bytes){(char *)got, sizeof got});
    assert_bytes("mac", buf_all(&hex),
                 BYTES("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"));
    buf_fini(&hex);
    assert_true(secret_equal(BYTES("abc"), BYTES("abc")));
    assert_true(secret_equal((struct bytes){0}, BYTES("")));
    assert_false(secret_equal(BYTES("abc"), BYTES("abd")));
    assert_false(secret_equal(BYTES("abc"), BYTES("ab")));
}

static void write_file(const char *path, struct bytes bytes)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
    close(fd);
}

static void secret_is_made_once(void **state)
{
    (void)state;
    char folder[] = "/tmp/belfry-XXXXXX", file[64], one[SECRET_TEXT], two[SECRET_TEXT];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/key", folder);
    assert_true(secret_load(file, one));
    assert_int_equal(strlen(one), 43);
    assert_true(secret_load(file, two));
    assert_string_equal(one, two);
    struct stat st;
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    unlink(file);
    char half[80]; /* of one that was killed while it wrote, and had our number */
    snprintf(half, sizeof half, "%s.%ld", file, (long)getpid());
    write_file(half, BYTES("half a k"));
    assert_true(secret_load(file, two));
    assert_string_not_equal(one, two); /* fresh randomness */

    static const struct {
        const char *name;
        struct bytes text;
        const char *want; /* NULL: refused */
    } table[] = {
        {"newline behind it", BYTES("0123456789012345678901234567890123\r\n"),
         "0123456789012345678901234567890123"},
        {"32 bytes", BYTES("01234567890123456789012345678901"), "01234567890123456789012345678901"},
        {"31 bytes", BYTES("0123456789012345678901234567890"), NULL},
        {"empty", BYTES(""), NULL},
        {"63 bytes", BYTES("012345678901234567890123456789012345678901234567890123456789012"),
         "012345678901234567890123456789012345678901234567890123456789012"},
        {"64 bytes, as of openssl rand -hex 32",
         BYTES("0123456789012345678901234567890123456789012345678901234567890123"),
         "0123456789012345678901234567890123456789012345678901234567890123"},
        {"128 bytes",
         BYTES("0123456789012345678901234567890123456789012345678901234567890123"
               "4567890123456789012345678901234567890123456789012345678901234567"),
         NULL}, /* not cut silently */
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        write_file(file, table[i].text);
        errno = 0;
        bool good = secret_load(file, one);
        CHECK(table[i].name, good == (table[i].want != NULL));
        CHECK(table[i].name, good || errno == EINVAL);
        CHECK(table[i].name, !good || strcmp(one, table[i].want) == 0);
    }
    unlink(file);
    rmdir(folder);
    assert_false(secret_load(file, one)); /* no folder */
    assert_int_equal(errno, ENOENT);
}

/* Ten processes at once: all have the same key. */
static void secret_is_made_by_one(void **state)
{
    (void)state;
    char folder[] = "/tmp/belfry-XXXXXX", file[64], mine[SECRET_TEXT];
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/key", folder);
    int told[2];
    assert_int_equal(pipe(told), 0);
    for (int i = 0; i < 10; i++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            bool good = secret_load(file, mine) && write(told[1], mine, 43) == 43;
            _exit(good ? 0 : 1);
        }
    }
    for (int i = 0; i < 10; i++) {
        int status;
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    assert_true(secret_load(file, mine));
    for (int i = 0; i < 10; i++) {
        char theirs[43];
        assert_int_equal(read(told[0], theirs, 43), 43);
        assert_memory_equal(theirs, mine, 43);
    }
    close(told[0]);
    close(told[1]);
    unlink(file);
    assert_int_equal(rmdir(folder), 0); /* and nothing is left beside it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_reads_and_writes), cmocka_unit_test(base64_refuses),
        cmocka_unit_test(base64_of_every_length),  cmocka_unit_test(hashes_are_stable),
        cmocka_unit_test(mac_is_hmac_sha256),      cmocka_unit_test(secret_is_made_once),
        cmocka_unit_test(secret_is_made_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
