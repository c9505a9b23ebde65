// Shows the receipt code that the survey page left in this tab's session.
const code = JSON.parse(sessionStorage.getItem("aeras.code") ?? "null");
const receipt = sessionStorage.getItem("aeras.receipt");

if (receipt) {
  document.querySelector("[data-receipt]").hidden = false;
  document.querySelector("[data-receipt-code]").textContent = receipt;
  document.querySelector("[data-withdraw]").href = `/withdraw?code=${encodeURIComponent(receipt)}`;
} else if (receipt === "") {
  document.querySelector("[data-refused]").hidden = false;
}

if (receipt && code) {
  document.querySelector("[data-code]").hidden = false;
  document.querySelector("[data-code-value]").textContent = code[0];
  document.querySelector("[data-code-text]").textContent = code[1];
}
