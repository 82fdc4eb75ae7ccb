/*
 * What every call's page begins with: its method and name, a link to itself, and its sentences.
 */

import { copier, el, prose } from "./dom.js";

/** The heading of a call. */
export function heading(call) {
  return [
    el(
      "h1",
      { tabindex: "-1" },
      el("span", { class: `method ${call.method.toLowerCase()}` }, call.method),
      " ",
      el("code", {}, broken(call.label)),
    ),
    el("p", { class: "summary" }, prose(call.summary)),
    call.description && call.description !== call.summary ? el("p", { class: "faint" }, prose(call.description)) : null,
    el(
      "p",
      { class: "row marks" },
      el("span", { class: "mark" }, call.group),
      el("code", { class: "faint" }, call.id),
      el("span", { class: "grow" }),
      copier("Copy link", () => location.origin + location.pathname + linkTo(call)),
    ),
  ];
}

/** The fragment that leads to a call. */
export function linkTo(call) {
  return `#${call.document.id}/${encodeURIComponent(call.id)}`;
}

/** A name that may be broken after its slashes and dots. */
export function broken(text) {
  return text.split(/(?<=[/.@_])/).flatMap((part, place) => (place ? [el("wbr"), part] : [part]));
}
