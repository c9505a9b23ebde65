// The survey behind a link: show, send, say thank you.
import { newId, postAnswer, showForm } from "./form.js";
import { pageData } from "./words.js";

const invitation = pageData("invitation");
// The same for every try of this page: an answer whose thanks got lost is not given twice.
const clientId = newId();

showForm(document.getElementById("form"), invitation, async (answers) => {
  const { receipt, code, code_text: codeText } = await postAnswer("/api/public/answers", {
    token: invitation.id,
    language: invitation.language,
    version: invitation.version,
    client_id: clientId,
    website: document.querySelector("[data-trap] input").value,
    answers,
  });
  sessionStorage.setItem("aeras.receipt", receipt ?? "");
  sessionStorage.setItem("aeras.code", JSON.stringify(code ? [code, codeText] : null));
  location.replace("/thanks");
});
