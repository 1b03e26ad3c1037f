// SPDX-License-Identifier: Apache-2.0
// Measures Belfry from BIN beside its floors, section by section (sections.mjs). What a section gave
// is kept in BIN/../bench.json until it is measured again, and docs/performance.md is written from
// all that is there; with --keep nothing is. With --more its runs are added to those that are kept, if
// they are of the same commit: so a table of many runs is taken a few minutes at a time. --page only
// writes the page. A run in which anything was lost, repeated or miscounted ends it with 1, and leaves
// that section as it was.
import fs from 'node:fs';
import path from 'node:path';
import { sections } from './sections.mjs';
import { open } from './server.mjs';
import { bench } from './measure.mjs';
import { writePage } from './page.mjs';

const names = Object.keys(sections);
const options = { times: 0, seconds: 0, only: null, keep: false, more: false, bin: null };

function usage() {
    console.error('bench/run BIN [--only SECTION,...] [--times N] [--seconds N] [--more] [--keep] [--page]\n');
    for (const name of names) console.error(`  ${name.padEnd(12)} ${sections[name].what}`);
    process.exit(2);
}

function readOptions(words) {
    for (let i = 0; i < words.length; i++) {
        if (words[i] === '--keep' || words[i] === '--more') options[words[i].slice(2)] = true;
        else if (words[i] === '--page') options.only = [];
        else if (words[i] === '--only') options.only = words[++i].split(',');
        else if (words[i] === '--times' || words[i] === '--seconds') options[words[i].slice(2)] = Number(words[++i]);
        else if (words[i].startsWith('-')) usage();
        else options.bin = words[i];
    }
    const wrong = (options.only ?? []).find((name) => !names.includes(name));
    if (!options.bin || wrong || Number.isNaN(options.times + options.seconds)) usage();
}

// The runs of a section that are kept, and more of them.
function joined(old, more) {
    if (!old || old.when.commit !== more.when.commit) return more;
    const figures = { ...old.figures };
    for (const [name, values] of Object.entries(more.figures)) figures[name] = [...(figures[name] ?? []), ...values];
    return { ...more, figures, commands: [...new Set([...old.commands, ...more.commands])],
        runs: old.runs + more.runs, disturbed: old.disturbed + more.disturbed };
}

async function main(machine) {
    const file = path.resolve(options.bin, '..', 'bench.json');
    const kept = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    for (const name of options.only ?? names.filter((one) => !sections[one].apart)) {
        const b = bench(machine, name, options), from_ms = Date.now();
        await sections[name].run(b);
        await machine.stopAll();
        console.log(`${name}: ${Math.round((Date.now() - from_ms) / 1000)} s`);
        kept[name] = joined(options.more && kept[name], { ...b.results, when: b.stamp() });
        if (!options.keep) fs.writeFileSync(file, JSON.stringify(kept, null, 1));
    }
    if (!options.keep) console.log('written:', writePage(kept, sections).join(' '));
}

readOptions(process.argv.slice(2));
const machine = open(options.bin);
async function leave(code) {
    await machine.close();
    process.exit(code);
}
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => leave(130));
main(machine).then(() => leave(0), (problem) => {
    console.error(`bench/run: ${problem.message}`);
    for (const text of machine.logs()) console.error(text);
    return leave(1);
});
