// SPDX-License-Identifier: Apache-2.0
// What is measured, and the rows of the table that come of it: [what it says, figure, aim].
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { attacked } from './attacked.mjs';

const demo = fileURLToPath(new URL('../web/demo/belfry.conf', import.meta.url));
const flag = (options) => Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);

// Belfry and its floor in turn, with these options.
const pairs = (mode, kinds) => async (b) => {
    const server = await b.machine.belfry(), floor = await b.machine.floor();
    for (const [under, options, times, seconds] of kinds) {
        for (let i = 0; i < b.times(times); i++) {
            await b.pair(server, floor, mode, [...flag(options), '--seconds', b.seconds(seconds)], under);
        }
    }
};

async function saturated(b) {
    const server = await b.machine.belfry(), floor = await b.machine.floor(), together = await b.machine.floor(true);
    for (const [under, users, window] of [['1k_', 1000, 128], ['10k_', 10000, 16]]) {
        const args = [...flag({ users, window, rate: 0 }), '--seconds', b.seconds(3)];
        for (let i = 0; i < b.times(3); i++) {
            const { a } = await b.pair(server, floor, 'fanout', args, under);
            const c = await b.load(together, 'fanout', args);
            b.note({ together_per_s: c.deliveries_per_s, together_cpu: c.cpu_s_per_million,
                to_together: b.ratio(a.deliveries_per_s, c.deliveries_per_s) }, under);
        }
    }
    for (let i = 0; i < b.times(2); i++) {
        b.note(await b.load(server, 'fanout', [...flag({ users: 1000, rate: 1000 }), '--seconds', b.seconds(3)]), 'held_');
        const rates = [];
        for (const slow of i % 2 ? [0, 1] : [1, 0]) { // the second of two may find the process slower, or faster
            const run = await b.load(server, 'fanout', [...flag({ users: 1000, rate: 0, slow }), '--seconds', b.seconds(3)]);
            rates[slow] = run.deliveries_per_s;
        }
        b.note({ ratio: b.ratio(rates[1], rates[0]) }, 'slow_');
    }
}

// The highest rate that 1,000 get within 50 ms (p99), by halving.
async function held(b) {
    const server = await b.machine.belfry();
    for (let i = 0; i < b.times(1); i++) {
        let good = 200, bad = 2000, best = {};
        while (bad - good > 50) {
            const rate = (good + bad) >> 1;
            const run = await b.load(server, 'fanout', [...flag({ users: 1000, rate }), '--seconds', b.seconds(3)]);
            const holds = run.delivery_p99_ms <= 50 && run.deliveries_per_s >= 950 * rate;
            console.log(`held ${rate}: p99_ms=${run.delivery_p99_ms} deliveries_per_s=${run.deliveries_per_s}`);
            if (holds) [good, best] = [rate, run];
            else bad = rate;
        }
        b.note({ per_s: best.deliveries_per_s, p99_ms: best.delivery_p99_ms, cpu_us: best.cpu_s_per_million });
    }
}

async function notify(b) {
    const server = await b.machine.belfry();
    for (let i = 0; i < b.times(2); i++) {
        b.note(await b.load(server, 'notify', [...flag({ users: 1000, rate: 100 }), '--seconds', b.seconds(8)]));
    }
}

// Each run is followed by the bare loop's, which writes as many.
async function create(b) {
    for (const [under, writers, key, times] of [['', 256, 1, 3], ['unkeyed_', 256, 0, 1], ['single_', 1, 1, 2]]) {
        const server = await b.machine.belfry(), bare = path.join(b.machine.folder, 'bare');
        let acknowledged = 0;
        for (let i = 0; i < b.times(times); i++) {
            const a = await b.load(server, 'create', [...flag({ writers, users: 1000, key }), '--seconds', b.seconds(6)]);
            const f = await b.run('bench-floor-lmdb', ['--dir', bare, ...flag({ group: writers, count: a.acknowledged, users: 1000, key })]);
            acknowledged += a.acknowledged;
            const size = fs.statSync(path.join(server.data, 'store', 'data.mdb')).size;
            b.note({ ...a, bare_per_s: f.creates_per_s, bare_commit_p50_ms: f.commit_p50_ms,
                bare_commit_p99_ms: f.commit_p99_ms, file_bytes: size / acknowledged, bare_file_bytes: f.file_bytes_per_create,
                ratio: b.ratio(a.creates_per_s, f.creates_per_s), p99_ratio: b.ratio(a.acknowledged_p99_ms, f.commit_p99_ms) }, under);
        }
        await b.machine.stop(server);
        fs.rmSync(bare, { recursive: true });
    }
}

