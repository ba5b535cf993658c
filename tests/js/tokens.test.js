// The words of BigQuery SQL that the lab extension gives colours.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { before, test } from "node:test";

const EXTENSION = "../../bigpato_magic/notebook/labextension/static/remoteEntry.js";

let tokens;

before(async () => {
  globalThis.window = {}; // the extension is a script that registers itself there
  createRequire(import.meta.url)(EXTENSION);
  ({ tokens } = (await globalThis.window._JUPYTERLAB["bigpato-magic"].get("./tokens"))());
});

/** The tokens of a text as "kind:text". */
const read = (text) => tokens(text).map(({ kind, from, to }) => `${kind}:${text.slice(from, to)}`);
/** A text that is one token of this kind. */
const isOne = (kind, text) => assert.deepEqual(read(text), [`${kind}:${text}`]);

test("words are keywords, types, calls or names, whatever their case", () => {
  assert.deepEqual(read("select Count(x) From t"), [
    "keyword:select",
    "call:Count",
    "operator:(",
    "word:x",
    "operator:)",
    "keyword:From",
    "word:t",
  ]);
  assert.deepEqual(read("CAST(a AS int64)"), [
    "keyword:CAST",
    "operator:(",
    "word:a",
    "keyword:AS",
    "type:int64",
    "operator:)",
  ]);
  isOne("word", "selected");
  isOne("word", "_order");
});

test("a call has its whole name, with dots", () => {
  assert.equal(read("NET.HOST(url)")[0], "call:NET.HOST");
  assert.equal(read("SAFE.SUBSTR(s, 1)")[0], "call:SAFE.SUBSTR");
  assert.equal(read("IN(1)")[0], "keyword:IN");
  assert.equal(read("date(2024, 1, 1)")[0], "call:date");
});

test("after a dot any word is a name", () => {
  assert.deepEqual(read("t.date, o.order"), [
    "word:t",
    "operator:.",
    "word:date",
    "operator:,",
    "word:o",
    "operator:.",
    "word:order",
  ]);
});

test("strings end where GoogleSQL ends them", () => {
  for (const text of ["'a'", '"a"', "''", "'a\\'b'", "'\"'", "r'\\d'", "b'x'", "rb'x'", 'BR"x"', "'a # b'", "'--'"])
    isOne("string", text);
  for (const text of ["'''a\nb'''", '"""a "quoted" word"""', "'''it's'''", 'r"""\\"""a"""', "''''a'''"])
    isOne("string", text);
  assert.deepEqual(read("'a' 'b'"), ["string:'a'", "string:'b'"]);
});

test("a string that is not closed yet ends with its line, one in three quotes with the text", () => {
  assert.deepEqual(read("'a\nSELECT"), ["string:'a", "keyword:SELECT"]);
  isOne("string", "'''a\nSELECT");
  assert.deepEqual(read("`a\nSELECT"), ["quoted:`a", "keyword:SELECT"]);
});

test("comments are of three kinds, and strings and comments do not nest", () => {
  assert.deepEqual(read("1 -- it's\n+ 2"), ["number:1", "comment:-- it's", "operator:+", "number:2"]);
  assert.deepEqual(read("1 # it's\n+ 2"), ["number:1", "comment:# it's", "operator:+", "number:2"]);
  assert.deepEqual(read("a /* b\n'c */ d"), ["word:a", "comment:/* b\n'c */", "word:d"]);
  isOne("comment", "/* not closed\nyet");
  isOne("comment", "/**/");
  assert.deepEqual(read("a - - b"), ["word:a", "operator:-", "operator:-", "word:b"]);
});

test("parameters are named with @, system variables with @@, variables of the notebook with $", () => {
  for (const text of ["@since", "@@error.message", "$country", "@_x1"]) isOne("param", text);
  assert.deepEqual(read("x=@a+1"), ["word:x", "operator:=", "param:@a", "operator:+", "number:1"]);
  assert.equal(read("? = 1")[0], "operator:?");
});

test("a quoted name may have all but its own quote, unless that is escaped", () => {
  isOne("quoted", "`acme.shop.orders`");
  isOne("quoted", "`a-b c`");
  isOne("quoted", "`a\\`b`");
});

test("numbers have a sign of their own only in the exponent", () => {
  for (const text of ["0", "12", "1.5", ".5", "1e3", "1.5e-3", "0xFF"]) isOne("number", text);
  assert.deepEqual(read("-1"), ["operator:-", "number:1"]);
  assert.deepEqual(read("x1"), ["word:x1"]);
});

test("a token never ends within a character", () => {
  assert.deepEqual(read("a 🦆 b"), ["word:a", "operator:🦆", "word:b"]);
  isOne("string", "'🦆'");
});

test("tokens are in order, do not overlap, and leave out only white space", () => {
  const text = "SELECT r'a' AS `b`, @p /* c */ FROM t -- d\nWHERE x >= 1.5e3 AND f(y) IS NOT NULL;";
  let at = 0;
  for (const { from, to } of tokens(text)) {
    assert.equal(text.slice(at, from).trim(), "");
    assert.ok(to > from);
    at = to;
  }
  assert.equal(text.slice(at).trim(), "");
});

test("nothing has no tokens", () => {
  assert.deepEqual(tokens(""), []);
  assert.deepEqual(tokens(" \n\t"), []);
});
