// Rows of the panel as the kernel sends them; tests say only what matters to them.

/** @returns {import("../../bigpato_magic/notebook/static/model.js").Row} */
export const table = (fields = {}) => ({
  name: "acme.shop.orders",
  label: "shop.orders",
  where: "bigquery",
  bytes: 0,
  local_bytes: 0,
  uses: 0,
  used: null,
  lru: null,
  fresh: null,
  as_of: null,
  not_billed: 0,
  dollars: 0,
  score: 0,
  score_dollars: 0,
  score_seconds: 0,
  pinned: false,
  excluded: false,
  held: "",
  reason: "",
  ...fields,
});

/** @returns {import("../../bigpato_magic/notebook/static/model.js").KeptAnswer} */
export const answer = (fields = {}) => ({
  name: "acme.kept-answers.kept_1",
  sql: "SELECT COUNT(*) AS n FROM orders",
  tables: ["shop.orders"],
  rows: 1,
  local_bytes: 0,
  uses: 0,
  used: null,
  answered: 0,
  fresh: "unchecked",
  as_of: null,
  not_billed: 0,
  dollars: 0,
  reason: "",
  ...fields,
});
