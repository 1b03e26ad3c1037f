/* SPDX-License-Identifier: Apache-2.0 */
#include "session/http/pages.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

enum coding { CODING_none, CODING_gzip, CODING_br, CODINGS };
static const char *const codings[CODINGS][2] = {{"", ""}, {".gz", "gzip"}, {".br", "br"}};

struct page {
    char *path; /* as requests say it */
    char etag[24];
    struct MHD_Response *response[CODINGS], *unchanged; /* NULL where the build made none */
};

struct pages {
    bool demo;
    size_t n;
    struct page list[PAGES_MAX];
};

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".ico", "image/x-icon"},
        {".json", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".woff2", "font/woff2"},
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

/* Names with a hash in them (assets/NAME-HASH.js) never mean anything else. */
static bool hashed(const char *path)
{
    return strncmp(path, "/assets/", 8) == 0;
}

static void add_headers(struct MHD_Response *response, const struct page *page, enum coding coding)
{
    MHD_add_response_header(response, "Content-Type", type_of(page->path));
    MHD_add_response_header(response, "ETag", page->etag);
    MHD_add_response_header(response, "Cache-Control",
                            hashed(page->path) ? "public, max-age=31536000, immutable"
                                               : "no-cache");
    MHD_add_response_header(response, "Vary", "Accept-Encoding");
    if (coding != CODING_none)
        MHD_add_response_header(response, "Content-Encoding", codings[coding][1]);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    MHD_add_response_header(
        response, "Content-Security-Policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'");
}

/* The whole file as a response, or NULL; its hash is for the ETag. */
static struct MHD_Response *read_file(const char *file, uint64_t *hash)
{
    struct stat st;
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    bool good = fstat(fd, &st) == 0 && st.st_size <= PAGE_BYTES;
    size_t size = good ? (size_t)st.st_size : 0;
    char *bytes = malloc(size + 1);
    ENSURE(bytes != NULL);
    good = good && read(fd, bytes, size) == (ssize_t)size;
    close(fd);
    if (!good) {
        free(bytes);
        return NULL;
    }
    *hash = hash64((struct bytes){bytes, size}, 0);
    struct MHD_Response *response = MHD_create_response_from_buffer(size, bytes,
                                                                    MHD_RESPMEM_MUST_FREE);
    ENSURE(response != NULL);
    return response;
}

static void add_page(struct pages *p, const char *path, const char *file)
{
    uint64_t hash = 0, ignored;
    struct MHD_Response *plain = p->n < PAGES_MAX ? read_file(file, &hash) : NULL;
    if (!plain) {
        log_line("session.pages file=%s error=\"cannot be read, or one too many, or too large\"",
                 file);
        return;
    }
    struct page *page = &p->list[p->n++];
    page->path = strdup(path);
    ENSURE(page->path != NULL);
    snprintf(page->etag, sizeof page->etag, "\"%016llx\"", (unsigned long long)hash);
    page->response[CODING_none] = plain;
    for (enum coding c = CODING_gzip; c < CODINGS; c++) {
        char other[PATH_MAX];
        if (snprintf(other, sizeof other, "%s%s", file, codings[c][0]) < PATH_MAX)
            page->response[c] = read_file(other, &ignored);
    }
    page->unchanged = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    ENSURE(page->unchanged != NULL);
    add_headers(page->unchanged, page, CODING_none);
    for (enum coding c = CODING_none; c < CODINGS; c++)
        if (page->response[c])
            add_headers(page->response[c], page, c);
}

/* What stands beside a page for who takes it compressed. */
static bool compressed(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot && (strcmp(dot, ".gz") == 0 || strcmp(dot, ".br") == 0);
}

static bool of_demo(const char *path)
{
    static const char *const paths[] = {"/index.html", "/sw.js", "/belfry.webmanifest"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (strcmp(path, paths[i]) == 0)
            return true;
    return false;
}

static void add_folder(struct pages *p, const char *path, const char *folder, int depth)
{
    DIR *dir = opendir(folder);
    if (!dir) {
        log_line("session.pages folder=%s error=\"not there\"", folder);
        return;
    }
    for (struct dirent *e; (e = readdir(dir));) {
        char below[PATH_MAX], file[PATH_MAX];
        struct stat st;
        if (e->d_name[0] == '.' || compressed(e->d_name) ||
            snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= PATH_MAX ||
            snprintf(file, sizeof file, "%s/%s", folder, e->d_name) >= PATH_MAX ||
            stat(file, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < 4)
            add_folder(p, below, file, depth + 1);
        else if (S_ISREG(st.st_mode) && (p->demo || !of_demo(below)))
            add_page(p, below, file);
    }
    closedir(dir);
}

/* Without a setting: the folder `web` beside the folder of our program. */
static void beside(char out[PATH_MAX])
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    ENSURE(n > 0);
    self[n] = '\0';
    for (int up = 0; up < 2; up++) {
        char *slash = strrchr(self, '/');
        if (slash)
            *slash = '\0';
    }
    snprintf(out, PATH_MAX, "%.*s/web", PATH_MAX - 8, self);
}

void pages_folder(const char *setting, char out[PATH_MAX])
{
    if (setting[0] == '\0')
        beside(out);
    else
        snprintf(out, PATH_MAX, "%s", setting);
}

struct pages *pages_new(const char *setting, bool demo)
{
    struct pages *p = calloc(1, sizeof *p);
    char folder[PATH_MAX];
    ENSURE(p != NULL);
    p->demo = demo;
    pages_folder(setting, folder);
    add_folder(p, "", folder, 0);
    return p;
}

void pages_free(struct pages **slot)
{
    struct pages *p = *slot;
    *slot = NULL;
    for (size_t i = 0; p && i < p->n; i++) {
        for (enum coding c = CODING_none; c < CODINGS; c++)
            if (p->list[i].response[c])
                MHD_destroy_response(p->list[i].response[c]);
        MHD_destroy_response(p->list[i].unchanged);
        free(p->list[i].path);
    }
    free(p);
}

/* The client names this coding, and not with q=0. */
static bool takes(const char *accepted, const char *coding)
{
    size_t n = strlen(coding);
    for (const char *at = accepted; at && *at; at = strchr(at, ',')) {
        at += strspn(at, ", \t");
        if (strncasecmp(at, coding, n) != 0 || !strchr(",; \t", at[n]))
            continue;
        const char *q = at + n + strspn(at + n, " \t;");
        return strncasecmp(q, "q=", 2) != 0 || strtod(q + 2, NULL) > 0;
    }
    return false;
}

static struct MHD_Response *best(const struct request *r, const struct page *page)
{
    const char *accepted = request_header(r, "Accept-Encoding");
    for (enum coding c = CODING_br; c > CODING_none; c--)
        if (page->response[c] && takes(accepted, codings[c][1]))
            return page->response[c];
    return page->response[CODING_none];
}

static struct page *find(struct pages *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++)
        if (strcmp(p->list[i].path, path) == 0)
            return &p->list[i];
    return NULL;
}

void pages_answer(struct session *s, struct pages *p, struct request *r)
{
    char html[256];
    struct page *page = find(p, strcmp(r->path, "/") == 0 ? "/index.html" : r->path);
    if (!page && snprintf(html, sizeof html, "%s.html", r->path) < (int)sizeof html)
        page = find(p, html);
    if (!page) {
        http_problem(s, r, 404, "", "there is nothing at this path");
        return;
    }
    const char *known = request_header(r, "If-None-Match");
    bool same = known && strcmp(known, page->etag) == 0;
    http_answer_with(s, r, same ? 304 : 200, same ? page->unchanged : best(r, page));
}
