/* SPDX-License-Identifier: Apache-2.0 */
/* sim.h -- Belfry in one program, on one clock, with a dice for everything that may go wrong.
 *
 * The idea    the four processes are linked as they are: the object files of session/, store/,
 *             notifier/ and broker/, with their turn.c. Only what is below them is ours:
 *                 network.c   libzmq, over the wires of wires.c: they delay, lose, are cut and connect
 *                             again as ZeroMQ's do
 *                 front.c     libmicrohttpd: HTTP requests; streams.c: the kernel's TCP
 *                 disk.c      LMDB and the committing thread: commits that take time, fail, fill up
 *                 world.c     the clock, the supervisor, kill -9, SIGSTOP
 *             Above them are clients.c (browsers) and producers.c (back ends), which do what plan.c
 *             rolled, and model.c with inboxes.c, which know what must be true and look at every commit,
 *             at every frame that a client gets, and at every answer that leaves.
 * A run       is a seed. The seed gives the plan (a list of steps: who does what when; what breaks
 *             when) and each wire's own dice. So a step may be left out and the rest stays much as it
 *             was: shrink.c finds the shortest plan that still fails, trace.c tells it as a story.
 * Time        in microseconds from the start of the run; a turn takes none of it, but begins at the
 *             earliest TURN_US after the one before.
 * What is not here: real fsync, real sockets, LMDB, libmicrohttpd. docs/reliability.md */
#pragma once

#include "lib/buf.h"
#include "proto/settings.h"

#define MS UINT64_C(1000)
#define SECOND UINT64_C(1000000)
#define NEVER UINT64_MAX

/* The last of the users has no client, and is erased now and then. */
enum { SESSIONS = 3, CLIENTS = 6, USERS = 4, CHANNELS = 2, PRODUCERS = 2, TURN_US = 40 };

/* Where things run. */
enum place { AT_store, AT_broker, AT_notifier, AT_session, PLACES = AT_session + SESSIONS };

struct sim {
    uint64_t seed;
    uint64_t now_us;
    int64_t wall_step_ms;  /* how far the wall clock was stepped */
    uint64_t wall_most_ms; /* what it said most, before a step */
    unsigned self;         /* the process at work: enum place; PLACES: none */
    bool chaos;            /* faults may happen still */
    uint64_t fault_us;     /* when the last fault was over, or is to be */
    uint64_t lost_us;      /* the same, of those that lose messages */
    struct settings settings;
    struct paths paths;
};
extern struct sim sim;

/* ---- dice.c: a number below `sides`, from a state of one's own */
struct dice {
    uint64_t state;
};
struct dice dice_of(uint64_t a, uint64_t b); /* of the run's seed, and these */
uint64_t roll(struct dice *d, uint64_t sides);
uint64_t roll_between(struct dice *d, uint64_t from, uint64_t to);

/* ---- world.c */
void world_open(void);
void world_run(uint64_t until_us); /* or until something is wrong */
void world_close(void);
bool world_alive(unsigned place); /* and not stopped */
bool world_there(unsigned place); /* perhaps stopped */
uint64_t world_life(unsigned place);
void world_wake(unsigned place, uint64_t at_us); /* its next turn is at that time at the latest */
void world_kill(unsigned place, uint64_t back_us);
void world_freeze(unsigned place, uint64_t until_us);
void world_drain(unsigned place); /* TERM to a session process */
/* Run something as a process that is at work: it may leave, or break an ENSURE. False: it left. */
bool world_enter(unsigned place, bool (*run)(unsigned index));
const char *place_name(unsigned place);
uint64_t wall_ms(void);
uint64_t wall_most_ms(void); /* that it has said */
#define WALL_START UINT64_C(1790000000000)

/* What a place runs: its process, opened, turned and ended. A turn gives false when it exits. */
struct program {
    bool (*start)(unsigned index);
    bool (*turn)(unsigned index);
    uint64_t (*deadline_ms)(unsigned index);
    bool (*end)(unsigned index); /* kill -9: gives back the memory; nothing that it says is heard */
};
extern const struct program store_program, broker_program, notifier_program, session_program;
bool session_term(unsigned index);

/* ---- network.c */
void network_open(void);
void network_close(void);
uint64_t network_due_us(void); /* a wire reconnects, ... */
void network_run(void);
uint64_t network_arrival_us(unsigned place); /* the next message for it */
void network_died(unsigned place);
struct weather {            /* of all wires of a place */
    uint64_t slow_us;       /* a message takes up to so long, */
    uint64_t slow_until_us; /* until then */
    unsigned loss, twice;   /* percent of what the broker carries, */
    uint64_t loss_until_us; /* until then */
    uint64_t cut_until_us;  /* no connection */
};
struct weather *network_weather(unsigned place);
void network_cut(unsigned place);
void network_heal(void);

/* ---- streams.c: TCP between clients and session processes */
struct stream;
struct stream *stream_open(unsigned client, unsigned session, const char *user, uint64_t iat_s);
/* To the server; false when it is over. */
bool stream_send(struct stream *st, const char *text, size_t n);
/* What came: the next whole WebSocket message; false when there is none now. */
bool stream_read(struct stream *st, struct bytes *text, bool *over);
void stream_stall(struct stream *st, bool stalled);
void stream_close(struct stream **st); /* by the client */
uint64_t stream_due_us(const struct stream *st);

