// Stands for a language model, which is slow, and goes on with what it has said, always to the same end.
import { setTimeout as sleep } from 'node:timers/promises';

const ANSWER = `You asked: “QUESTION”. I am no language model, but as slow as one, which is what matters here.

Every word of mine goes into a log in Redis before anybody reads it. Your page knows how far it has read that log. \
So reload it, or open its address in another window: there are all words, each of them once.

The process that writes this may be killed, too. Nobody renews its lease then; another process takes it, reads what \
was said so far, and goes on. Try it: above is its number. Kill it, and watch me go on in the middle of a sentence.`;

/** @param said the tokens so far, as a real model gets the beginning of its answer; the last one of all is `null`. */
export async function* complete(question, said) {
  const tokens = [...ANSWER.replace('QUESTION', () => question).match(/\s*\S+/g), null];
  for (const token of tokens.slice(said.length)) yield await sleep(40, token);
}
