// The link to the kernel: it answers, is late, or is gone for good.

import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { connect } from "../../bigpato_magic/notebook/static/panel.js";

/** The front end's end of a widget: what was sent, and a way to be the kernel. */
function wire() {
  const listeners = new Set();
  const sent = [];
  let broken = false;
  return {
    sent,
    listeners,
    on: (_event, listener) => listeners.add(listener),
    off: (_event, listener) => listeners.delete(listener),
    send: (message) => {
      if (broken) throw new Error("the comm is closed");
      sent.push(message);
    },
    say: (message) => listeners.forEach((listener) => listener(message)),
    break: () => (broken = true),
  };
}

let model, states, link;

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout"] });
  model = wire();
  states = [];
  link = connect(model, "v", (state) => states.push(state));
});

test("each action has a name of its own and its content", () => {
  link.send("pin", { tables: ["a"] });
  link.send("plan");
  assert.deepEqual(model.sent, [
    { action: "pin", request: "v-1", tables: ["a"] },
    { action: "plan", request: "v-2" },
  ]);
});

test("what is not answered is sent again, under the same name, for half a minute", () => {
  link.send("plan");
  const counts = [1, 1, 2, 4, 8, 16, 60].map((seconds) => {
    mock.timers.tick(seconds * 1000);
    return model.sent.length;
  });
  assert.deepEqual(counts, [2, 3, 4, 5, 6, 6, 6]);
  assert.deepEqual(model.sent, Array(6).fill({ action: "plan", request: "v-1" }));
});

test("what is answered at last is sent no more", () => {
  link.send("plan");
  mock.timers.tick(1000);
  model.say({ ack: "v-1" });
  mock.timers.tick(60_000);
  assert.equal(model.sent.length, 2);
});

test("a kernel that does not answer is late, and no more so when it does", () => {
  link.send("plan");
  mock.timers.tick(1000);
  mock.timers.tick(999);
  assert.deepEqual(states, []);
  mock.timers.tick(1);
  assert.deepEqual(states, ["late"]);
  model.say({ ack: "v-1" });
  assert.deepEqual(states, ["late", ""]);
});

test("an answer in time changes nothing", () => {
  link.send("plan");
  model.say({ ack: "v-1" });
  mock.timers.tick(60_000);
  assert.deepEqual(states, []);
  assert.equal(model.sent.length, 1);
});

test("a message that is no answer is none; a changed trait is a sign of life", () => {
  link.send("plan");
  model.say({ setting: "route" });
  mock.timers.tick(1000);
  mock.timers.tick(1000);
  assert.deepEqual(states, ["late"]);
  link.heard();
  assert.deepEqual(states, ["late", ""]);
});

test("what is sent silently is sent again too, and nobody is told of it", () => {
  link.send("visible", {}, true);
  for (let seconds = 0; seconds < 60; seconds++) mock.timers.tick(1000);
  assert.deepEqual(states, []);
  assert.ok(model.sent.length > 1);
});

test("a second click does not put the first one's wait off", () => {
  link.send("plan");
  mock.timers.tick(1000);
  link.send("plan");
  mock.timers.tick(1000);
  assert.deepEqual(states, ["late"]);
});

test("an answer is one to its own click: an earlier one may wait in the main shell", () => {
  link.send("plan");
  link.send("cancel");
  model.say({ ack: "v-2" });
  mock.timers.tick(1000);
  assert.deepEqual(
    model.sent.map((message) => message.request),
    ["v-1", "v-2", "v-1"],
  );
});

test("a closed comm means that the kernel is gone, and that is said once", () => {
  model.break();
  link.send("plan");
  link.send("plan");
  mock.timers.tick(60_000);
  assert.deepEqual(states, ["gone"]);
  assert.ok(link.isGone());
});

test("a kernel that is gone for good is not late, and is sent nothing any more", () => {
  link.send("plan");
  link.lost();
  for (let seconds = 0; seconds < 60; seconds++) mock.timers.tick(1000);
  assert.deepEqual(states, ["gone"]);
  assert.equal(model.sent.length, 1);
});

test("a kernel that is lost and lives after all is heard again", () => {
  link.lost();
  assert.ok(link.isGone());
  model.say({ ack: 1 });
  assert.ok(!link.isGone());
  assert.deepEqual(states, ["gone", ""]);
});

test("once closed it says nothing any more", () => {
  link.send("plan");
  link.close();
  mock.timers.tick(60_000);
  assert.deepEqual(states, []);
  assert.equal(model.listeners.size, 0);
});
