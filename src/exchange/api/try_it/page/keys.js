/*
 * Keys that sign, by what the browser has (WebCrypto).
 *
 * A key is brought in so that it cannot be read out again, not even by this page; the text that it came as is dropped.
 * HMAC-SHA256 is written in hex digits, Ed25519 and RSASSA-PKCS1-v1_5 with SHA-256 in base64: docs/api.md, "Signing a
 * request"; Binance: faqs/api_key_types.md.
 */

const ED25519 = [0x06, 0x03, 0x2b, 0x65, 0x70];
const RSA = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const CONVERT = "openssl pkcs8 -topk8 -nocrypt -in key.pem";

/** What signs for a key: {kind, sign(text) → signature}. Throws Error with words for people. */
export async function signerOf(secret) {
  const text = secret.trim();
  if (!globalThis.crypto?.subtle) {
    throw new Error("This browser signs only on pages from https or from localhost. Open the page so, or use a token.");
  }
  if (!text) throw new Error("Give the key's secret, or its private key.");
  if (!text.startsWith("-----")) return hmac(text);
  if (text.includes("ENCRYPTED"))
    throw new Error(`This private key has a passphrase, which is not asked for here. Without one: ${CONVERT}`);
  if (text.startsWith("-----BEGIN PUBLIC KEY-----")) {
    throw new Error("This is the public key, which the exchange has. To sign, the private one is needed.");
  }
  const found = /^-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----$/.exec(text);
  if (!found)
    throw new Error(`A private key begins with -----BEGIN PRIVATE KEY----- (PKCS#8). To make it so: ${CONVERT}`);
  return pkcs8(bytesOf(found[1].replace(/\s/g, "")));
}

async function hmac(secret) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", new TextEncoder().encode(secret), algorithm, false, ["sign"]);
  return { kind: "HMAC", sign: async (text) => hex(await signed("HMAC", key, text)) };
}

async function pkcs8(der) {
  const kind = has(der, ED25519) ? "Ed25519" : has(der, RSA) ? "RSA" : null;
  if (!kind) throw new Error("This private key is neither Ed25519 nor RSA; those two are taken.");
  const algorithm = kind === "RSA" ? { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" } : { name: "Ed25519" };
  let key;
  try {
    key = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  } catch (error) {
    if (error.name === "NotSupportedError") throw new Error(`This browser cannot sign with ${kind}; a newer one can.`);
    throw new Error(`This is no whole ${kind} key. Copy all lines, from BEGIN to END.`);
  }
  return { kind, sign: async (text) => base64(await signed(algorithm.name, key, text)) };
}

async function signed(name, key, text) {
  return new Uint8Array(await crypto.subtle.sign(name, key, new TextEncoder().encode(text)));
}

function bytesOf(text) {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Error("This is no whole key. Copy all lines, from BEGIN to END.");
  }
}

function has(bytes, part) {
  return bytes.some((_, at) => part.every((byte, place) => bytes[at + place] === byte));
}

function hex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes));
}
