// SPDX-License-Identifier: Apache-2.0
/* The processes in a newcomer's words: [what each does, what happens while it is away]. */
export const roles = {
  serve: ['Starts the others, and starts them again.'],
  store: ['Keeps everything.', 'While it is away, what you do waits; what was answered is on the disk.'],
  broker: ['Carries news between the processes.', 'What is lost with it is read from the log.'],
  notifier: ['Tells the news of the log.', 'It goes on where it was; nobody is told twice.'],
  session: ['Holds the connections of pages.', 'They come back by themselves, and hear what they missed.'],
  hook: ['Asks your application who may come in.'],
};
