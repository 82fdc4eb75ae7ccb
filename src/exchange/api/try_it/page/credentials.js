/*
 * Who asks: a token, a key, both or nobody. In the memory of this page only.
 *
 * Nothing is written to the browser's stores, no cookie is set, and nothing is in an address. A token that is about to
 * end is renewed with its refresh token before it is used, so that working for an hour needs one sign-in.
 */

import { signerOf } from "./keys.js";
import { send } from "./sending.js";

const SOON_MS = 20_000;

class Credentials extends EventTarget {
  /** {text, expires, refresh, account}: times in milliseconds since the epoch, null where unknown. */
  token = null;

  /** {id, kind, sign(text)}. */
  key = null;

  #renewing = null;

  /** Sign in by the call that `call` describes. Throws Error with words for people. */
  async signIn(call, email, password, code) {
    const answer = await post(call, { email, password, ...(code ? { code } : {}) });
    this.#take(answer);
  }

  /** Use a token that somebody has. */
  useToken(text) {
    const trimmed = text.trim();
    if (!/^[\x21-\x7e]+$/.test(trimmed)) throw new Error("A token is one line without blanks.");
    this.token = { text: trimmed, expires: expiryOf(trimmed), refresh: null, account: null };
    this.#changed();
  }

  /** Use an API key with its secret or private key. */
  async useKey(id, secret) {
    const trimmed = id.trim();
    if (!/^[\x21-\x7e]+$/.test(trimmed))
      throw new Error("Give the key's name too: the 64 letters and digits that it was told with.");
    this.key = { id: trimmed, ...(await signerOf(secret)) };
    this.#changed();
  }

  /** The token's text, renewed if it is about to end. `call` describes how. */
  async currentToken(call) {
    const { token } = this;
    if (token?.refresh && call && token.expires - Date.now() < SOON_MS) {
      this.#renewing ??= post(call, { refresh_token: token.refresh })
        .then((answer) => this.#take(answer))
        .finally(() => {
          this.#renewing = null;
        });
      await this.#renewing;
    }
    return this.token?.text ?? "";
  }

  #take(answer) {
    this.token = {
      text: answer.token,
      expires: answer.expires_at,
      refresh: answer.refresh_token,
      account: answer.account,
    };
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}

/** The one there is. */
export const credentials = new Credentials();

/** Post to a call that takes JSON; what it answers. Throws Error with words for people. */
export async function post(call, body) {
  if (!call) throw new Error("This gateway describes no such call.");
  const told = await send({
    method: call.method,
    url: call.label,
    headers: [["Content-Type", "application/json"]],
    body: JSON.stringify(body),
  });
  if (told.failed) throw new Error(told.failed);
  const answer = JSON.parse(told.text);
  if (told.status >= 400) throw new Error(answer.error?.message ?? `The gateway answers ${told.status}.`);
  return answer;
}

function expiryOf(token) {
  try {
    const claims = JSON.parse(atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/")));
    return Number.isFinite(claims.exp) ? claims.exp * 1000 : null;
  } catch {
    return null;
  }
}
