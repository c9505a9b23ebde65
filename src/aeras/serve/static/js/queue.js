// Kiosk answers that wait for the network. They survive a reload; each has an id of its own, so
// that sending one twice is harmless.
import { post } from "./form.js";

const KEY = "aeras.kiosk.queue";
const MAX = 500;

const read = () => JSON.parse(localStorage.getItem(KEY) ?? "[]");
const write = (queue) => localStorage.setItem(KEY, JSON.stringify(queue));

export const waiting = () => read().length;

/** 128 random bits as hex. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Stores an answer before anything is sent, so that a power cut does not lose it. */
export function keep(answer) {
  write([...read(), answer].slice(-MAX));
}

function drop(id) {
  write(read().filter((answer) => answer.client_id !== id));
}

/** Refused for good: sending it again cannot help. 429 and server trouble can pass. */
const hopeless = (status) => status >= 400 && status < 500 && status !== 429;

/** Sends one answer that was kept; its receipt, or null if it has to wait. */
export async function send(answer) {
  try {
    const { receipt } = await post("/api/public/kiosk/answers", answer);
    drop(answer.client_id);
    return { receipt };
  } catch (error) {
    if (!hopeless(error.status)) return null;
    drop(answer.client_id);
    throw error;
  }
}

let flushing = false;

/** Sends what waits, oldest first; stops at the first that has to wait longer. */
export async function flush() {
  if (flushing) return;
  flushing = true;
  try {
    for (const answer of read()) {
      const sent = await send(answer).catch(() => "refused");
      if (sent === null) break;
    }
  } finally {
    flushing = false;
  }
}
