// What is seen of the sign-in: forms, the account, its sessions. Text comes into the page by `textContent` only.

import { addPasskey, offer, possible, removePasskey, secondStep, signInWithPasskey } from "./passkey.js";
import { Problem, call, onChange, signIn, signOut, signedIn, start } from "./session.js";

const by = (id) => document.getElementById(id);
const say = (text) => (by("status").textContent = text);
const time = (text) => new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });

/** Does what somebody asked for. Its button waits, and what goes wrong is told. */
async function attempt(button, work, wrong = (error) => say(words(error))) {
  button.disabled = true;
  say("");
  try {
    await work();
  } catch (error) {
    wrong(error);
  } finally {
    button.disabled = false;
  }
}

/** Whatever is no answer of the server is a network that does not reach it. */
function words(error) {
  // What is shown has changed already.
  if (error.code === "ended") return "";
  if (error instanceof Problem) return error.message;
  // Somebody did not want to, or has it already; or something else has taken its place.
  if (error.name === "NotAllowedError" || error.name === "AbortError") return "";
  if (error.name === "InvalidStateError") return "This device has a passkey already.";
  console.error(error);
  return "The server cannot be reached. Please try again.";
}

/** Shows who is signed in, as the server tells it. */
async function show() {
  const was = !by("signed-in").hidden;
  by("again").hidden = true;
  by("signed-out").hidden = signedIn();
  // Nothing of the one who was here before stays in the page.
  by("signed-in").hidden = true;
  for (const id of ["email", "roles", "since", "sessions", "list-of-passkeys", "codes"]) by(id).replaceChildren();
  if (!signedIn()) {
    offer().catch((error) => say(words(error)));
    return was && say("You are signed out.");
  }
  const [user] = await Promise.all([call("GET", "/users/me"), listSessions(), listPasskeys()]);
  by("email").textContent = user.email;
  by("roles").textContent = user.roles.join(", ");
  by("since").textContent = time(user.created_at);
  by("signed-in").hidden = false;
}

async function listPasskeys() {
  by("passkeys").hidden = !possible();
  if (!possible()) return;
  const { passkeys } = await call("GET", "/users/me/passkeys");
  by("list-of-passkeys").replaceChildren(...passkeys.map(passkeyRow));
}

function passkeyRow({ id, name, provider, created_at }) {
  const item = by("session").content.cloneNode(true);
  const [called, since] = item.querySelectorAll("p");
  called.textContent = name;
  since.textContent = [provider, time(created_at)].filter(Boolean).join(" · ");
  const remove = item.querySelector("button");
  remove.textContent = "Remove";
  remove.setAttribute("aria-label", `Remove the passkey ${name}`);
  remove.onclick = () =>
    attempt(remove, async () => {
      await removePasskey(id);
      await listPasskeys();
      by("passkeys-title").focus();
    });
  return item;
}

async function listSessions() {
  const { sessions } = await call("GET", "/users/me/sessions");
  by("sessions").replaceChildren(...sessions.map(row));
  by("end-others").hidden = sessions.length < 2;
}

function row(session) {
  const item = by("session").content.cloneNode(true);
  const [agent, used] = item.querySelectorAll("p");
  agent.textContent = session.user_agent ?? "An unknown program";
  used.textContent = `${session.ip ?? "Unknown address"} · ${time(session.last_used_at)}`;
  const end = item.querySelector("button");
  if (session.current) end.replaceWith(by("this-browser").content.cloneNode(true));
  else {
    end.setAttribute("aria-label", `End the session of ${agent.textContent}`);
    end.onclick = () => attempt(end, () => endSessions(`/users/me/sessions/${session.id}`, "That session has ended."));
  }
  return item;
}

async function endSessions(path, done) {
  await call("DELETE", path);
  await listSessions();
  say(done);
  // The button that had the focus may be gone.
  by("sessions-title").focus();
}

/** What the server says of a field stands below the form, and the field is marked and gets the focus. */
function onSubmit(form, work) {
  const [email, password] = form.querySelectorAll("input");
  const [wrong, button] = [form.querySelector(".wrong"), form.querySelector("button")];
  const fields = { email, password };
  form.onsubmit = (event) => {
    event.preventDefault();
    wrong.textContent = "";
    for (const field of [email, password]) field.removeAttribute("aria-invalid");
    const tell = (error) => {
      const named = (error.errors ?? []).filter(({ field }) => fields[field]);
      wrong.textContent = named.map(({ detail }) => detail).join(" ") || words(error);
      for (const { field } of named) fields[field].setAttribute("aria-invalid", "true");
      (fields[named[0]?.field] ?? password).focus();
    };
    attempt(button, async () => {
      await work(email.value, password.value);
      form.reset();
      await shown;
      by("who-title").focus();
    }, tell);
  };
}

onSubmit(by("sign-in"), async (email, password) => {
  try {
    await signIn(email, password);
  } catch (error) {
    // Codes are not for this page: it sets no authenticator app up.
    if (!error.more?.passkey_options) throw error;
    await secondStep(error.more);
  }
});
onSubmit(by("register"), async (email, password) => {
  await call("POST", "/register", { email, password });
  await signIn(email, password);
});

by("by-passkey").hidden = !possible();
by("by-passkey").onclick = ({ target }) =>
  attempt(target, async () => {
    await signInWithPasskey();
    await shown;
    by("who-title").focus();
  });
by("add-passkey").onclick = ({ target }) =>
  attempt(target, async () => {
    const { recovery_codes } = await addPasskey();
    await listPasskeys();
    if (recovery_codes) by("codes").textContent = `Write these down, they are shown once: ${recovery_codes.join(", ")}`;
  });

by("sign-out").onclick = ({ target }) =>
  attempt(target, async () => {
    await signOut();
    await shown;
    by("sign-in-title").focus();
  });
by("reload").onclick = ({ target }) => attempt(target, listSessions);
by("end-others").onclick = ({ target }) =>
  attempt(target, () => endSessions("/users/me/sessions", "Every other session has ended."));

/** Also where the server cannot be reached there is something to do. */
const notNow = (error) => {
  say(words(error));
  by("again").hidden = error.code === "ended";
};
let shown;
onChange(() => (shown = show().catch(notNow)));

const begin = () => attempt(by("again"), signedIn() ? show : start, notNow);
by("again").onclick = begin;
begin();

// A page out of the browser's back/forward cache has missed what the other tabs said.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
