// What the kernel says to the panel, and what the parts of the panel share: types only, for who checks panel.js.
// Times are seconds since the epoch, sizes bytes, prices dollars; null is what is not known, or does not apply.

import type { AnyModel } from "@anywidget/types";

/** A row of the table of tables, made by `view.row`. */
export interface Row {
  name: string;
  /** The name, without the project where it is the default one. */
  label: string;
  where: "local" | "bigquery";
  /** In BigQuery. */
  bytes: number | null;
  /** On disk. */
  local_bytes: number;
  uses: number;
  /** When it was used last. */
  used: number | null;
  /** Place among the last used tables: 1 is the newest. */
  lru: number | null;
  fresh: string | null;
  /** The copy is known to have been the table then. */
  as_of: number | null;
  /** Bytes. */
  not_billed: number;
  /** Not billed. */
  dollars: number;
  score: number | null;
  score_dollars: number;
  score_seconds: number;
  pinned: boolean;
  excluded: boolean;
  /** What of the table is held: "all", or a part in words. */
  held: string;
  reason: string;
}

/** A kept answer of BigQuery, made by `view.kept_row`. */
export interface KeptAnswer {
  name: string;
  /** The first words of the query. */
  sql: string;
  /** Labels of those that it rests on. */
  tables: string[];
  rows: number;
  /** On disk. */
  local_bytes: number;
  uses: number;
  /** When it was used last, or kept. */
  used: number | null;
  /** When BigQuery gave it. */
  answered: number;
  fresh: "fresh" | "stale" | "unchecked";
  /** It is known to have held then. */
  as_of: number | null;
  /** Bytes. */
  not_billed: number;
  /** Not billed. */
  dollars: number;
  reason: string;
}

/** The kept answers, made by `view.kept`: the last used are listed, all are counted. */
export interface Kept {
  rows: KeptAnswer[];
  count: number;
  bytes: number;
  /** Bytes that they may take on disk. */
  share: number;
  /** Bytes. */
  not_billed: number;
  /** Not billed. */
  dollars: number;
  /** Answers are kept. */
  on: boolean;
}

/** A running transfer, made by `view.progress`. */
export interface Transfer {
  stage: string;
  fraction: number | null;
  text: string;
}

/** The running job, or the message of the last one. */
export interface Job {
  busy: boolean;
  /** The panel's own: it can be cancelled here. */
  mine: boolean;
  message: string;
  fraction: number | null;
}

/** Bytes used and allowed on disk, and what local answers did not bill, made by `view.budget`. */
export interface Budget {
  used: number;
  budget: number;
  not_billed: number;
  dollars: number;
  /** Of the bytes not billed: by rows that were read without a query job, which are no copy's. */
  read: number;
  /** Seconds and slots not used, in words, where these are told in place of money; "" where none are known. */
  spared: string | null;
}

/** A step of a plan, made by `view.plan`; it gains dollars and seconds in the next three days. */
export interface Step {
  step: "promote" | "refresh" | "demote";
  table: string;
  what: string;
  bytes: number;
  price: number;
  gain: number;
  gain_seconds: number;
  reason: string;
}

/** A plan, made by `view.plan`. */
export interface Plan {
  id: number;
  steps: Step[];
  refused: [table: string, reason: string][];
  bytes: number;
  price: number;
}

/** What was not billed on a day. */
export type Day = [day: string, bytes: number, dollars: number];

/** One of the last queries, made by `view.query`. */
export interface Query {
  id: string;
  route: string;
  seconds: number;
  /** Billed where it ran on BigQuery, else not billed. */
  bytes: number;
  cache_hit: boolean;
  sql: string;
  why: string;
}

/** A setting, made by `settings.describe`. */
export type Setting = { name: string; label: string; help: string } & (
  | { kind: "bool"; value: boolean }
  | { kind: "choice"; value: string; choices: string[] }
  | { kind: "text"; value: string }
);

/** The traits of the widget, `panel.Panel`. */
export interface Traits {
  rows: Row[];
  /** By name of the table. */
  progress: Record<string, Transfer>;
  job: Job;
  kept: Kept;
  budget: Budget;
  /** The plan that waits for approval; without an id there is none. */
  plan: Plan | { [field in keyof Plan]?: undefined };
  savings: Day[];
  queries: Query[];
  settings: Setting[];
  note: string;
}

export type Model = AnyModel<Traits>;

/** What the kernel says when it was asked to change a setting. */
export interface Told {
  setting?: string;
  error?: string;
}

// ------------------------------------------------------------------------------------------ within the panel

export type ColumnKey = "label" | "where" | "bytes" | "uses" | "lru" | "fresh" | "not_billed" | "score";

/** A column of the table of tables. */
export interface Column {
  heading: string;
  /** Shown to who rests on the heading. */
  meaning: string;
  className: string;
  text: (t: Row) => string;
  /** What rows are sorted by; null comes last either way. */
  order: (t: Row) => string | number | null;
}

/** A column of the kept answers. */
export interface KeptColumn {
  heading: string;
  meaning: string;
  className: string;
  text: (k: KeptAnswer) => string;
}

/** A column of a plan. */
export interface PlanColumn {
  heading: string;
  meaning: string;
  className: string;
  text: (s: Step) => string;
}

/** Which rows are shown, and in which order. */
export interface Choice {
  sort: ColumnKey;
  /** 1 is ascending. */
  dir: 1 | -1;
  /** Part of a name, in lower case. */
  filter: string;
  /** Where they live, or "pinned"; "" for all. */
  where: string;
}

/** The link to the kernel: it answers, is late, or is gone for good. */
export type LinkState = "" | "late" | "gone";

/** What this view knows. */
export interface State extends Choice {
  /** Names of the ticked tables. */
  picked: Set<string>;
  link: LinkState;
  /** The setting that the kernel answered last. */
  told: string;
}

/** Sends an action to the kernel; where it is silent, no answer is waited for. */
export type Send = (action: string, content?: object, silent?: boolean) => void;

/** What the parts of the screen share. */
export interface Context {
  state: State;
  send: Send;
  get: <Name extends keyof Traits>(name: Name) => Traits[Name];
  /** The kernel is. */
  readonly gone: boolean;
  /** The ticked rows. */
  picked: () => Row[];
  /** Paints rows and buttons again. */
  repaint: () => void;
  focusFilter: () => void;
}

/** A part of the screen. */
export interface Part {
  node: HTMLElement;
  paint: () => void;
}

/** A row of the table as it is now. */
export interface RowState {
  ticked: boolean;
  active: boolean;
  transfer: Transfer | undefined;
}

/** What happens to a row of the table in the document. */
export interface RowHandlers {
  tick: () => void;
  activate: () => void;
  explain: () => void;
}

/** Bars by day, in pixels of a picture. */
export interface Chart {
  label: string;
  first: string;
  last: string;
  bars: { x: number; y: number; width: number; height: number; title: string }[];
}
