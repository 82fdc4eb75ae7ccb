/*
 * Elements, made from data.
 *
 * The idea: there is one function that makes elements, and whatever text it is given becomes a text node. So nothing
 * that the gateway, a description or a person wrote is ever read as markup.
 */

let count = 0;

/** An id that no other element has. */
export function fresh(prefix) {
  count += 1;
  return `${prefix}-${count}`;
}

/** An element. `options` are attributes, and listeners by `onclick` and the like; children are elements and texts. */
export function el(tag, options, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== null && value !== false)
      made.setAttribute(name, value === true ? "" : value);
  }
  fill(made, children);
  return made;
}

/** Give an element other children. */
export function refill(element, ...children) {
  element.replaceChildren();
  fill(element, children);
  return element;
}

function fill(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false && child !== "") element.append(child);
  }
}

/** A text of a description, in which backticks stand around code. */
export function prose(text) {
  return String(text ?? "")
    .split("`")
    .map((part, place) => (place % 2 ? el("code", {}, part) : part));
}

/** A button that copies what `text` gives, and says so. */
export function copier(label, text) {
  const button = el("button", { type: "button", class: "quiet" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(await text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "The browser does not let this page copy";
    }
    setTimeout(() => {
      button.textContent = label;
    }, 1500);
  });
  return button;
}

/** Something that opens; `draw` makes its inside when it is opened the first time. */
export function opening(summary, draw, options) {
  const inside = el("div", { class: "inside" });
  const made = el("details", options, el("summary", {}, summary), inside);
  const once = () => {
    if (made.open && !inside.hasChildNodes()) fill(inside, [draw()]);
  };
  made.addEventListener("toggle", once);
  once();
  return made;
}
