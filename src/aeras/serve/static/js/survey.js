// The survey behind a link: show, send, say thank you.
import { postAnswer, showForm } from "./form.js";
import { pageData } from "./words.js";

const invitation = pageData("invitation");

showForm(document.getElementById("form"), invitation, async (answers) => {
  const { receipt } = await postAnswer("/api/public/answers", {
    token: invitation.id,
    language: invitation.language,
    version: invitation.version,
    answers: answers.consent ? answers : { consent: false },
  });
  sessionStorage.setItem("aeras.receipt", receipt ?? "");
  location.replace("/thanks");
});
