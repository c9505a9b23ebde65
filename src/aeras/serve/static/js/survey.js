// The survey behind a link: show, send, say thank you.
import { post, showForm } from "./form.js";
import { pageData } from "./words.js";

const invitation = pageData("invitation");

showForm(document.getElementById("form"), invitation, async (answers) => {
  const { receipt } = await post("/api/public/answers", {
    token: invitation.id,
    language: invitation.language,
    answers,
  });
  sessionStorage.setItem("aeras.receipt", receipt ?? "");
  location.replace("/thanks");
});
