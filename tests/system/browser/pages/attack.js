// Everything that a page can make a browser send to another origin. `attack` returns what it could read.

let frames = 0;
const settle = (promise) => Promise.race([promise, new Promise((done) => setTimeout(done, 120_000))]);

function loaded(element, parent = document.body) {
  return settle(
    new Promise((done) => {
      element.onload = element.onerror = done;
      parent.append(element);
    }),
  );
}

function element(tag, attributes) {
  return Object.assign(document.createElement(tag), attributes);
}

function form(url, method, enctype, fields) {
  const name = `frame${++frames}`;
  const frame = element("iframe", { name });
  const sent = element("form", { action: url, method, enctype, target: name });
  for (const [key, value] of Object.entries(fields)) sent.append(element("input", { name: key, value }));
  document.body.append(sent);
  document.body.append(frame);
  return settle(
    new Promise((done) => {
      frame.onload = done;
      sent.submit();
    }),
  );
}

async function sandboxed(url, fields) {
  const inputs = Object.entries(fields).map(([name, value]) => `<input name='${name}' value='${value}'>`);
  const html = `<form method=post action="${url}">${inputs.join("")}</form><script>document.forms[0].submit()</script>`;
  await loaded(element("iframe", { sandbox: "allow-scripts allow-forms", srcdoc: html }));
}

async function read(name, promise, readable) {
  try {
    const answer = await settle(promise);
    if (answer && answer.type !== "opaque" && answer.type !== "opaqueredirect" && answer.status > 0) {
      readable.push(`${name}: ${answer.status}`);
    }
  } catch {
    // The browser refused: as it should.
  }
}

function xhr(url, method, headers, body) {
  return settle(
    new Promise((done) => {
      const request = new XMLHttpRequest();
      request.open(method, url);
      request.withCredentials = true;
      for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
      request.onloadend = () => done({ type: "cors", status: request.status });
      request.send(body);
    }),
  );
}

const HEADERS = [
  {},
  { "content-type": "text/plain" },
  { "content-type": "application/x-www-form-urlencoded" },
  { "content-type": "application/json" },
  { "gatepass-client": "1" },
  { "gatepass-client": "1", "content-type": "application/json" },
  { "gatepass-proof": `0.${"a".repeat(11)}.${"a".repeat(22)}` },
  { "sec-fetch-site": "same-origin", origin: "https://app.example.test" },
];

export async function attack(target, endpoints, credentials, framed) {
  const readable = [];
  const json = JSON.stringify(credentials);
  const trick = { [json.slice(0, -1) + ',"x":"']: '"}' }; // a text/plain form whose body is JSON
  for (const [method, path] of endpoints) {
    const url = `${target}${path}`;
    const wave = [];
    for (const headers of framed.includes(path) ? HEADERS : HEADERS.slice(0, 2)) {
      for (const mode of ["no-cors", "cors"]) {
        const body = method === "GET" ? undefined : json;
        const options = { method, mode, headers, body, credentials: "include" };
        wave.push(read(`fetch ${mode} ${method} ${path}`, fetch(url, options), readable));
      }
      wave.push(read(`xhr ${method} ${path}`, xhr(url, method, headers, json), readable));
    }
    for (const status of [302, 307, 308]) {
      const detour = `/redirect/${status}?${encodeURIComponent(url)}`;
      const options = { method, credentials: "include", body: method === "GET" ? undefined : json };
      wave.push(read(`redirected ${status} ${path}`, fetch(detour, options), readable));
      if (framed.includes(path)) wave.push(form(detour, "post", "text/plain", trick));
    }
    // Without a body there is no type of a body to refuse: refresh and logout need none.
    for (const mode of ["no-cors", "cors"]) {
      wave.push(read(`bare ${mode} ${method} ${path}`, fetch(url, { method, mode, credentials: "include" }), readable));
    }
    wave.push(form(url, "post", "application/x-www-form-urlencoded", {}));
    navigator.sendBeacon(url);
    const typed = new Blob([json], { type: "text/plain" });
    wave.push(
      read(
        `keepalive ${path}`,
        fetch(url, { method: "POST", mode: "no-cors", keepalive: true, credentials: "include", body: typed }),
        readable,
      ),
    );
    navigator.sendBeacon(url, typed);
    navigator.sendBeacon(url, json);
    wave.push(form(url, "post", "text/plain", trick), loaded(element("img", { src: url })));
    if (framed.includes(path)) {
      wave.push(form(url, "post", "application/x-www-form-urlencoded", credentials));
      wave.push(form(url, "post", "multipart/form-data", credentials));
      wave.push(form(url, "get", "", credentials), sandboxed(url, credentials));
      wave.push(loaded(element("script", { src: url })), loaded(element("iframe", { src: url })));
      wave.push(loaded(element("link", { rel: "stylesheet", href: url })));
      wave.push(loaded(element("object", { data: url })));
    }
    try {
      new EventSource(url, { withCredentials: true }).close();
      new WebSocket(url.replace(/^http/, "ws")).close();
    } catch {
      // Not from here.
    }
    await Promise.all(wave);
    document.body.replaceChildren();
  }
  return readable;
}

window.attack = attack;
