// Kiosk answers that wait to be sent. They survive a reload; each has an id of its own, so that
// sending one twice is harmless.
import { postAnswer } from "./form.js";

const KEY = "aeras.kiosk.queue";
const MAX = 500;
const QUARTER_MS = 15 * 60000; // the server cuts times to quarters of an hour
const LATER_MS = 5 * 60000;

const read = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");
const write = (queue) => localStorage.setItem(KEY, JSON.stringify(queue));

/** Answers that should have been sent by now. */
export const waiting = () => read().filter(isDue).length;

/** The receipt code of an answer: the first 80 bits of its id, so that no server is needed. */
export function receiptOf(id) {
  const bits = [...id.slice(0, 20)].map((hex) => parseInt(hex, 16).toString(2).padStart(4, "0")).join("");
  const letters = bits.match(/.{5}/g).map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five, 2)]);
  return letters.join("").match(/.{4}/g).join("-");
}

/** Beside a shelf, answers go out together in the next quarter of an hour but one, in no order:
 *  when one arrives says nothing about who stood there. */
export function later(now = Date.now()) {
  const share = crypto.getRandomValues(new Uint32Array(1))[0] / 2 ** 32;
  return Math.ceil(now / QUARTER_MS) * QUARTER_MS + share * LATER_MS;
}

/** A moment further ahead than any that `later` gives means that the clock was set back. */
const isDue = ({ due }) => !due || due <= Date.now() || due > Date.now() + QUARTER_MS + LATER_MS;

/** Stores an answer before anything is sent, so that a power cut does not lose it. */
export function keep(answer, due = 0) {
  write([...read(), due ? { ...answer, due } : answer].slice(-MAX));
}

function drop(id) {
  write(read().filter((answer) => answer.client_id !== id));
}

/** Refused for good: sending it again cannot help. 429 and server trouble can pass. */
const hopeless = (status) => status >= 400 && status < 500 && status !== 429;

/** Sends one answer that was kept; its receipt, or null if it has to wait. */
export async function send({ due, ...answer }) {
  try {
    const { receipt } = await postAnswer("/api/public/kiosk/answers", answer);
    drop(answer.client_id);
    return { receipt };
  } catch (error) {
    if (!hopeless(error.status)) return null;
    drop(answer.client_id);
    throw error;
  }
}

let flushing = false;

/** Sends what waits; stops at the first that has to wait longer. */
export async function flush() {
  if (flushing) return;
  flushing = true;
  try {
    const ready = read().filter(isDue).sort((a, b) => (a.client_id < b.client_id ? -1 : 1));
    for (const answer of ready) {
      const sent = await send(answer).catch(() => "refused");
      if (sent === null) break;
    }
  } finally {
    flushing = false;
  }
}
