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
    if (!f || !room)
        return false;
    size_t n = fread(room, 1, INPUT_MAX, f);
    fclose(f);
    uint8_t *exact = malloc(n ? n : 1); /* so that the sanitizers know where it ends */
    if (!exact)
        return false;
    memcpy(exact, room, n);
    free(room);
    LLVMFuzzerTestOneInput(exact, n);
    free(exact);
    return true;
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