// On fresh processes: memory that an earlier run left would hide growth.
async function idle(b) {
    const kinds = [['', { users: 15000, beat: 8 }, 2], ['inbox_', { users: 15000, beat: 8, inbox: 1 }, 1], ['poll_', { users: 5000, beat: 1000, longpoll: 1 }, 1]];
    for (const [under, options, times] of kinds) {
        for (let i = 0; i < b.times(times); i++) {
            const server = await b.machine.belfry();
            const args = [...flag(options), '--seconds', b.seconds(9)];
            if (under === '') {
                const floor = await b.machine.floor();
                await b.pair(server, floor, 'idle', args, under);
                await b.machine.stop(floor);
            } else {
                b.note(await b.load(server, 'idle', args), under);
            }
            await b.machine.stop(server);
        }
    }
}

// As phoenix.js beats.
async function minute(b) {
    for (let i = 0; i < b.times(1); i++) {
        const server = await b.machine.belfry(), floor = await b.machine.floor();
        await b.pair(server, floor, 'idle', [...flag({ users: 15000, beat: 30 }), '--seconds', b.seconds(20)]);
        await b.machine.stopAll();
    }
}

// More than one process may hold: several do, on both sides.
async function many(b) {
    for (let i = 0; i < b.times(1); i++) {
        const server = await b.machine.belfry({ sessions: 4 });
        const held = await b.load(server, 'hold', flag({ users: 50000, step: 50000, processes: 4, opening: 32, beat: 20 }));
        const parts = Object.entries(held).filter(([name]) => /_pss_bytes$/.test(name) && !name.startsWith('generators'));
        b.note({ ...held, all_pss_bytes: parts.reduce((sum, [, bytes]) => sum + bytes, 0) });
        await b.machine.stop(server);
    }
}

async function longpoll(b) {
    const server = await b.machine.belfry();
    for (let i = 0; i < b.times(3); i++) {
        b.note(await b.load(server, 'fanout', [...flag({ users: 1000, longpoll: 1, rate: 0, window: 1 }), '--seconds', b.seconds(3)]));
    }
}

async function churn(b) {
    await pairs('churn', [['', {}, 4, 3]])(b);
    const server = await b.machine.belfry();
    for (let i = 0; i < b.times(3); i++) {
        b.note(await b.load(server, 'churn', [...flag({ inbox: 1 }), '--seconds', b.seconds(3)]), 'inbox_');
    }
}

async function crowds(b) {
    for (let i = 0; i < b.times(2); i++) {
        const server = await b.machine.belfry();
        b.note(await b.load(server, 'presence', flag({ users: 10000, opening: 512 })), 'presence_');
        b.note(await b.load(server, 'members', [...flag({ users: 500, rate: 200, members: 100000 }), '--seconds', b.seconds(5)]), 'members_');
        await b.machine.stop(server);
    }
}

// One generator cannot hold 20,000: two do, and one of them kills.
async function storm(b) {
    const server = await b.machine.belfry();
    const args = flag({ users: 10000, rate: 100 });
    const other = b.load(server, 'storm', [...args, '--kill', '0']);
    const [a, c] = await Promise.all([b.load(server, 'storm', [...args, '--kill', '1', '--seconds', '6', '--warm', '4']), other]);
    for (const one of [a, c]) b.note({ ...one, p99_ratio: b.ratio(one.others_p99_ms, one.before_p99_ms) });
}

// What one costs by how many there are. One generator holds no more than 20,000; several do, and send one message.
async function costs(b) {
    const server = await b.machine.belfry(), floor = await b.machine.floor();
    for (let i = 0; i < b.times(2); i++) {
        for (const users of [1, 10, 100, 1000, 10000]) {
            const rate = Math.min(2000, Math.max(2, Math.round(20000 / users)));
            const args = [...flag({ users, rate, opening: 256 }), '--seconds', b.seconds(3)];
            const delivery_us = (await b.load(server, 'fanout', args)).cpu_s_per_million;
            b.note({ delivery_us, delivery_floor_us: (await b.load(floor, 'fanout', args)).cpu_s_per_million }, `${users}_`);
        }
    }
    await b.machine.stopAll();
    const many = await b.machine.belfry({ sessions: 7 });
    const held = await b.load(many, 'hold', flag({ users: 100000, step: 100000, processes: 6, opening: 32, beat: 20 }));
    b.note({ delivery_us: held.cpu_of_a_delivery_us }, '100000_');
    await b.machine.stop(many);
    const topics = await b.machine.belfry();
    const joins = await b.load(topics, 'topics', flag({ users: 12000, opening: 256 }));
    b.note(Object.fromEntries(Object.entries(joins).filter(([name]) => name.endsWith('_join_us'))));
    await b.machine.stop(topics);
    const inboxes = await b.machine.belfry();
    b.note(await b.run('bench-inboxes', ['costs', '--data', inboxes.data, '--users', '1000000']));
}

