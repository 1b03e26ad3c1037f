/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/sim.h"

static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

struct dice dice_of(uint64_t a, uint64_t b)
{
    return (struct dice){mix(mix(sim.seed + 0x9e3779b97f4a7c15) + a * 0x9e3779b97f4a7c15 + b)};
}

uint64_t roll(struct dice *d, uint64_t sides)
{
    return mix(d->state += 0x9e3779b97f4a7c15) % sides;
}

uint64_t roll_between(struct dice *d, uint64_t from, uint64_t to)
{
    return from + roll(d, to - from + 1);
}
