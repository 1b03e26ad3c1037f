/* SPDX-License-Identifier: Apache-2.0 */
/* replay FOLDER -- the kept inputs of a fuzz target, each a test that passes when nothing dies. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>

enum { INPUT_MAX = 1 << 20 };

static bool replay(const char *folder, const char *name)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "re");
    uint8_t *room = malloc(INPUT_MAX);
    size_t n = f && room ? fread(room, 1, INPUT_MAX, f) : 0;
    uint8_t *exact = malloc(n ? n : 1); /* so that the sanitizers know where it ends */
    bool good = f && room && exact;
    if (f)
        fclose(f);
    if (good) {
        memcpy(exact, room, n);
        LLVMFuzzerTestOneInput(exact, n);
    }
    free(room);
    free(exact);
    return good;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    unsigned n = 0, bad = 0;
    for (struct dirent *e; folder && (e = readdir(folder));) {
        if (e->d_name[0] == '.')
            continue;
        bool good = replay(argv[1], e->d_name);
        printf("%sok %u - %s\n", good ? "" : "not ", ++n, e->d_name);
        bad += !good;
    }
    printf("1..%u\n", n);
    if (folder)
        closedir(folder);
    return n == 0 || bad > 0;
}
