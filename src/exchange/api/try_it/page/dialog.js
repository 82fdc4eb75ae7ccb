/*
 * The panel in which people say who asks.
 */

import { credentials, post } from "./credentials.js";

const named = (id) => document.getElementById(id);

/** Make the panel work. `calls(id)` describes the calls for signing up and in, by their ids. */
export function furnish(calls) {
  const dialog = named("credentials");
  const told = named("credentials-told");
  const say = (text, bad) => {
    told.textContent = text;
    told.classList.toggle("bad", Boolean(bad));
  };
  const onSubmit = (form, act) =>
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = Object.fromEntries(
        [...form.elements].filter(({ name }) => name).map(({ name, value }) => [name, value]),
      );
      say("…");
      try {
        await act(fields, event.submitter?.value);
        form.reset();
        say(words());
        dialog.close();
      } catch (error) {
        say(error.message, true);
      }
    });
  onSubmit(named("signin"), async ({ email, password, code }, button) => {
    if (!email || !password) throw new Error("Give an email and a password.");
    if (button === "signup") await post(calls("postSignup"), { email, password });
    await credentials.signIn(calls("postSignin"), email, password, code.trim());
  });
  onSubmit(named("paste"), async ({ token }) => credentials.useToken(token));
  onSubmit(named("key"), async ({ id, secret }) => credentials.useKey(id, secret));

  named("who").addEventListener("click", () => {
    say(words());
    dialog.showModal();
  });
  named("credentials-close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.querySelectorAll("form").forEach((form) => form.reset()));
  named("forget").addEventListener("click", () => location.reload());
  const draw = () => {
    named("held").textContent = words();
    named("forget").hidden = !credentials.token && !credentials.key;
  };
  credentials.addEventListener("change", draw);
  draw();
}

function words() {
  const { token, key } = credentials;
  const told = [];
  if (token) {
    const whose = token.account === null ? "token" : `account ${token.account}`;
    told.push(
      token.refresh || token.expires === null
        ? whose
        : `${whose} until ${new Date(token.expires).toLocaleTimeString()}`,
    );
  }
  if (key) told.push(`${key.kind} key ${key.id.slice(0, 6)}…`);
  return told.join(" · ");
}
