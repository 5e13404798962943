// The work of one client with MQTT.js. Its one argument is that of the other drivers (task.py).
"use strict";
const mqtt = require("mqtt");

const TOPIC = "bench/load", GO = "bench/go";
const task = JSON.parse(process.argv[process.argv.length - 1]);
const payload = Buffer.alloc(task.payload);
const client = mqtt.connect(`mqtt://127.0.0.1:${task.port}`, { protocolVersion: task.version, reconnectPeriod: 0 });

function end() {
  client.end();
}

// As many publishes under way as the window has room for: each acknowledgement makes the next.
function publishInWindow() {
  const options = { qos: task.qos };
  let published = 0, acknowledged = 0;
  function next(error) {
    if (error) throw error;
    acknowledged++;
    if (published < task.count) publish();
    else if (acknowledged === task.count) end();
  }
  function publish() {
    published++;
    client.publish(TOPIC, payload, options, next);
  }
  while (published < Math.min(task.window, task.count)) publish();
}

function receive() {
  let received = 0;
  client.on("message", () => {
    received++;
    if (received % task.step === 0) {
      client.publish(GO, "");
      if (received === task.count) end();
    }
  });
  client.subscribe(TOPIC, { qos: task.qos }, () => client.publish(GO, ""));
}

client.on("error", (error) => { throw error; });
client.once("connect", () => {
  if (task.verb === "receive") receive();
  else if (task.qos) publishInWindow();
  else {
    const options = { qos: 0 };
    let published = 0;
    (function some() {
      while (published < task.count) {
        client.publish(TOPIC, payload, options);
        if (++published % task.window === 0) return setImmediate(some); // let it write
      }
      client.publish(TOPIC, payload, { qos: 1 }, end);
    })();
  }
});
