// One sign-in for all tabs of this origin. This file is the part to take along; page.js is only what is seen of it.
//
// The refresh token is in a cookie that no script can read. The access token is in a variable, and nowhere else: neither in
// localStorage nor in sessionStorage, where it would outlive the page. A tab that is loaded gets one from another tab, or with
// the cookie. Other tabs get it over a BroadcastChannel, which reaches pages of this origin only. They could ask for a token with
// the cookie just as well, so nobody learns anything that they could not have otherwise.

const AUTH = "/auth";

/** What the server said no to; `errors` are the fields that it names (RFC 9457). */
export class Problem extends Error {
  constructor({ detail, code, errors, ...more }) {
    super(detail);
    this.code = code;
    this.errors = errors ?? [];
    this.more = more;
  }
}

/**
 * What this tab knows. Of two states the one with the greater `at` is the newer one. `session` is the id of the session, which
 * refreshes leave as it is, and a sign-in elsewhere does not: the cookie may change hands by ways of which no tab hears. `token:
 * null`: nobody is signed in, or, at the very beginning, nobody knows.
 */
let state = { at: 0, session: null, token: null };

const channel = new BroadcastChannel("auth");
let arrived = () => {};
let tell = () => {};
let release = () => {};

/** Calls back whenever somebody has signed in or out, here or in another tab. */
export const onChange = (callback) => (tell = callback);

/**
 * What changes the cookie happens in one tab at a time: no two refreshes race, and no answer to one arrives after a sign-in or a
 * sign-out that came later. A browser without locks does without; the server has a grace for refreshes that race.
 */
const alone = (work) => (navigator.locks ? navigator.locks.request("auth", work) : work());

/** A tab that has a token holds a lock that says which. So others know whether there is anybody to ask. */
const HAS = "auth has ";

function hold({ at, token }) {
  release();
  if (!token || !navigator.locks) return undefined;
  const until = new Promise((resolve) => (release = resolve));
  return new Promise((held) => {
    navigator.locks.request(HAS + at, { mode: "shared" }, () => {
      held();
      return until;
    });
  });
}

/** Takes over what is newer than what this tab knows. */
async function adopt(next) {
  if (next.at <= state.at) return;
  const { session } = state;
  state = next;
  const held = hold(next);
  arrived();
  if (session !== next.session || !next.token) tell();
  await held;
}

/** The claim `sid` of an access token; whether that is genuine is the server's business. */
function sessionOf(token) {
  const payload = token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
  return JSON.parse(atob(payload)).sid;
}

/** Something new that this tab has from the server. The others know, or can know, before the next one may act. */
async function become(token) {
  const at = Math.max(Date.now(), state.at + 1);
  await adopt({ at, session: token && sessionOf(token), token });
  channel.postMessage(state);
}

channel.onmessage = ({ data }) => {
  if (data.at) adopt(data);
  else if (state.token) channel.postMessage(state);
};

/** Waits for a newer token if another tab has one. One that is asleep is not waited for. */
async function askOthers() {
  if (!navigator.locks) return;
  const { held } = await navigator.locks.query();
  const isNewer = ({ name }) => name.startsWith(HAS) && Number(name.slice(HAS.length)) > state.at;
  if (!held.some(isNewer)) return;
  await new Promise((resolve) => {
    arrived = resolve;
    setTimeout(resolve, 1000);
    channel.postMessage({});
  });
}

/** Gets the successor of a token that was refused, or the first one; once, however many tabs need it. */
function refresh(refused) {
  return alone(async () => {
    // It may have come while this tab waited for its turn.
    if (state.at === refused.at) await askOthers();
    if (state.at !== refused.at) return;
    const answer = await send("POST", "/refresh-token");
    if (answer.ok) return become((await answer.json()).access_token);
    if (answer.status !== 401) throw await problem(answer);
    // Without locks somebody may have signed in meanwhile.
    if (state.at === refused.at) await become(null);
  });
}

async function problem(answer) {
  const document = await answer.json().catch(() => ({ detail: `The server answered ${answer.status}.` }));
  return new Problem(document);
}

/** Bounded in time: other tabs wait for what happens `alone`. */
function send(method, path, body) {
  const headers = {};
  if (state.token) headers.Authorization = `Bearer ${state.token}`;
  if (body) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(10_000);
  return fetch(AUTH + path, { method, headers, signal, body: body && JSON.stringify(body) });
}

/** Finds out whether somebody is signed in; asks the server where no tab knows. */
export const start = () => refresh(state);

export const signedIn = () => state.token !== null;

/**
 * A request with the access token. One that is refused is tried once more with a new token. Neither is it repeated for somebody
 * else, who has signed in meanwhile, nor does such a person get the answer: that is a problem with the code `ended`.
 */
export async function call(method, path, body) {
  const used = state;
  const ifStillHere = () => {
    if (state.session !== used.session) throw new Problem({ code: "ended", detail: "The sign-in has ended." });
  };
  let answer = await send(method, path, body);
  if (answer.status === 401 && used.token) {
    await refresh(used);
    ifStillHere();
    answer = await send(method, path, body);
  }
  if (!answer.ok) throw await problem(answer);
  const document = answer.status === 204 ? null : await answer.json();
  ifStillHere();
  return document;
}

/** Goes through a door that is answered with an access token: a sign-in, its second step, a step-up. */
export function enter(path, body) {
  return alone(async () => {
    const answer = await send("POST", path, body);
    if (!answer.ok) throw await problem(answer);
    await become((await answer.json()).access_token);
  });
}

export const signIn = (email, password) => enter("/login", { email, password });

/** Ends the session at the server first: where that fails nobody is told that they are out. */
export function signOut() {
  return alone(async () => {
    const answer = await send("POST", "/logout");
    if (!answer.ok) throw await problem(answer);
    await become(null);
  });
}
