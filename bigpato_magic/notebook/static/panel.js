// @ts-check
// The panel in a browser: it draws what the kernel says and sends back what a person asks for. It decides nothing.
// One component per part of the screen; each has `paint()`, called when one of the model's traits that it shows
// changes. What computes stands in functions above them, exported for tests/js.
// One file, because a widget is one ES module (the front end loads it from a blob, which has no folder to import from)
// and there is no build step.

/** @import { Render } from "@anywidget/types" */
/** @import { Budget, Chart, Choice, Column, ColumnKey, Context, Day } from "./model.js" */
/** @import { Kept, KeptAnswer, KeptColumn, LinkState, Model, Part } from "./model.js" */
/** @import { Plan, PlanColumn, Query, Row, RowHandlers, RowState, Send, Setting, State } from "./model.js" */
/** @import { Step, Told, Traits, Transfer } from "./model.js" */

const ROW_HEIGHT = 28; // pixels, as in panel.css: only the rows in sight (and a few more) are in the document
const MARGIN_ROWS = 8;
const BOX_HEIGHT = 340; // pixels, as in panel.css, for a box that is not laid out yet
// Waits for an answer before a click is sent again; a kernel that is alive and free needs a tenth of the first.
const ACK_MS = [1000, 1000, 2000, 4000, 8000, 16000];
const TICK_MS = 30000; // "3 min" becomes "4 min"
const CHART = { width: 600, height: 71, floor: 70, tallest: 60, widest: 40 };

// ------------------------------------------------------------------------------------------------ words

/** @returns {number} seconds since the epoch */
const now = () => Date.now() / 1000;

/** @type {(number: number, digits: number) => string} */
const grouped = (number, digits) =>
  number.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** @type {(n: number, word: string) => string} */
export const count = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;

/**
 * @param {number | null | undefined} bytes
 * @returns {string} as "1.4 GiB"
 */
export function size(bytes) {
  if (bytes == null) return "–";
  if (Math.abs(bytes) < 1024) return `${Math.round(bytes)} B`;
  let unit = 0;
  for (; Math.abs(bytes) >= 1024 && unit < 4; unit++) bytes /= 1024;
  return `${grouped(bytes, 1)} ${["B", "KiB", "MiB", "GiB", "TiB"][unit]}`;
}

/**
 * @param {number | null | undefined} dollars
 * @returns {string} as "$0.0087"
 */
export function money(dollars) {
  const amount = Math.abs(dollars ?? 0);
  if (!amount) return "$0";
  const sign = (dollars ?? 0) < 0 ? "−" : "";
  if (amount < 0.001) return `${sign}<$0.001`;
  return `${sign}$${amount >= 0.1 ? grouped(amount, 2) : Number(amount.toPrecision(2))}`;
}

/**
 * @param {number | null | undefined} epoch seconds
 * @param {number} [at] seconds, the present
 * @returns {string} how long ago that was, as "3 min ago"
 */
