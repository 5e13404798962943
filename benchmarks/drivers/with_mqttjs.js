// The work of one client with MQTT.js. Its one argument is that of the other drivers (task.py).
"use strict";
const mqtt = require("mqtt");

const TOPIC = "bench/load", GO = "bench/go";
const task = JSON.parse(process.argv[process.argv.length - 1]);
const payload = Buffer.alloc(task.payload);
const client = mqtt.connect(`mqtt://127.0.0.1:${task.port}`, { protocolVersion: task.version, reconnectPeriod: 0 });

const total = task.warm + task.count;

let over = false;

function end() {
  over = true;
  client.end();
}

function mark() {
  const used = process.cpuUsage();
  console.log((used.user + used.system) / 1e6, Math.round(process.memoryUsage.rss() / 1024));
}

// As many publishes under way as the window has room for: each acknowledgement makes the next.
function publishInWindow(count, done) {
  const options = { qos: task.qos };
  let published = 0, acknowledged = 0;
  function next(error) {
    if (error) throw error;
    acknowledged++;
    if (published < count) publish();
    else if (acknowledged === count) done();
  }
  function publish() {
    published++;
    client.publish(TOPIC, payload, options, next);
  }
  while (published < Math.min(task.window, count)) publish();
}

function publishAtMostOnce(count, done) {
  const options = { qos: 0 };
  let published = 0;
  (function some() {
    while (published < count) {
      client.publish(TOPIC, payload, options);
      if (++published % task.window === 0) return setImmediate(some); // let it write
    }
    client.publish(TOPIC, payload, { qos: 1 }, done);
  })();
}

function receive() {
  let received = 0;
  client.on("message", () => {
    received++;
    if (received % task.step === 0) {
      client.publish(GO, "");
      if (received === task.warm || received === total) mark();
      if (received === total) end();
    }
  });
  client.subscribe(TOPIC, { qos: task.qos }, () => client.publish(GO, ""));
}

client.on("error", (error) => { if (!over) throw error; });
client.once("connect", () => {
  if (task.verb === "receive") return receive();
  const publish = task.qos ? publishInWindow : publishAtMostOnce;
  publish(task.warm, () => {
    mark();
    publish(task.count, () => {
      mark();
      end();
    });
  });
});
