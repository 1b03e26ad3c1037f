/* SPDX-License-Identifier: Apache-2.0 */
#include "session/pages.h"

#include "lib/ensure.h"
#include "lib/hash.h"
#include "lib/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct page {
    char *path; /* as requests say it */
    char etag[24];
    struct MHD_Response *response, *unchanged;
};

struct pages {
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

static void add_headers(struct MHD_Response *response, const struct page *page)
{
    MHD_add_response_header(response, "Content-Type", type_of(page->path));
    MHD_add_response_header(response, "ETag", page->etag);
    MHD_add_response_header(response, "Cache-Control", "no-cache");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(
        response, "Content-Security-Policy",
        "default-src 'self'; connect-src 'self' ws: wss:; img-src 'self' data:; "
        "object-src 'none'; base-uri 'none'; frame-ancestors 'none'");
}

static void add_page(struct pages *p, const char *path, const char *file, size_t size)
{
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    char *bytes = malloc(size + 1);
    ENSURE(bytes != NULL);
    if (fd < 0 || p->n == PAGES_MAX || size > PAGE_BYTES ||
        read(fd, bytes, size) != (ssize_t)size) {
        log_line("session.pages file=%s error=\"cannot be read, or one too many, or too large\"",
                 file);
        free(bytes);
        if (fd >= 0)
            close(fd);
        return;
    }
    close(fd);
    struct page *page = &p->list[p->n++];
    page->path = strdup(path);
    ENSURE(page->path != NULL);
    snprintf(page->etag, sizeof page->etag, "\"%016llx\"",
             (unsigned long long)hash64((struct bytes){bytes, size}, 0));
    page->response = MHD_create_response_from_buffer(size, bytes, MHD_RESPMEM_MUST_FREE);
    page->unchanged = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    ENSURE(page->response != NULL && page->unchanged != NULL);
    add_headers(page->response, page);
    add_headers(page->unchanged, page);
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
        if (e->d_name[0] == '.' ||
            snprintf(below, sizeof below, "%s/%s", path, e->d_name) >= PATH_MAX ||
            snprintf(file, sizeof file, "%s/%s", folder, e->d_name) >= PATH_MAX ||
            stat(file, &st) != 0)
            continue;
        if (S_ISDIR(st.st_mode) && depth < 4)
            add_folder(p, below, file, depth + 1);
        else if (S_ISREG(st.st_mode))
            add_page(p, below, file, (size_t)st.st_size);
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

struct pages *pages_new(const char *folder)
{
    struct pages *p = calloc(1, sizeof *p);
    char found[PATH_MAX];
    ENSURE(p != NULL);
    if (folder[0] == '\0') {
        beside(found);
        folder = found;
    }
    add_folder(p, "", folder, 0);
    return p;
}

void pages_free(struct pages **slot)
{
    struct pages *p = *slot;
    *slot = NULL;
    for (size_t i = 0; p && i < p->n; i++) {
        MHD_destroy_response(p->list[i].response);
        MHD_destroy_response(p->list[i].unchanged);
        free(p->list[i].path);
    }
    free(p);
}

void pages_answer(struct session *s, struct pages *p, struct request *r)
{
    const char *path = strcmp(r->path, "/") == 0 ? "/index.html" : r->path;
    for (size_t i = 0; i < p->n; i++) {
        struct page *page = &p->list[i];
        if (strcmp(page->path, path) != 0)
            continue;
        const char *known = request_header(r, "If-None-Match");
        bool same = known && strcmp(known, page->etag) == 0;
        http_answer_with(s, r, same ? 304 : 200, same ? page->unchanged : page->response);
        return;
    }
    http_problem(s, r, 404, "", "there is nothing at this path");
}