/* ---- front.c: an HTTP request and its answer. The texts are copied. */
struct answer;
struct call {
    unsigned session;
    const char *method, *path, *query_token, *key, *user;
    const char *body;
    uint64_t iat_s; /* GET /socket/longpoll: when the user's token was made */
    void (*sent)(void *about, const struct answer *a); /* it leaves the process; NULL */
};
struct answer {
    unsigned status; /* 0: none came (reset, or in time) */
    struct bytes body;
};
/* `done` is called once; by a later event. `about` is the caller's. Gives a number. */
uint64_t http_call(const struct call *c, uint64_t patience_us,
                   void (*done)(void *about, const struct answer *a), void *about);
/* The client gives up: its connection is closed, `done` is not called. */
void http_give_up(uint64_t number);
void front_open(void);
void front_close(void);
uint64_t front_due_us(void);
void front_run(void);
uint64_t front_arrival_us(unsigned place);
void front_died(unsigned place);
void front_drained(unsigned place);
unsigned front_session(struct dice *d); /* which process the kernel gives a connection to */

/* ---- disk.c */
struct engine;
struct disk {
    uint64_t slow_us, slow_until_us; /* a commit takes up to so long */
    uint64_t full_until_us;          /* no room on it, until then */
    bool fail_next;                  /* the next commit fails (EIO) */
    bool torn_next;                  /* and yet it was done */
};
extern struct disk disk;
void disk_open(void);
void disk_close(void);
struct engine *disk_engine(void);
void disk_crash(struct dice *d); /* the store dies: perhaps in the middle of a commit */
uint64_t disk_due_us(void);
void disk_run(void);

/* ---- clients.c, producers.c */
void clients_open(void);
void clients_close(void);
uint64_t clients_due_us(void);
void clients_run(void);
void clients_online(void); /* whoever is away comes back, and stalls no more */
void clients_check(bool all);
void producers_open(void);
uint64_t producers_due_us(void);
void producers_run(void);
void producers_look(
    void); /* at the inbox of who has no client: it is as it should be from then on */
bool producers_idle(void);

/* ---- plan.c */
enum { STEPS_MAX = 700 };
#define STEPS(X)                                                                                   \
    X(come, "goes online")                                                                         \
    X(go, "goes offline, abruptly")                                                                \
    X(stall, "reads nothing for a while")                                                          \
    X(lose_poll, "will not see its next poll's answer")                                            \
    X(mark, "marks, archives, snoozes or deletes one")                                             \
    X(mark_all, "marks or archives all that it was shown")                                         \
    X(mark_up_to, "marks or archives all up to what it has")                                       \
    X(again, "sends its last mark again")                                                          \
    X(list, "asks for a page")                                                                     \
    X(reconnect, "says what it has, and wants the rest")                                           \
    X(rejoin, "joins again what it has joined")                                                    \
    X(say, "publishes on its channel")                                                             \
    X(create, "a back end creates notifications")                                                  \
    X(burst, "a back end creates many at once")                                                    \
    X(schedule, "a back end creates for later")                                                    \
    X(broadcast, "a back end broadcasts")                                                          \
    X(take_back, "a back end cancels or retracts")                                                 \
    X(publish, "a back end publishes on a channel")                                                \
    X(count, "a back end reads a count, a list, or a history")                                     \
    X(patch, "a back end changes what one says")                                                   \
    X(revise, "a back end changes what it published")                                              \
    X(batch, "a page sends its queue by HTTP")                                                     \
    X(mute, "a user mutes some, and has quiet hours")                                              \
    X(revoke, "a back end revokes a user's tokens")                                                \
    X(erase, "a back end erases a user")                                                           \
    X(import, "lines of what stood elsewhere move in, or some of them again")                      \
    X(member, "a back end changes the members of a channel")                                       \
    X(kill, "kill -9 of a process")                                                                \
    X(freeze, "SIGSTOP of a process, and SIGCONT")                                                 \
    X(drain, "TERM to a session process")                                                          \
    X(slow, "the wires of a process are slow")                                                     \
    X(loss, "the broker loses and doubles messages")                                               \
    X(cut, "the wires of a process are cut")                                                       \
    X(disk_slow, "commits take long")                                                              \
    X(disk_fail, "a commit fails")                                                                 \
    X(disk_full, "the disk is full")                                                               \
    X(clock, "the wall clock steps")
#define AS_STEP(name, doc) STEP_##name,
enum step_kind { STEPS(AS_STEP) STEP_COUNT };
#undef AS_STEP

struct step {
    uint64_t at_us;
    enum step_kind kind;
    unsigned who;
    uint64_t a, b, c;
};
struct plan {
    unsigned n;
    struct step list[STEPS_MAX];
    uint64_t storm_end_us;
};
void plan_roll(struct plan *p, uint64_t seed);
const char *step_says(const struct step *s); /* static */
void step_run(const struct step *s);
bool client_step(const struct step *s);   /* true: it was one of a client's */
bool producer_step(const struct step *s); /* true: it was one of a back end's */

/* ---- run.c: one seed, from its start to its verdict */
struct verdict {
    bool wrong;
    char check[32]; /* which */
    char what[300];
    uint64_t at_us;
};
extern struct verdict verdict;
struct verdict run_plan(const struct plan *p, uint64_t seed, bool tell);
extern uint64_t run_us; /* simulated, so far */

/* Something is wrong: the first one stands, and ends the run. */
void wrong(const char *check, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- shrink.c: leave out what the failure does not need */
void shrink(struct plan *p, uint64_t seed, const char *check);

/* ---- trace.c: a story, told when somebody wants to hear it */
extern bool telling;
void tell(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- text.c: looking into JSON that we know the shape of */
bool text_number(struct bytes text, const char *name, uint64_t *out); /* the last "name":123 */
struct bytes text_member(struct bytes object, const char *name);      /* raw; empty: none */
bool text_string(struct bytes raw, struct bytes *out);
uint64_t text_time(struct bytes object, const char *name); /* in ms; 0: none */
