/* SPDX-License-Identifier: Apache-2.0 */
/* The libraries that are installed here, and what is known of their versions. They are asked themselves, as
 * what a package manager says need not be what a process loads. */
#include "cli/doctor.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <zmq.h>

struct version {
    unsigned major, minor, patch;
};

/* Distributions mend some under the number that they had. */
#define KNOWN_ON "2026-11-25" /* when somebody looked last */
static const struct known {
    const char *library, *what;
    struct version from, good; /* of those from `from` on, those below `good` have it */
} known[] = {
    {"libzmq", "CVE-2020-15166: clients that say nothing use up sockets", {0, 0, 0}, {4, 3, 3}},
    {"libcrypto", "CVE-2022-3602, CVE-2022-3786: overruns in certificates", {3, 0, 0}, {3, 0, 7}},
    {"libmicrohttpd",
     "CVE-2023-27371: its POST parser, which Belfry does not use",
     {0, 0, 0},
     {0, 9, 76}},
    {"libcurl", "CVE-2023-38545: SOCKS5, which Belfry does not use", {7, 69, 0}, {8, 4, 0}},
};

static bool below(struct version a, struct version b)
{
    if (a.major != b.major)
        return a.major < b.major;
    return a.minor != b.minor ? a.minor < b.minor : a.patch < b.patch;
}

static void judge(struct patient *p, const char *library, struct version v)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        const struct known *k = &known[i];
        if (strcmp(k->library, library) != 0 || below(v, k->from) || !below(v, k->good))
            continue;
        told(p, FOUND_warn, library, "%u.%u.%u: unless your distribution has mended it, %s",
             v.major, v.minor, v.patch, k->what);
        return;
    }
    told(p, FOUND_ok, library, "%u.%u.%u", v.major, v.minor, v.patch);
}

static void judge_text(struct patient *p, const char *library, const char *text)
{
    struct version v;
    if (text && sscanf(text, "%u.%u.%u", &v.major, &v.minor, &v.patch) == 3)
        judge(p, library, v);
    else
        told(p, FOUND_bad, library, "is not there, or does not say its version");
}

/* Those that this program itself has no use for. */
static void microhttpd(struct patient *p)
{
    void *library = dlopen("libmicrohttpd.so.12", RTLD_LAZY);
    const char *(*version)(void);
    *(void **)&version = library ? dlsym(library, "MHD_get_version") : NULL;
    judge_text(p, "libmicrohttpd", version ? version() : NULL);
    if (library)
        dlclose(library);
}

static void lmdb(struct patient *p)
{
    void *library = dlopen("liblmdb.so.0", RTLD_LAZY);
    struct version v = {0};
    char *(*version)(int *, int *, int *);
    *(void **)&version = library ? dlsym(library, "mdb_version") : NULL;
    if (version) {
        version((int *)&v.major, (int *)&v.minor, (int *)&v.patch);
        judge(p, "liblmdb", v);
    } else {
        judge_text(p, "liblmdb", NULL);
    }
    if (library)
        dlclose(library);
}

void doctor_libraries(struct patient *p)
{
    struct version v;
    told(p, FOUND_ok, "libraries", "against what was known on " KNOWN_ON);
    zmq_version((int *)&v.major, (int *)&v.minor, (int *)&v.patch);
    judge(p, "libzmq", v);
    v = (struct version){OPENSSL_version_major(), OPENSSL_version_minor(), OPENSSL_version_patch()};
    judge(p, "libcrypto", v);
    judge_text(p, "libcurl", curl_version_info(CURLVERSION_NOW)->version);
    microhttpd(p);
    lmdb(p);
}
