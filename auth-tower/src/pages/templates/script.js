// Everything but passkeys works without this file. First: shows what is typed into the field of a password.
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
// The token of a link in a mail is behind the `#`, where no server and no log sees it.
for (const input of document.querySelectorAll("[data-token]")) {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (token) {
    input.value = token;
    // Neither history nor a copied address keeps it.
    history.replaceState(null, "", location.pathname + location.search);
  }
  if (input.value && !input.matches("[aria-invalid]")) {
    input.closest(".field").hidden = true;
    input.form.querySelector(".field:not([hidden]) input, button.main").focus();
  }
}
// Not every browser moves the focus to what is no field.
document.querySelector("[data-focus]")?.focus();

// Makes a passkey, or shows one, and sends what came of it with the form.
if ("parseRequestOptionsFromJSON" in (window.PublicKeyCredential ?? {})) {
  for (const form of document.querySelectorAll("form[data-options]")) {
    const told = form.querySelector("[role=status]");
    form.previousElementSibling.hidden = true;
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      told.textContent = "";
      const options = JSON.parse(form.dataset.options);
      try {
        const credential = "makes" in form.dataset
          ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) })
          : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
        form.elements.credential.value = JSON.stringify(credential.toJSON());
        form.submit();
      } catch (error) {
        // Whoever has closed the dialog knows.
        if (error.name !== "NotAllowedError") told.textContent = form.dataset.failed;
      }
    });
  }
}

// Signs in with a passkey: by the button, and where the browser offers one in the field of the name.
const passkey = document.querySelector("[data-passkey]");
if (passkey && "parseRequestOptionsFromJSON" in (window.PublicKeyCredential ?? {})) {
  const told = passkey.querySelector("[role=status]");
  let waiting = new AbortController();
  const ask = async (path, body) => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(passkey.dataset.passkey + path, { method: "POST", headers, body: body && JSON.stringify(body) });
    if (!answer.ok) throw new Error(path);
    return answer.json();
  };
  const signIn = async (more) => {
    // A browser has one such request at a time.
    waiting.abort();
    waiting = new AbortController();
    const { signal } = waiting;
    try {
      const { options } = await ask("/options");
      const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
      const credential = await navigator.credentials.get({ publicKey, signal, ...more });
      await ask("/login", { credential: credential.toJSON() });
      location.assign(passkey.dataset.next);
    } catch (error) {
      // Whoever has closed the dialog knows.
      if (!["AbortError", "NotAllowedError"].includes(error.name) && !signal.aborted) told.textContent = passkey.dataset.failed;
    }
  };
  passkey.hidden = false;
  passkey.querySelector("button").addEventListener("click", () => {
    told.textContent = "";
    signIn({});
  });
  PublicKeyCredential.isConditionalMediationAvailable?.().then((is) => is && signIn({ mediation: "conditional" }));
}
