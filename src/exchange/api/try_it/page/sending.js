/*
 * A request sent and its answer read, with the time it took; or why there is none, in words.
 *
 * The answer's body is kept as text: what is shown is what was sent. Cookies are never sent.
 */

const MEANT = {
  401: "The gateway does not know who asks, or does not believe it: sign in again, or see to key, signature and clock.",
  403: "The gateway knows who asks, and they may not do this.",
  409: "This clashes with what is there already.",
  418: "This address is shut out for a while, because it went on after 429.",
  429: "Too much was asked in too short a time.",
  503: "Something that this needs is not there now; nothing was carried out unless the answer says otherwise.",
  504: "Whether this was carried out is not known: ask before you repeat it.",
};

/** Send {method, url, headers, body}. Gives {status, reason, ms, headers, text, size}, or {failed, ms}. */
export async function send({ method, url, headers, body }, signal) {
  const began = performance.now();
  try {
    const options = { method, headers, body, signal, credentials: "omit", cache: "no-store", redirect: "manual" };
    const answer = await fetch(url, options);
    const bytes = await answer.arrayBuffer();
    return {
      status: answer.status,
      reason: answer.statusText,
      ms: performance.now() - began,
      headers: [...answer.headers],
      text: new TextDecoder().decode(bytes),
      size: bytes.byteLength,
    };
  } catch (error) {
    return { failed: failure(error), ms: performance.now() - began };
  }
}

function failure(error) {
  if (error.name === "AbortError") return "Stopped. Whether the gateway has carried it out is not known.";
  if (navigator.onLine === false) return "This computer is offline.";
  if (/header|value|ByteString/i.test(error.message)) return `The browser does not send this: ${error.message}`;
  return "No answer: the gateway cannot be reached, or closed the connection. Is it running?";
}

/** What a status means, in words; empty where its name says it all. */
export function meaning(status, headers) {
  const wait = headers.find(([name]) => name.toLowerCase() === "retry-after")?.[1];
  const told = MEANT[status] ?? "";
  return wait ? `${told} Wait ${wait} s.`.trim() : told;
}