export function ago(epoch, at = now()) {
  if (epoch == null) return "–";
  const seconds = Math.max(0, at - epoch);
  if (seconds < 60) return "now";
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h ago` : `${Math.round(seconds / 86400)} days ago`;
}

/**
 * @param {number} seconds
 * @returns {string} as "12 s"
 */
export function duration(seconds) {
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/**
 * Money is money and time is time: `$0.02 not billed, 12 s not waited`.
 *
 * @param {number} dollars
 * @param {number} seconds
 */
export function saves(dollars, seconds) {
  const time = seconds >= 0.05 ? `, ${duration(seconds)} not waited` : "";
  return `${money(dollars)} not billed${time}`;
}

/** @param {Pick<Row, "dollars" | "not_billed">} t */
export const notBilled = (t) => (t.dollars ? money(t.dollars) : t.not_billed ? size(t.not_billed) : "–");

/**
 * @param {Pick<Row, "where" | "fresh" | "as_of">} t
 * @param {number} [at] seconds, the present
 */
export function fresh(t, at = now()) {
  if (t.where !== "local") return "–";
  return t.fresh === "fresh" ? `fresh ${ago(t.as_of, at)}` : (t.fresh ?? "unknown");
}

/** @param {Pick<Row, "where" | "held">} t */
export const whereText = (t) => t.where + (t.where === "local" && t.held && t.held !== "all" ? " · part" : "");

/**
 * All of a table in a line: what the row has no room for.
 *
 * @param {Row} t
 * @param {number} [at] seconds, the present
 */
export function describe(t, at = now()) {
  const worth = t.score ? `score ${money(t.score)} for three days: ${saves(t.score_dollars, t.score_seconds)}` : "";
  const held = t.where === "local" ? `${t.held || "all"} held, ${size(t.local_bytes)} on disk` : "";
  const marks = [t.pinned ? "pinned" : "", t.excluded ? "excluded" : "", held];
  return [t.name, ...marks, `last used ${ago(t.used, at)}`, worth, t.reason].filter(Boolean).join(" · ");
}

/** @param {Pick<Row, "where">[]} rows */
export const titleText = (rows) =>
  `${rows.filter((t) => t.where === "local").length} of ${count(rows.length, "table")} local`;

/** @param {Budget} b */
export const budgetText = (b) => {
  const looks = b.read ? `, ${size(b.read)} of it by rows read without a query job` : "";
  const saved = b.spared ?? `not billed: ${size(b.not_billed)} (${money(b.dollars)})${looks}`;
  return [`${size(b.used)} of ${size(b.budget)}`, saved].filter(Boolean).join(" · ");
};

/**
 * @param {Pick<Budget, "used" | "budget">} b
 * @returns {number} percent of the budget that is used, at most 100
 */
export const usedPercent = (b) => (b.budget ? Math.min(100, (100 * b.used) / b.budget) : 0);

/** @param {Pick<Plan, "steps" | "bytes" | "price">} p */
export const planText = (p) =>
  p.steps.length ? `${count(p.steps.length, "step")}, ${size(p.bytes)} to transfer, ${money(p.price)} for it.` : "";

/** @type {(n: number) => string} */
const answers = (n) => count(n, "kept answer");

/**
 * What stands in the line that folds the kept answers.
 *
 * @param {Kept} k
 */
export function keptText(k) {
  if (!k.count) return k.on ? "Kept answers" : "Kept answers: off";
  const saved = k.not_billed ? ` · not billed: ${size(k.not_billed)} (${money(k.dollars)})` : "";
  return `Kept answers: ${k.count} · ${size(k.bytes)} of ${size(k.share)}${saved}`;
}

/**
 * What stands below the kept answers while no row has the attention.
 *
 * @param {Kept} k
 */
export function keptHint(k) {
  if (k.count > k.rows.length) return `The ${k.rows.length} last used of ${k.count} are listed.`;
  if (k.count) return "BigQuery gave these; while their tables are unchanged, they are given again and not billed.";
  return k.on ? "None yet: what BigQuery answers is kept while its tables are unchanged." : "No answers are kept.";
}

/**
 * What a kept answer's row has no room for.
 *
 * @param {KeptAnswer} k
 * @param {number} [at] seconds, the present
 */
export function describeKept(k, at = now()) {
  const rows = `${grouped(k.rows, 0)} row${k.rows === 1 ? "" : "s"}, ${size(k.local_bytes)} on disk`;
  const uses = k.uses ? `${count(k.uses, "use")}, the last ${ago(k.used, at)}` : "not used yet";
  const saved = k.not_billed ? `${size(k.not_billed)} (${money(k.dollars)}) not billed` : "";
  const parts = [k.sql, k.tables.join(", "), rows, `answered ${ago(k.answered, at)}`, uses, saved, k.reason];
  return parts.filter(Boolean).join(" · ");
}

/** @type {(k: Pick<KeptAnswer, "fresh" | "as_of">, at?: number) => string} */
export const keptFresh = (k, at = now()) => (k.fresh === "fresh" ? `fresh ${ago(k.as_of, at)}` : k.fresh);

/** @param {Omit<Query, "id" | "sql" | "why">} q */
export function queryText(q) {
  /** @type {Record<string, string>} */
  const places = {
    kept: "kept answer",
    split: "local, finished",
    evaluator: "local, evaluator",
    read: "read, no query job",
  };
  const billed = q.cache_hit ? "from BigQuery's cache" : `${size(q.bytes)} billed`;
  const unbilled = q.bytes ? `${size(q.bytes)} not billed` : "";
  const saved = q.cache_hit ? "BigQuery's cache would have had it" : unbilled;
  const parts = [places[q.route] ?? q.route, `${q.seconds.toFixed(2)} s`, q.route === "bigquery" ? billed : saved];
  return parts.filter(Boolean).join(" · ");
}

/**
 * What stands below the table while no row has the attention.
 *
 * @param {number} shown rows that pass the filter
 * @param {number} all rows
 */
export function hint(shown, all) {
  if (shown) return "Rest on a table for its story; tick tables to move them.";
  return all ? "No table matches the filter." : "No table has been used yet: run a %%bpsql cell.";
}

// ---------------------------------------------------------------------------------------------- columns

/** @type {Record<ColumnKey, Column>} */
export const COLUMNS = {
  label: {
    heading: "Table",
    meaning: "★: pinned",
    className: "name",
    text: (t) => (t.pinned ? "★ " : "") + t.label,
    order: (t) => t.label,
  },
  where: {
    heading: "Where",
    meaning: "local: its queries can be answered here",
    className: "where",
    text: whereText,
    order: (t) => t.where,
  },
  bytes: {
    heading: "Size",
    meaning: "Bytes in BigQuery",
    className: "num size",
    text: (t) => size(t.bytes),
    order: (t) => t.bytes,
  },
  uses: {
    heading: "Uses",
    meaning: "Queries that read it, of all notebooks",
    className: "num uses",
    text: (t) => String(t.uses),
    order: (t) => t.uses,
  },
  lru: {
    heading: "LRU",
    meaning: "Place among the last used tables, 1 is the newest",
    className: "num lru",
    text: (t) => String(t.lru ?? "–"),
    order: (t) => t.lru,
  },
  fresh: {
    heading: "Fresh",
    meaning: "At the last check, and how long the copy is known to be the table",
    className: "fresh",
    text: (t) => fresh(t),
    order: (t) => t.as_of,
  },
  not_billed: {
    heading: "Not billed",
    meaning:
      "What its local answers did not bill and BigQuery's own cache would not have had; transfers are not taken off",
    className: "num unbilled",
    text: notBilled,
    order: (t) => t.dollars || t.not_billed / 2 ** 50,
  },
  score: {
    heading: "Score",
    meaning:
      "What holding it is worth in the next three days, by your habits: " +
      "money not billed, and waiting at the price of your hour",
    className: "num score",
    text: (t) => money(t.score),
    order: (t) => t.score,
  },
};

const COLUMN_KEYS = /** @type {ColumnKey[]} */ (Object.keys(COLUMNS));

/** @type {KeptColumn[]} */
export const KEPT_COLUMNS = [
  { heading: "Asked", className: "name", meaning: "The first words of the query", text: (k) => k.sql },
  { heading: "Tables", className: "tables", meaning: "All that it rests on", text: (k) => k.tables.join(", ") },
  { heading: "Size", className: "num size", meaning: "Bytes on disk", text: (k) => size(k.local_bytes) },
  { heading: "Uses", className: "num uses", meaning: "Answers that it gave", text: (k) => String(k.uses) },
  {
    heading: "Fresh",
    className: "fresh",
    meaning: "By what is known of its tables; they are asked about when it is to answer",
    text: (k) => keptFresh(k),
  },
  {
    heading: "Not billed",
    className: "num unbilled",
    meaning: "What its answers did not bill and BigQuery's own cache would not have had",
    text: notBilled,
  },
];

/** @type {PlanColumn[]} */
export const PLAN_COLUMNS = [
  { heading: "Step", className: "", meaning: "", text: (s) => s.step },
  { heading: "Table", className: "", meaning: "", text: (s) => s.table },
  { heading: "What", className: "", meaning: "", text: (s) => s.what },
  { heading: "Transfer", className: "num", meaning: "", text: (s) => (s.bytes ? size(s.bytes) : "–") },
  { heading: "Price", className: "num", meaning: "", text: (s) => (s.step === "demote" ? "–" : money(s.price)) },
  {
    heading: "Saves",
    className: "num",
    meaning: "In the next three days, by your habits: money not billed, and time not waited",
    text: (s) => (s.gain || s.gain_seconds ? `${money(s.gain)} · ${duration(s.gain_seconds)}` : "–"),
  },
  { heading: "Why", className: "", meaning: "", text: (s) => s.reason },
];

// ------------------------------------------------------------------------- which rows, in which order, in sight

/** @type {(t: Row, choice: Pick<Choice, "filter" | "where">) => boolean} */
export function isShown(t, { filter, where }) {
  if (!t.name.toLowerCase().includes(filter)) return false;
  return !where || (where === "pinned" ? t.pinned : t.where === where);
}

/**
 * @param {Row[]} rows
 * @param {Choice} choice
 * @returns {Row[]} those that are wanted, sorted; of equal ones the names decide
 */
export function shownRows(rows, choice) {
  const { order } = COLUMNS[choice.sort];
  return rows
    .filter((t) => isShown(t, choice))
    .sort((a, b) => compare(order(a), order(b), choice.dir) || (a.name < b.name ? -1 : 1));
}

/** @type {(a: string | number | null, b: string | number | null, dir: 1 | -1) => number} */
function compare(a, b, dir) {
  if (a == null || b == null) return Number(a == null) - Number(b == null);
  return dir * (Number(a > b) - Number(a < b));
}

/**
 * The rows that are in the document: those in sight, and a few above and below.
 *
 * @param {number} scrollTop pixels above what is in sight; more than there are, where the filter has just taken rows
 * @param {number} height of the box in pixels, 0 while it is not laid out
 * @param {number} length rows in all
 * @returns {{ from: number, to: number }} the first of them, and the first after them
 */
export function rowsInSight(scrollTop, height, length) {
  const drawn = Math.ceil((height || BOX_HEIGHT) / ROW_HEIGHT) + 2 * MARGIN_ROWS;
  const from = Math.max(0, Math.min(Math.floor(scrollTop / ROW_HEIGHT) - MARGIN_ROWS, length - drawn));
  return { from, to: Math.min(length, from + drawn) };
}

/**
 * @param {number} index of a row
 * @param {number} scrollTop pixels
 * @param {number} height of the box in pixels, the headings' row included
 * @returns {number} pixels to scroll to, so that the row is in sight
 */
export function scrollTopFor(index, scrollTop, height) {
  const top = index * ROW_HEIGHT;
  const lowest = top - (height - 2 * ROW_HEIGHT);
  return Math.max(lowest, Math.min(top, scrollTop));
}

/**
 * @param {string} key of the keyboard
 * @param {number} index of the active row, -1 for none
 * @param {number} length rows in all
 * @param {number} height of the box in pixels
 * @returns {number | null} the row that the key leads to; null where it does not move
 */
export function indexByKey(key, index, length, height) {
  const page = Math.max(1, Math.floor(height / ROW_HEIGHT) - 2);
  /** @type {Record<string, number>} */
  const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
  if (!Object.hasOwn(by, key) || !length) return null;
  return Math.max(0, Math.min(length - 1, index + by[key]));
}

/**
 * The bars of what was not billed day by day: dollars, or bytes where no day has dollars.
 *
 * @param {Day[]} days at least one, oldest first
 * @returns {Chart} in the units of CHART
 */
export function chart(days) {
  const inDollars = days.some(([, , dollars]) => dollars > 0);
  const text = inDollars ? money : size;
  const values = days.map(([, bytes, dollars]) => (inDollars ? dollars : bytes));
  const most = Math.max(...values);
  const total = text(values.reduce((sum, value) => sum + value, 0));
  const step = CHART.width / days.length;
  const bars = values.map((value, i) => {
    const height = (CHART.tallest * value) / (most || 1);
    const width = Math.max(1, Math.min(CHART.widest, step - 2));
    return { x: i * step + 1, y: CHART.floor - height, width, height, title: `${days[i][0]}: ${text(value)}` };
  });
  return {
    label: `Not billed by day, ${total} in ${count(days.length, "day")}, at most ${text(most)} a day`,
    first: days[0][0],
    last: `${days.length > 1 ? `${days[days.length - 1][0]} · ` : ""}${total} in all`,
    bars,
  };
}

// --------------------------------------------------------------------------------------------- elements

// JupyterLab takes keys for its own ("d d" deletes the cell) unless the focused element itself says that it wants them.
const TAKES_KEYS = new Set(["button", "input", "select", "section", "summary", "table"]);

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [attributes] properties, attributes, and listeners as `onclick`
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  if (TAKES_KEYS.has(tag)) node.setAttribute("data-lm-suppress-shortcuts", "true");
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), /** @type {EventListener} */ (value));
    else if (key in node) Object.assign(node, { [key]: value });
    else node.setAttribute(key, String(value));
  }
  node.append(...children);
  return node;
}

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {...(Node | string)} children
 */
function svg(tag, attributes, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.append(...children);
  return node;
}

/** @type {(node: Node, text: string) => void} */
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @type {(bar: HTMLProgressElement, fraction: number | null) => void} */
function advance(bar, fraction) {
  if (fraction == null) bar.removeAttribute("value");
  else bar.value = fraction;
}

/** @type {(label: string, onclick: () => void, attributes?: Record<string, unknown>) => HTMLButtonElement} */
const button = (label, onclick, attributes = {}) =>
  el("button", { type: "button", className: "bp-btn", onclick, ...attributes }, label);

/** @type {(title: string, body: HTMLElement) => HTMLElement} */
const fold = (title, body) => el("details", { className: "bp-fold" }, el("summary", {}, title), body);

// ---------------------------------------------------------------------------------- talking to the kernel

/**
 * Sends what a person asks for; knows when the kernel does not answer, and when it is gone for good.
 *
 * What is not answered is sent again: JupyterLab sends to the kernel's main shell, where it waits for the running
 * cell, until the comm has a subshell of its own. The kernel does each request once.
 *
 * @param {Pick<Model, "on" | "off" | "send">} model
 * @param {string} view names this end, so that a request's name is its own
 * @param {(state: LinkState) => void} onState called when the state changes
 */
export function connect(model, view, onState) {
  let requests = 0;
  /** @type {Map<unknown, ReturnType<typeof setTimeout>>} */
  const unanswered = new Map();
  /** @type {LinkState} */
  let state = "";
  /** @param {LinkState} next */
  function become(next) {
    if (next === state) return;
    state = next;
    onState(state);
  }
  const heard = () => become(""); // whatever comes from the kernel shows that it lives
  function lost() {
    forget();
    become("gone");
  }
  function forget() {
    for (const timer of unanswered.values()) clearTimeout(timer);
    unanswered.clear();
  }
  /** @param {object} message */
  function answered(message) {
    if (!("ack" in message)) return;
    clearTimeout(unanswered.get(message.ack));
    unanswered.delete(message.ack);
    heard();
  }
  /** @type {(message: { action: string; request: string }, silent: boolean, tries?: number) => void} */
  function post(message, silent, tries = 0) {
    try {
      model.send(message);
    } catch {
      lost();
      return;
    }
    const unheard = () => {
      unanswered.delete(message.request);
      if (tries > 0 && !silent) become("late");
      if (tries + 1 < ACK_MS.length) post(message, silent, tries + 1);
    };
    unanswered.set(message.request, setTimeout(unheard, ACK_MS[tries]));
  }
  /** @type {Send} */
  function send(action, content = {}, silent = false) {
    post({ action, request: `${view}-${++requests}`, ...content }, silent);
  }
  function close() {
    forget();
    model.off("msg:custom", answered);
  }
  model.on("msg:custom", answered);
  return { isGone: () => state === "gone", heard, lost, send, close };
}

// ---------------------------------------------------------------------------------------------- the head

/** @type {Record<LinkState, string>} */
const LINK_NOTES = {
  "": "",
  gone: "The kernel was restarted or closed: run this cell again.",
  late: "No answer yet: the kernel is busy, or was restarted (then run this cell again).",
};

/** @type {(ctx: Context) => Part} */
function header(ctx) {
  const title = el("span", { className: "bp-title" });
  const fill = el("span", { className: "bp-fill" });
  const meter = el(
    "span",
    { className: "bp-meter", role: "meter", "aria-label": "Disk used", "aria-valuemin": 0 },
    fill,
  );
  const label = el("span", { className: "bp-dim bp-budget" });
  const note = el("div", { className: "bp-note", role: "alert" });
  function paint() {
    const budget = ctx.get("budget");
    write(title, titleText(ctx.get("rows")));
    write(label, budgetText(budget));
    paintMeter(budget);
    write(note, LINK_NOTES[ctx.state.link] || ctx.get("note"));
    note.hidden = !note.textContent;
  }
  /** @param {Budget} b */
  function paintMeter(b) {
    const percent = usedPercent(b);
    fill.style.width = `${percent}%`;
    fill.classList.toggle("bp-full", percent > 95);
    meter.setAttribute("aria-valuemax", String(b.budget ?? 0));
    meter.setAttribute("aria-valuenow", String(b.used ?? 0));
    meter.setAttribute("aria-valuetext", `${size(b.used)} of ${size(b.budget)}`);
  }
  return { node: el("div", {}, el("div", { className: "bp-head" }, title, meter, label), note), paint };
}

/** @type {[value: string, text: string][]} */
const WHERE = [
  ["", "All"],
  ["local", "Local"],
  ["bigquery", "BigQuery"],
  ["pinned", "Pinned"],
];

/**
 * What leaves only some of the rows: a part of their names, and where they live.
 *
 * @param {Context} ctx
 */
function filters({ state, repaint }) {
  const search = el("input", {
    type: "search",
    className: "bp-input bp-search",
    placeholder: "Filter tables",
    "aria-label": "Filter tables",
    oninput: () => {
      state.filter = search.value.toLowerCase();
      repaint();
    },
  });
  const onchange = () => {
    state.where = where.value;
    repaint();
  };
  const options = WHERE.map(([value, text]) => el("option", { value }, text));
  const where = el("select", { className: "bp-input", "aria-label": "Show", onchange }, ...options);
  return { search, where };
}

/** @type {(ctx: Context) => Part & { focusFilter: () => void }} */
function toolbar(ctx) {
  const { state } = ctx;
  /** @type {(label: string, action: string, title: string) => HTMLButtonElement} */
  const onTicked = (label, action, title) =>
    button(label, () => ctx.send(action, { tables: [...state.picked] }), { title, "data-action": action });
  const unpins = () => state.picked.size > 0 && ctx.picked().every((t) => t.pinned);
  const { search, where } = filters(ctx);
  const moves = [
    onTicked("Promote", "promote", "Copy the ticked tables to this machine"),
    onTicked("Demote", "demote", "Take the local copies of the ticked tables away"),
    onTicked("Refresh", "refresh", "Bring the copies of the ticked tables up to date"),
  ];
  const pin = button("Pin", () => ctx.send(unpins() ? "unpin" : "pin", { tables: [...state.picked] }), {
    title: "Keep the ticked tables here, whatever the score says",
    "data-action": "pin",
  });
  const rebalance = button("Rebalance…", () => ctx.send("plan"), {
    className: "bp-btn bp-primary",
    title: "See what would move, then approve it",
    "data-action": "plan",
  });
  const cancel = button("Cancel", () => ctx.send("cancel"), { title: "Stop the running job", "data-action": "cancel" });
  const bar = el("progress", { className: "bp-total", max: 1, "aria-label": "Progress of the job" });
  const line = el("span", { className: "bp-dim bp-status", role: "status" });
  function paint() {
    const job = ctx.get("job");
    const idle = !job.busy && !ctx.gone;
    const any = state.picked.size > 0;
    for (const move of moves) move.disabled = !idle || !any;
    pin.disabled = ctx.gone || !any;
    write(pin, unpins() ? "Unpin" : "Pin");
    rebalance.disabled = !idle;
    cancel.hidden = !job.mine;
    cancel.disabled = ctx.gone;
    bar.hidden = !job.busy;
    advance(bar, job.fraction);
    write(line, job.message ?? "");
  }
  const node = el(
    "div",
    { className: "bp-bar", role: "toolbar", "aria-label": "Actions" },
    ...[search, where, ...moves, pin, rebalance, cancel, bar, line],
  );
  return { node, paint, focusFilter: () => search.focus() };
}

// ---------------------------------------------------------------------------------------------- the plan

/** @param {Step} s */
function stepRow(s) {
  const cells = PLAN_COLUMNS.map(({ text, className, heading }) =>
    el("td", { title: text(s), className, "data-heading": heading }, text(s)),
  );
  return el("tr", {}, ...cells);
}

/** @param {Node} body */
function planTable(body) {
  const heads = PLAN_COLUMNS.map(({ heading, className, meaning }) =>
    el("th", { scope: "col", className, title: meaning }, heading),
  );
  return el("table", { className: "bp-table bp-moves" }, el("thead", {}, el("tr", {}, ...heads)), body);
}

/** @type {(ctx: Context) => Part} */
function plan(ctx) {
  const body = el("tbody");
  const total = el("p", { className: "bp-dim" });
  const refused = el("ul", { className: "bp-refused" });
  const heading = el("strong");
  const table = planTable(body);
  const approve = button("Approve", () => ctx.send("enact", { plan: ctx.get("plan").id }), {
    className: "bp-btn bp-primary",
    "data-action": "enact",
  });
  const dismiss = button("Dismiss", () => ctx.send("dismiss"), { "data-action": "dismiss" });
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    if (event.key === "Escape") dismiss.click();
  };
  const node = el(
    "section",
    { className: "bp-plan", role: "dialog", "aria-label": "Plan of the rebalance", tabIndex: -1, onkeydown },
    heading,
    el("div", { className: "bp-steps" }, table),
    refused,
    total,
    el("div", { className: "bp-row" }, approve, dismiss),
  );
  /** @type {number | undefined} */
  let shown;
  function paint() {
    const p = ctx.get("plan");
    const { busy } = ctx.get("job");
    node.hidden = !p.id;
    approve.hidden = table.hidden = !p.steps?.length; // a plan without steps has nothing to approve
    approve.disabled = ctx.gone || busy;
    approve.title = busy ? "When the running job has ended" : "";
    write(dismiss, approve.hidden ? "Close" : "Dismiss");
    dismiss.disabled = ctx.gone;
    if (p.id !== shown && p.id) show(p);
    shown = p.id;
  }
  /** @param {Plan} p */
  function show(p) {
    body.replaceChildren(...p.steps.map(stepRow));
    refused.replaceChildren(...p.refused.map(([name, why]) => el("li", {}, `${name} stays where it is: ${why}`)));
    heading.textContent = p.steps.length ? "This would happen:" : "Nothing would be moved:";
    total.textContent = planText(p);
    node.focus({ preventScroll: true });
  }
  return { node, paint };
}

// ---------------------------------------------------------------------------------------------- the table

/**
 * A row of the table in the document.
 *
 * @param {string} id
 * @param {string} label
 * @param {RowHandlers} on
 */
function gridRow(id, label, on) {
  const box = el("input", { type: "checkbox", tabIndex: -1, "aria-label": `Tick ${label}`, onchange: on.tick });
  const cells = /** @type {Record<ColumnKey, HTMLTableCellElement>} */ (
    Object.fromEntries(COLUMN_KEYS.map((key) => [key, cell(key)]))
  );
  const progress = el("td", { className: "prog" });
  const node = el(
    "tr",
    { id, onclick: on.activate, onmouseenter: on.explain },
    ...[el("td", { className: "tick" }, box), ...Object.values(cells), progress],
  );
  /** @param {ColumnKey} key */
  function cell(key) {
    const { className } = COLUMNS[key];
    return key === "label" ? el("th", { scope: "row", className }) : el("td", { className });
  }
  /** @type {(t: Row, index: number, state: RowState) => void} */
  function paint(t, index, { ticked, active, transfer }) {
    for (const key of COLUMN_KEYS) if (key !== "where") write(cells[key], COLUMNS[key].text(t));
    badge(cells.where, t);
    cells.label.title = t.name;
    cells.fresh.dataset.fresh = t.fresh ?? "";
    cells.score.title = describe(t);
    bar(progress, t, transfer);
    box.checked = ticked;
    node.setAttribute("aria-selected", String(ticked));
    node.setAttribute("aria-rowindex", String(index + 2));
    node.className = `${index % 2 ? "bp-odd" : ""} ${active ? "bp-active" : ""}`;
  }
  return { node, paint };
}

/** @type {(cell: HTMLElement, t: Row) => void} */
function badge(cell, t) {
  const text = whereText(t);
  if (cell.textContent === text) return;
  cell.replaceChildren(el("span", { className: `bp-badge bp-${t.where}`, title: t.held || "" }, text));
}

/** @type {(cell: HTMLElement, t: Row, transfer: Transfer | undefined) => void} */
function bar(cell, t, transfer) {
  if (!transfer) {
    if (cell.firstChild) cell.replaceChildren();
    return;
  }
  if (!cell.firstChild) cell.append(el("progress", { max: 1, "aria-label": `Progress of ${t.label}` }), el("span"));
  const [line, stage] = cell.children;
  advance(/** @type {HTMLProgressElement} */ (line), transfer.fraction);
  write(stage, transfer.stage);
  cell.title = transfer.text;
}

/**
 * The headings: a click sorts, another turns it round; the box ticks all that is shown.
 *
 * @param {State} state
 * @param {{ sort: () => void, tickAll: (on: boolean) => void }} on
 */
function gridHead(state, on) {
  const all = el("input", {
    type: "checkbox",
    "aria-label": "Tick all shown",
    onchange: () => on.tickAll(all.checked),
  });
  const headings = COLUMN_KEYS.map((key) => ({ key, th: heading(key) }));
  const node = el(
    "tr",
    { "aria-rowindex": 1 },
    el("th", { scope: "col", className: "tick" }, all),
    ...headings.map(({ th }) => th),
    el("th", { scope: "col", className: "prog" }, "Progress"),
  );
  /** @param {ColumnKey} key */
  function heading(key) {
    const column = COLUMNS[key];
    const onclick = () => {
      state.dir = state.sort === key && state.dir === 1 ? -1 : 1;
      state.sort = key;
      on.sort();
    };
    const sort = el("button", { type: "button", className: "bp-sort", onclick }, column.heading);
    return el("th", { scope: "col", className: column.className, title: column.meaning }, sort);
  }
  /** @type {(ticked: number, shown: number) => void} */
  function paint(ticked, shown) {
    for (const { key, th } of headings)
      th.setAttribute("aria-sort", key !== state.sort ? "none" : state.dir > 0 ? "ascending" : "descending");
    all.checked = ticked > 0 && ticked === shown;
    all.indeterminate = ticked > 0 && ticked < shown;
  }
  return { node, paint };
}

/**
 * The body of the table: rows in sight, and two spacers as high as those that are not.
 *
 * @returns {{ node: HTMLElement, show: (rows: Node[], from: number, to: number, length: number) => void }}
 */
function gridBody() {
  const node = el("tbody");
  const above = el("td");
  const below = el("td");
  const [first, last] = [above, below].map((cell) => el("tr", { className: "bp-space", "aria-hidden": "true" }, cell));
  /** @type {(rows: Node[], from: number, to: number, length: number) => void} */
  function show(rows, from, to, length) {
    above.style.height = `${from * ROW_HEIGHT}px`;
    below.style.height = `${(length - to) * ROW_HEIGHT}px`;
    const children = [...(from ? [first] : []), ...rows, ...(to < length ? [last] : [])];
    if (children.length !== node.children.length || children.some((child, i) => child !== node.children[i]))
      node.replaceChildren(...children);
  }
  return { node, show };
}

/** @type {(ctx: Context) => Part & { progress: () => void }} */
function grid(ctx) {
  const { state } = ctx;
  const id = `bp-${Math.random().toString(36).slice(2)}`;
  /** @type {Map<string, ReturnType<typeof gridRow>>} the rows in the document, by name */
  const drawn = new Map();
  /** @type {Row[]} those that pass the filter, in order */
  let list = [];
  /** @type {string | null} */
  let active = null;
  /** @type {string | null} what the pointer or the keys were on last */
  let explained = null;
  const head = gridHead(state, { sort: () => paint(), tickAll });
  const body = gridBody();
  const table = el(
    "table",
    { className: "bp-table bp-grid", role: "grid", tabIndex: 0, "aria-multiselectable": "true", onkeydown },
    el("caption", { className: "bp-sr" }, "Tables and where they live. Arrow keys move, space ticks, slash filters."),
    el("thead", {}, head.node),
    body.node,
  );
  const box = el("div", { className: "bp-scroll", onscroll: () => requestAnimationFrame(draw) }, table);
  const details = el("div", { className: "bp-dim bp-details" });

  /** @param {boolean} on */
  function tickAll(on) {
    for (const t of list)
      if (on) state.picked.add(t.name);
      else state.picked.delete(t.name);
    ctx.repaint();
  }
  /** @param {string} name */
  function tick(name) {
    if (!state.picked.delete(name)) state.picked.add(name);
    ctx.repaint();
  }
  /** @param {Row} t */
  function rowOf(t) {
    const { name, label } = t;
    const row =
      drawn.get(name) ??
      gridRow(`${id}-${name}`, label, {
        tick: () => tick(name),
        activate: () => activate(name),
        explain: () => explain(name),
      });
    drawn.set(name, row);
    return row;
  }
  function draw() {
    const progress = ctx.get("progress");
    const { from, to } = rowsInSight(box.scrollTop, box.clientHeight, list.length);
    const shown = list.slice(from, to);
    table.classList.toggle("bp-moving", Object.keys(progress).length > 0);
    const nodes = shown.map((t, i) => {
      const row = rowOf(t);
      const ticked = state.picked.has(t.name);
      row.paint(t, from + i, { ticked, active: t.name === active, transfer: progress[t.name] });
      return row.node;
    });
    const names = new Set(shown.map((t) => t.name));
    for (const name of drawn.keys()) if (!names.has(name)) drawn.delete(name);
    body.show(nodes, from, to, list.length);
  }
  /** @param {string | null} name */
  function explain(name) {
    explained = name;
    const t = list.find((row) => row.name === name) ?? list.find((row) => row.name === active);
    write(details, t ? describe(t) : hint(list.length, ctx.get("rows").length));
  }
  /** @param {string} name */
  function activate(name) {
    active = name;
    const index = list.findIndex((t) => t.name === name);
    box.scrollTop = scrollTopFor(index, box.scrollTop, box.clientHeight);
    draw();
    table.setAttribute("aria-activedescendant", `${id}-${name}`);
    explain(name);
  }
  /** @param {KeyboardEvent} event */
  function onkeydown(event) {
    if (event.target !== table) return;
    const index = list.findIndex((t) => t.name === active);
    const next = indexByKey(event.key, index, list.length, box.clientHeight);
    if (next != null) activate(list[next].name);
    else if (event.key === " " && index >= 0) tick(list[index].name);
    else if (event.key === "/") ctx.focusFilter();
    else return;
    event.preventDefault();
  }
  function paint() {
    list = shownRows(ctx.get("rows"), state);
    table.setAttribute("aria-rowcount", String(list.length + 1));
    head.paint(list.filter((t) => state.picked.has(t.name)).length, list.length);
    draw();
    explain(explained);
  }
  return { node: el("div", {}, box, details), paint, progress: draw };
}

// ---------------------------------------------------------------------------------------------- kept answers

/**
 * A row of the kept answers.
 *
 * @param {string} id
 * @param {KeptAnswer} k
 * @param {{ forget: () => void, activate: () => void, explain: () => void }} on
 */
function keptRow(id, k, on) {
  const cells = KEPT_COLUMNS.map(({ className }, i) =>
    i ? el("td", { className }) : el("th", { scope: "row", className }),
  );
  const forget = button("Forget", on.forget, { tabIndex: -1, title: "Take it away; it is asked anew" });
  const node = el(
    "tr",
    { id, onclick: on.activate, onmouseenter: on.explain },
    ...cells,
    el("td", { className: "act" }, forget),
  );
  /** @type {(k: KeptAnswer, index: number, active: boolean, idle: boolean) => void} */
  function paint(k, index, active, idle) {
    KEPT_COLUMNS.forEach(({ className, text }, i) => {
      write(cells[i], text(k));
      if (className === "fresh") cells[i].dataset.fresh = k.fresh;
    });
    cells[0].title = k.sql;
    forget.disabled = !idle;
    forget.setAttribute("aria-label", `Forget ${k.sql}`);
    node.setAttribute("aria-selected", String(active));
    node.setAttribute("aria-rowindex", String(index + 2));
    node.className = `${index % 2 ? "bp-odd" : ""} ${active ? "bp-active" : ""}`;
  }
  return { node, paint };
}

/**
 * What is asked before all kept answers go.
 *
 * @param {{ forget: () => void, closed: () => void }} on
 */
function keptQuestion(on) {
  const words = el("p");
  const close = () => {
    node.hidden = true;
    on.closed();
  };
  const approve = button(
    "Forget all",
    () => {
      close();
      on.forget();
    },
    { className: "bp-btn bp-primary", "data-action": "forget-all" },
  );
  const dismiss = button("Dismiss", close);
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    if (event.key === "Escape") close();
  };
  const node = el(
    "section",
    { className: "bp-plan", role: "dialog", "aria-label": "Forget all kept answers", tabIndex: -1, onkeydown },
    words,
    el("div", { className: "bp-row" }, approve, dismiss),
  );
  node.hidden = true;
  /** @param {Kept} k */
  function ask(k) {
    write(words, `${answers(k.count)} (${size(k.bytes)}) would go: asked again, BigQuery computes and bills them.`);
    node.hidden = false;
    node.focus({ preventScroll: true });
  }
  /** @param {boolean} idle */
  const paint = (idle) => {
    approve.disabled = !idle;
  };
  return { node, ask, paint };
}

/** @type {(ctx: Context) => Part} */
function kept(ctx) {
  const id = `bp-${Math.random().toString(36).slice(2)}`;
  /** @type {Map<string, ReturnType<typeof keptRow>>} by name of the answer */
  const drawn = new Map();
  /** @type {string | null} */
  let active = null;
  /** @type {string | null} what the pointer or the keys were on last */
  let explained = null;
  const heads = KEPT_COLUMNS.map(({ heading, className, meaning }) =>
    el("th", { scope: "col", className, title: meaning }, heading),
  );
  const body = el("tbody");
  const table = el(
    "table",
    { className: "bp-table bp-kept-grid", role: "grid", tabIndex: 0, onkeydown },
    el("caption", { className: "bp-sr" }, "Kept answers of BigQuery. Arrow keys move, Delete forgets."),
    el("thead", {}, el("tr", { "aria-rowindex": 1 }, ...heads, el("th", { scope: "col", className: "act" }, ""))),
    body,
  );
  const box = el("div", { className: "bp-kept-box" }, table);
  const details = el("div", { className: "bp-dim bp-kept-details" });
  const all = button("Forget all…", () => question.ask(ctx.get("kept")), { title: "Take all kept answers away" });
  const question = keptQuestion({ forget: () => ctx.send("forget", { all: true }), closed: () => all.focus() });
  const summary = el("summary");
  const node = el("details", { className: "bp-fold bp-kept" }, summary, box, details, question.node, all);
  const idle = () => !ctx.get("job").busy && !ctx.gone;

  /** @param {string} name */
  function forget(name) {
    if (!idle()) return;
    table.focus({ preventScroll: true }); // its button goes
    ctx.send("forget", { tables: [name] });
  }
  /** @param {string | null} name */
  function explain(name) {
    explained = name;
    const { rows } = ctx.get("kept");
    const k = rows.find((row) => row.name === name) ?? rows.find((row) => row.name === active);
    write(details, k ? describeKept(k) : keptHint(ctx.get("kept")));
  }
  /** @param {string} name */
  function activate(name) {
    active = name;
    const index = ctx.get("kept").rows.findIndex((k) => k.name === name);
    box.scrollTop = scrollTopFor(index, box.scrollTop, box.clientHeight);
    explained = name;
    paint();
  }
  /** @param {KeyboardEvent} event */
  function onkeydown(event) {
    if (event.target !== table) return;
    const { rows } = ctx.get("kept");
    const index = rows.findIndex((k) => k.name === active);
    const next = indexByKey(event.key, index, rows.length, box.clientHeight);
    if (next != null) activate(rows[next].name);
    else if (event.key === "Delete" && index >= 0) {
      active = (rows[index + 1] ?? rows[index - 1])?.name ?? null;
      forget(rows[index].name);
    } else return;
    event.preventDefault();
  }
  /** @param {KeptAnswer} k */
  function rowOf(k) {
    const { name } = k;
    const on = { forget: () => forget(name), activate: () => activate(name), explain: () => explain(name) };
    const row = drawn.get(name) ?? keptRow(`${id}-${name}`, k, on);
    drawn.set(name, row);
    return row;
  }
  function paint() {
    const k = ctx.get("kept");
    if (!k.rows.some((row) => row.name === active)) active = null;
    const nodes = k.rows.map((row, index) => {
      const shown = rowOf(row);
      shown.paint(row, index, row.name === active, idle());
      return shown.node;
    });
    const names = new Set(k.rows.map((row) => row.name));
    for (const name of drawn.keys()) if (!names.has(name)) drawn.delete(name);
    if (nodes.length !== body.children.length || nodes.some((row, i) => row !== body.children[i]))
      body.replaceChildren(...nodes);
    write(summary, keptText(k));
    table.setAttribute("aria-rowcount", String(k.rows.length + 1));
    if (active) table.setAttribute("aria-activedescendant", `${id}-${active}`);
    else table.removeAttribute("aria-activedescendant");
    box.hidden = !k.count;
    all.hidden = !k.count;
    all.disabled = !idle();
    question.paint(idle());
    explain(explained);
  }
  return { node, paint };
}

// ------------------------------------------------------------------------------------- savings and queries

/**
 * The bars are as wide as the panel is; the words below them keep their size.
 *
 * @param {Chart} chart
 * @returns {Element[]}
 */
function chartNodes({ label, first, last, bars }) {
  const { width, height, floor } = CHART;
  const baseline = { x1: 0, x2: width, y1: floor, y2: floor };
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    ...bars.map(({ title, ...place }) => svg("rect", place, svg("title", {}, title))),
    svg("line", baseline),
  );
  return [picture, el("div", { className: "bp-axis" }, el("span", {}, first), el("span", {}, last))];
}

/** @type {(ctx: Context) => Part} */
function savings(ctx) {
  const body = el("div", { className: "bp-chart" });
  function paint() {
    const days = ctx.get("savings");
    if (days.length) body.replaceChildren(...chartNodes(chart(days)));
    else body.textContent = "Nothing yet: each query that runs here adds to it.";
  }
  return { node: fold("Not billed, day by day", body), paint };
}

/** @type {(ctx: Context) => Part} */
function queries(ctx) {
  const body = el("ol", { className: "bp-queries" });
  /** @type {string | null} id of the query whose reasons are shown */
  let open = null;
  /** @param {Query} q */
  function item(q) {
    const onclick = () => {
      open = open === q.id ? null : q.id;
      paint();
    };
    const line = el(
      "button",
      { type: "button", className: "bp-query", "aria-expanded": q.id === open, title: "Why there?", onclick },
      el("span", { className: `bp-badge bp-${q.route}` }, queryText(q)),
      el("code", {}, q.sql),
    );
    return el("li", {}, line, el("pre", { hidden: q.id !== open }, q.why));
  }
  function paint() {
    const list = ctx.get("queries");
    if (list.length) body.replaceChildren(...list.map(item));
    else body.textContent = "None yet.";
  }
  return { node: fold("Last queries", body), paint };
}

// ---------------------------------------------------------------------------------------------- settings

/** @type {(s: Setting, onchange: () => void) => HTMLInputElement | HTMLSelectElement} */
function settingInput(s, onchange) {
  if (s.kind === "bool") return el("input", { type: "checkbox", onchange });
  if (s.kind === "choice") {
    const options = s.choices.map((value) => el("option", { value }, value));
    return el("select", { className: "bp-input", onchange }, ...options);
  }
  /** @param {KeyboardEvent} event */
  const onkeydown = (event) => {
    if (event.key === "Enter") onchange();
  };
  return el("input", { type: "text", className: "bp-input", onchange, onkeydown });
}

/** @type {(ctx: Context) => Part & { heard: (message: Told) => void }} */
function settings(ctx) {
  const body = el("div", { className: "bp-settings" });
  /** @type {Map<string, ReturnType<typeof field>>} by name of the setting */
  const fields = new Map();
  /** @type {Map<string, string>} what is wrong with what was typed, by name of the setting */
  const wrong = new Map();
  /** @param {Setting} s */
  function field(s) {
    const input = settingInput(s, () => {
      wrong.delete(s.name);
      const value = s.kind === "bool" ? /** @type {HTMLInputElement} */ (input).checked : input.value;
      ctx.send("set", { name: s.name, value });
    });
    const error = el("span", { className: "bp-error", role: "alert" });
    body.append(el("label", { title: s.help }, el("span", {}, s.label), input, error));
    return { input, error };
  }
  /** @param {Setting} s */
  function paintField(s) {
    const shown = fields.get(s.name) ?? field(s);
    fields.set(s.name, shown);
    const { input, error } = shown;
    const bad = wrong.get(s.name);
    const typing = document.activeElement === input && ctx.state.told !== s.name;
    if (s.kind === "bool") /** @type {HTMLInputElement} */ (input).checked = s.value;
    else if (!bad && !typing && input.value !== s.value) input.value = s.value;
    input.disabled = ctx.gone;
    input.setAttribute("aria-invalid", String(bad != null));
    write(error, bad ?? "");
  }
  const paint = () => ctx.get("settings").forEach(paintField);
  /** @type {(message: Told) => void} */
  function heard({ setting, error }) {
    if (!setting) return;
    ctx.state.told = setting;
    if (error) wrong.set(setting, error);
    else wrong.delete(setting);
    paint();
  }
  return { node: fold("Settings", body), paint, heard };
}

// ------------------------------------------------------------------------------------------- all together

/**
 * Tell the kernel whether someone can see this view: it polls the tier only then.
 *
 * @param {Element} root
 * @param {(visible: boolean) => void} tell
 * @returns {() => void} ends it
 */
function watch(root, tell) {
  let inView = true;
  const say = () => tell(inView && document.visibilityState === "visible");
  const eye = new IntersectionObserver((entries) => {
    inView = entries[entries.length - 1].isIntersecting;
    say();
  });
  eye.observe(root);
  document.addEventListener("visibilitychange", say);
  return () => {
    eye.disconnect();
    document.removeEventListener("visibilitychange", say);
  };
}

/**
 * The table for places without a kernel is shown beside the panel; hide it while the panel lives.
 *
 * @param {Element} root
 */
function hideStatic(root) {
  const area = root.closest(".jp-OutputArea, .output_wrapper, .output, .cell-output");
  const nodes = /** @type {NodeListOf<HTMLElement> | undefined} */ (area?.querySelectorAll(".bp-static"));
  for (const node of nodes ?? []) node.hidden = true;
}

/**
 * @param {Context} ctx
 * @returns the parts of the screen, from above
 */
const allParts = (ctx) => ({
  header: header(ctx),
  toolbar: toolbar(ctx),
  plan: plan(ctx),
  grid: grid(ctx),
  kept: kept(ctx),
  savings: savings(ctx),
  queries: queries(ctx),
  settings: settings(ctx),
});

/**
 * Which parts show a trait; `progress` has a way of its own.
 *
 * @type {Record<Exclude<keyof Traits, "progress">, (keyof ReturnType<typeof allParts>)[]>}
 */
const PAINTED_BY = {
  rows: ["header", "toolbar", "grid"],
  budget: ["header"],
  note: ["header"],
  job: ["toolbar", "plan", "kept"],
  kept: ["kept"],
  plan: ["plan"],
  savings: ["savings"],
  queries: ["queries"],
  settings: ["settings"],
};

/** @type {Render<Traits>} */
function render({ model, el: root }) {
  const view = Math.random().toString(36).slice(2);
  /** @type {State} */
  const state = { sort: "lru", dir: 1, filter: "", where: "", picked: new Set(), link: "", told: "" };
  const paintAll = () => Object.values(parts).forEach((part) => part.paint());
  const link = connect(model, view, (next) => {
    state.link = next;
    paintAll();
  });
  /** @type {Context} */
  const ctx = {
    state,
    send: link.send,
    get: (name) => model.get(name),
    get gone() {
      return link.isGone();
    },
    picked: () => model.get("rows").filter((t) => state.picked.has(t.name)),
    repaint: () => {
      parts.toolbar.paint();
      parts.grid.paint();
    },
    focusFilter: () => parts.toolbar.focusFilter(),
  };
  const parts = allParts(ctx);
  root.append(el("div", { className: "bp" }, ...Object.values(parts).map((part) => part.node)));

  /** @type {(visible: boolean) => void} */
  const tellVisible = (visible) => link.send("visible", { view, visible }, true);
  const stopListening = listen(model, {
    ...Object.fromEntries(
      Object.entries(PAINTED_BY).map(([name, painters]) => [
        `change:${name}`,
        () => {
          link.heard();
          for (const painter of painters) parts[painter].paint();
        },
      ]),
    ),
    "change:progress": parts.grid.progress,
    "msg:custom": parts.settings.heard,
    comm_live_update: () => {
      link.lost();
      tellVisible(true);
    },
  });
  paintAll();
  setTimeout(() => hideStatic(root), 0);
  const unwatch = watch(root, tellVisible);
  const ticking = setInterval(() => {
    parts.grid.paint();
    parts.kept.paint();
  }, TICK_MS);
  return () => {
    clearInterval(ticking);
    unwatch();
    if (!link.isGone()) tellVisible(false);
    link.close();
    stopListening();
  };
}

/**
 * @param {Model} model
 * @param {Record<string, (...values: any[]) => void>} listeners by event
 * @returns {() => void} takes them away
 */
function listen(model, listeners) {
  for (const [event, listener] of Object.entries(listeners)) model.on(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) model.off(event, listener);
  };
}

export default { render };
