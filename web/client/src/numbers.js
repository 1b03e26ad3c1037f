// SPDX-License-Identifier: Apache-2.0
/* What comes with a number, beside a state that is at {epoch, seq}; seq is null before anything has come. */

/** What a frame of the same epoch is: 'old', 'gap', or false: the next one. */
export const misses = (state, { seq, prev }) => (seq <= state.seq ? 'old' : prev !== state.seq && 'gap');

/** Whether the state has what came after this answer. */
export const ahead = (state, { epoch, seq }) => epoch === state.epoch && seq < state.seq;
