/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.h -- what `belfry doctor` looks at. Each says what it found by told(): well, or what to do.
 *
 * Rules   nothing is changed; the disk is tried in a file that is gone afterwards. */
#pragma once

#include "proto/settings.h"

enum finding { FOUND_ok, FOUND_warn, FOUND_bad };

struct patient {
    struct settings settings;
    struct paths paths;
    const char *config; /* NULL: none was named */
    unsigned found[FOUND_bad + 1];
};

void told(struct patient *p, enum finding how, const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void doctor_permissions(struct patient *p);
void doctor_descriptors(struct patient *p);
void doctor_disk(struct patient *p);
void doctor_clock(struct patient *p);
void doctor_network(struct patient *p);
void doctor_hooks(struct patient *p);
void doctor_libraries(struct patient *p);
