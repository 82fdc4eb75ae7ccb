/*
 * A request made from a call's description, what was typed, and who asks; and the same as a line for a shell.
 *
 * How a call is signed is read from its description: by parameters where it has one named `signature`, else by the
 * headers that its security schemes name.
 */

import { encoded, signHeaders, signQuery } from "./signing.js";

/** Parameters that are made when a call is sent, not typed. */
export const MADE = new Set(["signature"]);
const FORM = "application/x-www-form-urlencoded";

/** Whether a call is signed in its parameters. */
export function signsParameters(call) {
  return call.parameters.some(({ name }) => name === "signature");
}

/** Who may ask: a list of "token", "key", "nobody", of what is held; the first is meant when nothing is said. */
export function askers(call, { token, key }) {
  const named = call.security.map((scheme) => Object.keys(scheme).map((name) => call.document.schemes[name]));
  const takesToken = named.some((schemes) => schemes.some(({ scheme }) => scheme === "bearer"));
  const takesKey = named.some((schemes) => schemes.some(({ type }) => type === "apiKey"));
  const found = [];
  if (takesToken && token) found.push("token");
  if (takesKey && key) found.push("key");
  return [...found, "nobody"];
}

/**
 * The request {method, url, headers, body}. `typed` has `values` ([parameter, text] pairs), `body` (text or null), `as`
 * (one of `askers`) and `form` (whether parameters go into a form); `token()` gives the token's text.
 */
export async function build(call, typed, { key, token }) {
  const { schemes } = call.document;
  const put = (place) =>
    typed.values
      .filter(([parameter, text]) => parameter.in === place && text !== "")
      .map(([{ name }, text]) => [name, text]);
  let path = call.label;
  for (const [name, text] of put("path")) path = path.replaceAll(`{${name}}`, encodeURIComponent(text));
  const headers = put("header");
  const pairs = put("query");
  const withKey = typed.as === "key" && key;
  let parameters = encoded(pairs);
  if (withKey && signsParameters(call)) parameters = await signQuery(key, pairs);
  const asForm = typed.form && parameters !== "";
  const body = asForm ? parameters : typed.body;
  const target = parameters && !asForm ? `${path}?${parameters}` : path;
  if (asForm) headers.push(["Content-Type", FORM]);
  else if (body !== null) headers.push(["Content-Type", call.body.media]);
  if (typed.as === "token") headers.push(["Authorization", `Bearer ${await token()}`]);
  if (withKey && !signsParameters(call) && schemes.signature) {
    headers.push(...(await signHeaders(key, schemes, call.method, target, body)));
  } else if (withKey) {
    headers.push([schemes.key.name, key.id]);
  }
  return { method: call.method, url: location.origin + target, headers, body };
}

/** A request as one line for a POSIX shell. */
export function curl({ method, url, headers, body }) {
  const words = ["curl", "-sS"];
  if (method !== "GET") words.push("-X", method);
  for (const [name, text] of headers) words.push("-H", quoted(`${name}: ${text}`));
  if (body !== null) words.push("--data-raw", quoted(body));
  return [...words, quoted(url)].join(" ");
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
