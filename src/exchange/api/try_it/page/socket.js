/*
 * One WebSocket, and the last messages that went over it.
 *
 * The idea: there is one connection at a time, as people try one thing at a time. What comes is kept up to a number,
 * the oldest given up first, so that a busy stream may run for hours; who draws is told once a frame of the screen.
 */

const MOST_KEPT = 500;
const CONNECTING_S = 10;

class Line extends EventTarget {
  /** "closed", "connecting" or "open". */
  state = "closed";

  url = "";

  /** {way: "sent" | "came" | "note", at, text, number}, the oldest first. */
  kept = [];

  count = 0;

  #socket = null;

  #asked = false;

  /** Connect, closing what was there; resolves when it is open. `closing(code)` tells what a code means. */
  connect(url, closing) {
    this.close();
    const socket = new WebSocket(url);
    this.#socket = socket;
    this.url = url;
    this.#turn("connecting");
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => socket.close(), CONNECTING_S * 1000);
      socket.onopen = () => {
        clearTimeout(late);
        this.#turn("open");
        this.note(`Connected to ${url}`);
        resolve();
      };
      socket.onmessage = ({ data }) => this.#keep("came", typeof data === "string" ? data : "(a frame of bytes)");
      socket.onclose = (event) => {
        clearTimeout(late);
        const opened = this.#socket === socket && this.state === "open";
        if (this.#socket === socket) {
          this.#socket = null;
          this.#turn("closed");
          this.note(
            opened ? closed(event, closing) : `No connection to ${url}: the gateway refused it, or cannot be reached.`,
          );
        }
        reject(new Error("There is no connection."));
      };
    });
  }

  /** Send a text. Throws Error where there is no connection. */
  send(text) {
    if (this.state !== "open") throw new Error("There is no connection: connect first.");
    this.#socket.send(text);
    this.#keep("sent", text);
  }

  /** End the connection, if there is one. */
  close() {
    const socket = this.#socket;
    if (!socket) return;
    this.#socket = null;
    socket.close(1000);
    this.#turn("closed");
    this.note("Disconnected.");
  }

  /** Keep something that people should read among the messages. */
  note(text) {
    this.#keep("note", text);
  }

  /** Forget the messages. */
  clear() {
    this.kept = [];
    this.#tell();
  }

  #keep(way, text) {
    this.count += 1;
    this.kept.push({ way, text, at: new Date(), number: this.count });
    if (this.kept.length > MOST_KEPT) this.kept.splice(0, this.kept.length - MOST_KEPT);
    this.#tell();
  }

  #tell() {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.dispatchEvent(new Event("messages"));
    });
  }

  #turn(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}

function closed({ code, reason }, closing) {
  const meant = closing?.(code);
  return `The gateway closed the connection: ${code}${reason ? ` ${reason}` : ""}${meant ? `. ${meant}` : ""}`;
}

/** The one there is. */
export const line = new Line();
