// Everything works without this file: it shows what is typed into the field of a password.
for (const input of document.querySelectorAll("input[type=password][data-show]")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.setAttribute("aria-controls", input.id);
  const say = () => { button.textContent = input.type === "password" ? input.dataset.show : input.dataset.hide; };
  button.addEventListener("click", () => {
    input.type = input.type === "password" ? "text" : "password";
    say();
  });
  // What is sent is of the type that the browser keeps for passwords.
  input.form.addEventListener("submit", () => { input.type = "password"; });
  say();
  input.after(button);
}
// Not every browser moves the focus to what is no field.
document.querySelector("[data-focus]")?.focus();
