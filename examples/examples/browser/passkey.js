// Passkeys: to sign in without a name and a password, as a second step, and to show once more who one is. Beside session.js this is
// the other part to take along.

import { call, enter } from "./session.js";

/** Whether this browser can do it; `data-passkeys` says whether the service can. */
export const possible = () =>
  "passkeys" in document.documentElement.dataset && "parseRequestOptionsFromJSON" in (window.PublicKeyCredential ?? {});

/** Challenges are good for five minutes, and a form may wait for longer. */
const FRESH = 4 * 60_000;

/** A browser has one such request at a time: the next one ends the one before. */
let waiting = new AbortController();

async function sign(options, more) {
  waiting.abort();
  waiting = new AbortController();
  const signal = AbortSignal.any([waiting.signal, AbortSignal.timeout(FRESH)]);
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  return (await navigator.credentials.get({ publicKey, signal, ...more })).toJSON();
}

export async function signInWithPasskey(more) {
  const { options } = await call("POST", "/passkeys/options");
  await enter("/passkeys/login", { credential: await sign(options, more) });
}

/** Offers passkeys where a name is typed, until somebody takes one or does something else. */
export async function offer() {
  if (!possible() || !(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
  for (;;) {
    try {
      return await signInWithPasskey({ mediation: "conditional" });
    } catch (error) {
      if (error.name !== "TimeoutError") throw error;
    }
  }
}

/** The second step, of what the server said to the first. */
export async function secondStep({ auth_session, passkey_options }) {
  await enter("/login/challenge", { auth_session, method: "passkey", credential: await sign(passkey_options) });
}

/** Does what asks for recent proof, and shows a passkey first where there is one and it is asked for. */
export async function proved(work) {
  try {
    return await work();
  } catch (error) {
    if (error.code !== "insufficient_user_authentication") throw error;
    const { options } = await call("POST", "/step-up/options");
    // Of an account without one: it has to sign in again, as the server says.
    if (!options.allowCredentials.length) throw error;
    await enter("/step-up", { method: "passkey", credential: await sign(options) });
    return work();
  }
}

/** Makes one; the answer has recovery codes, to be shown once, where it is the first. */
export async function addPasskey() {
  const { options } = await proved(() => call("POST", "/users/me/passkeys/options"));
  // What a form has offered waits still, and a browser does one at a time.
  waiting.abort();
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const credential = await navigator.credentials.create({ publicKey });
  return call("POST", "/users/me/passkeys", { credential: credential.toJSON() });
}

/** Takes one away, here and in the list of the browser. */
export async function removePasskey(id) {
  const { signal } = await proved(() => call("DELETE", `/users/me/passkeys/${id}`));
  await PublicKeyCredential.signalAllAcceptedCredentials?.(signal);
}