async function relay(b) {
    for (const [under, rate] of [['', 0], ['paced_', 2000]]) {
        for (let i = 0; i < b.times(3); i++) b.note(await b.run('bench-floor-zmq', flag({ rate, seconds: 2 })), under);
    }
}

const attacks = ['slow_headers', 'never_read', 'frames', 'joins', 'megabytes', 'guesses'];

// Honest clients before, while somebody attacks another installation on the machine, and while he attacks theirs;
// with all limits at their defaults. What the attacker takes of the machine himself is in the second.
async function hostile(b) {
    for (const kind of attacks) {
        for (let i = 0; i < b.times(1); i++) {
            const server = await b.machine.belfry({ conf: demo }), other = await b.machine.belfry({ conf: demo });
            const args = [...flag({ users: 200, rate: 100 }), '--seconds', b.seconds(5)];
            const quiet = await b.load(server, 'notify', args);
            const beside = await attacked(b, other, kind);
            const apart = await b.load(server, 'notify', args);
            await beside.end();
            const attack = await attacked(b, server, kind);
            const during = await b.load(server, 'notify', args);
            const peak_mb = await attack.end();
            b.note({ p99_ms: during.badge_p99_ms, p99_ratio: b.ratio(during.badge_p99_ms, quiet.badge_p99_ms),
                beside_ratio: b.ratio(during.badge_p99_ms, apart.badge_p99_ms), peak_mb }, `${kind}_`);
            await b.machine.stop(server);
            await b.machine.stop(other);
        }
    }
}

