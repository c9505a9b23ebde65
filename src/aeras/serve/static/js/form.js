// Shows a SurveyJS form and hands over what was filled in.
import { language, t } from "./words.js";

/**
 * Renders the form into a box.
 * @param {HTMLElement} box
 * @param {{form: object, language: string}} invitation
 * @param {(answers: object) => Promise<void>} send is given what was filled in, of a refusal that
 *   and nothing more; resolves when the answer is taken; rejects with an Error whose message is
 *   shown while the form stays filled.
 */
export function showForm(box, invitation, send) {
  const { Survey, SurveyUI } = globalThis;
  dropStyledIcons(Survey);
  const model = new Survey.Model(invitation.form);
  model.locale = invitation.language;
  model.showCompletedPage = false;
  if (language === invitation.language) model.completeText = t("ask.complete");
  model.autoFocusFirstQuestion = false;
  model.clearInvisibleValues = "onHidden"; // what is not asked any more is not sent
  model.autoAdvanceEnabled = true; // a choice is one tap; only open answers need a button
  for (const question of model.getAllQuestions()) {
    if (question.getType() === "rating") question.displayMode = "buttons"; // on phones, too
    if (question.getType() !== "boolean") continue;
    question.renderAs = "radio"; // two targets, not a slider
    question.swapOrder = true; // yes, then no
  }
  model.onCompleting.add((sender, options) => {
    options.allow = false; // we decide when it is done: the server may refuse
    if (box.dataset.sending) return;
    box.dataset.sending = "yes";
    problem(box, "");
    send(sender.data.consent ? { ...sender.data } : { consent: false })
      .catch((error) => problem(box, error.message))
      .finally(() => delete box.dataset.sending);
  });
  const inside = document.createElement("div"); // a new one: what was drawn before is forgotten
  box.replaceChildren(inside);
  SurveyUI.renderSurvey(model, inside);
  return model;
}

/** Icons that carry inline style are refused by our content policy; no form here uses them. */
function dropStyledIcons({ SvgRegistry }) {
  for (const [name, source] of Object.entries(SvgRegistry?.icons ?? {})) {
    if (source.includes("style=")) delete SvgRegistry.icons[name];
  }
}

function problem(box, text) {
  const line = box.parentElement.querySelector("[data-problem]");
  line.textContent = text;
  line.hidden = !text;
  if (text) line.scrollIntoView({ block: "nearest" });
}

/** 128 random bits as hex. */
export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Sends an answer; an Error says in the shopper's words what to do and carries the status (0: no
 *  network). */
export async function postAnswer(url, body) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw Object.assign(new Error(t("ask.offline")), { status: 0 });
  }
  if (answer.ok) return answer.json();
  throw Object.assign(new Error(told(answer.status)), { status: answer.status });
}

function told(status) {
  const exact = t(`ask.error.${status}`);
  if (exact !== `ask.error.${status}`) return exact;
  return t(status >= 500 ? "ask.error.500" : "ask.error.422");
}
