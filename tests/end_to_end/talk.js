// What MQTT.js does in Node and in a browser: subscribe, publish at every QoS, hear all of it, leave.

function talk(mqtt, url, options, done) {
  const heard = [];
  const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 10000, ...options });
  let said = false;
  const finish = (result) => {
    if (!said) {
      said = true;
      done(result);
    }
  };
  client.on("error", (error) => finish({ error: String(error) }));
  client.on("close", () => finish(heard.length === 4 ? { heard } : { error: "closed" }));
  client.on("message", (topic, payload, packet) => {
    heard.push([topic, packet.qos, payload.length, packet.properties ? packet.properties.contentType || "" : ""]);
    if (heard.length === 4) {
      heard.sort((one, other) => one[1] - other[1] || one[2] - other[2]);
      client.end(); // "close" follows
    }
  });
  client.on("connect", async () => {
    try {
      const topic = "js/" + Math.random();
      const granted = await client.subscribeAsync(topic, { qos: 2 });
      if (granted[0].qos !== 2) throw new Error("granted " + granted[0].qos);
      const properties = options.protocolVersion === 5 ? { contentType: "text/plain" } : undefined;
      for (const qos of [0, 1, 2]) await client.publishAsync(topic, "x".repeat(10 + qos), { qos, properties });
      await client.publishAsync(topic, "x".repeat(70000), { qos: 2, properties });
    } catch (error) {
      finish({ error: String(error) });
    }
  });
}

if (typeof module !== "undefined") {
  const [url, options] = process.argv.slice(2);
  const given = JSON.parse(options);
  if (given.ca) given.ca = require("fs").readFileSync(given.ca);
  talk(require("mqtt"), url, given, (result) => {
    console.log(JSON.stringify(result));
    process.exit(0);
  });
}