export const sections = {
    notify: { what: 'create to badge, 100/s, 1,000 connected users', run: notify, rows: [
        ['create to badge: p50 ms', 'badge_p50_ms'], ['p90 ms', 'badge_p90_ms'], ['p99 ms', 'badge_p99_ms'], ['p99.9 ms', 'badge_p999_ms'],
        ['until acknowledged: p50 ms', 'acknowledged_p50_ms'], ['p99 ms', 'acknowledged_p99_ms'],
        ['CPU, s per million creates at this pace', 'cpu_s_per_million']] },
    create: { what: 'acknowledged creates, 256 in flight, beside the bare LMDB loop in groups of 256', run: create, rows: [
        ['creates/s', 'creates_per_s'], ['bare loop: creates/s', 'bare_per_s'], ['**ratio, pair by pair**', 'ratio', '>= 0.60'],
        ['acknowledged: p50 ms', 'acknowledged_p50_ms'], ['p99 ms', 'acknowledged_p99_ms'], ['CPU, s per million', 'cpu_s_per_million'],
        ['bytes of the store\'s file per create', 'file_bytes'], ['of the bare loop\'s file', 'bare_file_bytes'],
        ['without a key: creates/s', 'unkeyed_creates_per_s'], ['ratio to the bare loop without the key\'s row', 'unkeyed_ratio'],
        ['one at a time: p50 ms', 'single_acknowledged_p50_ms'], ['p99 ms', 'single_acknowledged_p99_ms'],
        ['bare commit of one: p50 ms', 'single_bare_commit_p50_ms'], ['p99 ms', 'single_bare_commit_p99_ms'],
        ['**p99 to the bare commit\'s**', 'single_p99_ratio', '<= 3']] },
    paced: { what: 'fan-out at 20,000 deliveries/s', run: pairs('fanout', [['1k_', { users: 1000, rate: 20 }, 3, 4], ['10k_', { users: 10000, rate: 2 }, 3, 5]]), rows: [
        ['1,000 subscribers, 20 messages/s: CPU, s per million', '1k_cpu_s_per_million'], ['floor', '1k_floor_cpu'], ['**CPU ratio**', '1k_cpu_ratio', '<= 1.15'],
        ['delivered: p50 ms', '1k_delivery_p50_ms'], ['floor', '1k_floor_delivery_p50_ms'], ['p99 ms', '1k_delivery_p99_ms'], ['floor', '1k_floor_delivery_p99_ms'],
        ['10,000 subscribers, 2 messages/s: CPU, s per million', '10k_cpu_s_per_million'], ['floor', '10k_floor_cpu'], ['**CPU ratio**', '10k_cpu_ratio', '<= 1.15'],
        ['p99 ms', '10k_delivery_p99_ms'], ['floor', '10k_floor_delivery_p99_ms']] },
    saturated: { what: 'fan-out of as much as arrives', run: saturated, rows: [
        ['1,000 subscribers: deliveries/s', '1k_deliveries_per_s', '>= 600,000'], ['floor', '1k_floor_deliveries_per_s'], ['coalescing floor', '1k_together_per_s'],
        ['CPU, s per million', '1k_cpu_s_per_million'], ['**CPU ratio**', '1k_cpu_ratio', '<= 0.25'], ['CPU of the coalescing floor', '1k_together_cpu'],
        ['10,000 subscribers: deliveries/s', '10k_deliveries_per_s'], ['floor', '10k_floor_deliveries_per_s'], ['coalescing floor', '10k_together_per_s'],
        ['rate to the coalescing floor\'s', '10k_to_together', '>= 0.8'], ['**CPU ratio**', '10k_cpu_ratio', '<= 0.75'],
        ['1,000 messages/s to 1,000: deliveries/s', 'held_deliveries_per_s'], ['p99 ms', 'held_delivery_p99_ms'],
        ['a reader that reads nothing: rate with it to rate without', 'slow_ratio', '>= 0.95']] },
    held: { what: 'the highest rate that 1,000 subscribers get with p99 <= 50 ms, by halving', run: held, apart: true, rows: [
        ['deliveries/s', 'per_s', '> 642,000'], ['p99 ms', 'p99_ms', '<= 50'], ['CPU, us a delivery', 'cpu_us']] },
    pairs: { what: '10,000 topics with one subscriber each, 100 publishers', run: pairs('pairs', [['', { users: 10000, writers: 100, rate: 0 }, 3, 3], ['paced_', { users: 10000, writers: 100, rate: 2000 }, 3, 3]]), rows: [
        ['saturated: deliveries/s', 'deliveries_per_s', '>= 45,000'], ['floor', 'floor_deliveries_per_s'], ['CPU, s per million', 'cpu_s_per_million'], ['floor', 'floor_cpu'], ['**CPU ratio**', 'cpu_ratio', '<= 2.0'],
        ['2,000/s: p50 ms', 'paced_delivery_p50_ms'], ['floor', 'paced_floor_delivery_p50_ms'], ['p99 ms', 'paced_delivery_p99_ms', '<= 1'], ['floor', 'paced_floor_delivery_p99_ms']] },
    churn: { what: 'connect, join, go: 64 at a time', run: churn, rows: [
        ['connect + join per second', 'joins_per_s', '>= 12,000'], ['floor', 'floor_joins_per_s'], ['CPU, us each', 'cpu_s_per_million'], ['floor', 'floor_cpu'], ['**CPU ratio**', 'cpu_ratio', '<= 1.5'],
        ['joining an inbox: per second', 'inbox_joins_per_s', '>= 8,000'], ['CPU, us each', 'inbox_cpu_s_per_million']] },
    idle: { what: '15,000 idle connections, heartbeats answered', run: idle, rows: [
        ['joined to one topic: bytes of PSS, all processes', 'all_pss_bytes', '<= 1,024'], ['floor', 'floor_all_pss_bytes'], ['kernel slab, both ends', 'kernel_slab_bytes'], ['floor', 'floor_kernel_slab_bytes'],
        ['CPU of a heartbeat, us', 'cpu_s_per_million', '<= 30'], ['floor', 'floor_cpu'], ['heartbeat answered: p50 ms', 'heartbeat_p50_ms'], ['p99 ms', 'heartbeat_p99_ms'],
        ['joined to its inbox: bytes of PSS, all processes', 'inbox_all_pss_bytes', '<= 1,536'], ['bytes of RssAnon, session processes', 'inbox_sessions_rss_anon_bytes'],
        ['a parked long-poll: bytes of PSS, all processes', 'poll_all_pss_bytes', '<= 6,144']] },
    minute: { what: '15,000 idle connections, a heartbeat each 30 s', run: minute, apart: true, rows: [
        ['CPU of all that runs, us for each heartbeat: half a connection-minute', 'cpu_s_per_million'], ['floor', 'floor_cpu'], ['**CPU ratio**', 'cpu_ratio', '<= 2']] },
    many: { what: '50,000 idle connections, joined to one topic, in four session processes', run: many, apart: true, rows: [
        ['bytes of PSS, all processes', 'all_pss_bytes', '<= 1,024'], ['kernel slab, both ends', 'kernel_slab_bytes'], ['joins/s', 'joins_per_s'],
        ['CPU of a heartbeat, us', 'cpu_of_a_heartbeat_us', '<= 30'], ['one message to all: CPU of a delivery, us', 'cpu_of_a_delivery_us'],
        ['the last of them after, s', 'all_heard_it_s'], ['a notification to one: shown after, ms', 'notified_ms']] },
    longpoll: { what: 'long-polls: each message answers 1,000', run: longpoll, rows: [
        ['polls answered/s', 'polls_per_s', '>= 15,000'], ['CPU, us each', 'cpu_s_per_million'], ['delivered: p50 ms', 'delivery_p50_ms'], ['p99 ms', 'delivery_p99_ms']] },
    crowds: { what: 'presence of 10,000; a message that notifies 100,000 members', run: crowds, rows: [
        ['10,000 join a topic with presence: joins/s', 'presence_joins_per_s'], ['all know of all so many ms after the last', 'presence_all_know_after_ms'], ['presence messages to each', 'presence_messages_each'], ['their bytes', 'presence_bytes_each'], ['CPU, us a join', 'presence_cpu_s_per_million'],
        ['100,000 members notified: seconds', 'members_fanout_s'], ['others\' creates to badge, before: p99 ms', 'members_before_p99_ms'], ['meanwhile: p99 ms', 'members_during_p99_ms', '<= before + 100'], ['CPU, us a notification', 'members_cpu_s_per_million']] },
    storm: { what: '20,000 connected; one of two session processes is killed', run: storm, rows: [
        ['all back and exact: s', 'all_back_s', '<= 15'], ['others\' create to badge before: p99 ms', 'before_p99_ms'], ['meanwhile: p99 ms', 'others_p99_ms', '<= 3x'], ['of those who returned: p99 ms', 'of_lost_p99_ms'], ['RssAnon of all processes before: MB', 'rss_anon_before_mb'], ['after: MB', 'rss_anon_after_mb']] },
    hostile: { what: 'create to badge, 100/s, 200 honest users, while one attacks from the same machine', run: hostile, apart: true, rows: [
        ['10,000 connections send a byte of their headers a second: p99 ms', 'slow_headers'], ['1,000 clients that never read', 'never_read'],
        ['one sends heartbeats as fast as they are taken', 'frames'], ['four join as fast', 'joins'], ['messages and bodies of 1 MB', 'megabytes'],
        ['tokens that nobody signed', 'guesses']].flatMap(([what, name]) => [[what, `${name}_p99_ms`], ['to the quiet run\'s', `${name}_p99_ratio`, '<= 3'], ['to that while another installation is attacked', `${name}_beside_ratio`], ['peak of RssAnon, MB', `${name}_peak_mb`]]) },
    relay: { what: 'the floor between processes: PUB, relay, SUB over ipc', run: relay, rows: [
        ['messages/s, saturated', 'messages_per_s'], ['CPU of relay and subscriber, s per million', 'cpu_s_per_million'], ['at 2,000/s: p50 ms there and back', 'paced_message_p50_ms'], ['CPU, s per million', 'paced_cpu_s_per_million']] },
    costs: { what: 'what one costs by how many there are: CPU, us', run: costs, apart: true, rows: [
        ['a delivery: 1 subscriber', '1_delivery_us'], ['10', '10_delivery_us'], ['100', '100_delivery_us'], ['1,000', '1000_delivery_us'], ['10,000', '10000_delivery_us'], ['100,000', '100000_delivery_us'],
        ['a join: 1 topic', '1_join_us'], ['1,000 topics', '1000_join_us'], ['100,000', '100000_join_us'], ['1,000,000', '1000000_join_us'],
        ['a create in the store: 1 item in its inbox', '1_items_us'], ['1,000 items', '1000_items_us'], ['100,000', '100000_items_us'], ['1,000,000', '1000000_items_us'],
        ['a create in the store: 1,000 inboxes', '1000_inboxes_us'], ['10,000', '10000_inboxes_us'], ['100,000', '100000_inboxes_us'], ['1,000,000', '1000000_inboxes_us']] },
};
